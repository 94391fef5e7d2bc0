"""Stage 6: what photographs agree on, as cleaned depth maps and as one cloud of points."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from heritage3d.pipeline.dense.depthmap import DepthMap
from heritage3d.pipeline.dense.fusion import AgreedMap, agree, believed, count_support, merge, neighbours_of
from heritage3d.pipeline.dense.pictures import read_colour
from heritage3d.pipeline.map_store import OnDisk
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.depth import depth_name
from heritage3d.pipeline.surface.tsdf import matched_gsd
from heritage3d.pipeline.verdicts import ImpossibleInput

CLOUD_NPZ = "cloud.npz"
FEWEST_POINTS = 500


def run(context: StageContext) -> dict[str, Any]:
    """`<copy>.npz` (agreed maps) and `cloud.npz` (points, normals, support, colours in the frame of the cameras)."""
    scene = Scene.load(context.inputs["sfm"])
    with np.load(context.inputs["depth"] / "sources.npz", allow_pickle=False) as stored:
        usable = [int(index) for index in stored["usable"]]
        place = {index: position for position, index in enumerate(usable)}
        sources = [[place[int(j)] for j in stored["sources"][i] if int(j) in place] for i in usable]
    neighbours = neighbours_of(sources)
    count = len(usable)
    maps: OnDisk[DepthMap] = OnDisk(
        count,
        lambda i: DepthMap.load(context.inputs["depth"] / depth_name(scene, usable[i]), scene.cameras[usable[i]]),
    )
    valid = []
    for i in range(count):
        valid.append(believed(maps[i]))
        context.progress(0.15 * (i + 1), count)
    reliable = []
    for i in range(count):
        reliable.append(valid[i] & (count_support(i, maps, valid, neighbours[i]) >= 1))
        context.progress(count * 0.15 + 0.25 * (i + 1), count)
    coverage = []
    for i in range(count):
        agreed = agree(i, maps, valid, reliable, neighbours[i])
        agreed.save(context.folder / depth_name(scene, usable[i]))
        coverage.append(float(agreed.accepted.mean()))
        context.progress(count * 0.4 + 0.4 * (i + 1), count)
    agreed_maps: OnDisk[AgreedMap] = OnDisk(count, lambda i: load_agreed(context.folder, scene, usable[i]))
    pictures: OnDisk[Any] = OnDisk(count, lambda i: _picture(scene, usable[i], agreed_maps[i]), kept=2)
    cloud = merge(agreed_maps, neighbours, pictures)
    context.progress(count, count)
    if len(cloud) < FEWEST_POINTS:
        raise ImpossibleInput(
            "The photographs agree on almost no surface.",
            ["Take more photographs with more overlap, of textured surfaces, in steady light."],
        )
    gsd = matched_gsd(agreed_maps)
    np.savez(
        context.folder / CLOUD_NPZ,
        points=cloud.points,
        normals=cloud.normals,
        support=cloud.support,
        colours=cloud.colours,
        gsd=np.array(gsd),
        usable=np.array(usable),
    )
    return {
        "points": len(cloud),
        "coverage": round(float(np.mean(coverage)), 4),
        "coverage_by_photograph": {scene.cameras[usable[i]].name: round(share, 4) for i, share in enumerate(coverage)},
        "matched_gsd": gsd,
    }


def load_agreed(folder: Any, scene: Scene, index: int) -> AgreedMap:
    """The agreed map of photograph `index` from a fusion folder."""
    return AgreedMap.load(folder / depth_name(scene, index), scene.cameras[index])


def agreed_maps_of(folder: Any, scene: Scene) -> tuple[list[int], OnDisk[AgreedMap]]:
    """Indices of photographs that have a map, and the maps in that order."""
    with np.load(folder / CLOUD_NPZ, allow_pickle=False) as stored:
        usable = [int(index) for index in stored["usable"]]
    return usable, OnDisk(len(usable), lambda i: load_agreed(folder, scene, usable[i]))


def _picture(scene: Scene, index: int, agreed: AgreedMap) -> Any:
    size = (agreed.camera.width, agreed.camera.height)
    return cv2.resize(read_colour(scene.images[index]), size, interpolation=cv2.INTER_AREA)
