"""The one rasteriser: which triangle a pixel sees, how far away it is, and where in the triangle.

Used for posters, coverage pictures, orthophotos, synthetic truth and texture. It runs on the processor with numba, in
bands of rows, and gives the same bytes for any number of threads.

Triangles are rasterised in two-dimensional homogeneous coordinates, so that those which cross the camera plane need
no clipping (M. Olano, T. Greer: Triangle scan conversion using 2D homogeneous coordinates, Graphics Hardware 1997).
For a triangle whose corners project to the homogeneous pixels p0, p1, p2 the solution e of [p0 p1 p2] e = (x, y, 1)
holds the perspective-correct barycentric coordinates, divided by the depth of the pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.scene import Camera

FloatArray = npt.NDArray[np.floating]
IndexArray = npt.NDArray[np.integer]

#: Rows that one thread takes at a time.
BAND_ROWS = 32
#: Slack of the inside test, so that no pixel centre on a shared edge falls between two triangles.
EDGE_SLACK = 1e-9
BACKGROUND = -1


@dataclass(frozen=True, eq=False)
class Raster:
    """What every pixel sees.

    `depth` (H, W) float32, along the optical axis, infinite where nothing is seen; `face` (H, W) int32, the index of
    the triangle or -1; `barycentric` (H, W, 2) float32, the weights of the triangle's first and second corner.
    """

    depth: npt.NDArray[np.float32]
    face: npt.NDArray[np.int32]
    barycentric: npt.NDArray[np.float32]

    @property
    def covered(self) -> npt.NDArray[np.bool_]:
        """Pixels that see any triangle, (H, W)."""
        return self.face >= 0

    def interpolate(self, values: FloatArray, faces: IndexArray) -> npt.NDArray[np.float32]:
        """Values given at vertices, (N,) or (N, C), at every pixel, (H, W) or (H, W, C); zero in the background."""
        columns = np.asarray(values, dtype=np.float32).reshape(len(values), -1)
        out = np.zeros((*self.face.shape, columns.shape[1]), np.float32)
        _interpolate(self.face, self.barycentric, np.ascontiguousarray(faces, dtype=np.int32), columns, out)
        return out if np.ndim(values) > 1 else out[..., 0]


def rasterise(
    vertices: FloatArray, faces: IndexArray, camera: Camera, *, near: float = 1e-6, cull_back: bool = False
) -> Raster:
    """See the mesh `vertices` (N, 3), `faces` (M, 3) through a pinhole `camera`.

    Pixel (row i, column j) is sampled at (j + 0.5, i + 0.5). Surface nearer than `near` (scene units, along the
    optical axis) is not seen. With `cull_back` triangles seen from behind (clockwise) are left out.
    """
    in_camera = np.asarray(vertices, dtype=np.float64) @ camera.R.T + camera.t
    return _scan(in_camera @ camera.K.T, in_camera[:, 2], faces, camera.width, camera.height, near, cull_back)


def rasterise_parallel(
    vertices: FloatArray, faces: IndexArray, to_pixels: FloatArray, width: int, height: int, *, cull_back: bool = False
) -> Raster:
    """See the mesh along parallel rays, as for an orthophoto.

    `to_pixels` (3, 4) maps a vertex affinely to (column, row, depth); a pixel centre lies at +0.5; smaller depths
    hide larger ones and may be negative.
    """
    mapped = np.asarray(vertices, dtype=np.float64) @ to_pixels[:, :3].T + to_pixels[:, 3]
    flat = np.column_stack([mapped[:, 0], mapped[:, 1], np.ones(len(mapped))])
    return _scan(flat, mapped[:, 2], faces, width, height, -np.inf, cull_back)


def rasterise_plane(points: FloatArray, faces: IndexArray, width: int, height: int) -> Raster:
    """Triangles that lie in the picture itself, such as texture charts: `points` (N, 2) in pixels.

    Where triangles overlap the one with the smaller index is seen.
    """
    flat = np.column_stack([np.asarray(points, dtype=np.float64), np.ones(len(points))])
    return _scan(flat, np.zeros(len(flat)), faces, width, height, -np.inf, False)


def _scan(
    homogeneous: npt.NDArray[np.float64],
    depths: npt.NDArray[np.float64],
    faces: IndexArray,
    width: int,
    height: int,
    near: float,
    cull_back: bool,
) -> Raster:
    triangles = np.ascontiguousarray(faces, dtype=np.int32).reshape(-1, 3)
    if len(triangles) and (triangles.min() < 0 or triangles.max() >= len(homogeneous)):
        raise ValueError("A face names a vertex that does not exist")
    depth = np.full((height, width), np.inf, np.float32)
    face = np.full((height, width), BACKGROUND, np.int32)
    barycentric = np.zeros((height, width, 2), np.float32)
    homogeneous = np.ascontiguousarray(homogeneous)
    first, last = _row_ranges(homogeneous, triangles, height)
    bands = -(-height // BAND_ROWS)
    starts, members = _bin_by_band(first, last, bands)
    _scan_bands(
        homogeneous, np.ascontiguousarray(depths), triangles, starts, members, near, cull_back, depth, face, barycentric
    )
    return Raster(depth, face, barycentric)


@nb.njit(parallel=True, cache=True)
def _row_ranges(p, faces, height):
    """First and last row that a triangle can touch; an empty range (0, -1) when it touches none."""
    count = faces.shape[0]
    first = np.zeros(count, np.int32)
    last = np.full(count, -1, np.int32)
    for f in nb.prange(count):
        low = math.inf
        high = -math.inf
        behind = 0
        for k in range(3):
            q = p[faces[f, k]]
            if q[2] <= 1e-12:
                behind += 1
            else:
                y = q[1] / q[2]
                low = min(low, y)
                high = max(high, y)
        if behind == 3:
            continue
        if behind > 0:
            # It crosses the camera plane: its projection is unbounded, so every row is tried.
            first[f] = 0
            last[f] = height - 1
            continue
        if high < 0.0 or low > height or not (high >= low):
            continue
        first[f] = max(0, math.floor(low - 0.5))
        last[f] = min(height - 1, math.ceil(high - 0.5))
    return first, last


@nb.njit(cache=True)
def _bin_by_band(first, last, bands):
    """Triangles of each band of rows as starts (bands + 1,) into members; ascending within a band."""
    starts = np.zeros(bands + 1, np.int64)
    for f in range(first.shape[0]):
        if last[f] >= first[f]:
            for band in range(first[f] // BAND_ROWS, last[f] // BAND_ROWS + 1):
                starts[band + 1] += 1
    for band in range(bands):
        starts[band + 1] += starts[band]
    cursor = starts[:-1].copy()
    members = np.empty(starts[bands], np.int32)
    for f in range(first.shape[0]):
        if last[f] >= first[f]:
            for band in range(first[f] // BAND_ROWS, last[f] // BAND_ROWS + 1):
                members[cursor[band]] = f
                cursor[band] += 1
    return starts, members


@nb.njit(parallel=True, cache=True)
def _scan_bands(p, depths, faces, starts, members, near, cull_back, depth, face, barycentric):
    height, width = depth.shape
    for band in nb.prange(starts.shape[0] - 1):
        row_start = band * BAND_ROWS
        row_end = min(height, row_start + BAND_ROWS)
        for m in range(starts[band], starts[band + 1]):
            f = members[m]
            i0 = faces[f, 0]
            i1 = faces[f, 1]
            i2 = faces[f, 2]
            x0, y0, w0 = p[i0, 0], p[i0, 1], p[i0, 2]
            x1, y1, w1 = p[i1, 0], p[i1, 1], p[i1, 2]
            x2, y2, w2 = p[i2, 0], p[i2, 1], p[i2, 2]
            determinant = x0 * (y1 * w2 - w1 * y2) - x1 * (y0 * w2 - w0 * y2) + x2 * (y0 * w1 - w0 * y1)
            if determinant == 0.0 or not math.isfinite(determinant):
                continue
            # With rows growing downwards a triangle seen from its front turns clockwise: the determinant is negative.
            if cull_back and determinant > 0.0:
                continue
            inverse = 1.0 / determinant
            ax, ay, ac = (y1 * w2 - w1 * y2) * inverse, (w1 * x2 - x1 * w2) * inverse, (x1 * y2 - y1 * x2) * inverse
            bx, by, bc = (y2 * w0 - w2 * y0) * inverse, (w2 * x0 - x2 * w0) * inverse, (x2 * y0 - y2 * x0) * inverse
            cx, cy, cc = (y0 * w1 - w0 * y1) * inverse, (w0 * x1 - x0 * w1) * inverse, (x0 * y1 - y0 * x1) * inverse
            column_start = 0
            column_end = width
            top = row_start
            bottom = row_end
            if w0 > 1e-12 and w1 > 1e-12 and w2 > 1e-12:
                left = min(x0 / w0, x1 / w1, x2 / w2)
                right = max(x0 / w0, x1 / w1, x2 / w2)
                if right < 0.0 or left > width:
                    continue
                column_start = max(0, math.floor(left - 0.5))
                column_end = min(width, math.ceil(right - 0.5) + 1)
                upper = min(y0 / w0, y1 / w1, y2 / w2)
                lower = max(y0 / w0, y1 / w1, y2 / w2)
                top = max(row_start, math.floor(upper - 0.5))
                bottom = min(row_end, math.ceil(lower - 0.5) + 1)
            d0, d1, d2 = depths[i0], depths[i1], depths[i2]
            for row in range(top, bottom):
                y = row + 0.5
                for column in range(column_start, column_end):
                    x = column + 0.5
                    e0 = ax * x + ay * y + ac
                    e1 = bx * x + by * y + bc
                    e2 = cx * x + cy * y + cc
                    total = e0 + e1 + e2
                    if total <= 0.0:
                        continue
                    slack = -EDGE_SLACK * total
                    if e0 < slack or e1 < slack or e2 < slack:
                        continue
                    b0 = e0 / total
                    b1 = e1 / total
                    z = b0 * d0 + b1 * d1 + (1.0 - b0 - b1) * d2
                    if z < near or z >= depth[row, column]:
                        continue
                    depth[row, column] = z
                    face[row, column] = f
                    barycentric[row, column, 0] = b0
                    barycentric[row, column, 1] = b1


@nb.njit(parallel=True, cache=True)
def _interpolate(face, barycentric, faces, values, out):
    height, width = face.shape
    for row in nb.prange(height):
        for column in range(width):
            f = face[row, column]
            if f < 0:
                continue
            b0 = barycentric[row, column, 0]
            b1 = barycentric[row, column, 1]
            b2 = np.float32(1.0) - b0 - b1
            for c in range(values.shape[1]):
                out[row, column, c] = (
                    b0 * values[faces[f, 0], c] + b1 * values[faces[f, 1], c] + b2 * values[faces[f, 2], c]
                )
