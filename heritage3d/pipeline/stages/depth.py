"""Stage 5: a depth map for every photograph, each sealed as soon as it is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heritage3d.pipeline.dense.depthmap import LEVELS, DepthMap, Matching, match_coarse, match_fine
from heritage3d.pipeline.dense.pictures import Picture, read_pyramid
from heritage3d.pipeline.dense.views import select_sources
from heritage3d.pipeline.map_store import OnDisk
from heritage3d.pipeline.presets import Preset
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.verdicts import StageFault

#: The coarse pass is much the cheaper one; only the time left depends on it.
COARSE_SHARE = 0.4


def matching_for(preset: Preset) -> Matching:
    """How carefully a preset matches."""
    if preset.name == "draft":
        return replace(Matching(), coarse_sweeps=(6, 3, 2), refinements=1)
    return Matching()


def depth_name(scene: Scene, index: int) -> str:
    """The file of a photograph's depth map."""
    return f"{Path(scene.cameras[index].name).stem}.npz"


def run(context: StageContext) -> dict[str, Any]:
    """`<copy>.npz` for every photograph that has sources; `sources.npz` says which were compared."""
    scene = Scene.load(context.inputs["sfm"])
    sources = select_sources(scene, context.preset.source_views)
    matching = matching_for(context.preset)
    pyramids: OnDisk[tuple[Picture, ...]] = OnDisk(
        len(scene),
        lambda index: read_pyramid(
            scene.cameras[index], scene.images[index], scene.masks[index], context.preset.dense_size, LEVELS
        ),
    )
    items = context.items()
    usable = [index for index in range(len(scene)) if sources[index] and len(scene.observations[index]) >= 4]
    if not usable:
        raise StageFault("No photograph has another one to be compared with.")
    done = 0.0

    def step(share: float) -> None:
        nonlocal done
        done += share
        context.progress(done, len(usable))

    def coarse_name(index: int) -> str:
        return f"coarse-{depth_name(scene, index)}"

    for index in usable:
        if not items.has(depth_name(scene, index)) and not items.has(coarse_name(index)):
            points = scene.points[scene.observations[index]]
            found = match_coarse(pyramids[index], [pyramids[j] for j in sources[index]], points, matching)
            found.save(items.aside(coarse_name(index)))
            items.keep(coarse_name(index))
        step(COARSE_SHARE)
    # The coarse maps must outlive an interruption until the last fine one is made: sources read each other's.
    for index in usable:
        if not items.has(coarse_name(index)) and any(not items.has(depth_name(scene, j)) for j in usable):
            points = scene.points[scene.observations[index]]
            found = match_coarse(pyramids[index], [pyramids[j] for j in sources[index]], points, matching)
            found.save(items.aside(coarse_name(index)))
            items.keep(coarse_name(index))
    coarse: OnDisk[DepthMap] = OnDisk(
        len(scene), lambda index: DepthMap.load(items.path(coarse_name(index)), scene.cameras[index])
    )
    known = set(usable)
    for index in usable:
        if not items.has(depth_name(scene, index)):
            others = [j for j in sources[index] if j in known]
            fine = match_fine(
                pyramids[index], [pyramids[j] for j in others], coarse[index], [coarse[j] for j in others], matching
            )
            fine.save(items.aside(depth_name(scene, index)))
            items.keep(depth_name(scene, index))
            context.log(f"{scene.cameras[index].name}: median cost {float(np.median(fine.cost)):.3f}")
        step(1 - COARSE_SHARE)
    for index in usable:
        items.drop(coarse_name(index))
    width = max(len(chosen) for chosen in sources)
    table = np.full((len(scene), width), -1, np.int64)
    for index, chosen in enumerate(sources):
        table[index, : len(chosen)] = chosen
    np.savez(context.folder / "sources.npz", sources=table, usable=np.array(usable))
    skipped = len(scene) - len(usable)
    if skipped:
        context.warn(f"{skipped} photographs share too little with others and gave no depth.")
    return {"depth_maps": len(usable), "sources_each": width}
