"""The file of the withdrawal ledger: appended to under a lock and synced before anybody is told that it is written."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.conf import settings

from archive.vault.durable import FOLDER_MODE, Syncer, write_all
from archive.vault.errors import fault_of
from archive.vault.ledger_lines import BEGIN, GENESIS, Head, Reading, hash_of, line_of, parse, whole_entry

#: Read from the end to find the last line; erasures name many objects and are the longest.
_TAIL = 1 << 16


def folder() -> Path:
    """Where the ledger lies: beside what a backup holds, never in it."""
    return Path(settings.CAIRN_DATA) / "ledger"


def path() -> Path:
    """The ledger itself: JSON Lines."""
    return folder() / "withdrawals.jsonl"


def read() -> Reading:
    """The whole ledger as it is now; an absent one reads as empty."""
    try:
        return parse(path().read_bytes())
    except FileNotFoundError:
        return parse(b"")
    except OSError as error:
        raise fault_of(error, "reading the withdrawal ledger") from error


def write(entries: Sequence[Mapping[str, Any]], instance: Callable[[], str] = lambda: "") -> list[Head]:
    """Append entries durably, in one piece; they survive a power cut when this returns. Returns their heads.

    ``instance`` is asked only when the chain has to be begun: whose ledger this is, or "" for a new instance.
    Raises :class:`~archive.vault.errors.VaultFull` or ``VaultFault``; then nothing of it counts as written.
    """
    with _locked() as descriptor:
        number, previous, chained, size, gap = _end(descriptor)
        entries = list(entries)
        if not chained:
            entries.insert(0, {"action": BEGIN, "instance": instance() or str(uuid4())})
        return _add(descriptor, number, previous, entries, size, gap)


def begin(instance: Callable[[], str]) -> Head:
    """The head of the ledger; one that is absent or not chained yet begins now."""
    with _locked() as descriptor:
        number, previous, chained, size, gap = _end(descriptor)
        if not chained:
            entry = {"action": BEGIN, "instance": instance() or str(uuid4())}
            _add(descriptor, number, previous, [entry], size, gap)
        return parse(_content(descriptor)).head


def accept(accepted: int | str, lost: Sequence[Head], instance: str) -> Head:
    """Begin the chain anew behind damage that a person has looked at; what is whole before it still counts."""
    with _locked() as descriptor:
        reading = parse(_content(descriptor))
        entry = {
            "action": BEGIN,
            "instance": reading.instance or instance or str(uuid4()),
            "accepted": accepted,
            "lost": [[head.lines, head.hash] for head in lost],
        }
        size, gap = _whole_size(descriptor, reading)
        return _add(descriptor, reading.lines, "", [entry], size, gap)[-1]


@contextmanager
def _locked() -> Iterator[int]:
    """The open file, with nobody else writing to it."""
    try:
        fresh = not folder().is_dir()
        folder().mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(path(), os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield descriptor
        finally:
            os.close(descriptor)
        syncer = Syncer()
        syncer.folder(folder())
        if fresh:
            syncer.folder(folder().parent)
    except OSError as error:
        raise fault_of(error, "writing the withdrawal ledger") from error


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _end(descriptor: int) -> tuple[int, str, bool, int, bytes]:
    """Number and hash of the last line, whether the chain has begun, where the next belongs, and what to put between.

    The last line alone tells, unless it is torn, damaged or of the time before the chain.
    """
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
    if tail.endswith(b"\n"):
        line = tail[:-1].rpartition(b"\n")[2]
        entry = whole_entry(line)
        if entry is not None and "n" in entry and (len(line) + 1 < len(tail) or size == len(tail)):
            return entry["n"], hash_of(line), True, size, b""
    reading = parse(_content(descriptor))
    end, gap = _whole_size(descriptor, reading)
    return reading.lines, reading.last, bool(reading.instance), end, gap


def _whole_size(descriptor: int, reading: Reading) -> tuple[int, bytes]:
    """Where the next line belongs. A crash tore the rest, which was never acknowledged: it goes."""
    return os.fstat(descriptor).st_size - reading.torn, b"\n" if reading.unended else b""


def _add(
    descriptor: int, number: int, previous: str, entries: Sequence[Mapping[str, Any]], size: int, gap: bytes
) -> list[Head]:
    os.ftruncate(descriptor, size)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    heads: list[Head] = []
    data = gap
    for entry in entries:
        number += 1
        if entry["action"] == BEGIN:
            before = _content(descriptor) + data
            previous = hashlib.sha256(before).hexdigest() if before else GENESIS
        line = line_of(number, previous, {"at": at, **entry})
        previous = hash_of(line)
        heads.append(Head(number, previous))
        data += line
    try:
        write_all(descriptor, data)
        os.fsync(descriptor)
    except OSError:
        # What was refused must not stand there as if it had happened.
        os.ftruncate(descriptor, size)
        raise
    return heads


def instance() -> str:
    """Whose ledger this is, as the line says that began it; "" for one that has not begun."""
    try:
        with path().open("rb") as stream:
            for line in stream:
                entry = whole_entry(line.rstrip(b"\n"))
                if entry is not None and entry["action"] == BEGIN:
                    return str(entry.get("instance", ""))
    except FileNotFoundError:
        pass
    return ""
