"""Stage 12: check what was made, and say honestly how good it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heritage3d.pipeline.georeference.frame import Frame
from heritage3d.pipeline.glb_rules import problems_of
from heritage3d.pipeline.picture_files import write_picture
from heritage3d.pipeline.report.coverage import camera_plan, coverage_sheet
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.fusion import agreed_maps_of
from heritage3d.pipeline.stages.sfm import CAMERAS_JSON
from heritage3d.pipeline.verdicts import StageFault

REPORT_JSON = "report.json"
#: A model is called good when its check error stays below so many ground sample distances.
GOOD_CHECK_GSD = 5.0
GOOD_REPROJECTION = 1.0
GOOD_SHARE = 0.9


def run(context: StageContext) -> dict[str, Any]:
    """`report.json` (without timings, which the runner adds) and the pictures of `report.html`."""
    scene = Scene.load(context.inputs["sfm"])
    frame = Frame.load(context.inputs["georeference"])
    made = context.inputs["derivatives"]
    derivatives = []
    for entry in context.metrics["derivatives"]["derivatives"]:
        problems = problems_of(made / entry["name"])
        if problems and entry["name"] == "model.glb":
            raise StageFault(f"model.glb breaks the rules of glTF: {problems[0]}")
        for problem in problems:
            context.warn(f"{entry['name']} breaks the rules of glTF: {problem}.")
        derivatives.append({**entry, "validator": problems or "ok"})
    context.progress(1, 3)
    usable, maps = agreed_maps_of(context.inputs["fusion"], scene)
    sheet = coverage_sheet([(scene.cameras[i], scene.images[i], scene.masks[i]) for i in usable], maps)
    write_picture(context.folder / "coverage.jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, 85])
    placed = [frame.place(camera) for camera in scene.cameras]
    plan = camera_plan(placed, frame.apply(scene.points))
    (context.folder / "cameras.svg").write_text(plan, encoding="utf-8")
    facade = cv2.imread(str(made / "orthophoto-facade.png"), cv2.IMREAD_UNCHANGED)
    if facade is not None:
        scale = 1000 / max(facade.shape[:2])
        white = np.full_like(facade[..., :3], 255)
        flat = np.where(facade[..., 3:] > 127, facade[..., :3], white)
        size = (max(1, round(flat.shape[1] * scale)), max(1, round(flat.shape[0] * scale)))
        small = cv2.resize(flat, size, interpolation=cv2.INTER_AREA)
        write_picture(context.folder / "facade.jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 88])
    context.progress(2, 3)
    report = _report(context, frame, derivatives)
    (context.folder / REPORT_JSON).write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    context.progress(3, 3)
    return {"verdict": report["verdict"]}


def _report(context: StageContext, frame: Frame, derivatives: list[dict[str, Any]]) -> dict[str, Any]:
    metrics = context.metrics
    sfm, fusion, mesh = metrics["sfm"], metrics["fusion"], metrics["simplify"]
    used, images = sfm["registered"], metrics["inspect"]["images"]
    gsd = metrics["derivatives"]["gsd"]
    area = mesh["area"] * frame.scale**2
    return {
        "inputs": {"images": images, "used": used, "refused": metrics["inspect"]["refused"]},
        "sfm": {
            "registered": used,
            "reprojection_px": sfm["reprojection_px"],
            "track_length": sfm["track_length"],
            "points": sfm["points"],
            "observations": sfm["observations"],
            "camera_models": sfm["camera_models"],
            "freer_models": sfm["freer_models"],
            "other_models": sfm["other_models"],
            "triangulation_angle": sfm["triangulation_angle"],
            "cameras": _cameras(context.inputs["sfm"] / CAMERAS_JSON, frame),
        },
        "scale": {"status": frame.status, "source": frame.source, "error": frame.error, "details": frame.details},
        "dense": {
            "points": fusion["points"],
            "coverage": fusion["coverage"],
            "density": fusion["points"] / max(area if frame.status != "none" else area / gsd**2, 1e-12),
            "gsd": gsd,
            "gsd_photographs": gsd * _matched_share(context),
            "unit": "metre" if frame.status != "none" else "arbitrary",
        },
        "mesh": {
            "triangles": mesh["triangles"],
            "vertices": mesh["vertices"],
            "area": area,
            "watertight": mesh["watertight"],
            "hole_area_share": mesh["hole_area_share"],
            "missing_share": mesh["missing_share"],
        },
        "texture": {key: metrics["texture"][key] for key in ("pixels", "pages", "seen", "texels_per_pixel")},
        "orthophotos": metrics["derivatives"]["orthophoto_pixel"],
        "derivatives": derivatives,
        "stages": [],
        "preset": context.preset.name,
        "seeds": {"colmap": 0, "deterministic": context.deterministic},
        "sandbox": metrics["inspect"]["sandbox"],
        "software": context.user.get("software", {}),
        "warnings": [],
        "verdict": verdict(used / max(images, 1), sfm["reprojection_px"], frame, gsd),
    }


def verdict(share: float, reprojection: float, frame: Frame, gsd: float) -> str:
    """ "good", "usable" or "not-for-measurement"; never better than what check measurements show."""
    if frame.status == "none":
        return "not-for-measurement"
    checked = frame.details.get("check_rms")
    sound = share >= GOOD_SHARE and reprojection <= GOOD_REPROJECTION
    if frame.status == "measured" and sound and isinstance(checked, int | float) and checked <= GOOD_CHECK_GSD * gsd:
        return "good"
    return "usable"


def _matched_share(context: StageContext) -> float:
    """GSD of the photographs in units of the matched one."""
    entries = json.loads((context.inputs["sfm"] / CAMERAS_JSON).read_text(encoding="utf-8"))
    longest = float(np.median([max(entry["width"], entry["height"]) for entry in entries]))
    return min(1.0, context.preset.dense_size / longest)


def _cameras(path: Path, frame: Frame) -> list[dict[str, Any]]:
    """Poses in the frame of the model; K and distortion for full-size pixels of the sensor."""
    placed = []
    for entry in json.loads(path.read_text(encoding="utf-8")):
        R, t = frame.camera(np.array(entry["R"]), np.array(entry["t"]))
        shown = {key: entry[key] for key in ("name", "width", "height", "K", "model", "distortion")}
        placed.append({**shown, "R": R.tolist(), "t": t.tolist()})
    return placed
