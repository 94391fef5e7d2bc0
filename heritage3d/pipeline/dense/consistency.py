"""What other photographs say about a pixel's depth: they agree, they are hidden from it, or they see through it.

The loops of fusion. Planes are carried between cameras exactly: a plane m·X = 1 in one camera's frame, with
m·(x, y, 1) the inverse depth along a ray, is (Rᵀm)·X = 1 − m·t in another's, so its inverse depth along any ray of
that camera needs no resampling of a depth map.

Source: P. Merrell et al.: Real-time visibility-based fusion of depth maps, ICCV 2007 (support against occlusion and
free-space violation); J. Schönberger et al., ECCV 2016 (tests by reprojection, depth and normal).
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

f32 = np.float32


@nb.njit(inline="always")
def _plane_vector(planes, row, column, k):
    """The plane of a pixel as m with m·(x, y, 1) = inverse depth in normalised coordinates; k = fx, fy, cx, cy."""
    w = planes[row, column, 0]
    gx = planes[row, column, 1]
    gy = planes[row, column, 2]
    m0 = gx * k[0]
    m1 = gy * k[1]
    m2 = w + gx * (k[2] - f32(column)) + gy * (k[3] - f32(row))
    return m0, m1, m2


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def vote(
    planes, valid, k, other, other_valid, other_cost, other_k, R, t,
    largest_error, largest_depth, smallest_cosine, through_depth,
    support, looking, through, total, weight,
):  # fmt: skip
    """Let one other photograph vote on every valid pixel; adds to the five accumulators in place.

    planes, other (H, W, 3) float32 planes of both photographs; valid, other_valid bool; other_cost (H, W) float32;
    k, other_k (4,) fx, fy, cx, cy with the first pixel's centre at 0; R, t: from this camera to the other.
    largest_error in pixels of either photograph, largest_depth relative, smallest_cosine between normals,
    through_depth: how much farther (relative) the other must see to see through the point.
    support, looking, through (H, W) uint8 counters; total (H, W, 3) and weight (H, W): weighted sums of the other's
    planes along this camera's rays.
    """
    height, width = valid.shape
    other_height, other_width = other_valid.shape
    for y in nb.prange(height):
        for x in range(width):
            if not valid[y, x]:
                continue
            w = planes[y, x, 0]
            rx = (f32(x) - k[2]) / k[0]
            ry = (f32(y) - k[3]) / k[1]
            # The point divided by its depth: precision does not fall with distance.
            a = R[0, 0] * rx + R[0, 1] * ry + R[0, 2] + t[0] * w
            b = R[1, 0] * rx + R[1, 1] * ry + R[1, 2] + t[1] * w
            c = R[2, 0] * rx + R[2, 1] * ry + R[2, 2] + t[2] * w
            if c <= f32(1e-6):
                continue
            u = other_k[0] * a / c + other_k[2]
            v = other_k[1] * b / c + other_k[3]
            column = math.floor(u + f32(0.5))
            row = math.floor(v + f32(0.5))
            if column < 0 or row < 0 or column >= other_width or row >= other_height:
                continue
            looking[y, x] += 1
            if not other_valid[row, column]:
                continue
            ow = other[row, column, 0]
            at = ow + other[row, column, 1] * (u - f32(column)) + other[row, column, 2] * (v - f32(row))
            if at <= f32(0):
                continue
            # c / w is the point's depth in the other camera, 1 / at what that camera measured there.
            relative = at * c / w - f32(1)
            m0, m1, m2 = _plane_vector(other, row, column, other_k)
            distance = f32(1) - (m0 * t[0] + m1 * t[1] + m2 * t[2])
            n0 = R[0, 0] * m0 + R[1, 0] * m1 + R[2, 0] * m2
            n1 = R[0, 1] * m0 + R[1, 1] * m1 + R[2, 1] * m2
            n2 = R[0, 2] * m0 + R[1, 2] * m1 + R[2, 2] * m2
            if distance <= f32(1e-6):
                continue
            inverse = f32(1) / distance
            carried = (n0 * rx + n1 * ry + n2) * inverse
            if carried > f32(0) and abs(carried / w - f32(1)) < largest_depth and abs(relative) < largest_depth:
                # Reprojection error: how far apart the two estimates are seen from the other camera.
                a2 = a + t[0] * (carried - w)
                b2 = b + t[1] * (carried - w)
                c2 = c + t[2] * (carried - w)
                eu = other_k[0] * (a2 / c2 - a / c)
                ev = other_k[1] * (b2 / c2 - b / c)
                p0, p1, p2 = _plane_vector(planes, y, x, k)
                cosine = (p0 * n0 + p1 * n1 + p2 * n2) / math.sqrt(
                    (p0 * p0 + p1 * p1 + p2 * p2) * (n0 * n0 + n1 * n1 + n2 * n2) + f32(1e-30)
                )
                if eu * eu + ev * ev < largest_error * largest_error and cosine > smallest_cosine:
                    trust = f32(1) / (f32(0.05) + other_cost[row, column])
                    support[y, x] += 1
                    total[y, x, 0] += trust * carried
                    total[y, x, 1] += trust * n0 * inverse / k[0]
                    total[y, x, 2] += trust * n1 * inverse / k[1]
                    weight[y, x] += trust
                    continue
            if relative < -through_depth:
                through[y, x] += 1


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def claim(planes, taken, k, other, other_k, R, t, largest_depth, other_taken):
    """Mark in `other_taken` the pixels of another photograph that see the points of this one's `taken` pixels."""
    height, width = taken.shape
    other_height, other_width = other_taken.shape
    for y in nb.prange(height):
        for x in range(width):
            if not taken[y, x]:
                continue
            w = planes[y, x, 0]
            rx = (f32(x) - k[2]) / k[0]
            ry = (f32(y) - k[3]) / k[1]
            c = R[2, 0] * rx + R[2, 1] * ry + R[2, 2] + t[2] * w
            if c <= f32(1e-6):
                continue
            u = other_k[0] * (R[0, 0] * rx + R[0, 1] * ry + R[0, 2] + t[0] * w) / c + other_k[2]
            v = other_k[1] * (R[1, 0] * rx + R[1, 1] * ry + R[1, 2] + t[1] * w) / c + other_k[3]
            column = math.floor(u + f32(0.5))
            row = math.floor(v + f32(0.5))
            if column < 0 or row < 0 or column >= other_width or row >= other_height:
                continue
            ow = other[row, column, 0]
            if ow > f32(0) and abs(ow * c / w - f32(1)) < largest_depth:
                other_taken[row, column] = True


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def fill_gaps(planes, support, own, reach, tolerance, nearness):
    """Close small gaps: planes of empty pixels that known ones surround within `reach` pixels.

    A pixel is filled when at least seven of eight directions meet a known pixel, whose planes, continued to it, agree
    within `tolerance` (relative): the surface is smooth there. And only where the photograph's own estimate `own`
    (H, W, 3), though not accepted, lies within `nearness` (relative): an opening shows something far behind, or was
    masked, and stays open. Returns new planes; `support` of what was filled is 1.
    """
    height, width = support.shape
    filled = planes.copy()
    marks = support.copy()
    for y in nb.prange(height):
        for x in range(width):
            if planes[y, x, 0] > f32(0) or own[y, x, 0] <= f32(0):
                continue
            known = 0
            total = f32(0)
            sum_w = f32(0)
            sum_x = f32(0)
            sum_y = f32(0)
            low = f32(1e30)
            high = f32(0)
            for direction in range(9):
                step_x = direction % 3 - 1
                step_y = direction // 3 - 1
                if step_x == 0 and step_y == 0:
                    continue
                for distance in range(1, reach + 1):
                    xx = x + distance * step_x
                    yy = y + distance * step_y
                    if xx < 0 or yy < 0 or xx >= width or yy >= height:
                        break
                    w = planes[yy, xx, 0]
                    if w <= f32(0):
                        continue
                    gx = planes[yy, xx, 1]
                    gy = planes[yy, xx, 2]
                    here = w - (gx * f32(step_x) + gy * f32(step_y)) * f32(distance)
                    weight = f32(1) / f32(distance)
                    known += 1
                    total += weight
                    sum_w += weight * here
                    sum_x += weight * gx
                    sum_y += weight * gy
                    low = min(low, here)
                    high = max(high, here)
                    break
            if known < 7 or high - low > tolerance * high:
                continue
            mean = sum_w / total
            if abs(own[y, x, 0] - mean) < nearness * mean:
                filled[y, x, 0] = mean
                filled[y, x, 1] = sum_x / total
                filled[y, x, 2] = sum_y / total
                marks[y, x] = 1
    return filled, marks
