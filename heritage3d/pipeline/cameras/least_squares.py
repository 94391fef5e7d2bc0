"""Where exactly a small picture lies in a photograph: least-squares matching of windows.

The window `T` of one photograph is sought in another under an affine map, a gain and an offset:

    g · I(p + A (u + d + B u)) + o = T(u),    u in {-HALF … HALF}²

Gauss-Newton over d (2,), B (2, 2), g and o, each step composed into p and A. The derivative is the mean of those of
both windows, which makes the step symmetric and of second order (Benhimane and Malis 2004).

Sources: A. Grün: Adaptive least squares correlation, 1985; S. Baker and I. Matthews: Lucas-Kanade 20 years on, 2004.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

#: Samples from the window's middle to its edge, and along one side; one more all around gives derivatives.
HALF = 7
SIDE = 2 * HALF + 1
WIDE = SIDE + 2
UNKNOWNS = 8
#: A step shorter than this (pixels of the photograph) ends the iteration.
STILL = 0.004
#: … when the edge of the window moves less than this as well (samples).
BENT = 0.02
#: What became of a window.
FOUND, OUTSIDE, FLAT, LOST = 0, 1, 2, 3


def window_weights(spread: float) -> np.ndarray:
    """Gaussian weights (SIDE, SIDE) float32 that sum to one; `spread` is the standard deviation in samples."""
    offsets = np.arange(-HALF, HALF + 1)
    line = np.exp(-0.5 * (offsets / spread) ** 2)
    weights = np.outer(line, line)
    return (weights / weights.sum()).astype(np.float32)


@nb.njit(inline="always")
def _cubic(t, w):
    """Keys' weights (a = -1/2) of four samples for a place `t` in 0 … 1 between the second and the third."""
    w[0] = ((-0.5 * t + 1.0) * t - 0.5) * t
    w[1] = (1.5 * t - 2.5) * t * t + 1.0
    w[2] = ((-1.5 * t + 2.0) * t + 0.5) * t
    w[3] = (0.5 * t - 0.5) * t * t


@nb.njit(error_model="numpy", fastmath=True, cache=True)
def sample_window(levels, x, y, a00, a01, a10, a11, out):
    """Grey values (WIDE, WIDE) at p + A u into `out`; False when some lie outside the photograph.

    `levels` is the photograph and its halvings, uint8; `x`, `y` are pixels of the finest with the first pixel's centre
    at 0.5. The level is taken in which samples are about one pixel apart.
    """
    spacing = math.sqrt(abs(a00 * a11 - a01 * a10))
    level = 0
    while level < len(levels) - 1 and spacing > 1.4142:
        spacing *= 0.5
        level += 1
    picture = levels[level]
    height, width = picture.shape
    scale_x = width / levels[0].shape[1]
    scale_y = height / levels[0].shape[0]
    cx = x * scale_x - 0.5
    cy = y * scale_y - 0.5
    a00 *= scale_x
    a01 *= scale_x
    a10 *= scale_y
    a11 *= scale_y
    reach = HALF + 1
    reach_x = reach * (abs(a00) + abs(a01)) + 2.0
    reach_y = reach * (abs(a10) + abs(a11)) + 2.0
    if not (cx - reach_x >= 0 and cy - reach_y >= 0 and cx + reach_x < width and cy + reach_y < height):
        return False
    wx = np.empty(4, np.float32)
    wy = np.empty(4, np.float32)
    for j in range(WIDE):
        v = j - reach
        for i in range(WIDE):
            u = i - reach
            px = cx + a00 * u + a01 * v
            py = cy + a10 * u + a11 * v
            column = np.int64(math.floor(px))
            row = np.int64(math.floor(py))
            _cubic(np.float32(px - column), wx)
            _cubic(np.float32(py - row), wy)
            total = np.float32(0)
            for k in range(4):
                line = picture[row - 1 + k]
                total += wy[k] * (
                    wx[0] * np.float32(line[column - 1])
                    + wx[1] * np.float32(line[column])
                    + wx[2] * np.float32(line[column + 1])
                    + wx[3] * np.float32(line[column + 2])
                )
            out[j, i] = total
    return True


@nb.njit(error_model="numpy", cache=True)
def _solve(matrix, right):
    """Solve a symmetric positive system in place (Cholesky); the inverse's first two diagonal entries, or zeros."""
    n = right.shape[0]
    for j in range(n):
        diagonal = matrix[j, j]
        for k in range(j):
            diagonal -= matrix[j, k] * matrix[j, k]
        if not diagonal > 1e-9:
            return 0.0, 0.0
        diagonal = math.sqrt(diagonal)
        matrix[j, j] = diagonal
        for i in range(j + 1, n):
            value = matrix[i, j]
            for k in range(j):
                value -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = value / diagonal
    for i in range(n):
        value = right[i]
        for k in range(i):
            value -= matrix[i, k] * right[k]
        right[i] = value / matrix[i, i]
    for i in range(n - 1, -1, -1):
        value = right[i]
        for k in range(i + 1, n):
            value -= matrix[k, i] * right[k]
        right[i] = value / matrix[i, i]
    # The unknowns d come last, so their block of the inverse is that of the last two rows of the factor.
    last = 1.0 / matrix[n - 1, n - 1]
    before = 1.0 / matrix[n - 2, n - 2]
    cross = -matrix[n - 1, n - 2] * last * before
    return before * before + cross * cross, last * last


@nb.njit(error_model="numpy", fastmath=True, cache=True)
def normal_equations(window, template, weights, gain, offset, matrix, right):
    """Fill the normal equations for (g, o, B, d); returns the weighted mean squares of T and of the residual."""
    matrix[:] = 0.0
    right[:] = 0.0
    row = np.empty(UNKNOWNS, np.float64)
    squares = 0.0
    for j in range(SIDE):
        for i in range(SIDE):
            weight = float(weights[j, i])
            value = float(window[j + 1, i + 1])
            wanted = float(template[j + 1, i + 1])
            gx = 0.25 * (gain * (window[j + 1, i + 2] - window[j + 1, i]) + template[j + 1, i + 2] - template[j + 1, i])
            gy = 0.25 * (gain * (window[j + 2, i + 1] - window[j, i + 1]) + template[j + 2, i + 1] - template[j, i + 1])
            u = (i - HALF) / HALF
            v = (j - HALF) / HALF
            row[0] = value
            row[1] = 1.0
            row[2] = gx * u
            row[3] = gx * v
            row[4] = gy * u
            row[5] = gy * v
            row[6] = gx
            row[7] = gy
            residual = wanted - gain * value - offset
            squares += weight * residual * residual
            for a in range(UNKNOWNS):
                weighted = weight * row[a]
                right[a] += weighted * residual
                for b in range(a + 1):
                    matrix[a, b] += weighted * row[b]
    return squares


@nb.njit(error_model="numpy", fastmath=True, cache=True)
def correlate(window, template, weights):
    """Gain and offset that carry the window to the template, their weighted correlation, the template's variance."""
    s = 0.0
    t = 0.0
    ss = 0.0
    st = 0.0
    tt = 0.0
    for j in range(SIDE):
        for i in range(SIDE):
            weight = float(weights[j, i])
            a = float(window[j + 1, i + 1])
            b = float(template[j + 1, i + 1])
            s += weight * a
            t += weight * b
            ss += weight * a * a
            st += weight * a * b
            tt += weight * b * b
    variance = ss - s * s
    wanted = tt - t * t
    if not (variance > 1e-3 and wanted > 1e-3):
        return 1.0, 0.0, 0.0, wanted
    covariance = st - s * t
    gain = covariance / variance
    return gain, t - gain * s, covariance / math.sqrt(variance * wanted), wanted


@nb.njit(error_model="numpy", cache=True)
def match_window(levels, place, shape, template, weights, hold, iterations, window):
    """Move one window onto its template; `place` (2,), `shape` (2, 2) and `window` (WIDE, WIDE) are overwritten.

    `hold` is how strongly B keeps to nothing, in units of the data's own weight. Returns what became of it, the
    correlation and the standard deviation of the place in pixels of the photograph.
    """
    matrix = np.empty((UNKNOWNS, UNKNOWNS), np.float64)
    right = np.empty(UNKNOWNS, np.float64)
    samples = 1.0 / float((weights * weights).sum())
    sigma = np.inf
    for _ in range(iterations):
        if not sample_window(levels, place[0], place[1], shape[0, 0], shape[0, 1], shape[1, 0], shape[1, 1], window):
            return OUTSIDE, 0.0, np.inf
        gain, offset, correlation, _variance = correlate(window, template, weights)
        if correlation <= 0.0:
            return LOST, correlation, np.inf
        squares = normal_equations(window, template, weights, gain, offset, matrix, right)
        for k in range(2, 6):
            matrix[k, k] *= 1.0 + hold
        matrix[0, 0] += 1e-9
        inverse_x, inverse_y = _solve(matrix, right)
        if inverse_x == 0.0:
            return FLAT, correlation, np.inf
        dx = right[6]
        dy = right[7]
        sx = math.sqrt(squares * inverse_x / samples)
        sy = math.sqrt(squares * inverse_y / samples)
        longest = max(abs(dx), abs(dy))
        if not longest < 1e3:
            return FLAT, correlation, np.inf
        shrink = min(1.0, 1.0 / max(longest, 1e-12))
        dx *= shrink
        dy *= shrink
        b00 = shrink * right[2] / HALF
        b01 = shrink * right[3] / HALF
        b10 = shrink * right[4] / HALF
        b11 = shrink * right[5] / HALF
        largest = max(max(abs(b00), abs(b01)), max(abs(b10), abs(b11)))
        if largest > 0.2:
            b00 *= 0.2 / largest
            b01 *= 0.2 / largest
            b10 *= 0.2 / largest
            b11 *= 0.2 / largest
        a00 = shape[0, 0]
        a01 = shape[0, 1]
        a10 = shape[1, 0]
        a11 = shape[1, 1]
        step_x = a00 * dx + a01 * dy
        step_y = a10 * dx + a11 * dy
        place[0] += step_x
        place[1] += step_y
        shape[0, 0] = a00 * (1 + b00) + a01 * b10
        shape[0, 1] = a00 * b01 + a01 * (1 + b11)
        shape[1, 0] = a10 * (1 + b00) + a11 * b10
        shape[1, 1] = a10 * b01 + a11 * (1 + b11)
        sigma = math.sqrt((a00 * sx) ** 2 + (a01 * sy) ** 2 + (a10 * sx) ** 2 + (a11 * sy) ** 2)
        if max(abs(step_x), abs(step_y)) < STILL and HALF * largest < BENT:
            break
    if not sample_window(levels, place[0], place[1], shape[0, 0], shape[0, 1], shape[1, 0], shape[1, 1], window):
        return OUTSIDE, 0.0, np.inf
    _gain, _offset, correlation, _variance = correlate(window, template, weights)
    return FOUND, correlation, sigma


@nb.njit(parallel=True, cache=True)
def match_windows(
    levels, places, shapes, templates, which, weights, hold, iterations, states, correlations, sigmas, windows
):
    """`match_window` for many: `places` (M, 2), `shapes` (M, 2, 2), `templates` (N, WIDE, WIDE), `which` (M,) of them.

    Overwritten besides places and shapes: `states` (M,) int64, `correlations` (M,), `sigmas` (M,), `windows`
    (M, WIDE, WIDE) as sampled last.
    """
    for m in nb.prange(places.shape[0]):
        state, correlation, sigma = match_window(
            levels, places[m], shapes[m], templates[which[m]], weights, hold, iterations, windows[m]
        )
        states[m] = state
        correlations[m] = correlation
        sigmas[m] = sigma


@nb.njit(parallel=True, cache=True)
def sample_windows(levels, places, shapes, windows, inside):
    """`sample_window` for many: `windows` (M, WIDE, WIDE) float32, `inside` (M,) bool."""
    for m in nb.prange(places.shape[0]):
        inside[m] = sample_window(
            levels, places[m, 0], places[m, 1], shapes[m, 0, 0], shapes[m, 0, 1], shapes[m, 1, 0], shapes[m, 1, 1],
            windows[m],
        )  # fmt: skip


@nb.njit(cache=True)
def add_windows(windows, which, templates, weights, total, votes):
    """Add windows (M, WIDE, WIDE), brought to the brightness of their templates, to sums (N, WIDE, WIDE)."""
    for m in range(windows.shape[0]):
        row = which[m]
        gain, offset, _correlation, _variance = correlate(windows[m], templates[row], weights)
        for j in range(WIDE):
            for i in range(WIDE):
                total[row, j, i] += np.float32(gain) * windows[m, j, i] + np.float32(offset)
        votes[row] += 1.0
