"""The similarity from the frame of the cameras to the frame of the delivered model, and how sure it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.georeference.control import HELD_OUT_FROM
from heritage3d.pipeline.scene import Camera

Vector = npt.NDArray[np.float64]
FRAME_JSON = "frame.json"
WORLD_JSON = "world.json"
#: Rows of pictures that spread less than this across their main direction do not tell what is level.
PARALLEL_ROWS = 0.05
#: With four or five points each is held out in turn; with fewer nothing can be assessed.
ASSESSABLE_FROM = 4


@dataclass(frozen=True, eq=False)
class Frame:
    """x ↦ scale · R x + t. `status` is "measured", "estimated" or "none"; errors are metres."""

    scale: float
    R: Vector
    t: Vector
    status: str
    source: str
    error: float | None = None
    details: dict[str, Any] = field(default_factory=dict)

    def apply(self, points: Vector) -> Vector:
        """Points (N, 3) in the frame of the model."""
        return np.asarray(self.scale * points @ self.R.T + self.t)

    def turn(self, normals: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Directions (N, 3) in the frame of the model."""
        return (normals @ self.R.T).astype(np.float32)

    def camera(self, R: Vector, t: Vector) -> tuple[Vector, Vector]:
        """R and t of the same photograph for points in the frame of the model: `x_cam = R X + t`, in its units."""
        turned = R @ self.R.T
        return turned, self.scale * t - turned @ self.t

    def place(self, camera: Camera) -> Camera:
        """The camera in the frame of the model."""
        R, t = self.camera(camera.R, camera.t)
        return Camera(camera.name, camera.width, camera.height, camera.K, R, t)

    def save(self, folder: Path) -> None:
        content = {
            "scale": self.scale,
            "R": self.R.tolist(),
            "t": self.t.tolist(),
            "status": self.status,
            "source": self.source,
            "error": self.error,
            "details": self.details,
        }
        (folder / FRAME_JSON).write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Frame:
        stored = json.loads((folder / FRAME_JSON).read_text(encoding="utf-8"))
        return cls(
            stored["scale"],
            np.array(stored["R"]),
            np.array(stored["t"]),
            stored["status"],
            stored["source"],
            stored["error"],
            stored["details"],
        )


def fit_similarity(source: Vector, target: Vector, weights: Vector | None = None) -> tuple[float, Vector, Vector]:
    """Scale, R and t that take `source` (N ≥ 3, 3) to `target` with the least weighted square error (Umeyama 1991)."""
    if len(source) < 3:
        raise ValueError("three points or more are needed")
    w = np.ones(len(source)) if weights is None else weights
    w = w / w.sum()
    a, b = w @ source, w @ target
    x, y = source - a, target - b
    U, singular, Vt = np.linalg.svd((y * w[:, None]).T @ x)
    if singular[1] < 1e-9 * max(singular[0], 1e-30):
        raise ValueError("the points lie on a line")
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    R = (U * sign) @ Vt
    scale = float((singular * sign).sum() / (w @ (x**2).sum(1)))
    return scale, R, b - scale * R @ a


def held(cameras: Sequence[Camera], orientations: Mapping[str, int]) -> tuple[Vector, Vector]:
    """Directions (N, 3) to the right and down in the pictures as people held them; `orientations` are EXIF's."""
    rows, downs = [], []
    for camera in cameras:
        right, down = camera.R[0], camera.R[1]
        turn = orientations.get(camera.name, 1)
        if turn in (6, 5):
            right, down = -down, right
        elif turn in (8, 7):
            right, down = down, -right
        elif turn in (3, 4):
            right, down = -right, -down
        rows.append(right)
        downs.append(down)
    return np.array(rows), np.array(downs)


def upright_axes(cameras: Sequence[Camera], orientations: Mapping[str, int]) -> tuple[Vector, Vector]:
    """Up, and the direction most photographs look in, level with it.

    People hold cameras level: the axis that is level in all pictures together is found as the direction to which all
    picture rows are most nearly at right angles. `orientations` are EXIF's, by name.
    """
    rows, downs = held(cameras, orientations)
    views = np.array([camera.R[2] for camera in cameras])
    _, vectors = np.linalg.eigh(rows.T @ rows)
    up = vectors[:, 0]
    spread = np.linalg.svd(rows, compute_uv=False)
    if len(spread) < 2 or spread[1] < PARALLEL_ROWS * spread[0]:
        # All rows are parallel (one straight wall): up is what the pictures say on average.
        up = -np.mean(downs, axis=0)
        level = np.mean(rows, axis=0)
        up -= (up @ level) / max(float(level @ level), 1e-9) * level
    if up @ np.mean(downs, axis=0) > 0:
        up = -up
    up /= np.linalg.norm(up)
    ahead = np.mean(views, axis=0)
    ahead -= (ahead @ up) * up
    if np.linalg.norm(ahead) < 0.2:
        # Photographs from all round or from above look nowhere on the whole: any level direction will do.
        ahead = np.mean([-down for down in downs], axis=0)
        ahead -= (ahead @ up) * up
    if np.linalg.norm(ahead) < 1e-6:
        ahead = np.cross(up, [1.0, 0.0, 0.0] if abs(up[0]) < 0.9 else [0.0, 1.0, 0.0])
    return up, ahead / np.linalg.norm(ahead)


def upright_frame(cameras: Sequence[Camera], points: Vector, orientations: Mapping[str, int]) -> Frame:
    """z up, y the way most photographs look, the origin in the middle of what was seen, no scale."""
    up, ahead = upright_axes(cameras, orientations)
    R = np.stack([np.cross(ahead, up), ahead, up])
    middle = np.median(points, axis=0)
    return Frame(1.0, R, -R @ middle, "none", "no measurement was given")


def with_scale(frame: Frame, measured: Sequence[tuple[str, float, float]]) -> Frame:
    """The frame scaled by distances: (name, length in the frame of the cameras, metres)."""
    ours = np.array([length for _, length, _ in measured])
    true = np.array([metres for _, _, metres in measured])
    scale = float((ours * true).sum() / (ours**2).sum())
    residuals = np.abs(scale * ours - true)
    checks: list[float] = []
    if len(measured) >= 2:
        for index in range(len(measured)):
            rest = np.arange(len(measured)) != index
            other = float((ours[rest] * true[rest]).sum() / (ours[rest] ** 2).sum())
            checks.append(abs(other * ours[index] - true[index]))
    error = float(np.sqrt(np.mean(np.square(checks)))) if checks else None
    details = {
        "distances": [
            {"name": name, "metres": metres, "residual": round(float(residual), 6)}
            for (name, _, metres), residual in zip(measured, residuals, strict=True)
        ],
        "check_rms": error if error is not None else "not assessable",
    }
    return Frame(scale, frame.R, scale * frame.t, "measured", "distances", error, details)


def from_control(names: Sequence[str], ours: Vector, theirs: Vector, checks: Set[str]) -> Frame:
    """A frame from points with coordinates; check points are held out and reported apart."""
    order = np.arange(len(names))
    named = np.array([name in checks for name in names])
    if not named.any() and len(names) >= HELD_OUT_FROM:
        named = order % 3 == 2
    used = ~named
    if used.sum() < 3:
        used = np.ones(len(names), bool)
        named = ~used
    scale, R, t = fit_similarity(ours[used], theirs[used])
    apart = np.linalg.norm(scale * ours @ R.T + t - theirs, axis=1)
    control_rms = float(np.sqrt(np.mean(apart[used] ** 2)))
    check: float | None = None
    how = "not assessable"
    if named.any():
        check, how = float(np.sqrt(np.mean(apart[named] ** 2))), "held out"
    elif len(names) >= ASSESSABLE_FROM:
        errors = []
        for index in order:
            rest = order != index
            s, Q, p = fit_similarity(ours[rest], theirs[rest])
            errors.append(np.linalg.norm(s * Q @ ours[index] + p - theirs[index]))
        check, how = float(np.sqrt(np.mean(np.square(errors)))), "leave one out"
    details = {
        "control_points": int(used.sum()),
        "control_rms": control_rms,
        "check_points": int(named.sum()),
        "check_rms": check if check is not None else "not assessable",
        "check_method": how,
    }
    return Frame(scale, R, t, "measured", "control points", check if check is not None else control_rms, details)
