"""Letting the camera model be as free as the photographs can prove, and no freer.

A model that follows the lens better predicts observations it has not been fitted to. So one observation in ten is held
out, each freer model is fitted without them, and kept only when the held-out error falls for certain, its principal
point is sure and stays near where it began. On the fountain the free principal point halves the error of positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycolmap

HELD_OUT_SHARE = 0.1
#: The mean squared held-out error must fall by this share …
NEEDED_GAIN = 0.02
#: … and the fall must be this many times its own standard error.
SURE_GAIN = 3.0
#: Largest standard deviation and largest move of the principal point, in units of the width.
LARGEST_SIGMA = 0.002
LARGEST_MOVE = 0.03
#: Errors beyond the noise count ever less (Cauchy); the noise is the median error, within these bounds (pixels).
LEAST_NOISE, MOST_NOISE = 0.1, 0.5
#: Held-out errors count at most so many times the noise: a few wrong matches must not decide.
CLIPPED_AT = 5.0
FEWEST_OBSERVATIONS = 300
#: A lens is tried on so many points, those that most photographs see.
TRIAL_POINTS = 2000


@dataclass(frozen=True)
class Freedom:
    """One way to model the lens."""

    name: str
    model: str
    principal_point: bool


@dataclass(frozen=True)
class Trial:
    """What became of one freedom: mean squared held-out error (pixels²) before and after, and why it was kept."""

    name: str
    before: float
    after: float
    kept: bool
    reason: str


def refine(
    model: pycolmap.Reconstruction, scratch: Path, *, threads: int, progress: Callable[[float, float], None]
) -> tuple[pycolmap.Reconstruction, list[Trial]]:
    """Try freer camera models one after another; returns the best model, adjusted with all observations."""
    scratch.mkdir(parents=True, exist_ok=True)
    current = Freedom("SIMPLE_RADIAL", "SIMPLE_RADIAL", False)
    trials: list[Trial] = []
    start = _copy(model, scratch)
    _thin(start, TRIAL_POINTS)
    held_out = _hold_out(start)
    if len(held_out) < FEWEST_OBSERVATIONS * HELD_OUT_SHARE:
        return model, trials
    _adjust(start, current, MOST_NOISE, threads)
    noise = noise_of(start)
    _adjust(start, current, noise, threads)
    before = _held_out_errors(start, held_out, noise)
    tried = {(current.model, current.principal_point)}
    steps: list[Callable[[Freedom], Freedom]] = [
        lambda kept: replace(kept, name="principal point", principal_point=True),
        lambda kept: replace(kept, name="RADIAL", model="RADIAL"),
        # A lens with strong distortion shows its principal point only once that is modelled.
        lambda kept: replace(kept, name="principal point", principal_point=True),
        lambda kept: replace(kept, name="OPENCV", model="OPENCV"),
    ]
    for number, step in enumerate(steps):
        progress(number, len(steps) + 1)
        freedom = step(current)
        if (freedom.model, freedom.principal_point) in tried:
            continue
        tried.add((freedom.model, freedom.principal_point))
        candidate = _copy(start, scratch)
        _free(candidate, freedom)
        _adjust(candidate, freedom, noise, threads)
        after = _held_out_errors(candidate, held_out, noise)
        reason = _objection(candidate, before, after)
        newly_free = freedom.principal_point and not current.principal_point
        if not reason and newly_free and _unsureness(candidate, freedom, noise, scratch, threads) > LARGEST_SIGMA:
            reason = "its principal point is unsure"
        means = round(float(before.mean()), 4), round(float(after.mean()), 4)
        trials.append(Trial(freedom.name, *means, not reason, reason or "predicts held-out points better"))
        if not reason:
            current, start, before = freedom, candidate, after
    final = _copy(model, scratch)
    _take_lenses(final, start)
    _adjust(final, current, noise, threads)
    progress(len(steps) + 1, len(steps) + 1)
    return final, trials


def _copy(model: pycolmap.Reconstruction, scratch: Path) -> pycolmap.Reconstruction:
    """A deep copy by way of the disk: bindings share what Python's copy would duplicate."""
    model.write_binary(scratch)
    return pycolmap.Reconstruction(scratch)


def noise_of(model: pycolmap.Reconstruction) -> float:
    """The median reprojection error of all points (pixels), within bounds."""
    errors = [point.error for point in model.points3D.values()]
    return float(np.clip(np.median(errors), LEAST_NOISE, MOST_NOISE)) if errors else MOST_NOISE


def _thin(model: pycolmap.Reconstruction, most: int) -> None:
    """Keep only the `most` points that most photographs see."""
    ranked = sorted(model.point3D_ids(), key=lambda point_id: (-model.point3D(point_id).track.length(), point_id))
    for point_id in ranked[most:]:
        model.delete_point3D(point_id)


def _take_lenses(model: pycolmap.Reconstruction, other: pycolmap.Reconstruction) -> None:
    """Give every camera the model and numbers that it has in `other`."""
    for camera_id, camera in other.cameras.items():
        model.cameras[camera_id].model = camera.model
        model.cameras[camera_id].params = [float(value) for value in np.asarray(camera.params)]


Observation = tuple[int, int, int]


def _hold_out(model: pycolmap.Reconstruction) -> list[Observation]:
    """Take a tenth of the observations of points seen four times or more out; returns (image, feature, point)."""
    rng = np.random.default_rng(0)
    held: list[Observation] = []
    for point_id in sorted(model.point3D_ids()):
        elements = list(model.point3D(point_id).track.elements)
        if len(elements) < 4:
            continue
        for element in elements[: len(elements) - 3]:
            if rng.random() < HELD_OUT_SHARE * len(elements) / (len(elements) - 3):
                held.append((element.image_id, element.point2D_idx, point_id))
    for image_id, feature, _ in held:
        model.delete_observation(image_id, feature)
    return [observation for observation in held if model.exists_point3D(observation[2])]


def _held_out_errors(
    model: pycolmap.Reconstruction, held_out: list[Observation], noise: float
) -> npt.NDArray[np.float64]:
    """Squared distances (pixels², clipped) between where held-out features are and where the model puts them."""
    most = (CLIPPED_AT * noise) ** 2
    errors = np.full(len(held_out), most)
    for number, (image_id, feature, point_id) in enumerate(held_out):
        if not model.exists_point3D(point_id):
            continue
        image = model.image(image_id)
        predicted = image.project_point(model.point3D(point_id).xyz)
        if predicted is not None:
            errors[number] = min(most, float(((predicted - image.points2D[feature].xy) ** 2).sum()))
    return errors


def _free(model: pycolmap.Reconstruction, freedom: Freedom) -> None:
    """Turn every camera into the freedom's model, keeping what it knows already."""
    for camera_id, camera in list(model.cameras.items()):
        if camera.model_name == freedom.model:
            continue
        params = np.asarray(camera.params)
        known = camera.model_name
        f, rest = params[0], params[1:]
        if freedom.model == "RADIAL":
            wanted = [f, rest[0], rest[1], rest[2], 0.0]
        elif known == "SIMPLE_RADIAL":
            wanted = [f, f, rest[0], rest[1], rest[2], 0.0, 0.0, 0.0]
        else:
            wanted = [f, f, rest[0], rest[1], rest[2], rest[3], 0.0, 0.0]
        camera.model = getattr(pycolmap.CameraModelId, freedom.model)
        camera.params = wanted
        if model.cameras[camera_id].model_name != freedom.model:
            raise RuntimeError("COLMAP did not take the new camera model")


def _adjust(model: pycolmap.Reconstruction, freedom: Freedom, noise: float, threads: int) -> None:
    """Bundle adjustment of everything the freedom allows; errors beyond `noise` (pixels) count ever less (Cauchy)."""
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_principal_point = freedom.principal_point
    options.ceres.solver_options.num_threads = threads
    options.ceres.solver_options.max_num_iterations = 60
    # Stop when an iteration gains less than a millionth: the rest moves nothing that could be measured.
    options.ceres.solver_options.function_tolerance = 1e-6
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = noise
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    adjuster = pycolmap.create_default_ceres_bundle_adjuster(options, config, model)
    adjuster.solve()
    model.update_point_3d_errors()


def _unsureness(model: pycolmap.Reconstruction, freedom: Freedom, noise: float, scratch: Path, threads: int) -> float:
    """σ of the principal point in units of the width: half the distance between fits to two halves of the points.

    COLMAP's covariance needs well-scaled normal equations and returns nonsense for small sets; two fits cannot.
    """
    found = []
    for half in range(2):
        part = _copy(model, scratch)
        for number, point_id in enumerate(sorted(part.point3D_ids())):
            if number % 2 == half:
                part.delete_point3D(point_id)
        _adjust(part, freedom, noise, threads)
        found.append(
            [(camera.principal_point_x / camera.width, camera.principal_point_y / camera.width)
             for _, camera in sorted(part.cameras.items())]
        )  # fmt: skip
    return float(np.linalg.norm(np.array(found[0]) - np.array(found[1]), axis=1).max() / 2)


def _objection(
    candidate: pycolmap.Reconstruction, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]
) -> str:
    """Why a freer model is not kept; empty when it is."""
    gain = before - after
    certain = float(gain.mean()) > SURE_GAIN * float(gain.std()) / np.sqrt(len(gain))
    enough = float(after.mean()) <= float(before.mean()) * (1 - NEEDED_GAIN)
    if not (certain and enough):
        return "predicts held-out points no better"
    for camera in candidate.cameras.values():
        if camera.has_bogus_params(0.1, 10.0, 1.0):
            return "its parameters are not those of a lens"
        move = np.hypot(camera.principal_point_x - camera.width / 2, camera.principal_point_y - camera.height / 2)
        if move > LARGEST_MOVE * camera.width:
            return "its principal point moved too far"
    return ""
