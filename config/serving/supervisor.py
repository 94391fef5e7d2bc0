"""Keeping a handful of processes alive in the foreground, and ending all of them together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jobs import launch

#: Seconds a process has for its end before it is killed.
GRACE = 15.0
#: A process that lived this long counts as well again, and its back-off starts anew.
WELL_AFTER = 60.0
_LONGEST_PAUSE = 30.0


@dataclass
class Service:
    """One process to keep alive. ``name`` is what people read when it dies; it first starts once it is ``wanted``."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    wanted: Callable[[], bool] = lambda: True
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    start_again: float = 0.0

    def start(self, now: float) -> None:
        """Start the process in a session of its own: Ctrl-C reaches the supervisor alone, which ends the rest."""
        spec = {"parent": os.getpid(), "argv": list(self.argv), "limited": False}
        # Through the launcher, so that it dies with us even when we are killed with -9.
        self.process = subprocess.Popen(  # noqa: S603 - our own command lines
            [sys.executable, "-I", "-S", str(Path(launch.__file__)), json.dumps(spec)],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.started = now

    def pause(self) -> float:
        """Seconds before the next start: 1, 2, 4 … at most 30."""
        return min(_LONGEST_PAUSE, 2.0 ** (self.deaths - 1))


class Supervisor:
    """Starts services, restarts the dead with back-off, and ends all when told to."""

    def __init__(self, services: Sequence[Service], *, say: Callable[[str], None]) -> None:
        self.services = services
        self.say = say
        self.stop = threading.Event()

    def run(self, *, every: Callable[[], None] = lambda: None, tick: float = 0.25) -> None:
        """Keep the services alive until :attr:`stop` is set or SIGTERM, SIGINT or SIGHUP arrives.

        ``every`` is called about every ``tick`` seconds, for what the caller does beside.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_arguments: self.stop.set())
        try:
            while not self.stop.is_set():
                self._look(time.monotonic())
                every()
                self.stop.wait(tick)
        finally:
            self._end_all()

    def _look(self, now: float) -> None:
        for service in self.services:
            process = service.process
            if process is None:
                if now >= service.start_again and service.wanted():
                    service.start(now)
                continue
            code = process.poll()
            if code is None:
                if service.deaths and now - service.started > WELL_AFTER:
                    service.deaths = 0
                continue
            service.process = None
            service.deaths += 1
            service.start_again = now + service.pause()
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            self.say(f"The {service.name} ended ({how}); it starts again in {service.pause():.0f} s.")

    def _end_all(self) -> None:
        running = [service.process for service in self.services if service.process and service.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                # The whole session: a server's own children go with it.
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
