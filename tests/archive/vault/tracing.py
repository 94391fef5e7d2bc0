"""Runs the ingest driver under strace, and reads from the trace whether its promises were true.

The model of :func:`broken_promises` is a power cut: a byte counts only once its file was synced, a name only once
its folder was. Everything it knows comes from the kernel's own record of what the process asked for.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

STRACE = shutil.which("strace")
needs_strace = pytest.mark.skipif(STRACE is None, reason="strace is not installed: system calls cannot be traced")
PROJECT = Path(__file__).resolve().parents[3]

#: Calls that change what is on the disk.
MUTATING = frozenset(
    {"openat", "mkdir", "rmdir", "rename", "link", "unlink", "unlinkat", "chmod"}
    | {"write", "pwrite64", "ftruncate", "fsync", "fdatasync", "syncfs"}
)
_CALL = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+|\?)")
_DESCRIPTOR = re.compile(r"(?P<number>\d+)<(?P<path>[^>]*)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Call:
    """One system call: its name, its arguments as strace prints them, whether it succeeded, which of its name it is."""

    name: str
    arguments: str
    done: bool
    ordinal: int

    @property
    def descriptor(self) -> str:
        """Path behind the first descriptor, or "" ."""
        found = _DESCRIPTOR.match(self.arguments)
        return found["path"] if found else ""

    @property
    def paths(self) -> list[str]:
        """The paths a call names, made absolute."""
        if self.name in {"unlinkat", "openat"}:
            base = _DESCRIPTOR.search(self.arguments)
            return [os.path.join(base["path"] if base else "", text) for text in _TEXT.findall(self.arguments)[:1]]
        return _TEXT.findall(self.arguments)

    @property
    def spoken(self) -> str:
        """What was said on standard output, or ""."""
        return _TEXT.findall(self.arguments)[0] if self.name == "write" and self.arguments.startswith("1<") else ""

    @property
    def mutating(self) -> bool:
        """Whether the call changes the disk (speaking does not, opening does when it creates)."""
        if self.name == "openat":
            return "O_CREAT" in self.arguments
        return self.name in MUTATING and not self.spoken


@dataclass(frozen=True)
class Run:
    """What one traced run left: exit status (negative: killed by that signal), what it said, its calls after BEGIN."""

    status: int
    said: list[str]
    complaints: str
    calls: list[Call]


def run_traced(
    folder: Path, scenario: str, *, inject: str = "", trace: str = "all", environment: dict[str, str] | None = None
) -> Run:
    """Run the driver under strace; ``inject`` is strace's ``syscall:what:when=n``."""
    log = folder.parent / f"{folder.name}.strace"
    folder.mkdir(exist_ok=True)
    command = [STRACE or "strace", "-y", "-s", "200", "-o", str(log), "-e", f"trace={trace}"]
    if inject:
        command += ["-e", f"inject={inject}"]
    command += [sys.executable, "-m", "tests.archive.vault.ingest_driver", str(folder), scenario]
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0", "LANG": "C.UTF-8", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    calls: list[Call] = []
    counts: dict[str, int] = {}
    begun = False
    for line in log.read_text(errors="replace").splitlines():
        found = _CALL.match(line)
        if not found:
            continue
        name = found["name"]
        counts[name] = counts.get(name, 0) + 1
        call = Call(name, found["arguments"], not found["result"].startswith(("-", "?")), counts[name])
        if call.spoken.startswith("BEGIN"):
            begun = True
        elif begun:
            calls.append(call)
    log.unlink()
    return Run(done.returncode, done.stdout.splitlines(), done.stderr, calls)


def broken_promises(calls: list[Call], folder: Path) -> list[str]:
    """Every moment at which a power cut would have made a liar of the process.

    Checked: nothing is renamed before it is synced; nothing is renamed into the root before its claim in staging is
    durable; the database writes only when the root is durable; an acknowledgement (RECEIPT, UPLOADED) comes only when
    root, quarantine and database are.
    """
    root, staging, quarantine = (f"{folder}/vault/{name}" for name in ("ocfl", "staging", "quarantine"))
    database = f"{folder}/db.sqlite3"
    dirty: set[str] = set()
    broken: list[str] = []

    def unsynced(*places: str) -> list[str]:
        return sorted(path for path in dirty if any(path == place or path.startswith(f"{place}/") for place in places))

    def require(what: str, paths: list[str]) -> None:
        broken.extend(f"{what}: {Path(path).name} was not synced" for path in paths)

    for call in calls:
        if call.spoken.startswith(("RECEIPT", "UPLOADED")):
            require(f"{call.spoken.split()[0].lower()} given", unsynced(root, quarantine))
            require("receipt given", [path for path in dirty if path.startswith(database) and path.endswith("wal")])
        if not call.done or call.spoken:
            continue
        if call.name in {"write", "pwrite64", "ftruncate"} and call.descriptor.startswith(str(folder)):
            if call.descriptor.startswith(database):
                require("database written", unsynced(root))
            dirty.add(call.descriptor)
        elif call.name in {"fsync", "fdatasync"}:
            dirty.discard(call.descriptor)
        elif call.name == "syncfs":
            dirty.clear()
        elif call.name == "openat" and "O_CREAT" in call.arguments:
            dirty |= {call.paths[0], os.path.dirname(call.paths[0])}
        elif call.name in {"mkdir", "rmdir", "unlink", "unlinkat", "link"}:
            gone = call.paths[-1]
            if call.name in {"rmdir", "unlink", "unlinkat"}:
                dirty -= set(unsynced(gone))
            dirty.add(os.path.dirname(gone))
        elif call.name == "rename":
            source, target = call.paths
            require("renamed", unsynced(source))
            if target.startswith(f"{root}/"):
                require("entered the root", [path for path in dirty if path == staging])
            if target.startswith(f"{root}/") and target.endswith("/inventory.json"):
                # The inventory names the version: the version must be there first.
                require("the inventory was replaced", unsynced(root))
            dirty = {path.replace(source, target, 1) if path.startswith(source) else path for path in dirty}
            dirty |= {os.path.dirname(source), os.path.dirname(target)}
    return broken
