"""Letting the camera model be as free as the photographs can prove, and no freer.

A model that follows the lens better predicts observations it has not been fitted to. So one observation in ten is held
out, each freer model is fitted without them, and kept only when the held-out error falls for certain, its principal
point is sure and stays near where it began. On the fountain the free principal point halves the error of positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycolmap

from heritage3d.pipeline.cameras.adjustment import (
    HELD_OUT_SHARE,
    LARGEST_SIGMA,
    Freedom,
    Observation,
    Trial,
    adjust,
    copy_of,
    halves_of,
    held_out_errors,
    predicts_better,
)
from heritage3d.pipeline.cameras.zoom import badly_fitting, free_focal_lengths, median_residuals

#: Largest move of the principal point, in units of the width.
LARGEST_MOVE = 0.03
#: Errors beyond the noise count ever less (Cauchy); the noise is the median error, within these bounds (pixels).
LEAST_NOISE, MOST_NOISE = 0.1, 0.5
FEWEST_OBSERVATIONS = 300
#: A lens is tried on so many points, those that most photographs see.
TRIAL_POINTS = 2000


def refine(
    model: pycolmap.Reconstruction, scratch: Path, *, threads: int, progress: Callable[[float, float], None]
) -> tuple[pycolmap.Reconstruction, list[Trial]]:
    """Try freer camera models one after another; returns the best model, adjusted with all observations."""
    scratch.mkdir(parents=True, exist_ok=True)
    current = Freedom("SIMPLE_RADIAL", "SIMPLE_RADIAL", False)
    trials: list[Trial] = []
    start = copy_of(model, scratch)
    _leave_out_odd_ones(start)
    _thin(start, TRIAL_POINTS)
    held_out = _hold_out(start)
    if len(held_out) < FEWEST_OBSERVATIONS * HELD_OUT_SHARE:
        return model, trials
    adjust(start, current, MOST_NOISE, threads)
    noise = noise_of(start)
    adjust(start, current, noise, threads)
    before = held_out_errors(start, held_out, noise)
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
        candidate = copy_of(start, scratch)
        _free(candidate, freedom)
        adjust(candidate, freedom, noise, threads)
        after = held_out_errors(candidate, held_out, noise)
        reason = _objection(candidate, before, after)
        newly_free = freedom.principal_point and not current.principal_point
        if not reason and newly_free and _unsureness(candidate, freedom, noise, scratch, threads) > LARGEST_SIGMA:
            reason = "its principal point is unsure"
        means = round(float(before.mean()), 4), round(float(after.mean()), 4)
        trials.append(Trial(freedom.name, *means, not reason, reason or "predicts held-out points better"))
        if not reason:
            current, start, before = freedom, candidate, after
    final = copy_of(model, scratch)
    _take_lenses(final, start)
    adjust(final, current, noise, threads)
    final, trial = free_focal_lengths(final, current, noise, scratch, threads)
    if trial is not None:
        trials.append(trial)
    progress(len(steps) + 1, len(steps) + 1)
    return final, trials


def noise_of(model: pycolmap.Reconstruction) -> float:
    """The median reprojection error of all points (pixels), within bounds."""
    errors = [point.error for point in model.points3D.values()]
    return float(np.clip(np.median(errors), LEAST_NOISE, MOST_NOISE)) if errors else MOST_NOISE


def _leave_out_odd_ones(model: pycolmap.Reconstruction) -> None:
    """Photographs that fit badly while most fit well, perhaps zoomed, have no voice in what lens the others have."""
    medians = median_residuals(model)
    odd = badly_fitting(model, medians)
    if 2 * len(odd) < len(medians):
        for image_id in odd:
            model.deregister_frame(model.image(image_id).frame_id)


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


def _unsureness(model: pycolmap.Reconstruction, freedom: Freedom, noise: float, scratch: Path, threads: int) -> float:
    """σ of the principal point in units of the width: half the distance between fits to two halves of the points.

    COLMAP's covariance needs well-scaled normal equations and returns nonsense for small sets; two fits cannot.
    """
    found = []
    for part in halves_of(model, scratch):
        adjust(part, freedom, noise, threads)
        found.append(
            [(camera.principal_point_x / camera.width, camera.principal_point_y / camera.width)
             for _, camera in sorted(part.cameras.items())]
        )  # fmt: skip
    return float(np.linalg.norm(np.array(found[0]) - np.array(found[1]), axis=1).max() / 2)


def _objection(
    candidate: pycolmap.Reconstruction, before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]
) -> str:
    """Why a freer model is not kept; empty when it is."""
    if not predicts_better(before, after):
        return "predicts held-out points no better"
    for camera in candidate.cameras.values():
        if camera.has_bogus_params(0.1, 10.0, 1.0):
            return "its parameters are not those of a lens"
        move = np.hypot(camera.principal_point_x - camera.width / 2, camera.principal_point_y - camera.height / 2)
        if move > LARGEST_MOVE * camera.width:
            return "its principal point moved too far"
    return ""
