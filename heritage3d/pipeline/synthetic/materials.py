"""The colour of the monument at any point, and the clouded sky: fields of position, so every photograph agrees."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.synthetic.noise import fractal, value_noise

#: Linear reflectance (red, green, blue) by `monument.Material`.
REFLECTANCE = np.array(
    [
        (0.46, 0.40, 0.31),
        (0.62, 0.57, 0.47),
        (0.060, 0.042, 0.030),
        (0.30, 0.29, 0.27),
        (0.085, 0.15, 0.045),
        (0.12, 0.09, 0.065),
        (0.40, 0.29, 0.21),
        (0.07, 0.11, 0.05),
    ]
)
_STONE, _PLASTER, _DOOR, _PAVING, _LEAF, _BARK, _BROKEN, _HEDGE = range(8)
NO_MATERIAL = 255


@nb.njit(parallel=True, fastmath=True, cache=True)
def radiance(
    points: npt.NDArray[np.float32],
    normals: npt.NDArray[np.float32],
    material: npt.NDArray[np.uint8],
    openness: npt.NDArray[np.float32],
    reflectance: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Linear colour (N, 3) of points (N, 3) under an overcast sky.

    `normals` (N, 3) face the viewer, `openness` (N,) in [0, 1] is the share of the sky a point sees. Matt surfaces
    only: what they send does not depend on the direction, which every multi-view method assumes and stone obeys.
    """
    out = np.empty((len(points), 3), np.float32)
    for i in nb.prange(len(points)):
        x, y, z = points[i, 0], points[i, 1], points[i, 2]
        kind = material[i]
        tone, warm = 1.0, 0.0
        if kind in (_STONE, _BROKEN):
            course = np.floor(z / 0.42)
            block = np.sin(course * 127.1 + np.floor(x / 0.84 + 0.5 * (course % 2)) * 311.7) * 43758.5453
            tone += 0.22 * fractal(x, y, z, 101, 0.9, 4, 0.6) + 0.34 * fractal(x, y, z, 103, 0.06, 5, 0.75)
            tone += 0.12 * (block - np.floor(block) - 0.5)
            warm = 0.10 * fractal(x, y, z, 107, 0.4, 3, 0.6)
            speck = value_noise(x * 110, y * 110, z * 110, 109)
            if speck > 0.55:
                tone -= 0.35 * (speck - 0.55) / 0.45
        elif kind == _PLASTER:
            tone += 0.05 * fractal(x, y, z, 113, 0.8, 3, 0.5) + 0.025 * fractal(x, y, z, 127, 0.03, 3, 0.7)
        elif kind == _DOOR:
            tone += 0.22 * fractal(x * 9, y, z * 0.7, 131, 0.35, 4, 0.6) + 0.10 * fractal(x, y, z, 137, 0.02, 3, 0.7)
        elif kind == _PAVING:
            slab = np.sin(np.round(x / 0.8) * 91.7 + np.round(y / 0.6) * 57.3) * 43758.5453
            tone += 0.25 * fractal(x, y, z, 139, 0.07, 4, 0.7) + 0.15 * (slab - np.floor(slab) - 0.5)
        elif kind in (_LEAF, _HEDGE):
            tone += 0.6 * fractal(x, y, z, 149, 0.08, 3, 0.7)
            warm = 0.25 * value_noise(x * 9, y * 9, z * 9, 151)
        else:
            tone += 0.5 * fractal(x * 3, y * 3, z * 0.6, 157, 0.08, 4, 0.7)
        sky = 0.62 + 0.26 * normals[i, 2] - 0.12 * normals[i, 1] + 0.07 * normals[i, 0]
        light = max(tone, 0.08) * sky * (0.10 + 0.90 * openness[i])
        out[i, 0] = reflectance[kind, 0] * light * (1 + warm)
        out[i, 1] = reflectance[kind, 1] * light
        out[i, 2] = reflectance[kind, 2] * light * (1 - warm)
    return out


@nb.njit(parallel=True, fastmath=True, cache=True)
def sky_radiance(directions: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Linear colour (N, 3) of a clouded sky seen along unit directions (N, 3)."""
    out = np.empty((len(directions), 3), np.float32)
    for i in nb.prange(len(directions)):
        x, y, z = directions[i, 0], directions[i, 1], max(directions[i, 2], 0.02)
        cloud = 0.5 + 0.5 * fractal(x / (z + 0.3), y / (z + 0.3), 0.7, 163, 0.9, 5, 0.55)
        cover = min(max((cloud - 0.30) / 0.35, 0.0), 1.0)
        bright = 0.80 + 0.35 * cloud
        out[i, 0] = (1 - cover) * 0.38 + cover * bright * 0.96
        out[i, 1] = (1 - cover) * 0.50 + cover * bright * 0.98
        out[i, 2] = (1 - cover) * 0.74 + cover * bright
    return out
