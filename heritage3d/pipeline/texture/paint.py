"""From labelled charts to painted pages."""

from __future__ import annotations

import cv2
import numba as nb
import numpy as np
import numpy.typing as npt

f32 = np.float32
Picture = npt.NDArray[np.uint8]


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def paint_page(
    texel_face, texel_barycentric, corner_faces, points, corrections, second_corrections, share, label, second,
    index, P, gain, picture, page, weight,
):  # fmt: skip
    """Add photograph `index` to every texel that it colours.

    texel_face (S, S), texel_barycentric (S, S, 2): which face a texel belongs to and where; corner_faces (F, 3);
    points (C, 3) of the corners; corrections, second_corrections (C, 3) grey values to add to the first and second
    photograph at each corner; share (C,) of the second; label, second (F,): first and second photograph; P (3, 4)
    to pixels; gain (3,); picture (H, W, 3). page (S, S, 3) float32 and weight (S, S) float32 receive weighted sums.
    """
    size = texel_face.shape[0]
    height, width = picture.shape[:2]
    for row in nb.prange(size):
        for column in range(texel_face.shape[1]):
            f = texel_face[row, column]
            if f < 0:
                continue
            first_one = label[f] == index
            if not first_one and second[f] != index:
                continue
            b0 = texel_barycentric[row, column, 0]
            b1 = texel_barycentric[row, column, 1]
            b2 = f32(1) - b0 - b1
            i = corner_faces[f, 0]
            j = corner_faces[f, 1]
            k = corner_faces[f, 2]
            other = b0 * share[i] + b1 * share[j] + b2 * share[k]
            if second[f] < 0:
                other = f32(0)
            amount = f32(1) - other if first_one else other
            if amount <= f32(0):
                continue
            x = b0 * points[i, 0] + b1 * points[j, 0] + b2 * points[k, 0]
            y = b0 * points[i, 1] + b1 * points[j, 1] + b2 * points[k, 1]
            z = b0 * points[i, 2] + b1 * points[j, 2] + b2 * points[k, 2]
            depth = P[2, 0] * x + P[2, 1] * y + P[2, 2] * z + P[2, 3]
            if depth <= 1e-9:
                continue
            u = (P[0, 0] * x + P[0, 1] * y + P[0, 2] * z + P[0, 3]) / depth - 0.5
            v = (P[1, 0] * x + P[1, 1] * y + P[1, 2] * z + P[1, 3]) / depth - 0.5
            if u < 0.0 or v < 0.0 or u >= width - 1.0 or v >= height - 1.0:
                continue
            left = int(u)
            upper = int(v)
            fu = f32(u - left)
            fv = f32(v - upper)
            for c in range(3):
                top = f32(picture[upper, left, c]) * (f32(1) - fu) + f32(picture[upper, left + 1, c]) * fu
                low = f32(picture[upper + 1, left, c]) * (f32(1) - fu) + f32(picture[upper + 1, left + 1, c]) * fu
                value = (top * (f32(1) - fv) + low * fv) * gain[c]
                if first_one:
                    value += b0 * corrections[i, c] + b1 * corrections[j, c] + b2 * corrections[k, c]
                else:
                    value += b0 * second_corrections[i, c] + b1 * second_corrections[j, c]
                    value += b2 * second_corrections[k, c]
                page[row, column, c] += amount * value
            weight[row, column] += amount


def sample(picture: Picture, pixels: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Bilinear colours (N, 3) at pixel coordinates (N, 2), the first pixel's centre at 0.5; edges repeat."""
    if not len(pixels):
        return np.empty((0, 3), np.float32)
    limit = np.array([picture.shape[1] - 1, picture.shape[0] - 1], np.float64)
    at = np.clip(pixels - 0.5, 0, limit - 1e-6)
    base = np.minimum(np.floor(at).astype(np.int64), (limit - 1).astype(np.int64))
    part = (at - base).astype(np.float32)
    x, y = base[:, 0], base[:, 1]
    fu, fv = part[:, :1], part[:, 1:]
    top = picture[y, x] * (1 - fu) + picture[y, x + 1] * fu
    low = picture[y + 1, x] * (1 - fu) + picture[y + 1, x + 1] * fu
    return np.asarray(top * (1 - fv) + low * fv, np.float32)


def fill_gutters(page: npt.NDArray[np.float32], weight: npt.NDArray[np.float32]) -> Picture:
    """The finished page (S, S, 3) uint8: empty texels take colours from around them, coarser and coarser.

    Keeps smaller versions of the page free of background, and lets it compress well (push-pull, S. Gortler et al.:
    The lumigraph, SIGGRAPH 1996).
    """
    levels = [(page, weight)]
    while min(levels[-1][1].shape) > 4:
        colour, amount = levels[-1]
        size = ((amount.shape[1] + 1) // 2, (amount.shape[0] + 1) // 2)
        halved = [
            np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
            for values in (colour, amount)
        ]
        levels.append((halved[0], halved[1]))
    colour, amount = levels[-1]
    filled = np.asarray(colour / np.maximum(amount, 1e-6)[..., None], np.float32)
    for colour, amount in levels[-2::-1]:
        size = (amount.shape[1], amount.shape[0])
        larger = np.asarray(cv2.resize(filled, size, interpolation=cv2.INTER_LINEAR), np.float32)
        known = amount > 1e-3
        larger[known] = colour[known] / amount[known][:, None]
        filled = larger
    return np.clip(np.rint(filled), 0, 255).astype(np.uint8)


def spread_share(
    vertex_count: int, vertex: npt.NDArray[np.int32], faces: npt.NDArray[np.int32],
    seam_vertices: npt.NDArray[np.bool_], points: npt.NDArray[np.float64], reach: float,
) -> npt.NDArray[np.float32]:  # fmt: skip
    """Share (C,) of the second photograph at each corner: a half on seams, none farther than `reach` from one.

    Distances run along edges of the mesh and are followed for a few rings only.
    """
    distance = np.where(seam_vertices, 0.0, np.inf)
    where = np.empty((vertex_count, 3))
    where[vertex] = points
    of_mesh = vertex[faces]
    edges = np.concatenate([of_mesh[:, [0, 1]], of_mesh[:, [1, 2]], of_mesh[:, [2, 0]]])
    length = np.linalg.norm(where[edges[:, 0]] - where[edges[:, 1]], axis=1)
    for _ in range(6):
        near = np.isfinite(distance[edges[:, 0]]) | np.isfinite(distance[edges[:, 1]])
        i, j, far = edges[near, 0], edges[near, 1], length[near]
        before = distance.copy()
        np.minimum.at(distance, i, before[j] + far)
        np.minimum.at(distance, j, before[i] + far)
    share = 0.5 * np.clip(1.0 - distance / reach, 0.0, 1.0)
    return share[vertex].astype(np.float32)
