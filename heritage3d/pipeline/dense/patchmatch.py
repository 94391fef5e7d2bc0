"""PatchMatch stereo with slanted planes: the loops.

Every pixel holds a plane, written as inverse depth that is linear in the picture: the inverse depth at offset (dx, dy)
from the pixel is `w + gx dx + gy dy`, which is exact for planes in space. A plane is judged by how well a window
around the pixel agrees with the source photographs when carried over by the plane's homography, as one minus
normalised cross-correlation whose weights fall with distance and with difference of brightness.

Sources: C. Barnes et al.: PatchMatch, SIGGRAPH 2009; M. Bleyer et al.: PatchMatch stereo, BMVC 2011 (slanted planes);
S. Galliani et al.: Massively parallel multiview stereopsis by surface normal diffusion, ICCV 2015 (red-black sweeps,
best k of n sources); J. Schönberger et al.: Pixelwise view selection, ECCV 2016 (bilateral weights, forward-backward
term); Q. Xu, W. Tao: Multi-scale geometric consistency guided multi-view stereo, CVPR 2019 (clipped at 3 px), and
Planar prior assisted PatchMatch, AAAI 2020; A. Grün: Adaptive least squares correlation, 1985 (the refinement step).

Race freedom: a sweep changes only pixels of one colour of a chessboard and reads planes only at odd offsets, hence of
the other colour; the number of threads never changes a result.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from heritage3d.pipeline.dense.windows import fill_window, least_squares_step, not_too_flat, plane_cost

f32 = np.float32
PROPAGATION_X = np.array([-1, -3, -9, -1, 1, 3, 9, 1, 0, 0, 0, 2, 0, 0, 0, -2], np.int32)
PROPAGATION_Y = np.array([0, 0, 0, -2, 0, 0, 0, 2, -1, -3, -9, -1, 1, 3, 9, 1], np.int32)
DIRECTIONS = 4
PER_DIRECTION = 4


@nb.njit(inline="always")
def _random(state):
    """Next word of a 32-bit xorshift generator (G. Marsaglia, 2003)."""
    state ^= state << np.uint32(13)
    state ^= state >> np.uint32(17)
    state ^= state << np.uint32(5)
    return state


@nb.njit(inline="always")
def _signed(state):
    """A random word as a number in [-1, 1)."""
    return f32(state) * f32(4.6566129e-10) - f32(1)


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def sweep(
    reference, usable, intrinsics, quads, bases, shapes, projections,
    planes, plane_shapes, to_planes, from_planes, geometric,
    prior, prior_weight, pixel_step,
    state, cost, chosen, nearest, farthest,
    offsets_x, offsets_y, spatial, tonal, colour, iteration, amplitude, slope_amplitude, trials,
    newton, slope_precision, novelty,
):  # fmt: skip
    """One half of a red-black sweep over the pixels of `colour` (0 or 1); changes `state`, `cost`, `chosen` in place.

    reference (H, W) uint8; usable (H, W) bool; intrinsics (4,) fx, fy, cx, cy with the first pixel's centre at 0;
    quads (total,) packed sources, source s at bases[s] with shapes[s] = (height, width); projections (S, 12):
    the homogeneous source pixel of pixel (x, y) at inverse depth w is `P (x, y, 1) + p w`, P row-major, then p;
    planes, plane_shapes, to_planes, from_planes: the sources' own planes for the forward-backward term, weighted by
    `geometric` per pixel (0 switches it off);
    prior (H, W, 3), prior_weight (H, W): planes proposed for weakly textured places and what a pixel of disagreement
    with them costs; pixel_step: change of inverse depth that moves a typical source pixel by one;
    state (H, W, 3) float32 (w, gx, gy); cost (H, W); chosen (H, W, 2) int8, the two best sources, -1 for none;
    nearest, farthest: largest and smallest inverse depth;
    offsets_x, offsets_y (n,) int, spatial (n,): the window and its weights; tonal (256,): weights by difference;
    amplitude (pixels), slope_amplitude (tangent), trials: random changes; newton: least-squares steps; novelty:
    planes that move the window's corner by less than this (pixels) are not tried again.
    """
    height, width = reference.shape
    count = bases.shape[0]
    samples = offsets_x.shape[0]
    fx = intrinsics[0]
    fy = intrinsics[1]
    cx = intrinsics[2]
    cy = intrinsics[3]
    dxs = offsets_x.astype(np.float32)
    dys = offsets_y.astype(np.float32)
    half = f32(np.max(np.abs(offsets_x)))
    for y in nb.prange(height):
        weights = np.empty(samples, np.float32)
        centred = np.empty(samples, np.float32)
        costs = np.empty(3, np.float32)
        best_costs = np.empty(3, np.float32)
        views = np.empty(3, np.int32)
        sums = np.empty(15, np.float32)
        step = np.zeros(3, np.float32)
        for x in range((y + colour) & 1, width, 2):
            if not usable[y, x]:
                continue
            variance = fill_window(reference, x, y, offsets_x, offsets_y, spatial, tonal, weights, centred)
            xf = f32(x)
            yf = f32(y)
            w = state[y, x, 0]
            gx = state[y, x, 1]
            gy = state[y, x, 2]
            turn = iteration * 2 + colour + 1
            seed = np.uint32(x * 73856093) ^ np.uint32(y * 19349663) ^ np.uint32(turn * 83492791)
            seed = _random(_random(seed | np.uint32(1)))

            # Sources of this visit: the two chosen so far and one probe, taken from the best neighbour or at random.
            a = np.int32(chosen[y, x, 0])
            b = np.int32(chosen[y, x, 1])
            if count <= 3:
                views[0] = 0
                views[1] = 1 if count > 1 else -1
                views[2] = 2 if count > 2 else -1
            else:
                if a < 0:
                    a = np.int32(seed % np.uint32(count))
                if b < 0 or b == a:
                    b = np.int32((a + 1) % count)
                probe = np.int32(-1)
                seed = _random(seed)
                if seed & np.uint32(1):
                    least = cost[y, x] * f32(1.2)
                    for d in range(DIRECTIONS):
                        xx = x + PROPAGATION_X[d * PER_DIRECTION]
                        yy = y + PROPAGATION_Y[d * PER_DIRECTION]
                        if xx >= 0 and yy >= 0 and xx < width and yy < height and cost[yy, xx] < least:
                            for k in range(2):
                                s = np.int32(chosen[yy, xx, k])
                                if s >= 0 and s != a and s != b:
                                    probe = s
                                    least = cost[yy, xx]
                if probe < 0:
                    probe = np.int32((seed >> np.uint32(3)) % np.uint32(count - 2))
                    first = min(a, b)
                    second = max(a, b)
                    if probe >= first:
                        probe += 1
                    if probe >= second:
                        probe += 1
                views[0] = a
                views[1] = b
                views[2] = probe

            weight_of_prior = prior_weight[y, x]
            best = plane_cost(
                quads, bases, shapes, projections, planes, plane_shapes, to_planes, from_planes, geometric, views,
                xf, yf, w, gx, gy, half, dxs, dys, weights, centred, variance, best_costs,
            )  # fmt: skip
            if weight_of_prior > f32(0):
                best += weight_of_prior * min(f32(2), abs(w - prior[y, x, 0]) / pixel_step)

            total = DIRECTIONS + 1 + trials + newton
            for trial in range(total):
                if trial < DIRECTIONS:
                    # Propagation: the best of a few neighbours on each side.
                    choice = -1
                    least = f32(9)
                    for k in range(trial * PER_DIRECTION, (trial + 1) * PER_DIRECTION):
                        xx = x + PROPAGATION_X[k]
                        yy = y + PROPAGATION_Y[k]
                        if xx >= 0 and yy >= 0 and xx < width and yy < height and cost[yy, xx] < least:
                            least = cost[yy, xx]
                            choice = k
                    if choice < 0:
                        continue
                    xx = x + PROPAGATION_X[choice]
                    yy = y + PROPAGATION_Y[choice]
                    gx1 = state[yy, xx, 1]
                    gy1 = state[yy, xx, 2]
                    w1 = state[yy, xx, 0] + gx1 * f32(x - xx) + gy1 * f32(y - yy)
                elif trial == DIRECTIONS:
                    if weight_of_prior <= f32(0):
                        continue
                    w1 = prior[y, x, 0]
                    gx1 = prior[y, x, 1]
                    gy1 = prior[y, x, 2]
                elif trial <= DIRECTIONS + trials:
                    seed = _random(seed)
                    r1 = _signed(seed)
                    seed = _random(seed)
                    r2 = _signed(seed)
                    seed = _random(seed)
                    r3 = _signed(seed)
                    slope = w / fx * slope_amplitude
                    kind = (trial - DIRECTIONS - 1) & 3
                    w1 = w
                    gx1 = gx
                    gy1 = gy
                    if kind == 0:
                        w1 = w + r1 * amplitude * pixel_step
                        gx1 = gx + r2 * slope * f32(0.3)
                        gy1 = gy + r3 * slope * f32(0.3)
                    elif kind == 1:
                        gx1 = gx + r2 * slope
                        gy1 = gy + r3 * slope
                    elif kind == 2:
                        if best < f32(0.2):
                            continue
                        w1 = farthest + (nearest - farthest) * f32(0.5) * (r1 + f32(1))
                        gx1 = r2 * w1 / fx
                        gy1 = r3 * w1 / fx
                    else:
                        w1 = w + r1 * amplitude * pixel_step * f32(0.2)
                        gx1 = gx + r2 * slope * f32(0.2)
                        gy1 = gy + r3 * slope * f32(0.2)
                else:
                    mean_x = f32(0)
                    mean_y = f32(0)
                    near = f32(0)
                    for d in range(DIRECTIONS):
                        xx = x + PROPAGATION_X[d * PER_DIRECTION]
                        yy = y + PROPAGATION_Y[d * PER_DIRECTION]
                        if (
                            xx >= 0 and yy >= 0 and xx < width and yy < height
                            and abs(state[yy, xx, 0] - w) < f32(2) * pixel_step
                        ):  # fmt: skip
                            mean_x += state[yy, xx, 1]
                            mean_y += state[yy, xx, 2]
                            near += f32(1)
                    hold = f32(0)
                    if near > f32(0):
                        mean_x /= near
                        mean_y /= near
                        hold = near * slope_precision
                    if not least_squares_step(
                        quads, bases, shapes, projections, views, best_costs, xf, yf, w, gx, gy, mean_x, mean_y, hold,
                        f32(0.7), dxs, dys, weights, centred, variance, sums, step,
                    ):  # fmt: skip
                        break
                    limit = f32(2) * pixel_step
                    w1 = w + min(limit, max(-limit, w * step[0]))
                    gx1 = gx + w * step[1]
                    gy1 = gy + w * step[2]
                if trial <= DIRECTIONS and abs(w1 - w) + half * (abs(gx1 - gx) + abs(gy1 - gy)) < novelty * pixel_step:
                    continue
                if w1 < farthest or w1 > nearest or not not_too_flat(w1, gx1, gy1, xf, yf, fx, fy, cx, cy):
                    continue
                value = plane_cost(
                    quads, bases, shapes, projections, planes, plane_shapes, to_planes, from_planes, geometric, views,
                    xf, yf, w1, gx1, gy1, half, dxs, dys, weights, centred, variance, costs,
                )  # fmt: skip
                if weight_of_prior > f32(0):
                    value += weight_of_prior * min(f32(2), abs(w1 - prior[y, x, 0]) / pixel_step)
                if value < best:
                    best = value
                    w = w1
                    gx = gx1
                    gy = gy1
                    for k in range(3):
                        best_costs[k] = costs[k]
                elif trial > DIRECTIONS + trials:
                    break
            state[y, x, 0] = w
            state[y, x, 1] = gx
            state[y, x, 2] = gy
            cost[y, x] = best
            worst = 2
            if views[1] < 0:
                chosen[y, x, 0] = 0
                continue
            if best_costs[0] >= best_costs[1] and best_costs[0] >= best_costs[2]:
                worst = 0
            elif best_costs[1] >= best_costs[0] and best_costs[1] >= best_costs[2]:
                worst = 1
            chosen[y, x, 0] = views[1] if worst == 0 else views[0]
            chosen[y, x, 1] = views[1] if worst == 2 else views[2]
