"""`manage.py reconstruct PHOTOS… --out DIR`: the pipeline from a folder of photographs to a documented model."""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser
from pathlib import Path
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from heritage3d.pipeline.presets import PRESETS
from heritage3d.pipeline.progress import TerminalProgress
from heritage3d.pipeline.recipe import RECIPE, STAGE_NAMES, Request
from heritage3d.pipeline.system_libraries import require_installed
from heritage3d.pipeline.verdicts import Cancelled, ReconstructionError


class Command(BaseCommand):
    """Needs no database. Exit codes: 0 all photographs used, 1 some, 2 impossible input, 3 a fault of ours,
    130 and 143 stopped by Ctrl-C and SIGTERM.
    """

    help = "Make a measured, textured, documented 3D model from photographs."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        # Told before every complaint about an argument: short, so that the complaint is seen.
        parser.usage = "manage.py reconstruct PHOTOGRAPHS… --out FOLDER (--help tells the rest)"
        parser.add_argument("photographs", nargs="+", type=Path, help="Photographs, or folders of them")
        parser.add_argument("--out", type=Path, required=True, help="Folder for the model and its report")
        parser.add_argument("--preset", choices=sorted(PRESETS), default="standard")
        parser.add_argument("--scale", type=Path, help="Distances between coded targets or marked points (CSV)")
        parser.add_argument("--masks", type=Path, help="Folder of masks: white is used, black is not")
        parser.add_argument("--control", type=Path, help="Control points: gcp_list.txt, CSV or JSON")
        parser.add_argument(
            "--from", dest="start_from", choices=STAGE_NAMES, help="Make this stage and all after it anew"
        )
        parser.add_argument("--resume", action="store_true", help="Go on where an interrupted run stopped")
        parser.add_argument("--deterministic", action="store_true", help="Same bytes on every run (slower cameras)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            require_installed()
        except ReconstructionError as error:
            self._complain(error)
            sys.exit(error.exit_code)
        # Only here: the web process never loads numerical libraries.
        from heritage3d.pipeline.runner import Run

        request = Request(
            inputs=tuple(options["photographs"]),
            out=options["out"].resolve(),
            preset=PRESETS[options["preset"]],
            masks=options["masks"],
            control=options["control"],
            scale=options["scale"],
            deterministic=options["deterministic"],
            resume=options["resume"],
            start_from=options["start_from"],
            threads=max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
        )
        stopped_by = 0

        def stop(number: int, _frame: FrameType | None) -> None:
            nonlocal stopped_by
            stopped_by = number

        previous = {sign: signal.signal(sign, stop) for sign in (signal.SIGTERM, signal.SIGINT)}
        progress = TerminalProgress(sys.stderr, RECIPE)
        try:
            outcome = Run(request, progress, lambda: bool(stopped_by)).execute()
        except ReconstructionError as error:
            progress.close()
            self._complain(error)
            # As shells tell it: 130 after Ctrl-C, 143 after SIGTERM.
            sys.exit(128 + stopped_by if isinstance(error, Cancelled) and stopped_by else error.exit_code)
        finally:
            for sign, handler in previous.items():
                signal.signal(sign, handler)
        self._tell(outcome.report, request.out)
        sys.exit(outcome.exit_code)

    def _tell(self, report: dict[str, Any], out: Path) -> None:
        """The verdict and every warning, in a few lines."""
        for warning in report["warnings"]:
            self.stdout.write(_("Warning: %(text)s") % {"text": warning})
        used, images = report["inputs"]["used"], report["inputs"]["images"]
        self.stdout.write(
            _("%(used)d of %(images)d photographs used. Verdict: %(verdict)s. See %(report)s")
            % {"used": used, "images": images, "verdict": report["verdict"], "report": out / "report.html"}
        )

    def _complain(self, error: ReconstructionError) -> None:
        self.stderr.write(str(error))
        for sentence in error.advice:
            self.stderr.write(f"  - {sentence}")
