"""Surveyed points inside the bundle adjustment: what bends a model straight that its own photographs left bent.

Photographs taken side by side over flat ground fit a slightly bowed ground with a slightly wrong lens nearly as well
as the true one (James and Robson, "Mitigating systematic error in topographic models", 2014). A similarity onto
control points leaves the bow as it is. So points with known places join the adjustment as points that do not move;
a third of them is kept out to check by. On a drone's grid this takes a dome of 7 GSD to 2.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycolmap

from heritage3d.pipeline.cameras.adjustment import copy_of, robust_options
from heritage3d.pipeline.georeference.control import Control, check_points, read_control
from heritage3d.pipeline.georeference.frame import fit_similarity
from heritage3d.pipeline.georeference.triangulate import SolvedCamera, triangulate
from heritage3d.pipeline.photographs.table import Inspection, Photograph

Vector = npt.NDArray[np.float64]
#: A mark: the copy it was made in, and where, in pixels of the copy.
Mark = tuple[str, float, float]

FEWEST_CONTROL = 4
#: As in the last adjustment without control: outliers count less (Cauchy, pixels).
ROBUST_PIXELS = 0.25
#: With control the photographs must still fit: their misfit may grow by this share …
LARGEST_GROWTH = 0.08
#: … and marks may be this far (pixels, median) from the points they mark.
LARGEST_MARK_ERROR = 2.0
#: The principal point may move by this share of the width.
LARGEST_MOVE = 0.03


@dataclass(frozen=True)
class Surveyed:
    """What became of it: points that took part, misfit of their marks and of everything (pixels), and why not."""

    points: int
    mark_error_px: float
    before_px: float
    after_px: float
    refused: str = ""


def adjust_to_control(
    model: pycolmap.Reconstruction, inspection: Inspection, control_file: Path, scratch: Path, *, threads: int
) -> tuple[pycolmap.Reconstruction, Surveyed | None]:
    """The model adjusted together with the points of the file, or as it was where they are too few or contradict it.

    The frame stays that of the cameras: scale and place are found later, from the same points.
    """
    control = Control()
    try:
        read_control(control_file, control)
    except (OSError, ValueError):
        return model, None
    held_out = check_points(control)
    known = {name: np.array(place) for name, place in control.coordinates.items() if name not in held_out}
    marks = _in_copies(control, inspection, {model.image(i).name for i in model.reg_image_ids()})
    ours = {name: place for name in known if (place := _triangulated(model, marks.get(name, ()))) is not None}
    if len(ours) < FEWEST_CONTROL:
        return model, None
    names = sorted(ours)
    try:
        scale, R, t = fit_similarity(np.array([ours[n] for n in names]), np.array([known[n] for n in names]))
    except ValueError:
        return model, None
    fixed = {name: np.asarray(R.T @ (known[name] - t) / scale) for name in names}
    scratch.mkdir(parents=True, exist_ok=True)
    before = model.compute_mean_reprojection_error()
    refused = ""
    mark_error = after = 0.0
    for principal_point in (True, False):
        candidate = copy_of(model, scratch)
        mark_error = _adjust(candidate, fixed, marks, principal_point=principal_point, threads=threads)
        after = candidate.compute_mean_reprojection_error()
        refused = _objection(candidate, before, after, mark_error)
        if not refused:
            return candidate, Surveyed(len(names), round(mark_error, 3), round(before, 4), round(after, 4))
    return model, Surveyed(len(names), round(mark_error, 3), round(before, 4), round(after, 4), refused)


def _in_copies(control: Control, inspection: Inspection, registered: set[str]) -> dict[str, list[Mark]]:
    """Marks by point, in pixels of the copies; photographs are found by their path or their bare name."""
    by_name: dict[str, Photograph] = {}
    for each in inspection.photographs:
        for name in (each.original, Path(each.original).name):
            by_name[name.lower()] = each
    found: dict[str, list[Mark]] = defaultdict(list)
    for mark in control.marks:
        photograph = by_name.get(mark.image.lower())
        if photograph is None or photograph.copy not in registered:
            continue
        if mark.normalised:
            longest = max(photograph.width, photograph.height)
            u, v = mark.u * longest + photograph.width / 2, mark.v * longest + photograph.height / 2
        else:
            u = mark.u * photograph.width / photograph.sensor_width
            v = mark.v * photograph.height / photograph.sensor_height
        found[mark.point].append((photograph.copy, u, v))
    return found


def _triangulated(model: pycolmap.Reconstruction, marks: Sequence[Mark]) -> Vector | None:
    images = {model.image(image_id).name: model.image(image_id) for image_id in model.reg_image_ids()}
    views = []
    for copy, u, v in marks:
        image = images[copy]
        camera = model.camera(image.camera_id)
        pose = image.cam_from_world()
        first = {"SIMPLE_RADIAL": 3, "RADIAL": 3, "OPENCV": 4}[camera.model_name]
        solved = SolvedCamera(
            copy,
            copy,
            camera.width,
            camera.height,
            np.asarray(camera.calibration_matrix()),
            np.asarray(pose.rotation.matrix()),
            np.asarray(pose.translation),
            camera.model_name,
            tuple(float(value) for value in np.asarray(camera.params)[first:]),
        )
        views.append((solved, solved.straight(u, v)))
    found = triangulate(views)
    return None if found is None else found.position


def _adjust(
    model: pycolmap.Reconstruction,
    fixed: Mapping[str, Vector],
    marks: Mapping[str, Sequence[Mark]],
    *,
    principal_point: bool,
    threads: int,
) -> float:
    """Adjust everything with the fixed points in it; returns the median misfit of their marks in pixels.

    COLMAP knows no control points. Features that belong to no point lend their place in the picture to the marks
    while it works, and get it back.
    """
    ids = {model.image(image_id).name: image_id for image_id in model.reg_image_ids()}
    spare = {
        image_id: iter(
            [index for index, feature in enumerate(model.image(image_id).points2D) if not feature.has_point3D()]
        )
        for image_id in ids.values()
    }
    lent: list[tuple[int, int, Vector]] = []
    added = []
    for name, place in sorted(fixed.items()):
        track = pycolmap.Track()
        for copy, u, v in marks[name]:
            index = next(spare[ids[copy]], None)
            if index is None:
                continue
            feature = model.image(ids[copy]).points2D[index]
            lent.append((ids[copy], index, np.array(feature.xy)))
            feature.xy = np.array([u, v])
            track.add_element(ids[copy], index)
        added.append(model.add_point3D(place, track))
    options = robust_options(ROBUST_PIXELS, threads, iterations=100, tolerance=1e-7)
    options.refine_principal_point = principal_point
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in ids.values():
        config.add_image(image_id)
    # The points that do not move hold the frame; no camera need be held.
    for point_id in added:
        config.add_constant_point(point_id)
    pycolmap.create_default_ceres_bundle_adjuster(options, config, model).solve()
    model.update_point_3d_errors()
    errors = [model.point3D(point_id).error for point_id in added]
    for point_id in added:
        model.delete_point3D(point_id)
    for image_id, index, place in lent:
        model.image(image_id).points2D[index].xy = place
    return float(np.median(errors))


def _objection(model: pycolmap.Reconstruction, before: float, after: float, mark_error: float) -> str:
    """Why the adjusted model is not kept; empty when it is."""
    if mark_error > LARGEST_MARK_ERROR:
        return f"the marks lie {mark_error:.1f} pixels from the points they mark"
    if after > before * (1 + LARGEST_GROWTH) + 0.01:
        return "the photographs no longer fit together with them"
    for camera in model.cameras.values():
        move = np.hypot(camera.principal_point_x - camera.width / 2, camera.principal_point_y - camera.height / 2)
        if camera.has_bogus_params(0.1, 10.0, 1.0) or move > LARGEST_MOVE * camera.width:
            return "the lens would become one that there is not"
    return ""
