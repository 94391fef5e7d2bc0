"""What a handler holds while it works: its input, its memory, and the only doors through which it may write."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.utils import timezone

from jobs import children, leases
from jobs.errors import LeaseLost
from jobs.heartbeat import Heartbeat
from jobs.models import Job, JobLogLine

#: Seconds between two writes of mere progress.
_PROGRESS_EVERY = 1.0
#: Characters of one log line.
_LOG_WIDTH = 2000


class JobContext:
    """One attempt at one job, seen by its handler.

    Every call raises :class:`~jobs.errors.Cancelled`, :class:`~jobs.errors.LeaseLost` or
    :class:`~jobs.errors.Stopping` when the attempt is over; let them pass.
    """

    def __init__(self, job: Job, lease: leases.Lease, heartbeat: Heartbeat) -> None:
        self.job_id = job.public_id
        self.input: dict[str, Any] = job.input
        self.scope = job.scope
        self.created_by = job.created_by
        self.attempt = job.attempts
        #: What :meth:`checkpoint` last stored, in this or an earlier attempt; ``{}`` at the first start.
        self.resume_from: dict[str, Any] = job.checkpoint
        self._finished: dict[str, Any] = dict(job.finished_stages)
        self._lease = lease
        self._heartbeat = heartbeat
        self._stage = job.stage
        self._progress_written = 0.0

    # --- Is it still worth going on? ------------------------------------------------------------

    def cancelled(self) -> bool:
        """Whether to stop soon (cancelled, overtaken or shutting down): for loops that tidy up by themselves."""
        return self._heartbeat.news is not None

    def check(self) -> None:
        """Raise the news, if there is any."""
        if self._heartbeat.news is not None:
            raise self._heartbeat.news

    # --- Telling --------------------------------------------------------------------------------

    def stage(self, name: str) -> None:
        """Begin the stage ``name``; progress starts again at nothing."""
        self.check()
        self._stage = name[:100]
        self._write(stage=self._stage, progress_done=0, progress_total=None)
        self._progress_written = 0.0

    def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the stage is. Cheap: written at most once a second, and when ``done`` reaches ``total``."""
        self.check()
        now = time.monotonic()
        if now - self._progress_written < _PROGRESS_EVERY and done != total:
            return
        self._progress_written = now
        self._write(progress_done=done, progress_total=total)

    def log(self, text: str) -> None:
        """Append a line for people who may see the job: no tracebacks, control characters are made visible."""
        self.check()
        with leases.held(self._lease) as job:
            job.log_count += 1
            job.save(update_fields=["log_count"])
            JobLogLine.objects.create(
                job_id=job.public_id, sequence=job.log_count, stage=self._stage, text=visible_text(text)
            )

    # --- Remembering ----------------------------------------------------------------------------

    @contextmanager
    def commit(self) -> Iterator[None]:
        """``transaction.atomic()`` whose writes count only under the current fence.

        Write everything the job changes inside; a worker that lost its lease writes nothing.
        """
        self.check()
        with leases.held(self._lease):
            yield

    def checkpoint(self, memory: dict[str, Any]) -> None:
        """Store what the next attempt finds in ``resume_from``; inside :meth:`commit` it is one with the writes."""
        self.check()
        self._write(checkpoint=memory)
        self.resume_from = memory

    def once(self, name: str, work: Callable[[], Any], *, atomic: bool = False) -> Any:
        """Do the stage ``name`` unless an earlier attempt finished it; return its JSON-able result.

        With ``atomic`` the work and the note that it is done are one transaction: its effect on the
        database happens exactly once. Without, a crash before the note repeats the stage.
        """
        if name in self._finished:
            self.check()
            return self._finished[name]
        self.stage(name)
        if atomic:
            with leases.held(self._lease) as job:
                result = work()
                self._note_finished(job, name, result)
        else:
            result = work()
            self.check()
            with leases.held(self._lease) as job:
                self._note_finished(job, name, result)
        self._finished[name] = result
        return result

    # --- Children -------------------------------------------------------------------------------

    def run_child(self, argv: Sequence[str], **options: Any) -> children.Finished:
        """:func:`jobs.children.run`, killed when the attempt is over."""
        self.check()
        finished = children.run(argv, should_stop=self.cancelled, **options)
        self.check()
        return finished

    def _note_finished(self, job: Job, name: str, result: Any) -> None:
        # Read from the locked row: two notes in one attempt must both stay.
        Job.objects.filter(pk=job.pk).update(finished_stages={**job.finished_stages, name: result})

    def _write(self, **fields: Any) -> None:
        if not self._lease.row().update(heartbeat=timezone.now(), **fields):
            raise LeaseLost


def visible_text(text: str) -> str:
    """Make control and bidi characters visible, so that a hostile name cannot forge a second line."""
    shown = "".join(
        character
        if unicodedata.category(character) not in {"Cc", "Cf", "Zl", "Zp"} or character in "\u200c\u200d"
        else f"\\u{ord(character):04x}"
        for character in text[:_LOG_WIDTH]
    )
    return shown if len(text) <= _LOG_WIDTH else f"{shown}…"
