"""Photographs of the monument: a camera with distortion, vignetting, exposure and noise looks at exact geometry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open3d as o3d
from PIL import Image

from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.synthetic.materials import REFLECTANCE, radiance, sky_radiance
from heritage3d.pipeline.synthetic.meshes import Mesh

Floats = npt.NDArray[np.float32]

#: Rows rendered at once: bounds memory at 24 Mpx.
BAND_ROWS = 192
EXIF_FOCAL_LENGTH_35MM = 0xA405
EXIF_MAKE, EXIF_MODEL = 0x010F, 0x0110
EXIF_IFD = 0x8769


@dataclass(frozen=True)
class Lens:
    """What the lens and the exposure do to a picture.

    `k1`, `k2` are radial distortion (COLMAP's RADIAL: x_d = x (1 + k1 r² + k2 r⁴)), `vignetting` the share of light
    lost in the corner, `exposure` in EV, `read_noise` and `photon_noise` standard deviations in linear light (the
    latter at full white, growing with the root of the signal).
    """

    k1: float = -0.06
    k2: float = 0.012
    vignetting: float = 0.30
    exposure: float = 0.0
    read_noise: float = 0.0015
    photon_noise: float = 0.009

    def undistorted(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> tuple[Floats, Floats]:
        """Normalised pinhole coordinates of distorted ones, by fixed-point iteration to 1e-9."""
        ux, uy = x.copy(), y.copy()
        for _ in range(25):
            r2 = ux * ux + uy * uy
            factor = 1 + self.k1 * r2 + self.k2 * r2 * r2
            ux, uy = x / factor, y / factor
        return ux.astype(np.float32), uy.astype(np.float32)


def _tensor(values: npt.NDArray[np.float32] | npt.NDArray[np.uint32]) -> Any:
    """An Open3D tensor of an array; the stubs of `Tensor(...)` know no numpy type."""
    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(values))


class Stage:
    """The monument made ready for rays: its light is computed once and shared by all photographs."""

    def __init__(self, mesh: Mesh, *, rays_per_vertex: int = 32) -> None:
        self._mesh = mesh
        self.raycaster = o3d.t.geometry.RaycastingScene()
        self.raycaster.add_triangles(_tensor(mesh.vertices.astype(np.float32)), _tensor(mesh.faces.astype(np.uint32)))
        corners = mesh.vertices[mesh.faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        at_vertices = np.zeros_like(mesh.vertices)
        for corner in range(3):
            np.add.at(at_vertices, mesh.faces[:, corner], normal)
        self._normals = (at_vertices / (np.linalg.norm(at_vertices, axis=1, keepdims=True) + 1e-15)).astype(np.float32)
        self._openness = self._sky_seen(rays_per_vertex)

    def _sky_seen(self, rays: int) -> Floats:
        """Share of a cosine-weighted hemisphere that is not blocked within 3 m, at every vertex."""
        vertices = self._mesh.vertices.astype(np.float32)
        seen = np.zeros(len(vertices), np.float32)
        rng = np.random.default_rng(7)
        for _ in range(rays):
            direction = rng.normal(size=vertices.shape).astype(np.float32)
            direction /= np.linalg.norm(direction, axis=1, keepdims=True)
            direction = direction + self._normals * np.float32(1.001)
            direction /= np.linalg.norm(direction, axis=1, keepdims=True)
            origin = vertices + self._normals * np.float32(0.004) + direction * np.float32(0.002)
            blocked = self.raycaster.test_occlusions(
                _tensor(np.concatenate([origin, direction], 1)), tnear=0.0, tfar=3.0
            )
            seen += ~blocked.numpy()
        return (seen / rays).astype(np.float32)

    def light(self, origin: npt.NDArray[np.float64], directions: Floats) -> tuple[Floats, Floats]:
        """Linear colour (N, 3) and distance (N,) along rays (N, 3); infinite where the sky is seen."""
        rays = np.empty((len(directions), 6), np.float32)
        rays[:, :3] = origin
        rays[:, 3:] = directions
        hit = self.raycaster.cast_rays(_tensor(rays))
        distance = hit["t_hit"].numpy()
        struck = np.isfinite(distance)
        colour = np.empty((len(directions), 3), np.float32)
        if not struck.all():
            away = directions[~struck]
            colour[~struck] = sky_radiance(away / np.linalg.norm(away, axis=1, keepdims=True))
        if struck.any():
            face = hit["primitive_ids"].numpy()[struck].astype(np.int64)
            uv = hit["primitive_uvs"].numpy()[struck]
            weights = np.stack([1 - uv[:, 0] - uv[:, 1], uv[:, 0], uv[:, 1]], 1)
            corners = self._mesh.faces[face]
            normal = (self._normals[corners] * weights[..., None]).sum(1)
            normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
            normal *= np.where((normal * directions[struck]).sum(1) > 0, -1, 1)[:, None].astype(np.float32)
            openness = (self._openness[corners] * weights).sum(1).astype(np.float32)
            point = rays[struck, :3] + directions[struck] * distance[struck, None]
            colour[struck] = radiance(point, normal, self._mesh.materials[face], openness, REFLECTANCE)
        return colour, distance


def _srgb(linear: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """8-bit sRGB of linear light (IEC 61966-2-1)."""
    clipped = np.clip(linear, 0, 1)
    encoded = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * np.power(clipped, 1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)


def take_photograph(
    stage: Stage, camera: Camera, lens: Lens, *, seed: int, samples: int = 2
) -> tuple[npt.NDArray[np.uint8], Floats]:
    """The picture (H, W, 3) sRGB and the true depth (H, W) along the optical axis, infinite in the sky.

    Both are in the distorted frame of the sensor. `samples` × `samples` rays a pixel; depth is that of the first.
    """
    rng = np.random.default_rng(seed)
    picture = np.empty((camera.height, camera.width, 3), np.uint8)
    depth = np.full((camera.height, camera.width), np.inf, np.float32)
    fx, fy, cx, cy = camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2]
    corner = np.hypot(camera.width / 2, camera.height / 2)
    for top in range(0, camera.height, BAND_ROWS):
        rows = np.arange(top, min(camera.height, top + BAND_ROWS))
        total = np.zeros((len(rows) * camera.width, 3), np.float32)
        for sample in range(samples * samples):
            offset = ((np.array([sample % samples, sample // samples]) + 0.5) / samples) if samples > 1 else (0.5, 0.5)
            u, v = np.meshgrid(np.arange(camera.width) + offset[0], rows + offset[1])
            x, y = lens.undistorted((u.ravel() - cx) / fx, (v.ravel() - cy) / fy)
            in_camera = np.stack([x, y, np.ones_like(x)], 1)
            colour, distance = stage.light(camera.centre, in_camera @ camera.R.astype(np.float32))
            total += colour
            if sample == 0:
                depth[rows] = distance.reshape(len(rows), -1)
        linear = total.reshape(len(rows), camera.width, 3) / samples**2
        u, v = np.meshgrid(np.arange(camera.width) + 0.5 - camera.width / 2, rows + 0.5 - camera.height / 2)
        linear *= (1 - lens.vignetting * ((u * u + v * v) / corner**2))[..., None].astype(np.float32)
        linear *= np.float32(1.25 * 2.0**lens.exposure)
        sigma = np.sqrt(lens.read_noise**2 + lens.photon_noise**2 * np.clip(linear, 0, 1))
        linear += sigma.astype(np.float32) * rng.standard_normal(linear.shape, dtype=np.float32)
        picture[rows] = _srgb(linear)
    return picture, depth


def save_photograph(picture: npt.NDArray[np.uint8], path: Path, *, focal_35mm: float | None) -> None:
    """JPEG of quality 92 with the EXIF a camera would write (no place, no time, no person)."""
    image = Image.fromarray(picture)
    exif = Image.Exif()
    if focal_35mm is not None:
        exif[EXIF_MAKE] = "Cairn"
        exif[EXIF_MODEL] = "Invented camera"
        exif.get_ifd(EXIF_IFD)[EXIF_FOCAL_LENGTH_35MM] = round(focal_35mm)
    image.save(path, quality=92, exif=exif)
