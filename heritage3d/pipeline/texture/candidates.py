"""Which photographs may colour which face, and how well."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.scene import Camera

f32 = np.float32

#: Photographs remembered for each face.
KEPT = 8
#: Faces seen flatter than this (cosine) are not coloured from that photograph.
FLATTEST = 0.12
#: How much nearer (relative) the mesh must be than the face for the face to count as hidden.
HIDDEN_BY_MESH = 0.004
#: What a photograph counts whose own depth says nothing about a face: farther ones that do see it must not be crowded
#: out by near ones that look at leaves before it.
UNCONFIRMED = 0.15
#: A photograph may colour a face only where its own accepted depth agrees within this (relative).
OWN_DEPTH = 0.02


@dataclass(frozen=True, eq=False)
class Candidates:
    """The best photographs of every face, in no order.

    `view` (F, KEPT) int16, -1 for none; `score` (F, KEPT) float32; `colour` (F, KEPT, 3) float32, the mean BGR of the
    photograph around the face; `confirmed` (F, KEPT) bool: the photograph's own depth agrees.
    """

    view: npt.NDArray[np.int16]
    score: npt.NDArray[np.float32]
    colour: npt.NDArray[np.float32]
    confirmed: npt.NDArray[np.bool_]

    @classmethod
    def none(cls, faces: int) -> Candidates:
        return cls(
            np.full((faces, KEPT), -1, np.int16),
            np.zeros((faces, KEPT), np.float32),
            np.zeros((faces, KEPT, 3), np.float32),
            np.zeros((faces, KEPT), bool),
        )


def projection_matrix(camera: Camera) -> npt.NDArray[np.float64]:
    """K [R | t], (3, 4)."""
    return camera.K @ np.column_stack([camera.R, camera.t])


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def offer_view(
    index, vertices, faces, P, focal_squared, centre, width, height, seen_depth, own_inverse, own_nearest, usable,
    colours, sharpness, view, score, colour, confirmed,
):  # fmt: skip
    """Offer photograph `index` to every face; keeps the KEPT best in place.

    vertices (N, 3), faces (F, 3); P (3, 4) to pixels of a picture of `width` x `height`;
    focal_squared in pixels²; centre (3,) of the camera;
    seen_depth (h, w): depth of the mesh seen from the camera; own_inverse (h2, w2): inverse depth that the photograph
    itself found, 0 where none; own_nearest (h2, w2): the nearest of it around each pixel; usable (h2, w2) bool;
    colours (h3, w3, 3) and sharpness (h3, w3): reduced pictures.
    The score is the picture's resolution on the face times the cosine, weighted by sharpness.
    """
    h1, w1 = seen_depth.shape
    h2, w2 = own_inverse.shape
    h3, w3 = sharpness.shape
    for f in nb.prange(faces.shape[0]):
        a = vertices[faces[f, 0]]
        b = vertices[faces[f, 1]]
        c = vertices[faces[f, 2]]
        mx = (a[0] + b[0] + c[0]) / 3.0
        my = (a[1] + b[1] + c[1]) / 3.0
        mz = (a[2] + b[2] + c[2]) / 3.0
        z = P[2, 0] * mx + P[2, 1] * my + P[2, 2] * mz + P[2, 3]
        if z <= 1e-9:
            continue
        u = (P[0, 0] * mx + P[0, 1] * my + P[0, 2] * mz + P[0, 3]) / z
        v = (P[1, 0] * mx + P[1, 1] * my + P[1, 2] * mz + P[1, 3]) / z
        if u < 3.0 or v < 3.0 or u > width - 3.0 or v > height - 3.0:
            continue
        e0 = b[0] - a[0]
        e1 = b[1] - a[1]
        e2 = b[2] - a[2]
        g0 = c[0] - a[0]
        g1 = c[1] - a[1]
        g2 = c[2] - a[2]
        nx = e1 * g2 - e2 * g1
        ny = e2 * g0 - e0 * g2
        nz = e0 * g1 - e1 * g0
        area = math.sqrt(nx * nx + ny * ny + nz * nz)
        if area <= 0.0:
            continue
        dx = centre[0] - mx
        dy = centre[1] - my
        dz = centre[2] - mz
        far = math.sqrt(dx * dx + dy * dy + dz * dz)
        cosine = (nx * dx + ny * dy + nz * dz) / (area * far)
        if cosine < FLATTEST:
            continue
        hidden = 0
        for corner in range(4):
            if corner == 3:
                pu, pv, pz = u, v, z
            else:
                q = vertices[faces[f, corner]]
                pz = P[2, 0] * q[0] + P[2, 1] * q[1] + P[2, 2] * q[2] + P[2, 3]
                if pz <= 1e-9:
                    hidden += 4
                    break
                pu = (P[0, 0] * q[0] + P[0, 1] * q[1] + P[0, 2] * q[2] + P[0, 3]) / pz
                pv = (P[1, 0] * q[0] + P[1, 1] * q[1] + P[1, 2] * q[2] + P[1, 3]) / pz
                if pu < 1.0 or pv < 1.0 or pu > width - 1.0 or pv > height - 1.0:
                    hidden += 4
                    break
            row = min(h1 - 1, int(pv * h1 / height))
            column = min(w1 - 1, int(pu * w1 / width))
            if pz > seen_depth[row, column] * (1.0 + HIDDEN_BY_MESH):
                hidden += 3 if corner == 3 else 1
        if hidden > 1:
            continue
        row = min(h2 - 1, int(v * h2 / height))
        column = min(w2 - 1, int(u * w2 / width))
        if not usable[row, column]:
            continue
        own = own_inverse[row, column]
        agrees = False
        if own > f32(0):
            if abs(own * z - 1.0) > OWN_DEPTH:
                continue
            agrees = True
        if own_nearest[row, column] * z > 1.0 + 2.0 * OWN_DEPTH:
            # Beside something that stands in front, matching windows reach over its edge: others must confirm.
            agrees = False
        row = min(h3 - 1, int(v * h3 / height))
        column = min(w3 - 1, int(u * w3 / width))
        edge = min(min(u, width - u), min(v, height - v)) / (0.04 * width)
        value = cosine * cosine / (z * z) * focal_squared * min(1.0, 0.3 + edge) * sharpness[row, column]
        if not agrees:
            value *= UNCONFIRMED
        worst = 0
        for k in range(1, KEPT):
            if score[f, k] < score[f, worst]:
                worst = k
        if value > score[f, worst]:
            view[f, worst] = index
            score[f, worst] = value
            confirmed[f, worst] = agrees
            for channel in range(3):
                colour[f, worst, channel] = colours[row, column, channel]


def view_gains(candidates: Candidates, views: int, *, faces: int = 60_000) -> npt.NDArray[np.float32]:
    """Factors (views, 3) that make the photographs' colours agree, with a geometric mean of one per channel.

    The ratios of colours on faces that two photographs see are averaged (cut at a factor of four) and the
    logarithms of the gains solved by least squares.
    """
    count = len(candidates.view)
    pick = np.linspace(0, count - 1, min(count, faces)).astype(np.int64)
    view = candidates.view[pick]
    logs = np.log(np.maximum(candidates.colour[pick], 4.0))
    good = (view >= 0) & candidates.confirmed[pick] & (candidates.colour[pick].max(axis=2) < 245)
    sums = np.zeros((3, views, views))
    weights = np.zeros((views, views))
    for first in range(KEPT):
        for second in range(first + 1, KEPT):
            both = good[:, first] & good[:, second]
            if not both.any():
                continue
            pair = view[both, first].astype(np.int64) * views + view[both, second]
            weights += np.bincount(pair, minlength=views * views).reshape(views, views)
            for channel in range(3):
                ratio = np.clip(logs[both, first, channel] - logs[both, second, channel], -1.4, 1.4)
                sums[channel] += np.bincount(pair, weights=ratio, minlength=views * views).reshape(views, views)
    gains = np.ones((views, 3), np.float32)
    symmetric = weights + weights.T
    # One equation g_i - g_j = -ratio for each pair, weighted by its faces; a small pull to zero settles the rest.
    laplacian = np.diag(symmetric.sum(1) + 1e-3 * max(float(symmetric.sum()), 1.0) / views) - symmetric
    for channel in range(3):
        difference = sums[channel] - sums[channel].T
        solved = np.linalg.solve(laplacian, -difference.sum(1)) if symmetric.any() else np.zeros(views)
        gains[:, channel] = np.exp(solved - solved.mean())
    return gains


@nb.njit(parallel=True, cache=True)
def reject_outliers(view, score, colour, confirmed, gains, tolerance):
    """Withdraw photographs whose colour on a face disagrees with the others, in place (view becomes -1), and lower the
    score of those that differ a little: a leaf before plain plaster is sharp and near, and would win.

    The reference is the median of the confirmed colours, each multiplied by its photograph's gain. With three or
    more, one farther off than `tolerance` (grey values) and than three median deviations goes, and whatever these
    are, one farther off than twice `tolerance`: where leaves hide half of the views the deviations are large. One that
    found no depth of its own there stays only where two confirmed ones agree with it.
    Source: M. Waechter et al.: Let there be color! Large-scale texturing of 3D reconstructions, ECCV 2014.
    """
    for f in nb.prange(view.shape[0]):
        values = np.empty(KEPT, np.float32)
        middle = np.empty(3, np.float32)
        sure = 0
        for k in range(KEPT):
            if view[f, k] >= 0 and confirmed[f, k]:
                sure += 1
        for _ in range(2):
            if sure < 1:
                break
            for channel in range(3):
                count = 0
                for k in range(KEPT):
                    if view[f, k] >= 0 and confirmed[f, k]:
                        values[count] = colour[f, k, channel] * gains[view[f, k], channel]
                        count += 1
                middle[channel] = np.median(values[:count])
            count = 0
            for k in range(KEPT):
                if view[f, k] >= 0 and confirmed[f, k]:
                    values[count] = _distance(colour[f, k], gains[view[f, k]], middle)
                    count += 1
            limit = min(max(tolerance, f32(3) * np.median(values[:count])), f32(2) * tolerance)
            for k in range(KEPT):
                if view[f, k] < 0 or not confirmed[f, k] or sure < 3:
                    continue
                if _distance(colour[f, k], gains[view[f, k]], middle) > limit:
                    view[f, k] = -1
                    sure -= 1
        for k in range(KEPT):
            if view[f, k] < 0 or confirmed[f, k]:
                continue
            if sure < 2 or _distance(colour[f, k], gains[view[f, k]], middle) > tolerance:
                view[f, k] = -1
        if sure < 3:
            continue
        for k in range(KEPT):
            if view[f, k] >= 0:
                off = f32(2) * _distance(colour[f, k], gains[view[f, k]], middle) / tolerance
                score[f, k] /= f32(1) + off * off


@nb.njit(inline="always")
def _distance(colour, gain, middle):
    largest = f32(0)
    for channel in range(3):
        largest = max(largest, abs(colour[channel] * gain[channel] - middle[channel]))
    return largest
