"""The formats that can be imported, found in `archive.importing.readers`, and the choice among them.

To add one, write one file there::

    class _Reader:
        name = "srt"                                   # what --format calls it
        label = "SubRip"                               # what people call it
        extensions = (".srt",)

        def recognises(self, head: bytes) -> bool:     # by content; the first 4,096 bytes
            return b"-->" in head

        def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
            ...                                        # yield works, and problems of what is no work

    READER = _Reader()

``works`` raises `RefusedError` when the whole file is refused. What it yields before or after stands.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from archive.importing.parsed import ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import Source


@dataclass(frozen=True)
class ReadingOptions:
    """What a person said about the files: kind of record, mapping of a table, language of texts that name none."""

    kind: str = "auto"
    #: Path of a mapping file or name of a shipped one; "" looks for none.
    mapping: str = ""
    language: str = ""
    encoding: str = ""


class Reader(Protocol):
    """What a module of `archive.importing.readers` offers as ``READER``."""

    name: str
    label: str
    extensions: tuple[str, ...]

    def recognises(self, head: bytes) -> bool:
        """Whether the first bytes of a file look like this format."""
        ...

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        """Yield each work of a file, and each problem that belongs to no work.

        :raises RefusedError: when nothing of the file can be taken.
        """
        ...


@lru_cache(maxsize=1)
def readers() -> dict[str, Reader]:
    """Return the readers by name."""
    package = importlib.import_module("archive.importing.readers")
    found: dict[str, Reader] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        reader = getattr(importlib.import_module(f"{package.__name__}.{module.name}"), "READER", None)
        if reader is not None:
            found[reader.name] = reader
    return found


def choose_reader(source: Source, format_name: str = "auto") -> Reader:
    """Return the reader of a file: the one named, else the one whose content and extension fit.

    :raises RefusedError: when the format is not known or the file cannot be opened.
    """
    if format_name != "auto":
        return readers()[format_name]
    by_extension = [one for one in readers().values() if source.extension in one.extensions]
    head = _head(source)
    for reader in (*by_extension, *readers().values()):
        if reader.recognises(head):
            return reader
    if len(by_extension) == 1 and b"\0" not in head:
        return by_extension[0]
    raise RefusedError(problem("unknown-format", source.name, formats=", ".join(readers())))


def _head(source: Source) -> bytes:
    try:
        if not source.path.is_file():
            raise RefusedError(problem("not-a-file" if source.path.exists() else "cannot-open", source.name, why="…"))
        with source.path.open("rb") as file:
            return file.read(4096)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "the path is not valid"
        raise RefusedError(problem("cannot-open", source.name, why=why)) from error


def sources_in(path: Path) -> Iterator[Source]:
    """Yield the files of a path: itself, or every file of a folder in the order of their names.

    Hidden files and links are left out, so that a folder from outside cannot reach what lies beside it.
    """
    if not path.is_dir():
        yield Source(path, path.name)
        return
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        if any(part.startswith(".") for part in name.parts) or file.is_symlink() or not file.is_file():
            continue
        yield Source(file, name.as_posix())
