"""Reading files from outside within limits: what is too large, no file, or in another encoding is refused by name."""

from __future__ import annotations

import codecs
import os
import posixpath
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from archive.importing.problems import RefusedError, problem

#: Largest text file that is read, in bytes (the longest edition known to us has 1 MB).
MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_VOCABULARY_BYTES = 64 * 1024 * 1024

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: Encodings tried, in this order, only to name a likely one to the person: text is never decoded by a guess.
_GUESSES = (
    "windows-1252",
    "windows-1250",
    "windows-1251",
    "windows-1256",
    "windows-1255",
    "windows-1253",
    "iso-8859-2",
)

#: Scripts of the letters above 127 that each guess is for.
_GUESS_SCRIPTS = {
    "windows-1251": "CYRILLIC",
    "windows-1256": "ARABIC",
    "windows-1255": "HEBREW",
    "windows-1253": "GREEK",
}


@dataclass(frozen=True)
class Source:
    """A file to import: where it is and what reports and identities call it (its path within what was given).

    ``siblings`` lists the other files of an upload by their names, when they do not lie under those names in a folder.
    """

    path: Path
    name: str
    siblings: Mapping[str, Path] | None = None

    @cached_property
    def content(self) -> bytes:
        """The bytes, read once: what was parsed is what is kept.

        :raises RefusedError: as `read`.
        """
        return read_bytes(self.path, self.name, MAX_VOCABULARY_BYTES)

    @property
    def extension(self) -> str:
        """The extension of the name people gave the file, lower case, with its dot."""
        return PurePosixPath(self.name).suffix.lower()

    def beside(self, name: str, place: str = "") -> Path:
        """Return the path of a file that this one names, relative to its own folder; it need not exist.

        :raises RefusedError: when the name leads outside of what was given.
        """
        if self.siblings is None:
            return inside(self.path.parent, name, self.name, place)
        relative = posixpath.normpath((PurePosixPath(self.name).parent / name).as_posix())
        if relative.startswith(("../", "/")):
            raise RefusedError(problem("leaves-folder", self.name, place))
        # An upload of single files knows no folders.
        return self.siblings.get(relative) or self.siblings.get(posixpath.basename(relative)) or Path("/nonexistent")

    def listing(self, folder: str) -> dict[str, Path]:
        """Return the files of a folder beside this one, by their names in it."""
        if self.siblings is None:
            path = self.beside(folder or ".")
            return {one.name: one for one in sorted(path.iterdir()) if one.is_file()} if path.is_dir() else {}
        prefix = posixpath.normpath((PurePosixPath(self.name).parent / folder).as_posix())
        here = self.name
        return {
            posixpath.basename(name): path
            for name, path in sorted(self.siblings.items())
            if name != here and posixpath.dirname(name) in ("" if prefix == "." else prefix, "")
        }

    def read(self, limit: int = MAX_TEXT_BYTES) -> bytes:
        """Return the bytes.

        :raises RefusedError: when it cannot be opened, is no regular file, is empty or has more than ``limit`` bytes.
        """
        content = self.content
        if len(content) > limit:
            raise RefusedError(problem("too-large", self.name, bytes=len(content), limit=limit))
        return content


def read_bytes(path: Path, name: str, limit: int = MAX_TEXT_BYTES) -> bytes:
    """Return the bytes of a regular file of at most ``limit`` bytes; ``name`` is what reports call it.

    :raises RefusedError: naming why it is not read.
    """
    try:
        # Non-blocking: opening a FIFO for reading would otherwise wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "the path is not valid"
        raise RefusedError(problem("cannot-open", name, why=why)) from error
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise RefusedError(problem("not-a-file", name))
        if facts.st_size > limit:
            raise RefusedError(problem("too-large", name, bytes=facts.st_size, limit=limit))
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise RefusedError(problem("cannot-open", name, why=error.strerror or "read error")) from error
    if len(content) > limit:
        raise RefusedError(problem("too-large", name, bytes=len(content), limit=limit))
    if not content:
        raise RefusedError(problem("empty-file", name))
    return content


def decode(content: bytes, name: str, encoding: str = "") -> str:
    """Return the text: by ``encoding`` when a person named it, else by its byte-order mark, else UTF-8.

    :raises RefusedError: naming line and column of the first byte that does not fit and a likely encoding.
    """
    chosen = encoding or next((found for bom, found in _BOMS if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(chosen)
    except LookupError as error:
        raise RefusedError(problem("unknown-encoding", name, encoding=chosen)) from error
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        raise RefusedError(
            problem(
                "wrong-encoding",
                name,
                f"{line}:{column}",
                encoding=chosen.upper(),
                byte=f"0x{content[error.start]:02X}" if error.start < len(content) else "(end)",
                guess=likely_encoding(content),
            )
        ) from error
    return text.removeprefix("\ufeff")


def likely_encoding(content: bytes) -> str:
    """Name the 8-bit encoding under which most bytes above 127 are letters of one script; for messages only."""
    sample = bytes(byte for byte in content[:65536] if byte > 127)
    scores: list[tuple[float, int, str]] = []
    for order, encoding in enumerate(_GUESSES):
        text = sample.decode(encoding, errors="replace")
        script = _GUESS_SCRIPTS.get(encoding, "LATIN")
        fitting = sum(1 for character in text if unicodedata.name(character, "").startswith(script))
        # Many capital letters betray the reading of another alphabet: their bytes are its small or caseless letters.
        capitals = sum(1 for character in text if character.isupper())
        scores.append((fitting - 0.5 * capitals, -order, encoding))
    return max(scores)[2] if scores and sample else "windows-1252"


def inside(folder: Path, name: str, file: str, place: str = "") -> Path:
    """Return ``folder / name`` for a file named by hostile input.

    :raises RefusedError: when the name is absolute, climbs out of the folder, or is a link out of it.
    """
    refused = RefusedError(problem("leaves-folder", file, place))
    if not name or "\0" in name or Path(name).is_absolute():
        raise refused
    root = folder.resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(root):
        raise refused
    return path
