"""What a person sees while a run works: one rewritten line with the time left, or plain lines where nobody watches."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Protocol, TextIO

from heritage3d.pipeline.recipe import Stage


class Progress(Protocol):
    """Whoever wants to follow a run: a terminal, a log, a job row."""

    def stage_started(self, stage: str, position: int, count: int) -> None: ...

    def stage_progress(self, stage: str, done: float, total: float) -> None: ...

    def stage_finished(self, stage: str, seconds: float, cached: bool) -> None: ...

    def message(self, text: str) -> None: ...


class RemainingTime:
    """A guess of the seconds left, from how this run compares with a usual one so far."""

    def __init__(self, stages: Sequence[Stage]) -> None:
        self._usual = {stage.name: stage.usual_seconds for stage in stages}
        self._left = dict(self._usual)
        self._taken = 0.0
        self._expected = 0.0
        self._started = 0.0
        self._current: str | None = None
        self._share = 0.0

    def start(self, stage: str) -> None:
        self._current, self._share, self._started = stage, 0.0, time.monotonic()

    def advance(self, share: float) -> None:
        self._share = min(max(share, 0.0), 1.0)

    def finish(self, stage: str, seconds: float, cached: bool) -> None:
        expected = self._left.pop(stage, 0.0)
        if not cached:
            self._taken += seconds
            self._expected += expected
        self._current = None

    def seconds(self) -> float:
        """The guess; it starts as the usual time and follows the pace of what has been done."""
        taken, expected = self._taken, self._expected
        ahead = sum(self._left.values())
        if self._current in self._left:
            elapsed = time.monotonic() - self._started
            usual = self._left[self._current]
            taken += elapsed
            expected += usual * self._share
            ahead -= usual * self._share
        # Ten usual seconds weigh in, so that the first finished step does not decide everything.
        return ahead * (taken + 10.0) / (expected + 10.0)


def spoken(seconds: float) -> str:
    """A duration as a person says it: "40 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class TerminalProgress:
    """One line that is rewritten on a terminal; plain lines elsewhere."""

    def __init__(self, stream: TextIO, stages: Sequence[Stage]) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._remaining = RemainingTime(stages)
        self._shown = 0.0
        self._heading = ""
        self._unfinished = False

    def stage_started(self, stage: str, position: int, count: int) -> None:
        self._remaining.start(stage)
        self._heading = f"[{position}/{count}] {stage}"
        if self._live:
            self._rewrite(f"{self._heading} … about {spoken(self._remaining.seconds())} left")
        else:
            self._line(f"{self._heading}: started")

    def stage_progress(self, stage: str, done: float, total: float) -> None:
        share = done / total if total else 0.0
        self._remaining.advance(share)
        now = time.monotonic()
        if self._live and now - self._shown > 0.2:
            self._shown = now
            # The preview is made between two of the twelve.
            heading = self._heading if self._heading.endswith(f" {stage}") else stage
            self._rewrite(f"{heading} {share:4.0%}, about {spoken(self._remaining.seconds())} left")

    def stage_finished(self, stage: str, seconds: float, cached: bool) -> None:
        self._remaining.finish(stage, seconds, cached)
        self._line(f"{self._heading}: {'kept from before' if cached else f'{seconds:.1f} s'}")

    def message(self, text: str) -> None:
        self._line(text)

    def close(self) -> None:
        """Take away the line that is being rewritten, so that what is said next stands on a line of its own."""
        if self._live and self._unfinished:
            self._write("\r\x1b[K")
            self._unfinished = False

    def _rewrite(self, text: str) -> None:
        self._unfinished = True
        self._write(f"\r\x1b[K{text}")

    def _line(self, text: str) -> None:
        self._unfinished = False
        self._write(f"\r\x1b[K{text}\n" if self._live else f"{text}\n")

    def _write(self, text: str) -> None:
        # A pipe that nobody reads any more or a log on the full disk must not end a run of hours.
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
