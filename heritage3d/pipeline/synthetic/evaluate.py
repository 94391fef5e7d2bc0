"""How good a reconstruction is, measured against the exact surface it was photographed from.

The rules were agreed before anything was built. *Truth* is the surface that at least three cameras see under 65°;
foliage is not measured. Both surfaces are sampled at half a ground sample distance (GSD). Distances run from point to
surface where the other side is a mesh, from point to nearest point where it is a cloud (the stricter reading, after
Knapitsch et al., "Tanks and Temples", 2017). The reconstruction is brought onto the truth by one similarity computed
from camera centres only: no ICP, so wrong cameras show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open3d as o3d
from scipy.spatial import cKDTree

from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.synthetic.monument import FOLIAGE
from heritage3d.pipeline.synthetic.sets import TRUTH_JSON, TRUTH_NPZ

Points = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

#: Sampling stops here: the shares measured are then sure to ±0.1 %.
MAXIMUM_SAMPLES = 1_500_000
STEEPEST_VIEW_DEGREES = 65.0
VIEWS_NEEDED = 3
#: Beside a surface that is not measured (foliage, grazing ground) nothing within this many GSD is counted.
LENIENCY_GSD = 10.0
#: Metres from the middle of the facade within which truth is sampled; beyond lies only ground seen at a grazing angle.
SITE_HALF_WIDTH = 5.0
VISIBLE_NPZ = "visible-{gsd:.6f}.npz"


@dataclass(frozen=True, eq=False)
class Similarity:
    """x ↦ scale · R x + t."""

    scale: float
    R: Points
    t: Points

    def apply(self, points: Points) -> Points:
        return self.scale * points @ self.R.T + self.t


def similarity_between(source: Points, target: Points) -> Similarity:
    """The similarity that takes `source` (N ≥ 3, 3) to `target` with the least square error (Umeyama 1991).

    Raises ValueError for fewer than three pairs or when all source points coincide.
    """
    if len(source) < 3 or source.shape != target.shape:
        raise ValueError(f"a similarity needs three or more pairs of points, not {source.shape} and {target.shape}")
    source_mean, target_mean = source.mean(0), target.mean(0)
    centred, wanted = source - source_mean, target - target_mean
    variance = (centred**2).sum() / len(source)
    if variance < 1e-18:
        raise ValueError("all source points coincide")
    U, singular, Vt = np.linalg.svd(wanted.T @ centred / len(source))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    R = (U * sign) @ Vt
    scale = float((singular * sign).sum() / variance)
    return Similarity(scale, R, target_mean - scale * R @ source_mean)


@dataclass(frozen=True)
class PoseError:
    """Errors of solved cameras after the similarity: metres and degrees."""

    matched: int
    expected: int
    position_rms: float
    position_max: float
    rotation_mean: float
    rotation_max: float


def rotation_degrees(a: Points, b: Points) -> float:
    """The angle in degrees between two rotations (3, 3)."""
    return float(np.degrees(np.arccos(np.clip((np.trace(a @ b.T) - 1) / 2, -1, 1))))


def compare_cameras(solved: Sequence[Camera], true: Mapping[str, Camera]) -> tuple[Similarity, PoseError]:
    """Align solved cameras with true ones of the same name by their centres, and say how far off they are."""
    pairs = [(camera, true[camera.name]) for camera in solved if camera.name in true]
    ours = np.array([camera.centre for camera, _ in pairs])
    theirs = np.array([camera.centre for _, camera in pairs])
    similarity = similarity_between(ours, theirs)
    off = np.linalg.norm(similarity.apply(ours) - theirs, axis=1)
    turned = [rotation_degrees(camera.R @ similarity.R.T, truth.R) for camera, truth in pairs]
    return similarity, PoseError(
        len(pairs),
        len(true),
        float(np.sqrt((off**2).mean())),
        float(off.max()),
        float(np.mean(turned)),
        float(np.max(turned)),
    )


@dataclass(frozen=True)
class SurfaceScore:
    """Distances in units of the GSD and shares at 1, 2 and 4 GSD."""

    gsd: float
    median_error_gsd: float
    ninety_percent_gsd: float
    accuracy: dict[int, float]
    completeness: dict[int, float]
    f_score: dict[int, float]
    samples: int
    ignored: int


def _tensor(values: npt.NDArray[Any]) -> Any:
    return o3d.core.Tensor.from_numpy(np.ascontiguousarray(values))


def _raycaster(vertices: npt.NDArray[Any], faces: npt.NDArray[Any]) -> Any:
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(_tensor(vertices.astype(np.float32)), _tensor(faces.astype(np.uint32)))
    return scene


def sample_surface(
    vertices: Points, faces: npt.NDArray[Any], spacing: float, *, seed: int = 0
) -> tuple[Points, npt.NDArray[np.int64]]:
    """Points spread evenly by area, one for every `spacing`² (at most `MAXIMUM_SAMPLES`), and their faces."""
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    total = float(area.sum())
    count = min(MAXIMUM_SAMPLES, max(1, int(total / spacing**2)))
    rng = np.random.default_rng(seed)
    face = np.searchsorted(np.cumsum(area), rng.uniform(0, total, count), side="right").clip(0, len(faces) - 1)
    r1, r2 = np.sqrt(rng.uniform(size=count)), rng.uniform(size=count)
    weights = np.stack([1 - r1, r1 * (1 - r2), r1 * r2], 1)
    return (corners[face] * weights[..., None]).sum(1), face


class Truth:
    """The exact cameras and surface of a photographed set, ready to be measured against."""

    def __init__(self, folder: Path) -> None:
        stored = json.loads((folder / TRUTH_JSON).read_text(encoding="utf-8"))
        self.folder = folder
        self.cameras: dict[str, Camera] = {
            entry["name"]: Camera(
                entry["name"],
                entry["width"],
                entry["height"],
                np.array(entry["K"]),
                np.array(entry["R"]),
                np.array(entry["t"]),
            )
            for entry in stored["cameras"]
        }
        with np.load(folder / TRUTH_NPZ, allow_pickle=False) as surface:
            self.vertices = surface["vertices"].astype(np.float64)
            self.faces = surface["faces"]
            self.materials = surface["materials"]
        self.raycaster = _raycaster(self.vertices, self.faces)

    def gsd(self, longest: int) -> float:
        """Median over the visible monument of depth ÷ focal length, with photographs reduced to `longest` pixels."""
        values = []
        for camera in self.cameras.values():
            view = camera.fitted(160)
            rays = self.raycaster.create_rays_pinhole(
                _tensor(view.K), _tensor(np.block([[view.R, view.t[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])),
                view.width, view.height,
            )  # fmt: skip
            hit = self.raycaster.cast_rays(rays)
            depth = hit["t_hit"].numpy().ravel()
            struck = np.isfinite(depth)
            material = self.materials[hit["primitive_ids"].numpy().ravel()[struck].astype(np.int64)]
            monument = depth[struck][~np.isin(material, FOLIAGE) & (depth[struck] < 20)]
            values.append(monument / camera.fitted(longest).K[0, 0])
        return float(np.median(np.concatenate(values)))

    def visible(self, gsd: float) -> tuple[Points, Flags]:
        """Samples of the surface (N, 3) and whether each counts: seen by ≥ 3 cameras under 65° and no foliage."""
        stored = self.folder / VISIBLE_NPZ.format(gsd=gsd)
        if stored.exists():
            with np.load(stored, allow_pickle=False) as data:
                return data["points"].astype(np.float64), data["counts"]
        middle = self.vertices[self.faces].mean(1)
        near = (np.abs(middle[:, 0]) < SITE_HALF_WIDTH) & (middle[:, 1] > -SITE_HALF_WIDTH) & (middle[:, 1] < 1.0)
        points, face = sample_surface(self.vertices, self.faces[near], gsd / 2)
        face = np.flatnonzero(near)[face]
        corners = self.vertices[self.faces[face]]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-15
        seen = np.zeros(len(points), np.int32)
        for camera in self.cameras.values():
            pixels, depth = camera.project(points)
            towards = camera.centre - points
            distance = np.linalg.norm(towards, axis=1)
            cosine = np.abs((towards * normal).sum(1)) / distance
            candidate = (depth > 0) & (pixels >= 0).all(1) & (pixels < [camera.width, camera.height]).all(1)
            candidate &= cosine > np.cos(np.radians(STEEPEST_VIEW_DEGREES))
            index = np.flatnonzero(candidate)
            direction = towards[index] / distance[index, None]
            rays = np.concatenate([points[index] + direction * gsd * 0.5, direction], 1).astype(np.float32)
            blocked = self.raycaster.test_occlusions(_tensor(rays), tnear=0.0, tfar=np.inf).numpy()
            seen[index[~blocked]] += 1
        counts = (seen >= VIEWS_NEEDED) & ~np.isin(self.materials[face], FOLIAGE)
        np.savez(stored, points=points.astype(np.float32), counts=counts)
        return points, counts

    def score(self, points: Points, faces: npt.NDArray[Any] | None, gsd: float) -> SurfaceScore:
        """Measure a cloud (`faces` is None) or a mesh that is already in the frame of the truth."""
        samples, counts = self.visible(gsd)
        wanted = samples[counts]
        if faces is None:
            ours = points
            if len(ours) > MAXIMUM_SAMPLES:
                ours = ours[np.random.default_rng(0).choice(len(ours), MAXIMUM_SAMPLES, replace=False)]
            missing = cKDTree(points).query(wanted, workers=2, distance_upper_bound=gsd * 8)[0]
        else:
            ours, _ = sample_surface(points, faces, gsd / 2)
            missing = _raycaster(points, faces).compute_distance(_tensor(wanted.astype(np.float32))).numpy()
        closest = self.raycaster.compute_closest_points(_tensor(ours.astype(np.float32)))
        on_truth = closest["points"].numpy().astype(np.float64)
        error = np.linalg.norm(ours - on_truth, axis=1)
        foliage = np.isin(self.materials[closest["primitive_ids"].numpy().astype(np.int64)], FOLIAGE)
        away = cKDTree(wanted).query(on_truth, workers=2, distance_upper_bound=gsd * 4)[0]
        ignored = (foliage | ~np.isfinite(away)) & (error < LENIENCY_GSD * gsd)
        error = error[~ignored]
        accuracy = {k: float((error <= k * gsd).mean()) if len(error) else 0.0 for k in (1, 2, 4)}
        completeness = {k: float((missing <= k * gsd).mean()) for k in (1, 2, 4)}
        f_score = {k: 2 * accuracy[k] * completeness[k] / max(accuracy[k] + completeness[k], 1e-9) for k in (1, 2, 4)}
        return SurfaceScore(
            gsd,
            float(np.median(error) / gsd) if len(error) else float("inf"),
            float(np.percentile(error, 90) / gsd) if len(error) else float("inf"),
            accuracy,
            completeness,
            f_score,
            len(error),
            int(ignored.sum()),
        )
