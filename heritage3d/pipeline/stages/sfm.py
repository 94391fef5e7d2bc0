"""Stage 4: where every photograph was taken from, and the scene that all later stages read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap

from heritage3d.pipeline.cameras.freer import refine
from heritage3d.pipeline.cameras.mapping import median_triangulation_angle, solve
from heritage3d.pipeline.cameras.sharpen import GreyPictures, read_scales, sharpen
from heritage3d.pipeline.cameras.surveyed import Surveyed, adjust_to_control
from heritage3d.pipeline.cameras.undistort import Source, build_scene
from heritage3d.pipeline.photographs.advice import FEWEST, MOVE, OVERLAP, TEXTURE
from heritage3d.pipeline.photographs.table import IMAGES, Inspection, Photograph
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.features import DATABASE
from heritage3d.pipeline.verdicts import ImpossibleInput

CAMERAS_JSON = "cameras.json"
#: Rays that meet at a flatter angle than this on the median give no trustworthy depth (degrees).
FLATTEST_ANGLE = 1.5
FEWEST_POINTS = 60
LARGEST_REPROJECTION = 2.5


def run(context: StageContext) -> dict[str, Any]:
    """`scene.json`, `scene.npz`, `images/`, `masks/` and `cameras.json` (full-size cameras with their distortion)."""
    inspection = Inspection.load(context.inputs["inspect"])
    images = inspection.folder / IMAGES
    scratch = context.folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    pycolmap.set_random_seed(0)
    database = scratch / DATABASE
    shutil.copyfile(context.inputs["matching"] / DATABASE, database)
    count = len(inspection.photographs)
    models = solve(
        database,
        images,
        scratch / "models",
        count=count,
        threads=context.threads,
        progress=lambda done, total: context.progress(0.5 * done, total),
    )
    if models is None:
        raise ImpossibleInput(
            "The photographs do not fit together: no two of them show the same part from two places.",
            [OVERLAP, MOVE, TEXTURE, *inspection.advice],
        )
    model = models.largest
    registered = model.num_reg_images()
    angle = median_triangulation_angle(model)
    error = model.compute_mean_reprojection_error()
    if registered < FEWEST or model.num_points3D() < FEWEST_POINTS:
        raise ImpossibleInput(
            f"Only {registered} of {count} photographs fit together, in {model.num_points3D()} points.",
            [OVERLAP, MOVE, TEXTURE, *inspection.advice],
        )
    if angle < FLATTEST_ANGLE or error > LARGEST_REPROJECTION:
        raise ImpossibleInput(
            f"The cameras found are not to be trusted (rays meet at {angle:.1f}°, misfit {error:.1f} pixels).",
            [MOVE, OVERLAP],
        )
    by_copy = {photograph.copy: photograph for photograph in inspection.photographs}
    pictures = {
        image_id: inspection.image(by_copy[model.image(image_id).name]) for image_id in sorted(model.reg_image_ids())
    }
    sharpened = sharpen(
        model,
        read_scales(database),
        GreyPictures(pictures),
        progress=lambda done, total: context.progress(0.5 + 0.2 * done / total, 1),
    )
    refined, trials = refine(
        model,
        scratch / "freer",
        threads=context.threads,
        progress=lambda done, total: context.progress(0.7 + 0.15 * done / total, 1),
    )
    surveyed: Surveyed | None = None
    if context.user.get("surveyed"):
        refined, surveyed = adjust_to_control(
            refined, inspection, Path(context.user["surveyed"]), scratch / "surveyed", threads=context.threads
        )
        if surveyed is not None and surveyed.refused:
            context.warn(f"The control points did not take part in finding the cameras: {surveyed.refused}.")
    build_scene(
        refined,
        {
            photograph.copy: Source(
                inspection.image(photograph),
                inspection.sky(photograph),
                inspection.mask(photograph),
                photograph.orientation,
            )
            for photograph in inspection.photographs
        },
        context.folder,
        longest=context.preset.texture_source_size,
        threads=context.threads,
        progress=lambda done, total: context.progress(0.85 + 0.15 * done / total, 1),
    )
    _write_cameras(refined, by_copy, context.folder / CAMERAS_JSON)
    shutil.rmtree(scratch)
    unused = sorted(set(by_copy) - {refined.image(image_id).name for image_id in refined.reg_image_ids()})
    if unused:
        names = ", ".join(by_copy[copy].original for copy in unused[:8]) + (" …" if len(unused) > 8 else "")
        context.warn(f"{len(unused)} of {count} photographs do not fit the others and were not used: {names}.")
    return {
        "registered": registered,
        "points": refined.num_points3D(),
        "observations": refined.compute_num_observations(),
        "sharpened": sharpened.sharpened,
        "reprojection_px": round(refined.compute_mean_reprojection_error(), 4),
        "track_length": round(refined.compute_mean_track_length(), 3),
        "triangulation_angle": round(angle, 2),
        "other_models": list(models.others),
        "surveyed": None if surveyed is None else surveyed.__dict__,
        "camera_models": sorted({camera.model_name for camera in refined.cameras.values()}),
        "freer_models": [trial.__dict__ for trial in trials],
    }


def _write_cameras(model: pycolmap.Reconstruction, by_copy: dict[str, Photograph], path: Path) -> None:
    """Cameras as `report.json` gives them: K for full-size sensor pixels, the distortion beside it."""
    entries = []
    for image_id in sorted(model.reg_image_ids(), key=lambda each: model.image(each).name):
        image = model.image(image_id)
        camera = model.camera(image.camera_id)
        photograph = by_copy[image.name]
        K = np.asarray(camera.calibration_matrix()).copy()
        K[0] *= photograph.sensor_width / camera.width
        K[1] *= photograph.sensor_height / camera.height
        pose = image.cam_from_world()
        first = {"SIMPLE_RADIAL": 3, "RADIAL": 3, "OPENCV": 4}[camera.model_name]
        entries.append(
            {
                "copy": image.name,
                "name": photograph.original,
                "width": photograph.sensor_width,
                "height": photograph.sensor_height,
                "R": pose.rotation.matrix().tolist(),
                "t": np.asarray(pose.translation).tolist(),
                "K": K.tolist(),
                "model": camera.model_name,
                "distortion": [float(value) for value in np.asarray(camera.params)[first:]],
            }
        )
    path.write_text(json.dumps(entries, indent=1), encoding="utf-8")
