"""A mesh and its photographs become a textured mesh: the steps of the texture stage, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.dense.pictures import read_colour
from heritage3d.pipeline.rasterise import rasterise, rasterise_plane
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.surface.tsdf import Mesh
from heritage3d.pipeline.texture.candidates import (
    Candidates,
    offer_view,
    projection_matrix,
    reject_outliers,
    view_gains,
)
from heritage3d.pipeline.texture.charts import Charts, make_charts
from heritage3d.pipeline.texture.labels import choose_labels, face_neighbours
from heritage3d.pipeline.texture.levelling import level_seams, seam_pairs, twin_pairs
from heritage3d.pipeline.texture.paint import fill_gutters, paint_page, sample, spread_share

Picture = npt.NDArray[np.uint8]

#: Colours are compared and levelled on pictures reduced by this factor.
REDUCTION = 4
#: Pixels of the depth map around something in front in which a photograph needs witnesses.
EDGE_REACH = 13
#: Decoded photographs kept in memory, in bytes.
PICTURE_MEMORY = 300_000_000


@dataclass(frozen=True)
class Texturing:
    """How a mesh is painted."""

    page: int = 4096
    most_pages: int = 2
    #: Longest side of the photographs that colour is taken from.
    source_size: int = 3000
    #: Width in source pixels over which two photographs run into each other at a seam.
    feather: float = 12.0
    #: Grey values by which a photograph may differ from the others on a face.
    tolerance: float = 28.0
    #: Edge of the cells that should have one photograph, in source pixels.
    patch: float = 64.0


@dataclass(frozen=True, eq=False)
class TextureView:
    """A photograph that may colour the mesh.

    `camera` has the size of the undistorted picture `image`; `own_inverse_depth` (h, w) float32 is what the
    photograph itself found and others agreed with, 0 where nothing; `mask` (255 = use) or None.
    """

    camera: Camera
    image: Path
    mask: Path | None
    own_inverse_depth: npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TexturedMesh:
    """Corners that know their place in a page.

    `vertices` (C, 3) float64, `normals` (C, 3) float32, `uv` (C, 2) float32 with v downwards as in glTF, `faces`
    (F, 3) int32 in corners, `page` (F,) int32 and `pages`, BGR. `seen` is the share of the area that a photograph
    colours; `texels_per_pixel` how the pages' resolution compares with the photographs'.
    """

    vertices: npt.NDArray[np.float64]
    normals: npt.NDArray[np.float32]
    uv: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    page: npt.NDArray[np.int32]
    pages: tuple[Picture, ...]
    #: The mesh's vertex behind each corner, (C,).
    mesh_vertex: npt.NDArray[np.int32]
    seen: float
    texels_per_pixel: float


def vertex_colours(model: TexturedMesh) -> npt.NDArray[np.uint8]:
    """RGB of every vertex of the mesh that was painted, (N, 3), read from the pages at its first corner."""
    colours = np.zeros((int(model.mesh_vertex.max()) + 1, 3), np.uint8)
    for number, page in enumerate(model.pages):
        corners = np.unique(model.faces[model.page == number])
        values = sample(page, model.uv[corners].astype(np.float64) * [page.shape[1], page.shape[0]])
        colours[model.mesh_vertex[corners]] = np.clip(np.rint(values), 0, 255).astype(np.uint8)[:, ::-1]
    return colours


class _Pictures:
    """Decoded photographs at source size; only the last few stay in memory."""

    def __init__(self, views: Sequence[TextureView], source_size: int) -> None:
        self.views = views
        self.cameras = [view.camera.fitted(source_size) for view in views]
        self._kept: dict[int, Picture] = {}

    def __getitem__(self, index: int) -> Picture:
        if index in self._kept:
            return self._kept[index]
        camera = self.cameras[index]
        picture = read_colour(self.views[index].image)
        if picture.shape[:2] != (camera.height, camera.width):
            picture = np.asarray(
                cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA), np.uint8
            )
        if (len(self._kept) + 1) * picture.nbytes <= PICTURE_MEMORY:
            self._kept[index] = picture
        return picture


def texture_mesh(mesh: Mesh, views: Sequence[TextureView], texturing: Texturing | None = None) -> TexturedMesh:
    """Paint `mesh` from `views`. Raises ValueError for an empty mesh or without views."""
    texturing = texturing or Texturing()
    if not len(mesh.faces) or not views:
        raise ValueError("Texture needs a mesh with faces and at least one photograph")
    pictures = _Pictures(views, texturing.source_size)
    candidates, gains = _find_candidates(mesh, views, pictures, texturing)
    neighbours = face_neighbours(mesh.faces)
    pixel = _pixel_size(mesh, pictures.cameras)
    labels = choose_labels(candidates, mesh.vertices, mesh.faces, neighbours, len(views), texturing.patch * pixel)
    charts = make_charts(
        mesh.vertices, mesh.faces, labels, neighbours, pictures.cameras, texturing.page, texturing.most_pages
    )
    second = _second_photographs(labels, candidates, neighbours)
    colours = _Colours(mesh, charts, labels, second, pictures, gains, texturing.feather * pixel)
    pages = tuple(_paint(page, mesh, charts, labels, second, colours, pictures, gains) for page in range(charts.pages))
    area = np.linalg.norm(mesh.face_normals(), axis=1)
    return TexturedMesh(
        mesh.vertices[charts.vertex],
        mesh.vertex_normals()[charts.vertex],
        (charts.position / charts.size).astype(np.float32),
        charts.faces,
        charts.page,
        pages,
        charts.vertex,
        float(area[labels >= 0].sum() / max(float(area.sum()), 1e-30)),
        charts.scale,
    )


def _find_candidates(
    mesh: Mesh, views: Sequence[TextureView], pictures: _Pictures, texturing: Texturing
) -> tuple[Candidates, npt.NDArray[np.float32]]:
    candidates = Candidates.none(len(mesh.faces))
    typical = None
    for index, view in enumerate(views):
        camera = pictures.cameras[index]
        picture = pictures[index]
        height, width = view.own_inverse_depth.shape
        seen = rasterise(mesh.vertices, mesh.faces, camera.resized(width, height))
        # The farthest of the surrounding pixels: a face beside a nearer edge is not hidden by half a pixel of it.
        depth = cv2.dilate(np.where(seen.covered, seen.depth, 0), np.ones((3, 3), np.uint8))
        depth[depth == 0] = np.inf
        small = cv2.resize(
            picture, (max(1, camera.width // REDUCTION), max(1, camera.height // REDUCTION)),
            interpolation=cv2.INTER_AREA,
        )  # fmt: skip
        sharpness = _sharpness(picture, small.shape[:2])
        typical = float(np.median(sharpness)) if typical is None else typical
        offer_view(
            index, mesh.vertices, mesh.faces, projection_matrix(camera), camera.K[0, 0] ** 2, camera.centre,
            camera.width, camera.height, depth.astype(np.float32), view.own_inverse_depth,
            cv2.dilate(view.own_inverse_depth, np.ones((EDGE_REACH, EDGE_REACH), np.uint8)),
            _usable(view.mask, (height, width)), small,
            np.clip(np.sqrt(sharpness / max(typical, 1e-6)), 0.5, 2.0).astype(np.float32),
            candidates.view, candidates.score, candidates.colour, candidates.confirmed,
        )  # fmt: skip
    gains = view_gains(candidates, len(views))
    reject_outliers(
        candidates.view, candidates.score, candidates.colour, candidates.confirmed, gains,
        np.float32(texturing.tolerance),
    )  # fmt: skip
    return candidates, gains


def _usable(mask: Path | None, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    if mask is None:
        return np.ones(shape, bool)
    stored = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    if stored is None:
        raise ValueError(f"{mask.name} cannot be read as a mask")
    return cv2.resize(stored, (shape[1], shape[0]), interpolation=cv2.INTER_AREA) > 127


def _sharpness(picture: Picture, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Mean gradient around each pixel of the reduced picture."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    across = cv2.absdiff(grey[:, 1:], grey[:, :-1])
    down = cv2.absdiff(grey[1:], grey[:-1])
    gradient = cv2.add(across[:-1], down[:, :-1])
    small = cv2.resize(gradient, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.blur(small, (9, 9)) + 0.5, np.float32)


def _pixel_size(mesh: Mesh, cameras: Sequence[Camera]) -> float:
    """What a source pixel covers on the mesh, typically, in scene units."""
    middle = mesh.vertices[:: max(1, len(mesh.vertices) // 2000)]
    values = []
    for camera in cameras:
        pixels, depth = camera.project(middle)
        inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < [camera.width, camera.height]).all(1)
        values.append(depth[inside] / camera.K[0, 0])
    joined = np.concatenate(values)
    return float(np.median(joined)) if len(joined) else 1.0


def _second_photographs(
    labels: npt.NDArray[np.int16], candidates: Candidates, neighbours: npt.NDArray[np.int32]
) -> npt.NDArray[np.int16]:
    """The photograph across the nearest seam, where it may colour the face too, (F,); -1 elsewhere."""
    second = np.full(len(labels), -1, np.int16)

    def adopt(faces: npt.NDArray[np.bool_], proposal: npt.NDArray[np.int16]) -> None:
        allowed = faces & (proposal >= 0) & (proposal != labels) & (candidates.view == proposal[:, None]).any(axis=1)
        second[allowed] = proposal[allowed]

    for side in range(3):
        other = neighbours[:, side]
        adopt((second < 0) & (labels >= 0) & (other >= 0), labels[other])
    for _ in range(6):
        before = second.copy()
        for side in range(3):
            other = neighbours[:, side]
            adopt((second < 0) & (other >= 0) & (labels[other] == labels), before[other])
    return second


class _Colours:
    """What the corners need to be painted: corrections for both photographs, and the share of the second."""

    def __init__(
        self,
        mesh: Mesh,
        charts: Charts,
        labels: npt.NDArray[np.int16],
        second: npt.NDArray[np.int16],
        pictures: _Pictures,
        gains: npt.NDArray[np.float32],
        feather: float,
    ) -> None:
        self.points = mesh.vertices[charts.vertex]
        count = len(charts.vertex)
        own_label = charts.label[charts.chart_of_corner]
        second_label = np.full(count, -1, np.int16)
        for corner in range(3):
            np.maximum.at(second_label, charts.faces[:, corner], second)
        own = np.zeros((count, 3), np.float32)
        other = np.zeros((count, 3), np.float32)
        for index, camera in enumerate(pictures.cameras):
            wanted = (own_label == index) | (second_label == index)
            if not wanted.any():
                continue
            soft = np.asarray(cv2.GaussianBlur(pictures[index], (0, 0), 3.0), np.uint8)
            for target, mask in ((own, own_label == index), (other, second_label == index)):
                pixels, _ = camera.project(self.points[mask])
                target[mask] = sample(soft, pixels) * gains[index]
        seams = seam_pairs(charts.vertex, own_label)
        self.first = level_seams(own, charts.faces, seams, twin_pairs(charts.vertex, own_label))
        self.second = np.where((second_label >= 0)[:, None], own + self.first - other, 0).astype(np.float32)
        self.levelled = own + self.first
        on_seam = np.zeros(len(mesh.vertices), bool)
        on_seam[charts.vertex[seams.ravel()]] = True
        self.share = spread_share(len(mesh.vertices), charts.vertex, charts.faces, on_seam, self.points, feather)
        self.known = own_label >= 0


def _paint(
    page: int,
    mesh: Mesh,
    charts: Charts,
    labels: npt.NDArray[np.int16],
    second: npt.NDArray[np.int16],
    colours: _Colours,
    pictures: _Pictures,
    gains: npt.NDArray[np.float32],
) -> Picture:
    own = np.flatnonzero(charts.page == page)
    height = charts.size
    layout = rasterise_plane(charts.position, charts.faces[own], charts.size, height)
    texel_face = np.where(layout.face >= 0, own[np.maximum(layout.face, 0)], -1).astype(np.int32)
    total = np.zeros((height, charts.size, 3), np.float32)
    weight = np.zeros((height, charts.size), np.float32)
    used = np.union1d(labels[own], second[own])
    for index in used[used >= 0]:
        paint_page(
            texel_face, layout.barycentric, charts.faces, colours.points, colours.first, colours.second,
            colours.share, labels, second, int(index), projection_matrix(pictures.cameras[index]), gains[index],
            pictures[int(index)], total, weight,
        )  # fmt: skip
    _paint_unseen(mesh, charts, labels, colours, texel_face, layout.barycentric, total, weight)
    return fill_gutters(total, weight)


def _paint_unseen(
    mesh: Mesh,
    charts: Charts,
    labels: npt.NDArray[np.int16],
    colours: _Colours,
    texel_face: npt.NDArray[np.int32],
    barycentric: npt.NDArray[np.float32],
    total: npt.NDArray[np.float32],
    weight: npt.NDArray[np.float32],
) -> None:
    """Faces that no photograph sees take the colours of the surface around them, smoothly, in place."""
    texels = np.nonzero(texel_face >= 0)
    unseen = labels[texel_face[texels]] < 0
    if not unseen.any():
        return
    rows, columns = texels[0][unseen], texels[1][unseen]
    colour = np.zeros((len(mesh.vertices), 3))
    amount = np.zeros(len(mesh.vertices))
    np.add.at(colour, charts.vertex[colours.known], colours.levelled[colours.known])
    np.add.at(amount, charts.vertex[colours.known], 1.0)
    fixed = amount > 0
    colour[fixed] /= amount[fixed][:, None]
    overall = colour[fixed].mean(axis=0) if fixed.any() else np.full(3, 128.0)
    colour[~fixed] = overall
    faces = mesh.faces[labels < 0]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    for _ in range(60):
        fresh = np.zeros_like(colour)
        count = np.zeros(len(colour))
        for i, j in ((0, 1), (1, 0)):
            for channel in range(3):
                fresh[:, channel] += np.bincount(
                    edges[:, i], weights=colour[edges[:, j], channel], minlength=len(colour)
                )
            count += np.bincount(edges[:, i], minlength=len(colour))
        loose = ~fixed & (count > 0)
        colour[loose] = fresh[loose] / count[loose][:, None]
    face = texel_face[rows, columns]
    b0, b1 = barycentric[rows, columns].T
    corner = mesh.faces[face]
    total[rows, columns] = (
        colour[corner[:, 0]] * b0[:, None]
        + colour[corner[:, 1]] * b1[:, None]
        + colour[corner[:, 2]] * (1 - b0 - b1)[:, None]
    )
    weight[rows, columns] = 1.0
