"""What the columns of a table mean: read from a TOML file, shipped or one's own.

A mapping looks like this; everything but ``[record]`` may be left out::

    recognise = ["file", "interviewer_name_last"]   # columns that betray this table to --format auto
    encoding = "utf-8"
    delimiter = ","

    [record]
    key = "file"                        # the column that identifies a row; texts are known by it too
    kind = "testimony"
    language = "en"                     # or {column = "lang"}
    text = { column = "file", folder = "wpa-texts" }
    title = { en = "{name_first} {name_last}" }     # templates over columns, by language
    date = "interview_date"
    place = "{city}, {state}"
    licence_uri = "https://creativecommons.org/publicdomain/mark/1.0/"

    [[contributor]]
    role = "narrator"
    name = "{name_first} {name_last}"

    [details]                           # kept with the record as they are
    age = "age"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from archive.importing.problems import RefusedError, problem
from archive.importing.reading import read_bytes
from archive.importing.safe_text import collapsed

SHIPPED = Path(__file__).parent / "mappings"

_SLOT = re.compile(r"\{([^{}]+)\}")

#: Plain facts a mapping may give as a literal template.
_FACTS = (
    "licence_uri",
    "licence_label",
    "institution",
    "institution_uri",
    "collection",
    "reference",
    "source_statement",
    "edition",
)


@dataclass(frozen=True)
class TableMapping:
    """A mapping, checked. Templates hold ``{column}`` slots."""

    name: str
    recognise: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    key: str = ""
    kind: str = ""
    language: str = ""
    language_column: str = ""
    text_column: str = ""
    text_folder: str = ""
    inline_text_column: str = ""
    title: Mapping[str, str] = field(default_factory=dict)
    abstract: Mapping[str, str] = field(default_factory=dict)
    date: str = ""
    place: str = ""
    place_uri: str = ""
    contributors: tuple[tuple[str, str], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    keywords: str = ""
    sensitivity: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> frozenset[str]:
        """Return every column the mapping speaks of."""
        named = {self.key, self.language_column, self.text_column, self.inline_text_column, self.date, self.keywords}
        named.update(self.details.values())
        templates = [*self.title.values(), *self.abstract.values(), *self.facts.values(), self.place, self.place_uri]
        templates += [name for _role, name in self.contributors]
        for template in templates:
            named.update(_SLOT.findall(template))
        return frozenset(column for column in named if column)


def fill(template: str, row: Mapping[str, str]) -> str:
    """Return a template with its slots filled; what only separated an empty slot goes with it."""
    filled = collapsed(_SLOT.sub(lambda slot: row.get(slot[1], ""), template))
    return filled.strip(" ,;:-–") if _SLOT.search(template) else filled


def load_mapping(name: str) -> TableMapping:
    """Return a shipped mapping by name, or one from a file.

    :raises RefusedError: when there is none, or it cannot be used, with the reason.
    """
    path = SHIPPED / f"{name}.toml" if re.fullmatch(r"[a-z0-9_-]+", name) else Path(name)
    content = read_bytes(path, name, 1_000_000)
    try:
        return _checked(tomllib.loads(content.decode("utf-8")), path.stem)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError) as error:
        raise RefusedError(problem("mapping-invalid", name, why=str(error))) from error


def find_mapping(columns: Iterable[str]) -> TableMapping | None:
    """Return the shipped mapping that recognises these columns."""
    present = set(columns)
    for path in sorted(SHIPPED.glob("*.toml")):
        mapping = load_mapping(path.stem)
        if mapping.recognise and present.issuperset(mapping.recognise):
            return mapping
    return None


def plain_mapping(columns: Iterable[str]) -> TableMapping | None:
    """Return the mapping of a table whose columns bear the names of our own facts; None when none does."""
    present = {column.strip().lower(): column for column in columns}
    if not present.keys() & {"title", "name", "text", "file"}:
        return None

    def slot(*names: str) -> str:
        return next((f"{{{present[name]}}}" for name in names if name in present), "")

    def column(*names: str) -> str:
        return next((present[name] for name in names if name in present), "")

    title = slot("title", "name", "file")
    used = {"id", "key", "title", "name", "file", "text", "language", "date", "place", "place_uri", "abstract", "kind"}
    used |= {"keywords", "narrator", "interviewer", "author", *_FACTS}
    return TableMapping(
        name="plain",
        key=column("id", "key", "file"),
        language_column=column("language"),
        text_column=column("file"),
        inline_text_column=column("text"),
        title={"": title},
        abstract={"": slot("abstract")} if "abstract" in present else {},
        date=column("date"),
        place=slot("place"),
        place_uri=slot("place_uri"),
        contributors=tuple((role, slot(role)) for role in ("narrator", "interviewer", "author") if role in present),
        facts={name: slot(name) for name in _FACTS if name in present},
        keywords=column("keywords"),
        details={name: original for name, original in present.items() if name not in used},
    )


def _checked(data: dict[str, Any], name: str) -> TableMapping:
    record = _table(data, "record")
    text = record.get("text", {})
    if not isinstance(text, dict):
        raise ValueError("record.text must be a table such as { column = “file”, folder = “texts” }")
    language = record.get("language", "")
    unknown = data.keys() - {"recognise", "encoding", "delimiter", "record", "contributor", "details"}
    if unknown:
        raise ValueError(f"unknown entries: {', '.join(sorted(unknown))}")
    known = {"key", "kind", "language", "text", "title", "abstract", "date", "place", "place_uri", "keywords"}
    unknown = record.keys() - known - {"sensitivity", *_FACTS}
    if unknown:
        raise ValueError(f"unknown entries in [record]: {', '.join(sorted(unknown))}")
    if "key" not in record or "title" not in record:
        raise ValueError("[record] needs “key” and “title”")
    return TableMapping(
        name=name,
        recognise=tuple(_strings(data.get("recognise", []), "recognise")),
        encoding=_string(data.get("encoding", ""), "encoding"),
        delimiter=_string(data.get("delimiter", ""), "delimiter"),
        key=_string(record["key"], "record.key"),
        kind=_string(record.get("kind", ""), "record.kind"),
        language="" if isinstance(language, dict) else _string(language, "record.language"),
        language_column=_string(language.get("column", ""), "language.column") if isinstance(language, dict) else "",
        text_column=_string(text.get("column", ""), "text.column"),
        text_folder=_string(text.get("folder", ""), "text.folder"),
        inline_text_column=_string(text.get("inline", ""), "text.inline"),
        title=_texts(record["title"], "record.title"),
        abstract=_texts(record.get("abstract", {}), "record.abstract"),
        date=_string(record.get("date", ""), "record.date"),
        place=_string(record.get("place", ""), "record.place"),
        place_uri=_string(record.get("place_uri", ""), "record.place_uri"),
        contributors=tuple(
            (_string(one.get("role", ""), "contributor.role"), _string(one.get("name", ""), "contributor.name"))
            for one in data.get("contributor", [])
        ),
        facts={fact: _string(record[fact], f"record.{fact}") for fact in _FACTS if fact in record},
        keywords=_string(record.get("keywords", ""), "record.keywords"),
        sensitivity=tuple(_strings(record.get("sensitivity", []), "record.sensitivity")),
        details=_texts(_table(data, "details") if "details" in data else {}, "details"),
    )


def _table(data: dict[str, Any], name: str) -> dict[str, Any]:
    value = data.get(name)
    if not isinstance(value, dict):
        raise ValueError(f"[{name}] is missing")
    return value


def _string(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} must be text")
    return value


def _strings(value: object, name: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{name} must be a list of texts")
    return value


def _texts(value: object, name: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise ValueError(f"{name} must be a table of texts")
    return value
