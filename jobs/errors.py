"""How a job ends before its handler returns.

A handler raises :class:`JobFailed` or :class:`RetryLater`. The other three are raised *at* a handler by
its context; they derive from ``BaseException`` so that no ``except Exception`` in a handler keeps a
cancelled or overtaken job alive.
"""

from __future__ import annotations

from datetime import timedelta


class JobFailed(Exception):
    """The work cannot succeed. ``code`` is for programs, ``sentence`` (what, where, remedy) for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code)
        self.code = code
        self.sentence = sentence


class RetryLater(JobFailed):
    """The work could not be done now, because something outside is not ready."""

    def __init__(self, code: str, sentence: str, *, after: timedelta | None = None) -> None:
        super().__init__(code, sentence)
        self.after = after


class LeaseLost(BaseException):
    """Another worker holds the job now: nothing this one writes counts any more."""


class Cancelled(BaseException):
    """Somebody asked for the job to be cancelled."""


class Stopping(BaseException):
    """The worker is being shut down: the job goes back to the queue with all finished stages."""
