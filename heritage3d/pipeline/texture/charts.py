"""Charts: patches of one photograph, drawn as that photograph shows them and packed on the shelves of pages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.texture.candidates import projection_matrix
from heritage3d.pipeline.texture.labels import label_patches

#: Texels between a chart and the next, so that smaller versions of a page do not mix them.
PADDING = 4
#: Charts longer than this are cut, because long diagonal boxes waste the page.
LONGEST = 512.0


@dataclass(frozen=True, eq=False)
class Charts:
    """Corners of their own for every chart.

    `vertex` (C,) index of the mesh's vertex behind each corner; `faces` (F, 3) corners of each face, in the order of
    the mesh's faces; `position` (C, 2) texels within the page, v downwards; `page` (F,) of each face; `chart` (F,);
    `chart_of_corner` (C,); `pages` their number; `size` texels of a page's edge; `label` (charts,) photograph or -1.
    """

    vertex: npt.NDArray[np.int32]
    faces: npt.NDArray[np.int32]
    position: npt.NDArray[np.float64]
    page: npt.NDArray[np.int32]
    chart: npt.NDArray[np.int32]
    chart_of_corner: npt.NDArray[np.int32]
    pages: int
    size: int
    label: npt.NDArray[np.int16]
    #: Texels per pixel of the source photographs.
    scale: float


def split_corners(
    chart: npt.NDArray[np.integer], faces: npt.NDArray[np.integer], vertex_count: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Give each chart its own copy of its vertices: (vertex, chart) of each corner and the faces in corners."""
    key = chart.astype(np.int64)[:, None] * vertex_count + faces
    unique, corner = np.unique(key.ravel(), return_inverse=True)
    return (
        (unique % vertex_count).astype(np.int32),
        (unique // vertex_count).astype(np.int32),
        corner.reshape(-1, 3).astype(np.int32),
    )


def make_charts(
    vertices: npt.NDArray[np.float64],
    faces: npt.NDArray[np.integer],
    labels: npt.NDArray[np.int16],
    neighbours: npt.NDArray[np.int32],
    cameras: list[Camera],
    size: int,
    most_pages: int,
) -> Charts:
    """Charts for all faces on at most `most_pages` pages of `size` texels; scaled down as far as that needs.

    A labelled face lies where its photograph shows it. Faces that no photograph sees are unwrapped with xatlas.
    """
    unseen = labels < 0
    flat = _projected(vertices, faces, labels, cameras)
    key = label_patches(_pieces(flat, labels), neighbours)
    vertex, chart_of_corner, corner_faces = split_corners(key, faces, len(vertices))
    position = np.zeros((len(vertex), 2))
    position[corner_faces.ravel()] = flat.reshape(-1, 2)
    chart = key
    label = np.full(int(key.max(initial=-1)) + 1, -1, np.int16)
    label[key] = labels
    if unseen.any():
        vertex, corner_faces, position, chart, chart_of_corner, label = _unwrap_unseen(
            vertices, faces, unseen, (vertex, corner_faces, position, chart, chart_of_corner, label)
        )
    charts = len(label)
    low, high = _extents(position, chart_of_corner, charts)
    # Patches whose faces all went to xatlas are left without any: they must not take room, or a page of their own.
    empty = np.bincount(chart, minlength=charts) == 0
    scale = 1.0
    while True:
        boxes = np.ceil((high - low) * scale).astype(np.int64) + 2 * PADDING
        boxes[empty] = 0
        if (boxes.max(initial=0) <= size) and (placed := pack_shelves(boxes, size, most_pages)) is not None:
            break
        scale *= 0.96
    page_of_chart, corner_of_chart = placed
    position = (position - low[chart_of_corner]) * scale + PADDING + corner_of_chart[chart_of_corner]
    return Charts(
        vertex, corner_faces, position, page_of_chart[chart], chart.astype(np.int32), chart_of_corner,
        int(page_of_chart[chart].max(initial=0)) + 1, size, label, scale,
    )  # fmt: skip


def pack_shelves(
    boxes: npt.NDArray[np.int64], size: int, most_pages: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]] | None:
    """Place boxes (n, 2: width, height) on shelves: page (n,) and upper left corner (n, 2); None where they don't fit.

    Boxes are taken by height, so that those on one shelf are of nearly one height.
    """
    order = np.lexsort((np.arange(len(boxes)), -boxes[:, 0], -boxes[:, 1]))
    page = np.zeros(len(boxes), np.int32)
    corner = np.zeros((len(boxes), 2), np.int64)
    number = x = y = shelf = 0
    for index in order:
        width, height = int(boxes[index, 0]), int(boxes[index, 1])
        if x + width > size:
            x, y, shelf = 0, y + shelf, 0
        if y + height > size:
            number, x, y, shelf = number + 1, 0, 0, 0
            if number >= most_pages:
                return None
        shelf = max(shelf, height)
        page[index] = number
        corner[index] = x, y
        x += width
    return page, corner


def _projected(
    vertices: npt.NDArray[np.float64],
    faces: npt.NDArray[np.integer],
    labels: npt.NDArray[np.int16],
    cameras: list[Camera],
) -> npt.NDArray[np.float64]:
    """Pixels of each face's corners in its photograph, (F, 3, 2); zero for unseen faces."""
    flat = np.zeros((len(faces), 3, 2))
    for index, camera in enumerate(cameras):
        own = np.flatnonzero(labels == index)
        if not len(own):
            continue
        P = projection_matrix(camera)
        q = vertices[faces[own]] @ P[:, :3].T + P[:, 3]
        flat[own] = q[..., :2] / q[..., 2:]
    return flat


def _pieces(flat: npt.NDArray[np.float64], labels: npt.NDArray[np.int16]) -> npt.NDArray[np.int32]:
    """A number for each face that differs between photographs and between tiles of `LONGEST` pixels in them."""
    tile = np.floor(flat.mean(axis=1) / LONGEST).astype(np.int64)
    return np.where(labels < 0, -1, (labels.astype(np.int64) * 64 + tile[:, 0]) * 64 + tile[:, 1]).astype(np.int32)


def _extents(
    position: npt.NDArray[np.float64], chart_of_corner: npt.NDArray[np.int32], charts: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    low = np.full((charts, 2), np.inf)
    high = np.full((charts, 2), -np.inf)
    np.minimum.at(low, chart_of_corner, position)
    np.maximum.at(high, chart_of_corner, position)
    empty = ~np.isfinite(low[:, 0])
    low[empty] = high[empty] = 0
    # Whole texels, so that a chart at scale one copies pixels instead of resampling them.
    return np.floor(low), high


_Parts = tuple[
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.float64],
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.int16],
]


def _unwrap_unseen(
    vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.integer], unseen: npt.NDArray[np.bool_], parts: _Parts
) -> _Parts:
    """Replace the corners of unseen faces by those of an xatlas layout of their own, one chart for all of them."""
    import xatlas

    vertex, corner_faces, position, chart, chart_of_corner, label = parts
    own = np.flatnonzero(unseen)
    used, local = np.unique(faces[own].ravel(), return_inverse=True)
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices[used].astype(np.float32), local.reshape(-1, 3).astype(np.uint32))
    charting = xatlas.ChartOptions()
    charting.max_iterations = 1
    packing = xatlas.PackOptions()
    # Nothing but a colour carried over from the surroundings goes there: small is enough.
    packing.resolution = int(np.clip(2 * np.sqrt(len(own)), 32, 512))
    packing.padding = 1
    atlas.generate(charting, packing)
    mapping, indices, uv = atlas[0]
    if len(indices) != len(own):
        raise ValueError(f"xatlas returned {len(indices)} of {len(own)} faces")
    start = len(vertex)
    number = len(label)
    vertex = np.concatenate([vertex, used[mapping].astype(np.int32)])
    position = np.concatenate([position, uv.astype(np.float64) * [atlas.width, atlas.height]])
    chart_of_corner = np.concatenate([chart_of_corner, np.full(len(mapping), number, np.int32)])
    corner_faces = corner_faces.copy()
    corner_faces[own] = indices.astype(np.int32) + start
    chart = chart.copy()
    chart[own] = number
    return vertex, corner_faces, position, chart, chart_of_corner, np.append(label, np.int16(-1))
