"""Planes proposed where a photograph shows too little texture to be matched: plaster, doors, painted wood."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay, QhullError

from heritage3d.pipeline.rasterise import rasterise_plane

Numbers = npt.NDArray[np.float64]

#: Local standard deviation of grey, above which appearance alone decides.
ENOUGH_TEXTURE = 6.0
#: A pixel that costs less than this, and whose neighbours do, may carry a triangle.
RELIABLE = 0.12
#: One carrier is chosen from each cell of this many coarse pixels.
CELL = 6


def plane_prior(
    grey: npt.NDArray[np.uint8],
    coarse: npt.NDArray[np.float32],
    cost: npt.NDArray[np.float32],
    pixel_step: float,
    strength: float,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
    """Planes (H, W, 3) for the pixels of `grey` and how much to believe in them (H, W), up to `strength`.

    Reliable pixels of the map at half size (`coarse` (h, w, 3) planes with their `cost`) are joined by a Delaunay
    triangulation; a triangle whose corners' inverse depths differ by more than a step in depth proposes nothing. The
    belief grows as texture fades. None when there are too few reliable pixels.
    Source: Q. Xu, W. Tao: Planar prior assisted PatchMatch multi-view stereo, AAAI 2020.
    """
    height, width = grey.shape
    carriers = _carriers(coarse, cost)
    if len(carriers) < 16:
        return None
    scale = np.array([width / coarse.shape[1], height / coarse.shape[0]])
    points = (carriers[:, ::-1] + 0.5) * scale
    inverse = coarse[carriers[:, 0], carriers[:, 1], 0].astype(np.float64)

    def smooth(corners: Numbers, values: Numbers) -> npt.NDArray[np.bool_]:
        spread = values.max(1) - values.min(1)
        longest = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).max(1)
        slope_limit = 3.0 * values.mean(1) * longest / (1.2 * max(width, height))
        return np.asarray((spread < np.maximum(slope_limit, 2 * pixel_step)) & (longest < 0.5 * max(width, height)))

    found = triangulated_planes(points, inverse, width, height, smooth)
    if found is None:
        return None
    planes, covered = found
    weakness = np.clip(1.0 - local_deviation(grey) / ENOUGH_TEXTURE, 0.0, 1.0)
    belief = np.where(covered, strength * weakness, 0.0).astype(np.float32)
    return planes, belief


def triangulated_planes(
    points: Numbers,
    inverse: Numbers,
    width: int,
    height: int,
    keep: Callable[[Numbers, Numbers], npt.NDArray[np.bool_]] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None:
    """Planes (height, width, 3) through the corners of a Delaunay triangulation, and where there are any.

    `points` (n, 2) in pixels with the first pixel's centre at 0.5, `inverse` (n,) their inverse depths, n >= 3; `keep`
    is handed the corners (m, 3, 2) and their inverse depths (m, 3) and says which triangles to use. None when there is
    no triangle.
    """
    try:
        triangles = Delaunay(points).simplices
    except QhullError:
        return None
    corners, values = points[triangles], inverse[triangles]
    edges = corners[:, 1:] - corners[:, :1]
    kept = np.abs(np.linalg.det(edges)) > 1e-6
    if keep is not None:
        kept &= keep(corners, values)
    triangles, corners, values, edges = triangles[kept], corners[kept], values[kept], edges[kept]
    if not len(triangles):
        return None
    slopes = np.linalg.solve(edges, (values[:, 1:] - values[:, :1])[..., None])[..., 0]
    seen = rasterise_plane(points, triangles, width, height)
    face = np.maximum(seen.face, 0)
    rows, columns = np.mgrid[0:height, 0:width]
    first = corners[face, 0]
    slope = slopes[face]
    planes = np.empty((height, width, 3), np.float32)
    planes[..., 0] = (
        values[face, 0] + slope[..., 0] * (columns + 0.5 - first[..., 0]) + slope[..., 1] * (rows + 0.5 - first[..., 1])
    )
    planes[..., 1:] = slope
    return (planes, seen.covered) if seen.covered.any() else None


def local_deviation(grey: npt.NDArray[np.uint8], radius: int = 4) -> npt.NDArray[np.float32]:
    """Standard deviation of grey in a square window around each pixel, (H, W)."""
    values = grey.astype(np.float32)
    size = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(values, size)
    return np.asarray(np.sqrt(np.maximum(cv2.blur(values * values, size) - mean * mean, 0)), np.float32)


def _carriers(coarse: npt.NDArray[np.float32], cost: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Rows and columns (n, 2) of the best pixel of each cell, where its surroundings agree."""
    smoothed = cv2.blur(np.where(coarse[..., 0] > 0, cost, 2.0).astype(np.float32), (3, 3))
    rows, columns = smoothed.shape[0] // CELL, smoothed.shape[1] // CELL
    cells = smoothed[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL).transpose(0, 2, 1, 3)
    flat = cells.reshape(rows, columns, -1)
    best = flat.argmin(axis=2)
    good = np.take_along_axis(flat, best[..., None], axis=2)[..., 0] < RELIABLE
    cell_rows, cell_columns = np.nonzero(good)
    inside = best[good]
    return np.column_stack([cell_rows * CELL + inside // CELL, cell_columns * CELL + inside % CELL])
