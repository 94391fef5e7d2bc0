"""Where marked points are in the frame of the cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]

#: A mark that lies farther (pixels) from its point is not of that point.
LARGEST_RESIDUAL = 8.0


@dataclass(frozen=True, eq=False)
class SolvedCamera:
    """A photograph as it was taken: `K` for its full-size pixels and its distortion beside it."""

    name: str
    copy: str
    width: int
    height: int
    K: Vector
    R: Vector
    t: Vector
    model: str
    distortion: tuple[float, ...]

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> SolvedCamera:
        return cls(
            entry["name"],
            entry["copy"],
            entry["width"],
            entry["height"],
            np.array(entry["K"]),
            np.array(entry["R"]),
            np.array(entry["t"]),
            entry["model"],
            tuple(entry["distortion"]),
        )

    @property
    def centre(self) -> Vector:
        return np.asarray(-self.R.T @ self.t)

    def straight(self, u: float, v: float) -> Vector:
        """Normalised coordinates (2,) without distortion of a full-size pixel, by fixed-point iteration."""
        wanted = np.array([(u - self.K[0, 2]) / self.K[0, 0], (v - self.K[1, 2]) / self.K[1, 1]])
        point = wanted.copy()
        for _ in range(30):
            point = wanted - (self._bent(point) - point)
        return point

    def _bent(self, point: Vector) -> Vector:
        x, y = point
        d = (*self.distortion, 0.0, 0.0, 0.0, 0.0)
        r2 = x * x + y * y
        k1, k2, p1, p2 = (d[0], 0.0, 0.0, 0.0) if self.model == "SIMPLE_RADIAL" else d[:4]
        radial = k1 * r2 + k2 * r2 * r2
        return np.array(
            [
                x + x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
                y + y * radial + 2 * p2 * x * y + p1 * (r2 + 2 * y * y),
            ]
        )


@dataclass(frozen=True, eq=False)
class Triangulated:
    """A point in the frame of the cameras and its mean residual in pixels."""

    position: Vector
    residual: float
    views: int


def triangulate(views: Sequence[tuple[SolvedCamera, Vector]]) -> Triangulated | None:
    """The point whose images lie nearest to normalised coordinates (2,) in two photographs or more; None without."""
    if len(views) < 2:
        return None
    rows = []
    for camera, (x, y) in views:
        P = np.column_stack([camera.R, camera.t])
        rows += [x * P[2] - P[0], y * P[2] - P[1]]
    _, _, Vt = np.linalg.svd(np.array(rows))
    if abs(Vt[-1, 3]) < 1e-12:
        return None
    point = Vt[-1, :3] / Vt[-1, 3]
    for _ in range(10):
        jacobian, misfit = [], []
        for camera, observed in views:
            at = camera.R @ point + camera.t
            projected = at[:2] / at[2]
            along = np.array([[1, 0, -projected[0]], [0, 1, -projected[1]]]) / at[2]
            jacobian.append(camera.K[0, 0] * along @ camera.R)
            misfit.append(camera.K[0, 0] * (observed - projected))
        step, *_ = np.linalg.lstsq(np.concatenate(jacobian), np.concatenate(misfit), rcond=None)
        point = point + step
        if np.linalg.norm(step) < 1e-12:
            break
    residuals = []
    for camera, observed in views:
        at = camera.R @ point + camera.t
        if at[2] <= 0:
            return None
        residuals.append(float(camera.K[0, 0] * np.linalg.norm(observed - at[:2] / at[2])))
    if max(residuals) > LARGEST_RESIDUAL:
        if len(views) <= 2:
            return None
        worst = int(np.argmax(residuals))
        return triangulate([view for index, view in enumerate(views) if index != worst])
    return Triangulated(point, float(np.mean(residuals)), len(views))
