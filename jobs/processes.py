"""What the kernel knows of a process and those below it, read from ``/proc`` (Linux)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

_PROC = Path("/proc")
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def tree(pid: int) -> list[int]:
    """``pid`` and all processes below it. Only ``[pid]`` where the kernel does not tell."""
    found = [pid]
    for parent in found:
        try:
            threads = os.listdir(_PROC / str(parent) / "task")
        except OSError:
            continue
        for thread in threads:
            try:
                children = (_PROC / str(parent) / "task" / thread / "children").read_text()
            except OSError:
                continue
            found.extend(int(child) for child in children.split())
    return found


def resident_bytes(pids: list[int]) -> int:
    """Resident memory of the processes together, in bytes; those that are gone count nothing."""
    total = 0
    for pid in pids:
        try:
            total += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError, ValueError):
            continue
    return total


def kill_tree(pid: int, sign: int = signal.SIGKILL) -> None:
    """Send ``sign`` to the process group of ``pid`` and to every process below it, whatever group it moved to."""
    below = tree(pid)[1:]
    _send(os.killpg, pid, sign)
    for each in below:
        _send(os.kill, each, sign)


def _send(how: Callable[[int, int], None], pid: int, sign: int) -> None:
    try:
        how(pid, sign)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended by itself
