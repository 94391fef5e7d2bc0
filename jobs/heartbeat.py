"""The thread beside a running handler: it keeps the lease and carries bad news."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable

from django.db import DatabaseError, connections

from jobs import leases
from jobs.errors import Cancelled, LeaseLost, Stopping
from jobs.timing import Timing

logger = logging.getLogger(__name__)

#: Set when the worker process has been asked to end; every handler then hands its job back.
stopping = threading.Event()

#: Raises the news in the main thread, out of a handler that does not listen.
_INTERRUPT = getattr(signal, "SIGUSR2", None)


class Heartbeat(threading.Thread):
    """Renews the lease, and learns of a cancel request, a lost lease or a stop of the worker.

    The handler meets the news at its next call of the context. If it makes none within
    ``timing.grace`` seconds and runs in the main thread, the news is raised inside it by a signal, so
    that even a loop that never asks is cancelled in time.
    """

    def __init__(self, lease: leases.Lease, timing: Timing) -> None:
        super().__init__(name=f"heartbeat-{lease.public_id}", daemon=True)
        self.lease = lease
        self.timing = timing
        self.news: type[BaseException] | None = None
        self._finished = threading.Event()
        self._interruptible = False
        self._leaving = False
        self._gate = threading.Lock()
        self._previous: signal.Handlers | Callable[..., object] | int | None = None
        self._main = threading.main_thread() is threading.current_thread()

    def __enter__(self) -> Heartbeat:
        if self._main and _INTERRUPT is not None:
            self._previous = signal.signal(_INTERRUPT, self._interrupt)
            self._interruptible = True
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            self._leave()
        except (Cancelled, LeaseLost, Stopping):
            # The signal arrived while the handler was already leaving.
            self._leave()
            raise

    def _leave(self) -> None:
        self._leaving = True
        with self._gate:
            self._interruptible = False
        self._finished.set()
        self.join()
        if self._main and _INTERRUPT is not None:
            signal.signal(_INTERRUPT, self._previous or signal.SIG_DFL)

    def run(self) -> None:
        renewed = time.monotonic()
        told: float | None = None
        try:
            while not self._finished.wait(self.timing.poll):
                if self.news is None:
                    renewed = self._look(renewed)
                if self.news is None:
                    continue
                told = told or time.monotonic()
                if time.monotonic() - told >= self.timing.grace:
                    self._knock()
        finally:
            connections.close_all()

    def _look(self, renewed: float) -> float:
        """Look at the row and renew in time; returns when the lease was last prolonged."""
        if stopping.is_set():
            self.news = Stopping
            return renewed
        try:
            cancel_requested = self.lease.row().values_list("cancel_requested", flat=True).first()
            if cancel_requested is None:
                self.news = LeaseLost
            elif cancel_requested:
                self.news = Cancelled
            elif time.monotonic() - renewed >= self.timing.renew:
                begun = time.monotonic()
                if leases.renew(self.lease, timing=self.timing):
                    return begun
                self.news = LeaseLost
        except DatabaseError as error:
            connections.close_all()
            logger.warning("A heartbeat did not reach the database (%s).", type(error).__name__)
            if time.monotonic() - renewed >= self.timing.lease:
                self.news = LeaseLost
        return renewed

    def _knock(self) -> None:
        with self._gate:
            if self._interruptible and _INTERRUPT is not None:
                self._interruptible = False
                signal.pthread_kill(threading.main_thread().ident or 0, _INTERRUPT)

    def _interrupt(self, _signal: int, _frame: object) -> None:
        if self.news is not None and not self._leaving:
            raise self.news
