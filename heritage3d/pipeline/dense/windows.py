"""How well a plane explains what other photographs show: the innermost loops of matching.

A plane at a pixel is inverse depth that is linear in the picture: `w + gx dx + gy dy` at offset (dx, dy), exact for
planes in space. The window around the pixel is carried to a source photograph by the plane's homography and compared
by normalised cross-correlation, weighted by distance and by difference of brightness.

The loops over a window have no branch, so the compiler turns them into vector instructions with gathers: the four
corners of the window decide beforehand whether all of it lies inside the source.

Sources: J. Schönberger et al.: Pixelwise view selection, ECCV 2016 (bilateral weights, forward-backward term);
A. Grün: Adaptive least squares correlation, 1985 (the refinement step).
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

f32 = np.float32
#: Cost of a window that leaves the source photograph or lies behind it.
OUTSIDE = f32(2.0)
#: Noise of a grey value, squared; keeps the correlation of blank walls from being decided by noise.
NOISE_VARIANCE = f32(3.0)
#: Planes seen under a flatter angle than this (cosine) are not tried.
FLATTEST = f32(0.15)
#: Forward-backward errors above this number of pixels count as this.
LARGEST_ERROR = f32(3.0)


@nb.njit(inline="always")
def fill_window(reference, x, y, offsets_x, offsets_y, spatial, tonal, weights, centred):
    """Weights (summing to one) and centred grey values of the window around (x, y); returns its variance."""
    height, width = reference.shape
    centre = np.int32(reference[y, x])
    total = f32(0)
    mean = f32(0)
    for i in range(offsets_x.shape[0]):
        xx = min(max(x + offsets_x[i], 0), width - 1)
        yy = min(max(y + offsets_y[i], 0), height - 1)
        value = np.int32(reference[yy, xx])
        weight = spatial[i] * tonal[abs(value - centre)]
        weights[i] = weight
        centred[i] = f32(value)
        total += weight
        mean += weight * f32(value)
    mean /= total
    scale = f32(1) / total
    variance = f32(0)
    for i in range(offsets_x.shape[0]):
        weights[i] *= scale
        centred[i] -= mean
        variance += weights[i] * centred[i] * centred[i]
    return variance


@nb.njit(fastmath=True, error_model="numpy", cache=True)
def moments(quads, base, stride, hx, hy, hz, h00, h01, h10, h11, h20, h21, dxs, dys, weights, centred):
    """Weighted sums of the source samples, of their squares and of their product with the centred reference."""
    s1 = f32(0)
    s2 = f32(0)
    s3 = f32(0)
    for i in range(dxs.shape[0]):
        dx = dxs[i]
        dy = dys[i]
        inverse = f32(1) / (hz + h20 * dx + h21 * dy)
        u = (hx + h00 * dx + h01 * dy) * inverse
        v = (hy + h10 * dx + h11 * dy) * inverse
        column = np.int32(u)
        row = np.int32(v)
        fu = u - f32(column)
        fv = v - f32(row)
        quad = quads[np.uint32(base + row * stride + column)]
        p00 = f32(np.int32(quad & np.uint32(255)))
        p01 = f32(np.int32((quad >> np.uint32(8)) & np.uint32(255)))
        p10 = f32(np.int32((quad >> np.uint32(16)) & np.uint32(255)))
        p11 = f32(np.int32(quad >> np.uint32(24)))
        upper = p00 + fu * (p01 - p00)
        lower = p10 + fu * (p11 - p10)
        value = upper + fv * (lower - upper)
        weighted = weights[i] * value
        s1 += weighted
        s2 += weighted * value
        s3 += weighted * centred[i]
    return s1, s2, s3


@nb.njit(fastmath=True, error_model="numpy", cache=True)
def normal_sums(
    quads, base, stride, hx, hy, hz, h00, h01, h10, h11, h20, h21, b0, b1, b2, dxs, dys, weights, centred, out
):
    """Sums for the least-squares step: products of the derivative with 1, offsets, reference and sample."""
    g0 = f32(0)
    gx = f32(0)
    gy = f32(0)
    gr0 = f32(0)
    grx = f32(0)
    gry = f32(0)
    gi0 = f32(0)
    gix = f32(0)
    giy = f32(0)
    q00 = f32(0)
    q0x = f32(0)
    q0y = f32(0)
    qxx = f32(0)
    qxy = f32(0)
    qyy = f32(0)
    for i in range(dxs.shape[0]):
        dx = dxs[i]
        dy = dys[i]
        inverse = f32(1) / (hz + h20 * dx + h21 * dy)
        u = (hx + h00 * dx + h01 * dy) * inverse
        v = (hy + h10 * dx + h11 * dy) * inverse
        column = np.int32(u)
        row = np.int32(v)
        fu = u - f32(column)
        fv = v - f32(row)
        quad = quads[np.uint32(base + row * stride + column)]
        p00 = f32(np.int32(quad & np.uint32(255)))
        p01 = f32(np.int32((quad >> np.uint32(8)) & np.uint32(255)))
        p10 = f32(np.int32((quad >> np.uint32(16)) & np.uint32(255)))
        p11 = f32(np.int32(quad >> np.uint32(24)))
        upper = p00 + fu * (p01 - p00)
        lower = p10 + fu * (p11 - p10)
        down = lower - upper
        value = upper + fv * down
        across = (p01 - p00) + fv * ((p11 - p10) - (p01 - p00))
        g = (across * (b0 - u * b2) + down * (b1 - v * b2)) * inverse
        wg = weights[i] * g
        wgg = wg * g
        wgr = wg * centred[i]
        wgi = wg * value
        g0 += wg
        gx += wg * dx
        gy += wg * dy
        gr0 += wgr
        grx += wgr * dx
        gry += wgr * dy
        gi0 += wgi
        gix += wgi * dx
        giy += wgi * dy
        q00 += wgg
        q0x += wgg * dx
        q0y += wgg * dy
        qxx += wgg * dx * dx
        qxy += wgg * dx * dy
        qyy += wgg * dy * dy
    out[0] = g0
    out[1] = gx
    out[2] = gy
    out[3] = gr0
    out[4] = grx
    out[5] = gry
    out[6] = gi0
    out[7] = gix
    out[8] = giy
    out[9] = q00
    out[10] = q0x
    out[11] = q0y
    out[12] = qxx
    out[13] = qxy
    out[14] = qyy


@nb.njit(fastmath=True, error_model="numpy", cache=True)
def photometric(quads, base, width, height, p, x, y, w, gx, gy, half, dxs, dys, weights, centred, variance):
    """One minus the correlation of the window with one source; `p` (12,) is that source's projection.

    The four corners of the window decide for all of it whether it lies inside the source: a plane in front of the
    camera maps a rectangle to a convex quadrilateral.
    """
    hx = p[0] * x + p[1] * y + p[2] + p[9] * w
    hy = p[3] * x + p[4] * y + p[5] + p[10] * w
    hz = p[6] * x + p[7] * y + p[8] + p[11] * w
    h00 = p[0] + p[9] * gx
    h01 = p[1] + p[9] * gy
    h10 = p[3] + p[10] * gx
    h11 = p[4] + p[10] * gy
    h20 = p[6] + p[11] * gx
    h21 = p[7] + p[11] * gy
    right = f32(width) - f32(1.01)
    bottom = f32(height) - f32(1.01)
    for corner in range(4):
        dx = half if corner & 1 else -half
        dy = half if corner & 2 else -half
        z = hz + h20 * dx + h21 * dy
        if not z > f32(1e-5):
            return OUTSIDE
        u = hx + h00 * dx + h01 * dy
        v = hy + h10 * dx + h11 * dy
        if not (u >= f32(0) and v >= f32(0) and u <= right * z and v <= bottom * z):
            return OUTSIDE
    s1, s2, s3 = moments(
        quads, base, np.int32(width), hx, hy, hz, h00, h01, h10, h11, h20, h21, dxs, dys, weights, centred
    )
    spread = max(s2 - s1 * s1, f32(0))
    return f32(1) - s3 / math.sqrt((spread + NOISE_VARIANCE) * (variance + NOISE_VARIANCE))


@nb.njit(fastmath=True, error_model="numpy", cache=True)
def forward_backward(planes, s, width, height, p, back, x, y, w):
    """Pixels between (x, y) and its image carried to source `s` and back by that source's own planes.

    `planes` (S, H, W, 3) holds (w, gx, gy) of the sources, `p` and `back` the projections to their pixels and back.
    """
    z = p[6] * x + p[7] * y + p[8] + p[11] * w
    if not z > f32(1e-5):
        return LARGEST_ERROR
    u = (p[0] * x + p[1] * y + p[2] + p[9] * w) / z
    v = (p[3] * x + p[4] * y + p[5] + p[10] * w) / z
    if not (u >= f32(-0.49) and v >= f32(-0.49) and u < f32(width) - f32(0.51) and v < f32(height) - f32(0.51)):
        return LARGEST_ERROR
    column = int(u + f32(0.5))
    row = int(v + f32(0.5))
    ws = planes[s, row, column, 0]
    if ws <= f32(0):
        return LARGEST_ERROR
    ws += planes[s, row, column, 1] * (u - f32(column)) + planes[s, row, column, 2] * (v - f32(row))
    z = back[6] * u + back[7] * v + back[8] + back[11] * ws
    if not z > f32(1e-5):
        return LARGEST_ERROR
    ex = (back[0] * u + back[1] * v + back[2] + back[9] * ws) / z - x
    ey = (back[3] * u + back[4] * v + back[5] + back[10] * ws) / z - y
    return min(LARGEST_ERROR, math.sqrt(ex * ex + ey * ey))


@nb.njit(fastmath=True, error_model="numpy", cache=True)
def plane_cost(
    quads, bases, shapes, projections, planes, plane_shapes, to_planes, from_planes, geometric, views,
    x, y, w, gx, gy, half, dxs, dys, weights, centred, variance, costs,
):  # fmt: skip
    """Mean cost of the better two of up to three sources in `views` (-1: none); `costs` (3,) receives each."""
    for k in range(3):
        s = views[k]
        if s < 0:
            costs[k] = OUTSIDE + LARGEST_ERROR
            continue
        cost = photometric(
            quads, bases[s], shapes[s, 1], shapes[s, 0], projections[s], x, y, w, gx, gy, half,
            dxs, dys, weights, centred, variance,
        )  # fmt: skip
        if geometric > f32(0):
            cost += geometric * forward_backward(
                planes, s, plane_shapes[s, 1], plane_shapes[s, 0], to_planes[s], from_planes[s], x, y, w
            )
        costs[k] = cost
    if views[1] < 0:
        return costs[0]
    worst = max(costs[0], costs[1], costs[2])
    return f32(0.5) * (costs[0] + costs[1] + costs[2] - worst)


@nb.njit(fastmath=True, error_model="numpy", cache=True)
def least_squares_step(
    quads, bases, shapes, projections, views, costs, x, y, w, gx, gy, slope_x, slope_y, slope_weight,
    highest, dxs, dys, weights, centred, variance, sums, step,
):  # fmt: skip
    """One Gauss-Newton step of the plane on all sources in `views` that cost at most `highest`, at once; False where
    there is nothing to go by.

    Every source's brightness is the reference's times a gain plus an offset of its own, both eliminated. The slopes
    are held to their neighbours' mean (`slope_x`, `slope_y`) with `slope_weight`. `step` (3,) receives the change of
    (w, gx, gy), relative to w.
    """
    n00 = f32(0)
    n01 = f32(0)
    n02 = f32(0)
    n11 = slope_weight
    n12 = f32(0)
    n22 = slope_weight
    r0 = f32(0)
    r1 = slope_weight * (slope_x - gx) / w
    r2 = slope_weight * (slope_y - gy) / w
    samples = f32(dxs.shape[0])
    used = 0
    for k in range(views.shape[0]):
        s = views[k]
        if s < 0 or costs[k] > highest:
            continue
        p = projections[s]
        hx = p[0] * x + p[1] * y + p[2] + p[9] * w
        hy = p[3] * x + p[4] * y + p[5] + p[10] * w
        hz = p[6] * x + p[7] * y + p[8] + p[11] * w
        h00 = p[0] + p[9] * gx
        h01 = p[1] + p[9] * gy
        h10 = p[3] + p[10] * gx
        h11 = p[4] + p[10] * gy
        h20 = p[6] + p[11] * gx
        h21 = p[7] + p[11] * gy
        s1, s2, s3 = moments(
            quads, bases[s], np.int32(shapes[s, 1]), hx, hy, hz, h00, h01, h10, h11, h20, h21, dxs, dys, weights,
            centred,
        )  # fmt: skip
        gain = s3 / (variance + NOISE_VARIANCE)
        if gain <= f32(0.05):
            continue
        residual = max(s2 - s1 * s1 - gain * s3, f32(0)) + NOISE_VARIANCE
        normal_sums(
            quads, bases[s], np.int32(shapes[s, 1]), hx, hy, hz, h00, h01, h10, h11, h20, h21, p[9], p[10], p[11],
            dxs, dys, weights, centred, sums,
        )  # fmt: skip
        # Products after taking out the source's own offset (weights sum to one) and gain.
        iv = f32(1) / (variance + NOISE_VARIANCE)
        scale = samples / residual
        scale1 = scale * w
        scale2 = scale1 * w
        n00 += scale2 * (sums[9] - sums[0] * sums[0] - sums[3] * sums[3] * iv)
        n01 += scale2 * (sums[10] - sums[0] * sums[1] - sums[3] * sums[4] * iv)
        n02 += scale2 * (sums[11] - sums[0] * sums[2] - sums[3] * sums[5] * iv)
        n11 += scale2 * (sums[12] - sums[1] * sums[1] - sums[4] * sums[4] * iv)
        n12 += scale2 * (sums[13] - sums[1] * sums[2] - sums[4] * sums[5] * iv)
        n22 += scale2 * (sums[14] - sums[2] * sums[2] - sums[5] * sums[5] * iv)
        r0 -= scale1 * (sums[6] - sums[0] * s1 - sums[3] * gain)
        r1 -= scale1 * (sums[7] - sums[1] * s1 - sums[4] * gain)
        r2 -= scale1 * (sums[8] - sums[2] * s1 - sums[5] * gain)
        used += 1
    if used == 0:
        return False
    # A little damping (Levenberg): the window's derivative is noisy where the picture is flat.
    n00 *= f32(1.02)
    n11 *= f32(1.02)
    n22 *= f32(1.02)
    c00 = n11 * n22 - n12 * n12
    c01 = n02 * n12 - n01 * n22
    c02 = n01 * n12 - n02 * n11
    determinant = n00 * c00 + n01 * c01 + n02 * c02
    if not determinant > f32(0):
        return False
    inverse = f32(1) / determinant
    c11 = n00 * n22 - n02 * n02
    c12 = n01 * n02 - n00 * n12
    c22 = n00 * n11 - n01 * n01
    step[0] = (c00 * r0 + c01 * r1 + c02 * r2) * inverse
    step[1] = (c01 * r0 + c11 * r1 + c12 * r2) * inverse
    step[2] = (c02 * r0 + c12 * r1 + c22 * r2) * inverse
    return math.isfinite(step[0]) and math.isfinite(step[1]) and math.isfinite(step[2])


@nb.njit(inline="always")
def not_too_flat(w, gx, gy, x, y, fx, fy, cx, cy):
    """Whether the plane is seen under an angle steep enough, and from its front."""
    nx = fx * gx
    ny = fy * gy
    nz = cx * gx + cy * gy + w - gx * x - gy * y
    rx = (x - cx) / fx
    ry = (y - cy) / fy
    return w > f32(0) and w * w >= FLATTEST * FLATTEST * (nx * nx + ny * ny + nz * nz) * (rx * rx + ry * ry + f32(1))
