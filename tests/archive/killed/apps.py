"""Changes the processes of an instance as a test of killed workers asks: takes out a guard, or dies at a moment."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db import transaction


class SabotageConfig(AppConfig):
    name = "tests.archive.killed"
    label = "killed"

    def ready(self) -> None:
        changes = {
            "": lambda: None,
            "without-fence": _no_fence,
            "without-notes": _no_notes,
            "without-death-signal": _children_survive,
            "dies-around-its-rows": _dies_around_its_rows,
            "dies-throwing-away": _dies_throwing_away,
        }
        changes[os.environ.get("KILLED_CHANGE", "")]()


def _no_fence() -> None:
    """Writes count whoever holds the lease, and nobody is told of a lost one."""
    from jobs import heartbeat, leases
    from jobs.models import Job

    @contextmanager
    def held(lease: leases.Lease) -> Iterator[Job]:
        with transaction.atomic():
            yield Job.objects.select_for_update().get(pk=lease.job_pk)

    leases.held = held
    leases.Lease.row = lambda self: Job.objects.filter(pk=self.job_pk)  # type: ignore[method-assign]
    heartbeat.Heartbeat._look = lambda self, renewed: renewed  # type: ignore[method-assign]


def _no_notes() -> None:
    """A second attempt at an import does not ask what the first one wrote down."""
    from archive.importing.application import Application

    kept = Application.__init__

    def forgetful(self: Application, *arguments: object, **more: object) -> None:
        kept(self, *arguments, **{**more, "noted": frozenset()})  # type: ignore[arg-type]

    Application.__init__ = forgetful  # type: ignore[method-assign]


def _children_survive() -> None:
    """Programs that a worker started do not die with it."""
    from jobs import children

    # Bubblewrap has a death signal of its own.
    children.bubblewrap = lambda: None  # type: ignore[assignment]
    text = children._LAUNCH.read_text()
    for call in ("    die_with_parent()\n", "    _prctl(_PR_SET_CHILD_SUBREAPER, 1)\n"):
        assert call in text
        text = text.replace(call, "", 1)
    changed = Path(tempfile.mkdtemp(prefix="cairn-test-")) / "launch.py"
    changed.write_text(text)
    children._LAUNCH = changed


def _dies_around_its_rows() -> None:
    """The second attempt dies when the public copies are placed and no row names them, the third right after."""
    from archive.derivatives import making

    kept = making._record

    def record(context: Any, *arguments: Any) -> list[str]:
        if context.attempt == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        replaced = kept(context, *arguments)
        if context.attempt == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return replaced

    making._record = record  # type: ignore[assignment]


def _dies_throwing_away() -> None:
    """The third attempt at an import dies when everything is done and half of the uploads are thrown away."""
    from archive.importing import job
    from jobs.models import Job

    kept = job.discard_uploads

    def throw_away(tokens: list[str]) -> None:
        if Job.objects.get(kind=job.KIND).attempts == 3:
            kept(tokens[: len(tokens) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        kept(tokens)

    job.discard_uploads = throw_away  # type: ignore[assignment]
