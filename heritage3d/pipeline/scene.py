"""What the cameras saw: the one value that passes from the solved cameras to every dense stage.

A `Scene` is stored as a folder holding `scene.json` (names, sizes, relative paths) and `scene.npz` (numbers); nothing
is pickled, so a stored scene can be read without trusting who wrote it. Image and mask paths are kept relative to a
`root` folder, so that a run can be moved and hashes do not depend on where it lies.

Conventions: `x_cam = R X + t`, OpenCV axes (x right, y down, z forward), the centre of the first pixel at 0.5, so a
pixel with integer index `i` has its centre at `i + 0.5`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SCENE_JSON = "scene.json"
SCENE_NPZ = "scene.npz"
SCENE_SCHEMA = 1


@dataclass(frozen=True, eq=False)
class Camera:
    """One pinhole photograph without distortion.

    `K` is (3, 3) float64 in pixels with the first pixel's centre at 0.5; `R` (3, 3) and `t` (3,) turn a point of the
    scene into the camera: `x_cam = R X + t`.
    """

    name: str
    width: int
    height: int
    K: FloatArray
    R: FloatArray
    t: FloatArray

    def __post_init__(self) -> None:
        for field, shape in (("K", (3, 3)), ("R", (3, 3)), ("t", (3,))):
            value = np.ascontiguousarray(getattr(self, field), dtype=np.float64)
            if value.shape != shape:
                raise ValueError(f"Camera {self.name}: {field} must have shape {shape}, not {value.shape}")
            if not np.isfinite(value).all():
                raise ValueError(f"Camera {self.name}: {field} holds a value that is not finite")
            value.setflags(write=False)
            object.__setattr__(self, field, value)
        if self.width < 1 or self.height < 1:
            raise ValueError(f"Camera {self.name}: size must be positive, not {self.width} x {self.height}")

    @property
    def centre(self) -> FloatArray:
        """Position of the camera in the scene, (3,)."""
        return -self.R.T @ self.t

    def project(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Pixel coordinates (N, 2) and depths (N,) of scene points (N, 3); depth ≤ 0 lies behind the camera."""
        in_camera = points @ self.R.T + self.t
        depth = in_camera[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = (in_camera @ self.K.T)[:, :2] / depth[:, None]
        return pixels, depth

    def unproject(self, pixels: FloatArray, depth: FloatArray) -> FloatArray:
        """Scene points (N, 3) of pixel coordinates (N, 2) at depths (N,) measured along the optical axis."""
        homogeneous = np.column_stack([pixels, np.ones(len(pixels))])
        in_camera = (homogeneous @ np.linalg.inv(self.K).T) * depth[:, None]
        return (in_camera - self.t) @ self.R

    def resized(self, width: int, height: int) -> Camera:
        """The same photograph at another size; with pixel centres at 0.5 this scales K and shifts nothing."""
        scale = np.array([width / self.width, height / self.height, 1.0])
        return replace(self, width=width, height=height, K=self.K * scale[:, None])

    def fitted(self, longest: int) -> Camera:
        """The camera reduced so that its longer side is at most `longest` pixels (never enlarged)."""
        factor = min(1.0, longest / max(self.width, self.height))
        return self.resized(max(1, round(self.width * factor)), max(1, round(self.height * factor)))


@dataclass(frozen=True, eq=False)
class Scene:
    """Cameras, their undistorted colour photographs and masks, and the sparse points they share.

    `images[i]` and `masks[i]` belong to `cameras[i]`; a mask is an 8-bit picture of the photograph's size in which
    255 means *use this pixel*, `None` means that every pixel may be used. `points` is (N, 3);
    `observations[i]` (M_i,) int64 lists the indices of the points that camera `i` observed, ascending.
    """

    cameras: tuple[Camera, ...]
    images: tuple[Path, ...]
    masks: tuple[Path | None, ...]
    points: FloatArray
    observations: tuple[IntArray, ...]

    def __post_init__(self) -> None:
        count = len(self.cameras)
        if not (len(self.images) == len(self.masks) == len(self.observations) == count):
            raise ValueError("Scene: cameras, images, masks and observations must have the same length")
        points = np.ascontiguousarray(self.points, dtype=np.float64).reshape(-1, 3)
        object.__setattr__(self, "points", points)
        for camera, indices in zip(self.cameras, self.observations, strict=True):
            if len(indices) and (int(indices.min()) < 0 or int(indices.max()) >= len(points)):
                raise ValueError(f"Scene: {camera.name} observes a point that does not exist")

    def __len__(self) -> int:
        return len(self.cameras)

    def __iter__(self) -> Iterator[tuple[Camera, Path, Path | None]]:
        return iter(zip(self.cameras, self.images, self.masks, strict=True))

    def depths_of(self, index: int) -> FloatArray:
        """Depths (M,) along the optical axis of the sparse points that camera `index` observed."""
        camera = self.cameras[index]
        return self.points[self.observations[index]] @ camera.R[2] + camera.t[2]

    def save(self, folder: Path, *, root: Path | None = None) -> None:
        """Write `scene.json` and `scene.npz` into `folder`; pictures are named relative to `root` (default `folder`).

        Raises ValueError when a picture lies outside `root`.
        """
        base = (root or folder).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        cameras = [
            {
                "name": camera.name,
                "width": camera.width,
                "height": camera.height,
                "image": str(image.resolve().relative_to(base)),
                "mask": None if mask is None else str(mask.resolve().relative_to(base)),
            }
            for camera, image, mask in self
        ]
        text = json.dumps({"schema": SCENE_SCHEMA, "cameras": cameras}, indent=1, sort_keys=True)
        (folder / SCENE_JSON).write_text(text, encoding="utf-8")
        lengths = np.array([len(indices) for indices in self.observations], dtype=np.int64)
        count = len(self.cameras)
        np.savez(
            folder / SCENE_NPZ,
            K=np.array([camera.K for camera in self.cameras]).reshape(count, 3, 3),
            R=np.array([camera.R for camera in self.cameras]).reshape(count, 3, 3),
            t=np.array([camera.t for camera in self.cameras]).reshape(count, 3),
            points=self.points,
            observation_lengths=lengths,
            observation_indices=np.concatenate([*self.observations, np.empty(0, np.int64)]).astype(np.int64),
        )

    @classmethod
    def load(cls, folder: Path, *, root: Path | None = None) -> Scene:
        """Read what `save` wrote; raises ValueError for another schema, FileNotFoundError where nothing was saved."""
        base = root or folder
        stored = json.loads((folder / SCENE_JSON).read_text(encoding="utf-8"))
        if stored.get("schema") != SCENE_SCHEMA:
            raise ValueError(f"{folder / SCENE_JSON}: schema {stored.get('schema')!r}, expected {SCENE_SCHEMA}")
        with np.load(folder / SCENE_NPZ, allow_pickle=False) as numbers:
            cameras = tuple(
                Camera(entry["name"], entry["width"], entry["height"], K, R, t)
                for entry, K, R, t in zip(stored["cameras"], numbers["K"], numbers["R"], numbers["t"], strict=True)
            )
            splits = np.cumsum(numbers["observation_lengths"])[:-1]
            indices = numbers["observation_indices"]
            observations = tuple(np.split(indices, splits)) if cameras else ()
            points = numbers["points"]
        return cls(
            cameras=cameras,
            images=tuple(base / entry["image"] for entry in stored["cameras"]),
            masks=tuple(None if entry["mask"] is None else base / entry["mask"] for entry in stored["cameras"]),
            points=points,
            observations=observations,
        )
