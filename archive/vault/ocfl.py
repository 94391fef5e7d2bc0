"""The storage root: where objects lie and how they are read.

Layout: OCFL 1.1 with the registered extension *0004: hashed n-tuple storage layout*
(https://ocfl.github.io/extensions/0004-hashed-n-tuple-storage-layout.html), one tuple of three characters, so that
ten million objects share 4,096 folders. Beside the root lie ``staging`` (versions being made) and ``quarantine``
(uploads nobody has looked at); all three must be on one file system, because a version enters by a rename.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from archive.vault.durable import FOLDER_MODE, Syncer, write_file
from archive.vault.errors import UnknownObject, VaultCorrupt
from archive.vault.inventory import (
    INVENTORY_NAME,
    OBJECT_DECLARATION,
    RECORD_NAME,
    SIDECAR_NAME,
    Inventory,
    canonical_json,
    checked_object_id,
    sidecar_of,
)

LAYOUT = "0004-hashed-n-tuple-storage-layout"
TUPLE_SIZE = 3
ROOT_DECLARATION = "0=ocfl_1.1"
#: Kept free on the vault's disk for the database, its journal and everything that is not an original.
DEFAULT_RESERVE = 256 * 1024 * 1024

_ROOT_FILES: dict[str, bytes] = {
    "ocfl_layout.json": canonical_json(
        {
            "extension": LAYOUT,
            "description": "Objects lie under the first three characters of the sha256 of their identifier.",
        }
    ),
    f"extensions/{LAYOUT}/config.json": canonical_json(
        {
            "extensionName": LAYOUT,
            "digestAlgorithm": "sha256",
            "tupleSize": TUPLE_SIZE,
            "numberOfTuples": 1,
            "shortObjectRoot": False,
        }
    ),
    # Last: a root with its declaration is a complete root.
    ROOT_DECLARATION: b"ocfl_1.1\n",
}


class Vault:
    """One storage root with its staging and quarantine folders.

    Parameters: ``folder`` holds ``ocfl/``, ``staging/`` and ``quarantine/``; ``reserve`` is the number of bytes that an
    ingest must leave free.
    """

    def __init__(self, folder: Path, *, reserve: int = DEFAULT_RESERVE) -> None:
        self.folder = folder
        self.root = folder / "ocfl"
        self.staging = folder / "staging"
        self.quarantine = folder / "quarantine"
        self.reserve = reserve

    def initialise(self) -> None:
        """Make the folders and the root's declarations, durably; harmless when they exist."""
        syncer = Syncer()
        layout = self.root / "extensions" / LAYOUT
        for folder in (self.folder, self.root, self.staging, self.quarantine, layout.parent, layout):
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with self.staging_lock(exclusive=False):
            for name, data in _ROOT_FILES.items():
                path = self.root / name
                if not path.exists() or path.read_bytes() != data:
                    fresh = self.staging / f"root-{os.urandom(8).hex()}"
                    write_file(fresh, data, syncer)
                    fresh.replace(path)
        for folder in (layout, layout.parent, self.root, self.folder, self.folder.parent):
            syncer.folder(folder)

    def object_folder(self, object_id: str) -> Path:
        """The folder of an object, whether it exists or not."""
        digest = hashlib.sha256(checked_object_id(object_id).encode("utf-8")).hexdigest()
        return self.root / digest[:TUPLE_SIZE] / digest

    def has(self, object_id: str) -> bool:
        """Whether an object of this identifier is stored."""
        return (self.object_folder(object_id) / OBJECT_DECLARATION).is_file()

    def object_folders(self) -> Iterator[Path]:
        """Every object's folder, in the order of its hash."""
        if not self.root.is_dir():
            return
        for tuple_folder in sorted(self.root.iterdir()):
            if tuple_folder.name == "extensions" or not tuple_folder.is_dir():
                continue
            for folder in sorted(tuple_folder.iterdir()):
                if folder.is_dir():
                    yield folder

    def inventory(self, object_id: str) -> Inventory:
        """Read an object's inventory and check it against its sidecar.

        Raises :class:`UnknownObject` or :class:`VaultCorrupt`.
        """
        folder = self.object_folder(object_id)
        inventory = read_inventory(folder)
        if inventory.object_id != object_id:
            raise VaultCorrupt(f"The object in {folder} says it is {inventory.object_id}, not {object_id}.")
        return inventory

    def open(self, object_id: str, path: str, *, version: int | None = None) -> VerifiedReader:
        """Open a stored file; its fixity is checked while it is read (see :class:`VerifiedReader`).

        Raises :class:`UnknownObject` for an object or path that is not stored.
        """
        inventory = self.inventory(object_id)
        try:
            content = inventory.content_path(path, version)
            digest = inventory.state(version)[path]
        except KeyError as error:
            raise UnknownObject(f"{object_id} holds no file {path!r} in that version.") from error
        place = self.object_folder(object_id) / content
        try:
            return VerifiedReader(place.open("rb"), digest, str(place.relative_to(self.folder)))
        except FileNotFoundError as error:
            raise VaultCorrupt(
                f"{place.relative_to(self.folder)} is missing. Restore this object from a copy."
            ) from error

    def read(self, object_id: str, path: str, *, version: int | None = None) -> bytes:
        """All bytes of a stored file, verified. For small files; use :meth:`open` or :meth:`verified_path` else."""
        with self.open(object_id, path, version=version) as reader:
            return reader.read()

    def verified_path(self, object_id: str, path: str, *, version: int | None = None) -> Path:
        """Path of a stored file whose every byte has just been checked, for programs that need a path."""
        with self.open(object_id, path, version=version) as reader:
            while reader.read(1 << 20):
                pass
        return self.object_folder(object_id) / self.inventory(object_id).content_path(path, version)

    def record(self, object_id: str, *, version: int | None = None) -> dict[str, Any]:
        """What ``record.json`` of a version says: ``{"schema", "object", "version", "record", "files"}``."""
        document: dict[str, Any] = json.loads(self.read(object_id, RECORD_NAME, version=version))
        return document

    @contextmanager
    def staging_lock(self, *, exclusive: bool) -> Iterator[None]:
        """Keep a sweep (exclusive) and the making of new staging entries (shared) apart, over all processes."""
        with lock_folder(self.staging, exclusive=exclusive):
            yield

    @contextmanager
    def locked(self, object_id: str) -> Iterator[None]:
        """Hold the writer's lock of an existing object; ends with the process, however that ends."""
        with lock_folder(self.object_folder(object_id), exclusive=True):
            yield


@contextmanager
def lock_folder(folder: Path, *, exclusive: bool) -> Iterator[None]:
    """Lock an object's or the staging folder over all processes: shared to copy from it, exclusive to change it.

    Raises :class:`UnknownObject` when there is no such folder.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError as error:
        raise UnknownObject(f"The vault holds no object in {folder.name}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


class VerifiedReader:
    """A readable stream that raises :class:`VaultCorrupt` at its end when the bytes are not the stored ones."""

    def __init__(self, stream: BinaryIO, sha512: str, place: str) -> None:
        self._stream = stream
        self._expected = sha512
        self._digest = hashlib.sha512()
        self._place = place

    def read(self, size: int = -1) -> bytes:
        """Read like a file; the last (empty or whole) read checks the fixity."""
        chunk = self._stream.read(size)
        self._digest.update(chunk)
        at_end = size is None or size < 0 or (size > 0 and len(chunk) < size)
        if at_end and self._digest.hexdigest() != self._expected:
            raise VaultCorrupt(
                f"{self._place} is damaged: its sha512 is {self._digest.hexdigest()}, not {self._expected}. "
                "Restore this object from a copy."
            )
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> VerifiedReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_inventory(folder: Path) -> Inventory:
    """Read and check the root inventory of the object in ``folder``.

    A new version replaces inventory and sidecar one after the other, so a mismatch is looked at again for a moment
    before it is called damage. Raises :class:`UnknownObject` or :class:`VaultCorrupt`.
    """
    for attempt in range(5):
        if attempt:
            time.sleep(0.02 * attempt)
        try:
            data = (folder / INVENTORY_NAME).read_bytes()
            sidecar = (folder / SIDECAR_NAME).read_bytes()
        except FileNotFoundError as error:
            if not folder.is_dir():
                raise UnknownObject(f"The vault holds no object in {folder.name}.") from error
            continue
        if sidecar_of(data) == sidecar:
            return Inventory.parse(data, f"{folder.name}/{INVENTORY_NAME}")
    raise VaultCorrupt(
        f"The inventory of the object {folder.name} is missing or does not match its sidecar. "
        "Run verify_vault, then restore this object from a copy."
    )
