"""Bytes that survive a power cut: writing, hashing and syncing files and folders.

A receipt is honest only when every file and every folder entry behind it has been synced *before* it. The two
:class:`Syncer` kinds give the same promise at different prices: one ``fsync`` per file and folder, or one
``syncfs`` per barrier for a whole batch (Linux reports write-back errors through it since 5.8).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from archive.vault.errors import VaultFull

CHUNK = 1 << 20
#: How much of the beginning of a file may be looked at to tell its type (safety.md rule 3).
HEAD_BYTES = 4096
#: Sealed files are readable by the owner and the group and writable by nobody.
SEALED_MODE = 0o400
FOLDER_MODE = 0o700


class Readable(Protocol):
    """All that storing needs of a stream; ``b""`` is its end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Digests:
    """What one pass over a stream learnt: its length in bytes, both hashes (lower-case hex) and its beginning."""

    size: int
    sha256: str
    sha512: str
    head: bytes = b""


class Syncer:
    """Syncs each file and each folder when told to: the plain promise, and the default."""

    def __init__(self) -> None:
        self.count = 0

    def file(self, descriptor: int) -> None:
        """Make the bytes behind an open descriptor durable."""
        os.fsync(descriptor)
        self.count += 1

    def folder(self, path: Path) -> None:
        """Make the entries of a folder (what was created, renamed or removed in it) durable."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.count += 1

    def barrier(self) -> None:
        """Return once everything handed over before is durable: nothing left to do here."""


class FileSystemSyncer(Syncer):
    """Collects a batch and syncs the whole file system once per barrier.

    The descriptor is opened before the first write, because ``syncfs`` reports the write-back errors that
    happened since its descriptor was opened.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        libc = ctypes.CDLL(None, use_errno=True)
        # AttributeError on a C library without syncfs: `syncer_for_batch` then takes the plain kind.
        self._syncfs = libc.syncfs
        self._descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._pending = False

    def file(self, descriptor: int) -> None:
        self._pending = True

    def folder(self, path: Path) -> None:
        self._pending = True

    def barrier(self) -> None:
        if not self._pending:
            return
        if self._syncfs(self._descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        self._pending = False
        self.count += 1

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._descriptor)


@contextmanager
def batch_syncer(folder: Path) -> Iterator[Syncer]:
    """A syncer for many files at once under ``folder``: one ``syncfs`` per barrier where the system has it."""
    try:
        syncer = FileSystemSyncer(folder)
    except AttributeError:
        yield Syncer()
        return
    try:
        yield syncer
    finally:
        syncer.close()


def require_space(folder: Path, needed: int, reserve: int) -> None:
    """Refuse early when ``needed`` bytes would eat into the ``reserve`` that keeps the database writable.

    Raises :class:`VaultFull` naming how many bytes are missing.
    """
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize
    if free - needed < reserve:
        missing = needed + reserve - free
        raise VaultFull(
            f"The disk of the vault has no room for {needed} more bytes: {missing} bytes are missing ({reserve} bytes "
            "stay free for the database). Nothing was kept. Free some space or enlarge the disk, then try again."
        )


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte; ``os.write`` may take only a part of them."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_file(path: Path, data: bytes, syncer: Syncer, mode: int = SEALED_MODE) -> None:
    """Create ``path``, which must not exist, with ``data`` and hand it to the syncer."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        write_all(descriptor, data)
        syncer.file(descriptor)
    finally:
        os.close(descriptor)


def digest_stream(stream: Readable, descriptor: int | None = None, *, limit: int | None = None) -> Digests:
    """Read a stream to its end in one pass, hash it twice and, where given, write it to ``descriptor``.

    Raises :class:`VaultFull` when more than ``limit`` bytes arrive (the caller measured the free room).
    """
    sha256, sha512 = hashlib.sha256(), hashlib.sha512()
    size = 0
    head = b""
    while chunk := stream.read(CHUNK):
        size += len(chunk)
        if limit is not None and size > limit:
            raise VaultFull(
                f"More than the {limit} bytes that the disk of the vault has room for arrived. Nothing was kept. "
                "Free some space or enlarge the disk, then try again."
            )
        if len(head) < HEAD_BYTES:
            head += chunk[: HEAD_BYTES - len(head)]
        sha256.update(chunk)
        sha512.update(chunk)
        if descriptor is not None:
            write_all(descriptor, chunk)
    return Digests(size, sha256.hexdigest(), sha512.hexdigest(), head)


def store_stream(stream: Readable, path: Path, syncer: Syncer, *, limit: int | None = None) -> Digests:
    """Copy a stream into the new file ``path``, hashing on the way, and hand the file to the syncer."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SEALED_MODE)
    try:
        digests = digest_stream(stream, descriptor, limit=limit)
        syncer.file(descriptor)
    finally:
        os.close(descriptor)
    return digests


def adopt_file(source: Path, path: Path, syncer: Syncer) -> Digests:
    """Give a file that already lies on the same file system a second name and hash what is really there.

    A link, not a rename: until the receipt the uploaded file stays where it was, so a refusal loses nothing.
    The caller removes ``source`` after the receipt, which leaves one name.
    """
    os.link(source, path)
    os.chmod(path, SEALED_MODE)
    with path.open("rb") as stream:
        digests = digest_stream(stream)
        syncer.file(stream.fileno())
    return digests


def digest_file(path: Path) -> Digests:
    """Hash a stored file (both hashes in one pass)."""
    with path.open("rb") as stream:
        return digest_stream(stream)


def sync_up_to(path: Path, top: Path, syncer: Syncer) -> None:
    """Sync the folder ``path`` and each of its parents up to and with ``top``.

    Also those that existed before: another process may have made one a moment ago and been killed before it synced
    the entry, and then our file would hang in a folder that a power cut takes away.
    """
    folder = path
    syncer.folder(folder)
    while folder != top:
        folder = folder.parent
        syncer.folder(folder)


def remove_tree(path: Path) -> None:
    """Remove a staged folder and what is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
