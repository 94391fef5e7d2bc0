"""The last step of matching: every plane against all photographs that see it.

While searching, the better two of three sources judge a plane, which keeps hidden places out. Once it is found, all
sources that agree with it measure it: more of them, and the wider baselines among them, make it more exact.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from heritage3d.pipeline.dense.windows import OUTSIDE, fill_window, least_squares_step, not_too_flat, photometric

f32 = np.float32
#: A source takes part when its cost is below this and not much above that of the best two.
HIGHEST = f32(0.55)


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def refine(
    reference, usable, intrinsics, quads, bases, shapes, projections, state, cost, pixel_step, nearest, farthest,
    offsets_x, offsets_y, spatial, tonal, slope_precision,
):  # fmt: skip
    """One least-squares step of every plane; arguments as in `patchmatch.sweep`. Returns new planes and costs.

    A step is kept when the mean correlation over the same sources does not fall. The cost returned is the mean of the
    best two sources, or that of the only one in whose picture the window lies.
    """
    height, width = reference.shape
    count = bases.shape[0]
    samples = offsets_x.shape[0]
    dxs = offsets_x.astype(np.float32)
    dys = offsets_y.astype(np.float32)
    half = f32(np.max(np.abs(offsets_x)))
    planes = state.copy()
    fresh = cost.copy()
    for y in nb.prange(height):
        weights = np.empty(samples, np.float32)
        centred = np.empty(samples, np.float32)
        costs = np.empty(count, np.float32)
        views = np.empty(count, np.int32)
        sums = np.empty(15, np.float32)
        step = np.zeros(3, np.float32)
        for x in range(width):
            w = state[y, x, 0]
            if not usable[y, x] or w <= f32(0):
                continue
            variance = fill_window(reference, x, y, offsets_x, offsets_y, spatial, tonal, weights, centred)
            xf = f32(x)
            yf = f32(y)
            gx = state[y, x, 1]
            gy = state[y, x, 2]
            best = OUTSIDE
            next_best = OUTSIDE
            for s in range(count):
                value = photometric(
                    quads, bases[s], shapes[s, 1], shapes[s, 0], projections[s], xf, yf, w, gx, gy, half, dxs, dys,
                    weights, centred, variance,
                )  # fmt: skip
                costs[s] = value
                if value < best:
                    next_best = best
                    best = value
                elif value < next_best:
                    next_best = value
            # Near the edge of what was photographed only one source looks: being outside of the others is no fault.
            two = f32(0.5) * (best + next_best) if next_best < OUTSIDE else best
            fresh[y, x] = two
            limit = min(HIGHEST, two * f32(1.6) + f32(0.08))
            before = f32(0)
            used = 0
            for s in range(count):
                views[s] = s if costs[s] <= limit else -1
                if costs[s] <= limit:
                    used += 1
                    before += costs[s]
            if used == 0:
                continue
            mean_x = f32(0)
            mean_y = f32(0)
            near = f32(0)
            for dy in range(-1, 2):
                for dx in range(-1, 2):
                    yy = y + dy
                    xx = x + dx
                    if (dx == 0 and dy == 0) or yy < 0 or xx < 0 or yy >= height or xx >= width:
                        continue
                    if abs(state[yy, xx, 0] - w) < f32(2) * pixel_step:
                        mean_x += state[yy, xx, 1]
                        mean_y += state[yy, xx, 2]
                        near += f32(1)
            hold = f32(0)
            if near > f32(0):
                mean_x /= near
                mean_y /= near
                hold = near * slope_precision
            if not least_squares_step(
                quads, bases, shapes, projections, views, costs, xf, yf, w, gx, gy, mean_x, mean_y, hold, HIGHEST,
                dxs, dys, weights, centred, variance, sums, step,
            ):  # fmt: skip
                continue
            largest = f32(1) * pixel_step
            w1 = w + min(largest, max(-largest, w * step[0]))
            gx1 = gx + w * step[1]
            gy1 = gy + w * step[2]
            if (
                w1 < farthest
                or w1 > nearest
                or not not_too_flat(w1, gx1, gy1, xf, yf, intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3])
            ):
                continue
            total = f32(0)
            best = OUTSIDE
            next_best = OUTSIDE
            for s in range(count):
                if views[s] < 0:
                    continue
                value = photometric(
                    quads, bases[s], shapes[s, 1], shapes[s, 0], projections[s], xf, yf, w1, gx1, gy1, half, dxs, dys,
                    weights, centred, variance,
                )  # fmt: skip
                total += value
                if value < best:
                    next_best = best
                    best = value
                elif value < next_best:
                    next_best = value
            if math.isfinite(total) and total <= before * f32(1.02):
                planes[y, x, 0] = w1
                planes[y, x, 1] = gx1
                planes[y, x, 2] = gy1
                if used > 1:
                    fresh[y, x] = f32(0.5) * (best + next_best)
    return planes, fresh
