#!/usr/bin/env python3
"""The suites that CI runs as far as its clock allows, in an order that turns by a day.

    .ci/suites.py --begun EPOCH [--all] NAME=COMMAND [NAME=COMMAND ...]

A suite starts only before minute 50 of the run and is cut at minute 80: past minute 90 nothing lands, and a
machine can be three times slower than ours. Being cut or left out fails nothing, since another day's order begins
with another suite; a test that failed does. The last lines say which suites ran, which were cut, which were left
out. ``--all`` knows no clock. Exit status: 1 when a suite failed, else 0. Standard library only: it runs before
anything is installed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

START_BEFORE = 50 * 60.0
CUT_AT = 80 * 60.0
#: Seconds from the request to stop until the suite's processes are killed.
GRACE = 60.0
#: How pytest closes a run in which a test failed, cut or not.
FAILED = re.compile(r"\b[1-9]\d* (failed|errors?)\b")


@dataclass
class Outcome:
    """What became of the suites, by name."""

    ran: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The closing lines, one a state, in words."""
        states = (("ran", self.ran), ("failed", self.failed), ("cut", self.cut), ("left out", self.left_out))
        return [f"suites {state}: {', '.join(names) or 'none'}" for state, names in states]


def turned(names: Sequence[str], day: int) -> list[str]:
    """``names`` beginning with another one each day; ``day`` is a count of days."""
    first = day % len(names) if names else 0
    return [*names[first:], *names[:first]]


def run_suite(command: Sequence[str], seconds_left: float | None, grace: float = GRACE) -> tuple[int, bool, bool]:
    """Run one suite, pass on what it prints; returns its exit status, whether it was cut, whether a test failed."""
    process = subprocess.Popen(  # noqa: S603 - the commands stand in .ci/run
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    )
    cut = threading.Event()

    def stop() -> None:
        cut.set()
        # As Ctrl-C does: pytest then says what it has seen so far.
        for signalled in (signal.SIGINT, signal.SIGKILL):
            try:
                os.killpg(process.pid, signalled)
            except ProcessLookupError:
                return
            deadline = time.monotonic() + grace
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)

    timer = threading.Timer(max(0.0, seconds_left), stop) if seconds_left is not None else None
    if timer:
        timer.daemon = True
        timer.start()
    failed = threading.Event()

    def pass_on() -> None:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            if FAILED.search(line) and " in " in line:
                failed.set()

    # In a thread: a server that a killed suite left behind may hold the pipe open for ever.
    reader = threading.Thread(target=pass_on, daemon=True)
    reader.start()
    status = process.wait()
    if timer:
        timer.cancel()
    reader.join(timeout=10)
    return status, cut.is_set(), failed.is_set()


def run_all(
    suites: dict[str, Sequence[str]],
    elapsed: Callable[[], float],
    *,
    clock: bool,
    day: int,
    start_before: float = START_BEFORE,
    cut_at: float = CUT_AT,
    grace: float = GRACE,
) -> Outcome:
    """Run the suites as far as the clock allows; ``elapsed`` gives the seconds since CI began."""
    outcome = Outcome()
    for name in turned(list(suites), day):
        if clock and elapsed() >= start_before:
            outcome.left_out.append(name)
            continue
        print(f"\n== suite {name} (minute {elapsed() / 60:.0f})", flush=True)  # noqa: T201
        status, cut, failed = run_suite(suites[name], cut_at - elapsed() if clock else None, grace)
        if failed or (status != 0 and not cut):
            outcome.failed.append(name)
        elif cut:
            outcome.cut.append(name)
        else:
            outcome.ran.append(name)
    return outcome


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Run suites as far as CI's clock allows.")
    parser.add_argument("--begun", type=float, required=True, help="when CI began, in seconds since the epoch")
    parser.add_argument("--all", action="store_true", help="no clock: every suite to its end")
    parser.add_argument("--start-before", type=float, default=START_BEFORE, help="seconds; no suite starts later")
    parser.add_argument("--cut-at", type=float, default=CUT_AT, help="seconds; a suite still running is stopped")
    parser.add_argument("suites", nargs="+", metavar="NAME=COMMAND")
    given = parser.parse_args(arguments)
    suites: dict[str, Sequence[str]] = {
        name: shlex.split(command) for name, _equals, command in (one.partition("=") for one in given.suites)
    }
    outcome = run_all(
        suites,
        lambda: time.time() - given.begun,
        clock=not given.all,
        day=datetime.now(UTC).date().toordinal(),
        start_before=given.start_before,
        cut_at=given.cut_at,
    )
    print()  # noqa: T201
    for line in outcome.lines():
        print(line)  # noqa: T201
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
