"""Smooth random fields of position, the same on every call and every machine up to rounding."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt


@nb.njit(inline="always")
def _lattice(x: int, y: int, z: int, seed: int) -> float:
    """A number in [0, 1) for a lattice point: three rounds of integer mixing after PCG's hash (Jarzynski 2020)."""
    h = np.uint32(x) * np.uint32(1664525) + np.uint32(y) * np.uint32(22695477) + np.uint32(z) * np.uint32(69069)
    h = h + np.uint32(seed) * np.uint32(2891336453)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(3266489917)
    h = h ^ (h >> np.uint32(16))
    return np.float64(h & np.uint32(0xFFFFFF)) / 16777216.0


@nb.njit(fastmath=True)
def value_noise(x: float, y: float, z: float, seed: int) -> float:
    """Value noise in [-1, 1] of unit wavelength with quintic blending (Perlin 2002)."""
    xi, yi, zi = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    fx, fy, fz = x - xi, y - yi, z - zi
    fx = fx * fx * fx * (fx * (fx * 6 - 15) + 10)
    fy = fy * fy * fy * (fy * (fy * 6 - 15) + 10)
    fz = fz * fz * fz * (fz * (fz * 6 - 15) + 10)
    total = 0.0
    for dz in range(2):
        wz = fz if dz else 1 - fz
        for dy in range(2):
            wy = fy if dy else 1 - fy
            for dx in range(2):
                wx = fx if dx else 1 - fx
                total += wx * wy * wz * _lattice(xi + dx, yi + dy, zi + dz, seed)
    return 2 * total - 1


@nb.njit(fastmath=True)
def fractal(x: float, y: float, z: float, seed: int, wavelength: float, octaves: int, falloff: float) -> float:
    """Sum of `octaves` of value noise, each of half the wavelength (metres) and `falloff` times the amplitude."""
    total, amplitude, weight = 0.0, 1.0, 0.0
    scale = 1.0 / wavelength
    for k in range(octaves):
        total += amplitude * value_noise(x * scale, y * scale, z * scale, seed + 17 * k)
        weight += amplitude
        scale *= 2.03
        amplitude *= falloff
    return total / weight


@nb.njit(parallel=True, cache=True)
def fractal_field(
    points: npt.NDArray[np.float64], seed: int, wavelength: float, octaves: int, falloff: float
) -> npt.NDArray[np.float64]:
    """`fractal` at every point (N, 3); returns (N,)."""
    out = np.empty(len(points))
    for i in nb.prange(len(points)):
        out[i] = fractal(points[i, 0], points[i, 1], points[i, 2], seed, wavelength, octaves, falloff)
    return out
