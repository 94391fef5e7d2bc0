"""A focal length of its own for a photograph that does not fit with that of its group.

A lens that was zoomed between two photographs says so in its EXIF data, but not every file has any, and some programs
write one focal length into all. Such a photograph fits the others badly wherever its camera is put. Where the median
of its residuals is too large, it gets a camera with the group's lens and a focal length of its own, and keeps it when
that predicts observations that it was not fitted to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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

Floats = npt.NDArray[np.float64]
#: A photograph whose median residual (pixels of the copy) exceeds this may have a focal length of its own.
WORST_MEDIAN = 1.0
FEWEST_HELD_OUT = 8
#: No photograph finds its place with a focal length that is wrong by more than this factor.
LARGEST_ZOOM = 2.0
NAME = "focal length per photograph"


def free_focal_lengths(
    model: pycolmap.Reconstruction, freedom: Freedom, noise: float, scratch: Path, threads: int
) -> tuple[pycolmap.Reconstruction, Trial | None]:
    """The model with own cameras for photographs that need them, and what became of it; None where all fit.

    `freedom` is what the lenses of the groups may change, `noise` (pixels) where errors begin to count less. Principal
    point and distortion stay those of the group: one photograph could not tell them from its place.
    """
    medians = median_residuals(model)
    wanted = badly_fitting(model, medians)
    if not wanted or len(wanted) == len(medians):
        return model, None
    # Outliers under the wrong focal length count for little, so a fit begins with all and ends with what agrees.
    scales = (max(medians.values()), noise)
    shared = copy_of(model, scratch)
    held_out = _hold_out(shared, wanted)
    separate, groups = with_own_cameras(shared, wanted)
    points = dict(zip(sorted(shared.point3D_ids()), sorted(separate.point3D_ids()), strict=True))
    _adjust_in_turn(shared, {}, freedom, scales, threads)
    _adjust_in_turn(separate, groups, freedom, scales, threads)
    before, after, better = [], [], []
    for image_id in wanted:
        mine = [each for each in held_out if each[0] == image_id]
        before.append(held_out_errors(shared, mine, noise))
        after.append(held_out_errors(separate, [(i, f, points[p]) for i, f, p in mine], noise))
        if len(mine) >= FEWEST_HELD_OUT and predicts_better(before[-1], after[-1]):
            better.append(image_id)
    kept = [each for each in _sure(separate, groups, noise, scratch, threads) if each in better] if better else []
    means = [round(float(np.concatenate(each).mean()), 4) if held_out else 0.0 for each in (before, after)]
    reason = f"{len(kept)} of {len(wanted)} photographs that fit badly fit better with one of their own"
    trial = Trial(NAME, means[0], means[1], bool(kept), reason)
    if not kept:
        return model, trial
    final, groups = with_own_cameras(model, kept)
    for image_id in kept:
        found = separate.camera(separate.image(image_id).camera_id)
        final.cameras[final.image(image_id).camera_id].params = _numbers(found)
    _adjust_in_turn(final, groups, freedom, scales, threads)
    return final, trial


def median_residuals(model: pycolmap.Reconstruction) -> dict[int, float]:
    """The median distance (pixels) between features and their points, by image id."""
    found = {}
    for image_id in sorted(model.reg_image_ids()):
        image = model.image(image_id)
        errors = [np.inf]
        for feature in image.points2D:
            if feature.has_point3D():
                at = image.project_point(model.point3D(feature.point3D_id).xyz)
                errors.append(np.inf if at is None else float(np.linalg.norm(at - feature.xy)))
        found[image_id] = float(np.median(errors))
    return found


def with_own_cameras(
    model: pycolmap.Reconstruction, image_ids: Collection[int]
) -> tuple[pycolmap.Reconstruction, dict[int, int]]:
    """A copy in which the images have cameras of their own, and those cameras' groups (camera id → camera id).

    Image ids and the order of points stay; COLMAP cannot give an image of a model another camera.
    """
    copied = pycolmap.Reconstruction()
    for _, camera in sorted(model.cameras.items()):
        copied.add_camera_with_trivial_rig(_camera(camera.camera_id, camera))
    groups = {}
    for image_id in sorted(model.reg_image_ids()):
        image = model.image(image_id)
        camera_id = image.camera_id
        if image_id in image_ids:
            camera_id = max(copied.cameras) + 1
            copied.add_camera_with_trivial_rig(_camera(camera_id, model.camera(image.camera_id)))
            groups[camera_id] = image.camera_id
        twin = pycolmap.Image(name=image.name, camera_id=camera_id, image_id=image_id)
        twin.points2D = pycolmap.Point2DList([pycolmap.Point2D(feature.xy) for feature in image.points2D])
        copied.add_image_with_trivial_frame(twin, image.cam_from_world())
    for point_id in sorted(model.point3D_ids()):
        point = model.point3D(point_id)
        copied.add_point3D(point.xyz, point.track)
    copied.update_point_3d_errors()
    return copied, groups


def badly_fitting(model: pycolmap.Reconstruction, medians: Mapping[int, float]) -> list[int]:
    """Photographs whose residuals are too large and that share their camera with another."""
    cameras = [model.image(image_id).camera_id for image_id in medians]
    return [
        image_id
        for image_id, median in medians.items()
        if median > WORST_MEDIAN and cameras.count(model.image(image_id).camera_id) > 1
    ]


def _camera(camera_id: int, like: pycolmap.Camera) -> pycolmap.Camera:
    twin = pycolmap.Camera(model=like.model_name, width=like.width, height=like.height, params=_numbers(like))
    twin.camera_id = camera_id
    twin.has_prior_focal_length = like.has_prior_focal_length
    return twin


def _numbers(camera: pycolmap.Camera) -> list[float]:
    return [float(value) for value in np.asarray(camera.params)]


def _hold_out(model: pycolmap.Reconstruction, image_ids: Sequence[int]) -> list[Observation]:
    """Take a tenth of the images' observations out, of points that three others see; (image, feature, point)."""
    rng = np.random.default_rng(0)
    held: list[Observation] = []
    for image_id in image_ids:
        for index, feature in enumerate(model.image(image_id).points2D):
            if not feature.has_point3D() or rng.random() >= HELD_OUT_SHARE:
                continue
            point_id = feature.point3D_id
            if model.point3D(point_id).track.length() >= 4:
                held.append((image_id, index, point_id))
                model.delete_observation(image_id, index)
    return held


def _adjust_in_turn(
    model: pycolmap.Reconstruction, groups: Mapping[int, int], freedom: Freedom, scales: Sequence[float], threads: int
) -> None:
    """Adjust own focal lengths and the lenses of the groups in turn, at each scale (pixels) of the loss.

    COLMAP frees the same numbers in all cameras of an adjustment, and own cameras may change but one.
    """
    used = {model.image(image_id).camera_id for image_id in model.reg_image_ids()}
    focal = Freedom(NAME, freedom.model, principal_point=False, focal_only=True)
    for scale in scales:
        if groups:
            adjust(model, focal, scale, threads, held_lenses=used - set(groups))
        adjust(model, freedom, scale, threads, held_lenses=set(groups))
        for own, group in groups.items():
            kept, numbers = _numbers(model.camera(own)), _numbers(model.camera(group))
            for index in model.camera(own).focal_length_idxs():
                numbers[index] = kept[index]
            model.cameras[own].params = numbers
    if groups:
        adjust(model, focal, scales[-1], threads, held_lenses=used - set(groups))


def _sure(
    model: pycolmap.Reconstruction, groups: Mapping[int, int], noise: float, scratch: Path, threads: int
) -> list[int]:
    """Images whose own focal length is that of a lens and is found alike from two halves of the points."""
    used = {model.image(image_id).camera_id for image_id in model.reg_image_ids()}
    found = []
    for part in halves_of(model, scratch):
        freedom = Freedom(NAME, "", principal_point=False, focal_only=True)
        adjust(part, freedom, noise, threads, held_lenses=used - set(groups))
        found.append({camera_id: part.camera(camera_id).mean_focal_length() for camera_id in groups})
    sure = []
    for image_id in sorted(model.reg_image_ids()):
        camera = model.camera(model.image(image_id).camera_id)
        if camera.camera_id not in groups:
            continue
        sigma = abs(found[0][camera.camera_id] - found[1][camera.camera_id]) / 2 / camera.width
        zoom = camera.mean_focal_length() / model.camera(groups[camera.camera_id]).mean_focal_length()
        if sigma <= LARGEST_SIGMA and 1 / LARGEST_ZOOM <= zoom <= LARGEST_ZOOM:
            sure.append(image_id)
    return sure
