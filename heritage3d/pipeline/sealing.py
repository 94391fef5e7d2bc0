"""Results that are either whole or absent: written aside, listed with their hashes, then renamed into place.

A power cut, a full disk or `kill -9` can leave an unsealed folder behind, never a sealed one that lies. A sealed
folder is read again only after every file in it has been hashed anew.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
#: Ending of the small file beside an item that is kept on its own; no part of a result.
MARK = ".seal"
#: What a write that finds no room fails with.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CHUNK = 1 << 20


class BrokenSeal(Exception):
    """A sealed folder does not hold what its manifest says."""


@dataclass(frozen=True)
class Sealed:
    """A verified result: where it lies, the hash of all its contents, and the numbers its stage reported."""

    folder: Path
    digest: str
    metrics: dict[str, Any]


def hash_file(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def hash_value(value: Any) -> str:
    """SHA-256 of a JSON-able value in its canonical spelling."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is either the old one or the new one, whatever happens meanwhile. Raises OSError."""
    aside = path.with_name(path.name + ".tmp")
    try:
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except OSError:
        # On a full disk half a file would only take room from what comes next.
        aside.unlink(missing_ok=True)
        raise
    _fsync(path.parent)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that it appears whole; a hard link is not enough, because people edit what they are given.

    Raises OSError; the target is then as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(target.name + ".tmp")
    try:
        shutil.copyfile(source, aside)
        aside.replace(target)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _contents(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST and path.suffix != MARK
    )


def go_on() -> None:
    """Nobody wants to stop."""


def seal(temporary: Path, final: Path, metrics: dict[str, Any], between: Callable[[], None] = go_on) -> Sealed:
    """List and hash what lies in `temporary`, make it durable, and rename it to `final` (replaced if it exists).

    `between` is called before each file and may raise to stop: nothing is sealed then, and marks of items that were
    kept one by one still count. Raises OSError where the disk takes no more.
    """
    for leftover in temporary.rglob("*.tmp"):
        leftover.unlink()
    files = {}
    for path in _contents(temporary):
        between()
        files[str(path.relative_to(temporary))] = hash_file(path)
        _fsync(path)
    digest = hash_value(files)
    manifest = {"files": files, "digest": digest, "metrics": metrics}
    write_whole(temporary / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode("utf-8"))
    for folder in sorted((path for path in temporary.rglob("*") if path.is_dir()), reverse=True):
        _fsync(folder)
    _fsync(temporary)
    if final.exists():
        shutil.rmtree(final)
    temporary.rename(final)
    _fsync(final.parent)
    return Sealed(final, digest, metrics)


def verify(folder: Path, between: Callable[[], None] = go_on) -> Sealed:
    """Read a sealed folder, hashing everything in it; `between` is called before each file and may raise to stop.

    Raises BrokenSeal when a file is missing, added, changed or cannot be read.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files, digest, metrics = manifest["files"], manifest["digest"], manifest["metrics"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BrokenSeal(f"{folder.name} has no readable manifest") from error
    present = {str(path.relative_to(folder)) for path in _contents(folder)}
    if present != set(files):
        raise BrokenSeal(f"{folder.name} holds other files than its manifest lists")
    for name, expected in files.items():
        between()
        try:
            found = hash_file(folder / name)
        except OSError as error:
            raise BrokenSeal(f"{folder.name}/{name} cannot be read ({error.strerror})") from error
        if found != expected:
            raise BrokenSeal(f"{folder.name}/{name} has changed since it was sealed")
    if hash_value(files) != digest:
        raise BrokenSeal(f"the manifest of {folder.name} contradicts itself")
    return Sealed(folder, digest, metrics)


class SealedItems:
    """Parts of a long stage that are kept one by one, so that a killed run resumes in its middle.

    An item is a file in `folder` beside a small `<name>.seal` with its hash; without a seal that fits it is absent.
    The marks may stay when the whole is sealed: a kill while that is being done loses none of the items.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Where a whole item lies."""
        return self.folder / name

    def aside(self, name: str) -> Path:
        """Where to write an item before `keep` puts it in place."""
        return self.folder / f"{name}.tmp"

    def has(self, name: str) -> bool:
        """Whether the item is there and unchanged; a broken one is removed."""
        item, mark = self.path(name), self.folder / f"{name}{MARK}"
        try:
            whole = mark.read_text(encoding="ascii") == hash_file(item)
        except (OSError, ValueError):
            whole = False
        if not whole:
            item.unlink(missing_ok=True)
            mark.unlink(missing_ok=True)
        return whole

    def drop(self, name: str) -> None:
        """Remove an item that is needed no more, its mark first, so that no mark outlives its item."""
        for path in (self.folder / f"{name}{MARK}", self.path(name)):
            path.unlink(missing_ok=True)

    def keep(self, name: str) -> Path:
        """Make the file written at `aside(name)` the item."""
        aside = self.aside(name)
        _fsync(aside)
        aside.replace(self.path(name))
        write_whole(self.folder / f"{name}{MARK}", hash_file(self.path(name)).encode("ascii"))
        return self.path(name)
