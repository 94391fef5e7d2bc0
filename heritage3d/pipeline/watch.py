"""Looking after a child process: its memory, its messages, its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

POLL_SECONDS = 0.1
#: Between asking a child to end and killing it.
GRACE_SECONDS = 3.0


@dataclass
class Outcome:
    """How a child ended: its exit code, largest resident memory in bytes, and what it said."""

    exit_code: int = 0
    peak_bytes: int = 0
    seconds: float = 0.0
    #: Processor time of the child and everything below it: what it would cost on an idle machine.
    cpu_seconds: float = 0.0
    result: dict[str, Any] | None = None
    fault: str | None = None
    impossible: str | None = None
    advice: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    over_memory: bool = False
    cancelled: bool = False


def _family(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.Error):
        return [process, *process.children(recursive=True)]
    return []


def _resident(family: Sequence[psutil.Process]) -> int:
    total = 0
    for member in family:
        with contextlib.suppress(psutil.Error):
            total += member.memory_info().rss
    return total


def _high_water(family: Sequence[psutil.Process]) -> int:
    """Largest `VmHWM` of the processes, bytes; 0 where the kernel does not tell."""
    largest = 0
    for member in family:
        try:
            status = Path(f"/proc/{member.pid}/status").read_text(encoding="ascii")
        except OSError:
            continue
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                largest = max(largest, int(line.split()[1]) * 1024)
    return largest


def _note_processor_time(family: Sequence[psutil.Process], used: dict[int, float]) -> None:
    """Processor seconds by process, as last seen: bubblewrap does not hand on what its children used."""
    for member in family:
        with contextlib.suppress(psutil.Error):
            times = member.cpu_times()
            used[member.pid] = times.user + times.system


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the child and everything below it to end, then make them."""
    try:
        family = _family(psutil.Process(process.pid))
    except psutil.NoSuchProcess:
        family = []
    for sign, patience in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, GRACE_SECONDS)):
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.send_signal(sign)
        _gone, family = psutil.wait_procs(family, timeout=patience)
        if not family:
            break
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=GRACE_SECONDS)


def run_child(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path,
    memory_limit: int,
    on_progress: Callable[[float, float], None],
    is_cancelled: Callable[[], bool],
) -> Outcome:
    """Run a command whose argument `{channel}` is replaced by the descriptor of a pipe for messages.

    Messages are lines of JSON as `stage_context` writes them. Memory of the whole family is watched; beyond
    `memory_limit` bytes it is ended. So it is when `is_cancelled()` turns true. Raises OSError where the log cannot be
    written or the child not started.
    """
    reading, writing = os.pipe()
    outcome = Outcome()
    started = time.monotonic()
    used: dict[int, float] = {}
    try:
        with log.open("ab") as sink:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [argument.replace("{channel}", str(writing)) for argument in command],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=dict(environment),
                pass_fds=(writing,),
                start_new_session=True,
            )
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)

    def listen() -> None:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as channel:
            for line in channel:
                _take(line, outcome, on_progress)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        watched = psutil.Process(process.pid)
    except psutil.NoSuchProcess:
        watched = None
    try:
        while True:
            family = _family(watched) if watched else []
            outcome.peak_bytes = max(outcome.peak_bytes, _high_water(family))
            _note_processor_time(family, used)
            # The peak counts as well: whether a stage is ended must not hang on the moment somebody looked.
            if max(_resident(family), outcome.peak_bytes) > memory_limit:
                outcome.over_memory = True
            elif is_cancelled():
                outcome.cancelled = True
            if outcome.over_memory or outcome.cancelled:
                end(process)
                break
            try:
                process.wait(timeout=POLL_SECONDS)
                break
            except subprocess.TimeoutExpired:
                continue
    except BaseException:
        end(process)
        raise
    listener.join(timeout=5)
    outcome.exit_code = process.returncode if process.returncode is not None else -signal.SIGKILL
    outcome.seconds = time.monotonic() - started
    outcome.cpu_seconds = sum(used.values())
    return outcome


def _take(line: str, outcome: Outcome, on_progress: Callable[[float, float], None]) -> None:
    """Note one message of the child; what is not one of ours is left out."""
    try:
        message = json.loads(line)
    except ValueError:
        return
    if not isinstance(message, dict):
        return
    if "progress" in message:
        on_progress(*message["progress"])
    elif "warning" in message:
        outcome.warnings.append(str(message["warning"]))
    elif "result" in message:
        outcome.result = message["result"]
    elif "impossible" in message:
        outcome.impossible, outcome.advice = str(message["impossible"]), tuple(message.get("advice", ()))
    elif "fault" in message:
        outcome.fault, outcome.advice = str(message["fault"]), tuple(message.get("advice", ()))
