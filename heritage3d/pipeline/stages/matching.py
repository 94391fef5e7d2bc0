"""Stage 3: which photographs show the same thing."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Any

from heritage3d.pipeline.cameras.matching import facts_of, match
from heritage3d.pipeline.photographs.advice import MOVE, OVERLAP, TEXTURE, TURNTABLE
from heritage3d.pipeline.photographs.table import Inspection
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.features import DATABASE
from heritage3d.pipeline.verdicts import ImpossibleInput

#: Above this share of unmoved matches the background stood still while something turned before it.
STILL_BACKGROUND = 0.25
#: Above this share of pairs the camera only turned.
ONLY_TURNED = 0.7


def run(context: StageContext) -> dict[str, Any]:
    """`database.db` with verified matches; an interrupted one is gone on with."""
    inspection = Inspection.load(context.inputs["inspect"])
    database = context.folder / DATABASE
    if not database.exists():
        aside = context.folder / f"{DATABASE}.tmp"
        shutil.copyfile(context.inputs["features"] / DATABASE, aside)
        aside.replace(database)
    tried = match(
        database,
        [photograph.copy for photograph in inspection.photographs],
        positions={
            photograph.copy: photograph.position
            for photograph in inspection.photographs
            if photograph.position is not None
        },
        threads=context.threads,
        pairs_file=context.folder / "pairs.tmp",
        progress=context.progress,
    )
    facts = facts_of(database, tried)
    if facts.pairs_verified < 2:
        raise ImpossibleInput("No two photographs show the same thing.", [OVERLAP, TEXTURE, *inspection.advice])
    if facts.still_share > STILL_BACKGROUND:
        raise ImpossibleInput(
            "The background stands still while the object turns, so the cameras cannot be told apart.", [TURNTABLE]
        )
    if facts.rotation_share > ONLY_TURNED:
        raise ImpossibleInput("The camera was only turned on the spot, so nothing has depth.", [MOVE])
    return asdict(facts)
