"""The vault's work by the clock: tidying up, fixity for ever."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from archive.derivatives.making import media_folder, remove_strays
from archive.vault.deposit import instance_vault, sweep_vault
from archive.vault.fixity import verify_slice

if TYPE_CHECKING:
    from jobs.context import JobContext


def check_fixity(context: JobContext) -> dict[str, Any]:
    """One slice of the rolling cycle; damage is written into the job's log for the operator."""
    result = verify_slice()
    for found in result["damage"]:
        context.log(f"DAMAGED {found['code']} {found['place']}: {found['message']}")
    return {"objects": result["objects"], "damaged": len(result["damage"]), "cycle_finished": result["cycle_finished"]}


def tidy(context: JobContext) -> dict[str, Any]:
    """Remove what crashes left in staging, quarantine and among the derivatives."""
    report = sweep_vault()
    strays = remove_strays(now=time.time()) if media_folder().is_dir() else 0
    return {**vars(report), "strays": strays}


def something_stored() -> bool:
    """Whether the vault holds an object at all."""
    return next(instance_vault().object_folders(), None) is not None


def something_staged() -> bool:
    """Whether anything lies where a crash may have left it."""
    vault = instance_vault()
    places = (vault.staging, vault.quarantine, media_folder())
    return any(next(place.iterdir(), None) is not None for place in places if place.is_dir())
