"""Stage 10: scale, up and position, from the most trustworthy thing that was given."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from heritage3d.pipeline.georeference.control import (
    Control,
    Mark,
    check_points,
    east_north_up,
    read_control,
    read_distances,
)
from heritage3d.pipeline.georeference.frame import (
    WORLD_JSON,
    Frame,
    from_control,
    upright_frame,
    with_scale,
)
from heritage3d.pipeline.georeference.positions import from_positions, held_level, nadir_level
from heritage3d.pipeline.georeference.targets import find_targets
from heritage3d.pipeline.georeference.triangulate import SolvedCamera, Triangulated, triangulate
from heritage3d.pipeline.photographs.table import Inspection
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.sfm import CAMERAS_JSON


def run(context: StageContext) -> dict[str, Any]:
    """`frame.json` (what may be told) and `world.json` (where on Earth it lies: protected)."""
    inspection = Inspection.load(context.inputs["inspect"])
    scene = Scene.load(context.inputs["sfm"])
    cameras = [SolvedCamera.from_json(entry) for entry in _json(context.inputs["sfm"] / CAMERAS_JSON)]
    control = Control()
    for kind, read in (("control", read_control), ("scale", read_distances)):
        if context.user.get(kind):
            try:
                read(Path(context.user[kind]), control)
            except (OSError, ValueError) as error:
                control.problems.append(f"The {kind} file was not used: {error}")
    if control.distances:
        marks = _targets(context, inspection, cameras)
        control.marks += marks
    for problem in control.problems:
        context.warn(f"{problem}.")
    points = _points(context, cameras, control.marks)
    orientations = {photograph.copy: photograph.orientation for photograph in inspection.photographs}
    level = upright_frame(scene.cameras, scene.points, orientations)
    frame, world = _choose(context, level, control, points, inspection, scene)
    frame.save(context.folder)
    (context.folder / WORLD_JSON).write_text(json.dumps(world, indent=1), encoding="utf-8")
    if frame.status == "none":
        context.warn("There is no scale: measuring is off. Give distances (--scale) or control points (--control).")
    context.progress(1, 1)
    return {"status": frame.status, "source": frame.source, "error": frame.error, "details": frame.details}


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _targets(context: StageContext, inspection: Inspection, cameras: list[SolvedCamera]) -> list[Mark]:
    """Coded targets in every registered copy, in pixels of the original."""
    by_copy = {camera.copy: camera for camera in cameras}
    found = []
    for done, photograph in enumerate(inspection.photographs, start=1):
        camera = by_copy.get(photograph.copy)
        if camera is None:
            continue
        stretch = camera.width / photograph.width
        for mark in find_targets(inspection.image(photograph), camera.name):
            found.append(Mark(mark.point, mark.image, mark.u * stretch, mark.v * stretch))
        context.progress(0.8 * done, len(inspection.photographs))
    return found


def _points(context: StageContext, cameras: list[SolvedCamera], marks: list[Mark]) -> dict[str, Triangulated]:
    """Marked points in the frame of the cameras; those seen in fewer than two used photographs are named."""
    by_name: dict[str, SolvedCamera] = {}
    for camera in cameras:
        for name in (camera.name, Path(camera.name).name):
            by_name[name.lower()] = camera
    views: dict[str, list[tuple[SolvedCamera, np.ndarray]]] = defaultdict(list)
    for mark in marks:
        seen_by = by_name.get(mark.image.lower())
        if seen_by is None:
            continue
        u, v = mark.u, mark.v
        if mark.normalised:
            longest = max(seen_by.width, seen_by.height)
            u, v = u * longest + seen_by.width / 2, v * longest + seen_by.height / 2
        views[mark.point].append((seen_by, seen_by.straight(u, v)))
    solved = {}
    for point, seen in views.items():
        found = triangulate(seen)
        if found is not None:
            solved[point] = found
        elif "/" not in point:
            context.warn(f"Point {point} was not used: it needs two photographs whose marks agree.")
    return solved


def _choose(
    context: StageContext,
    level: Frame,
    control: Control,
    points: dict[str, Triangulated],
    inspection: Inspection,
    scene: Scene,
) -> tuple[Frame, dict[str, object]]:
    """The frame from the first that is given: distances, points with coordinates, GPS; else upright without scale."""
    shared = sorted(name for name in control.coordinates if name in points)
    if len(shared) >= 3:
        ours = np.array([points[name].position for name in shared])
        theirs = np.array([control.coordinates[name] for name in shared])
        try:
            frame = from_control(shared, ours, theirs, check_points(control))
        except ValueError as error:
            context.warn(f"The control points were not used: {error}.")
        else:
            return frame, control.world
    elif control.coordinates:
        context.warn(f"Only {len(shared)} control points could be found in the photographs; three are needed.")
    measured = []
    for distance in control.distances:
        ends = (distance.one, distance.other)
        if distance.other == "size":
            ends = (f"{distance.one}/0", f"{distance.one}/1")
        if all(end in points for end in ends):
            length = float(np.linalg.norm(points[ends[0]].position - points[ends[1]].position))
            if length > 0:
                measured.append((f"{distance.one} - {distance.other}", length, distance.metres))
        else:
            missing = ", ".join(end for end in ends if end not in points)
            context.warn(f"The distance {distance.one} - {distance.other} was not used: {missing} was not found.")
    if measured:
        return with_scale(level, measured), {}
    positions = {photograph.copy: photograph.position for photograph in inspection.photographs if photograph.position}
    located = [camera for camera in scene.cameras if camera.name in positions]
    if len(located) >= 4:
        places = np.array([_with_height(positions[camera.name]) for camera in located])
        origin = places.mean(0)
        orientations = {photograph.copy: photograph.orientation for photograph in inspection.photographs}
        guesses = [held_level(level.R[2], scene.cameras, orientations), nadir_level(scene.cameras)]
        found = from_positions(
            np.array([camera.centre for camera in located]),
            east_north_up(places, origin),
            [guess for guess in guesses if guess is not None],
        )
        if found is not None:
            return found, {"system": "EPSG:4979", "origin": origin.tolist()}
        context.warn("The photographs' own positions are too close together to give a scale.")
    return level, {}


def _with_height(place: tuple[float, float, float | None]) -> tuple[float, float, float]:
    return place[0], place[1], place[2] if place[2] is not None else 0.0
