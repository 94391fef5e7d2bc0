"""Stage 2: features of every copy."""

from __future__ import annotations

from typing import Any

from heritage3d.pipeline.cameras.features import CameraGroup, count_features, extract
from heritage3d.pipeline.photographs.table import IMAGES, MASKS, Inspection
from heritage3d.pipeline.stage_context import StageContext

DATABASE = "database.db"


def run(context: StageContext) -> dict[str, Any]:
    """`database.db` with keypoints and descriptors; an interrupted one is gone on with."""
    inspection = Inspection.load(context.inputs["inspect"])
    groups = []
    for group in sorted({photograph.camera for photograph in inspection.photographs}):
        members = [photograph for photograph in inspection.photographs if photograph.camera == group]
        names = tuple(sorted(photograph.copy for photograph in members))
        groups.append(CameraGroup(names, members[0].width, members[0].height, members[0].focal))
    masked = any(photograph.has_mask for photograph in inspection.photographs)
    extract(
        context.folder / DATABASE,
        inspection.folder / IMAGES,
        groups,
        size=context.preset.feature_size,
        most_features=context.preset.max_features,
        doubled=len(inspection.photographs) <= context.preset.doubled_up_to,
        masks=inspection.folder / MASKS if masked else None,
        threads=context.threads,
        progress=context.progress,
    )
    counts = count_features(context.folder / DATABASE)
    return {"features": sum(counts.values()), "fewest_in_a_photograph": min(counts.values(), default=0)}
