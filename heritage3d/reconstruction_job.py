"""The pipeline as a job: stages become job stages, its lease and its cancellation reach every child.

Input of the job: `{"photographs": folder, "out": folder, "preset": name}` and optionally `masks`, `control`, `scale`;
all paths are relative to the instance's own `captures` and `reconstructions` folders, so that no job can read or write
elsewhere. A second attempt goes on where the first was interrupted.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from jobs.errors import JobFailed

if TYPE_CHECKING:
    from heritage3d.pipeline.recipe import Request
    from jobs.context import JobContext

KIND = "heritage3d.reconstruct"
CAPTURES, RECONSTRUCTIONS = "captures", "reconstructions"


def inside(folder: str, given: object) -> Path:
    """The path `given` below the instance's `folder`. Raises JobFailed when it leads out of it."""
    base = (Path(settings.CAIRN_DATA) / folder).resolve()
    path = (base / str(given)).resolve()
    if not str(given) or path == base or not path.is_relative_to(base):
        raise JobFailed("bad-input", _("The job names a place outside the instance's own folders."))
    return path


class FollowedByJob:
    """Shows a run's progress on its job.

    The pipeline reports progress from a thread of its own; the job's row may be written and its news raised only in
    the handler's. So numbers are kept here, and `stop_wanted`, which the run asks ten times a second from the
    handler's thread, passes them on.
    """

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._latest: tuple[float, float] | None = None

    def stage_started(self, stage: str, position: int, count: int) -> None:
        self._latest = None
        self._context.stage(stage)

    def stage_progress(self, stage: str, done: float, total: float) -> None:
        self._latest = (done, total)

    def stage_finished(self, stage: str, seconds: float, cached: bool) -> None:
        kept = _("kept from before") if cached else _("%(seconds).1f s") % {"seconds": seconds}
        self._context.log(f"{stage}: {kept}")

    def message(self, text: str) -> None:
        self._context.log(text)

    def stop_wanted(self) -> bool:
        latest, self._latest = self._latest, None
        if self._context.cancelled():
            return True
        if latest is not None and latest[1] > 0:
            self._context.progress(round(1000 * latest[0] / latest[1]), 1000)
        return False


def request_of(job_input: dict[str, Any]) -> Request:
    """The pipeline's request for a job's input. Raises JobFailed for an unknown preset or a path that leads out."""
    from heritage3d.pipeline.presets import PRESETS
    from heritage3d.pipeline.recipe import Request

    preset = PRESETS.get(str(job_input.get("preset", "standard")))
    if preset is None:
        raise JobFailed("bad-input", _("There is no preset of that name."))
    beside = {
        name: inside(CAPTURES, job_input[name]) if job_input.get(name) else None
        for name in ("masks", "control", "scale")
    }
    return Request(
        inputs=(inside(CAPTURES, job_input.get("photographs", "")),),
        out=inside(RECONSTRUCTIONS, job_input.get("out", "")),
        preset=preset,
        resume=True,
        threads=max(1, os.cpu_count() or 1),
        masks=beside["masks"],
        control=beside["control"],
        scale=beside["scale"],
    )


def reconstruct(context: JobContext) -> dict[str, Any]:
    """Handler of `KIND`: run the pipeline; returns the verdict and how many photographs were used."""
    # Only in workers: the web process never loads what the pipeline needs.
    from heritage3d.pipeline.system_libraries import require_installed
    from heritage3d.pipeline.verdicts import Cancelled, ImpossibleInput, ReconstructionError

    try:
        require_installed()
    except ReconstructionError as missing:
        raise JobFailed("not-installed", " ".join([str(missing), *missing.advice])) from missing
    from heritage3d.pipeline.runner import Run

    followed = FollowedByJob(context)
    run = Run(request_of(context.input), followed, followed.stop_wanted)
    try:
        outcome = run.execute()
    except Cancelled:
        # The context knows whether it was a person, another worker or a shutdown.
        context.check()
        raise
    except ImpossibleInput as refusal:
        raise JobFailed("impossible-input", " ".join([str(refusal), *refusal.advice])) from refusal
    except ReconstructionError as fault:
        raise JobFailed("pipeline-fault", " ".join([str(fault), *fault.advice])) from fault
    for warning in outcome.report["warnings"]:
        context.log(warning)
    return {
        "verdict": outcome.report["verdict"],
        "images": outcome.report["inputs"]["images"],
        "used": outcome.report["inputs"]["used"],
        "exit_code": outcome.exit_code,
    }
