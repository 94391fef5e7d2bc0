"""Analytic scenes for the dense tests: what a ring of cameras sees of a plane, a sphere or a box, exactly."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.dense.fusion import AgreedMap
from heritage3d.pipeline.rasterise import Raster, rasterise
from heritage3d.pipeline.scene import Camera


def look_at(eye: tuple[float, float, float], target: tuple[float, float, float], width: int, height: int) -> Camera:
    """A camera of 1.1 widths focal length at `eye` with y as the world's downward axis."""
    forward = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    K = np.array([[1.1 * width, 0, width / 2], [0, 1.1 * width, height / 2], [0, 0, 1]])
    return Camera(f"eye {eye}", width, height, K, R, -R @ np.array(eye, float))


def sphere_mesh(radius: float, rings: int = 60) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """A sphere about the origin, faces outwards."""
    around = 2 * rings
    latitude = np.linspace(0, np.pi, rings + 1)
    longitude = np.linspace(0, 2 * np.pi, around, endpoint=False)
    grid = np.stack(
        [
            np.sin(latitude)[:, None] * np.cos(longitude)[None, :],
            np.cos(latitude)[:, None] * np.ones(around)[None, :],
            np.sin(latitude)[:, None] * np.sin(longitude)[None, :],
        ],
        axis=-1,
    )
    index = np.arange((rings + 1) * around).reshape(rings + 1, around)
    a, b = index[:-1], np.roll(index[:-1], -1, axis=1)
    c, d = index[1:], np.roll(index[1:], -1, axis=1)
    faces = np.concatenate([np.stack([a, b, d], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    return radius * grid.reshape(-1, 3), faces


def agreed_from_raster(seen: Raster, camera: Camera, *, support: int = 4) -> AgreedMap:
    """A depth map without error: planes from the exact depths of a raster and their differences."""
    inverse = np.where(seen.covered, 1.0 / np.where(seen.covered, seen.depth, 1), 0).astype(np.float64)
    planes = np.zeros((*inverse.shape, 3), np.float32)
    planes[..., 0] = inverse
    inner = np.zeros_like(seen.covered)
    inner[1:-1, 1:-1] = (
        seen.covered[1:-1, 1:-1]
        & seen.covered[1:-1, :-2]
        & seen.covered[1:-1, 2:]
        & seen.covered[:-2, 1:-1]
        & seen.covered[2:, 1:-1]
    )
    planes[1:-1, 1:-1, 1] = (inverse[1:-1, 2:] - inverse[1:-1, :-2]) / 2
    planes[1:-1, 1:-1, 2] = (inverse[2:, 1:-1] - inverse[:-2, 1:-1]) / 2
    planes[~inner] = 0
    return AgreedMap(camera, planes, np.where(inner, support, 0).astype(np.uint8))


def ring(count: int, distance: float, width: int = 160, height: int = 120) -> list[Camera]:
    """Cameras around the origin at their own height, looking at it."""
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return [
        look_at((distance * np.sin(a), -0.2 * distance, distance * np.cos(a)), (0, 0, 0), width, height) for a in angles
    ]


def maps_of(vertices: npt.NDArray, faces: npt.NDArray, cameras: list[Camera]) -> list[AgreedMap]:
    """Exact depth maps of a mesh."""
    return [agreed_from_raster(rasterise(vertices, faces, camera), camera) for camera in cameras]
