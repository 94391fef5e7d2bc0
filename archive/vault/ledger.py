"""The withdrawal ledger: what was withdrawn or erased, kept outside every backup.

A backup is older than the withdrawals made since; restoring it would bring back what somebody asked us to take away.
So each withdrawal is appended here, synced, before its transaction commits, and :mod:`archive.vault.replay` does all
of them again after a restore. Until it has, a marker keeps the site from serving.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from archive.vault.durable import FOLDER_MODE, Syncer, write_all
from archive.vault.errors import fault_of
from archive.vault.inventory import canonical_json

log = logging.getLogger(__name__)


def folder() -> Path:
    """Where the ledger lies: beside what a backup holds, never in it."""
    return Path(settings.CAIRN_DATA) / "ledger"


def append(entry: Mapping[str, Any]) -> None:
    """Write one entry durably; it survives a power cut when this returns.

    ``entry`` holds ids and codes only (``public_id``, ``uuid``, ``reason``; for an erasure ``action: "erase"`` and the
    vault's ``objects``): never a name or a text. Raises :class:`~archive.vault.errors.VaultFull` or ``VaultFault``;
    then the withdrawal must not commit.
    """
    full = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "action": "withdraw", **entry}
    line = canonical_json({**full, "check": _check(full)})
    try:
        fresh = not folder().is_dir()
        folder().mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        descriptor = os.open(folder() / "withdrawals.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                # A crash tore the line before, which was never acknowledged: end it, so that it tears no other.
                line = b"\n" + line
            write_all(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        syncer = Syncer()
        syncer.folder(folder())
        if fresh:
            syncer.folder(folder().parent)
    except OSError as error:
        raise fault_of(error, "writing the withdrawal ledger") from error


def entries() -> Iterator[dict[str, Any]]:
    """Every whole entry, oldest first. A line that is not whole is said in the log, by its number."""
    path = folder() / "withdrawals.jsonl"
    if not path.is_file():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line)
                whole = entry.pop("check") == _check(entry)
            except (ValueError, KeyError, AttributeError, TypeError):
                whole = False
            if whole:
                yield entry
            else:
                log.error("Line %d of the withdrawal ledger is damaged: look at it before the site serves.", number)


def replay_pending() -> bool:
    """Whether a restore has happened whose withdrawals are not replayed yet. While True, nothing may be served."""
    return (folder() / "restore-pending").exists()


def mark_replay_pending() -> None:
    """Close the site until the ledger is replayed; durable, and written before a restore changes anything."""
    folder().mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    (folder() / "restore-pending").touch()
    for place in (folder(), folder().parent):
        Syncer().folder(place)


def clear_replay_pending() -> None:
    """Open the site again: only :mod:`archive.vault.replay` may say so."""
    if replay_pending():
        (folder() / "restore-pending").unlink(missing_ok=True)
        Syncer().folder(folder())


def _check(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(entry)).hexdigest()[:16]
