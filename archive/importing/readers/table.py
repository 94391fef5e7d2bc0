"""CSV: one record for each row, its text in a file beside the table or in a column; a mapping says what is what."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from archive.importing.anchors import with_anchors
from archive.importing.formats import ReadingOptions
from archive.importing.mapping import TableMapping, fill, find_mapping, load_mapping, plain_mapping
from archive.importing.parsed import ParsedContributor, ParsedCue, ParsedPlace, ParsedTrack, ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.readers.plaintext import read_paragraphs
from archive.importing.reading import Source, decode, read_bytes
from archive.importing.safe_text import collapsed, mixed_scripts, storable, without_tricks
from archive.values.languages import normalise_tag

_DATE = re.compile(r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")


@dataclass(frozen=True)
class _Row:
    """A row as a person sees it: its number (the heading is row 1), its cells by column, its key."""

    number: int
    cells: dict[str, str]
    key: str
    text_name: str

    @property
    def place(self) -> str:
        return f"row {self.number}: {self.text_name or self.key}"


class _TableReader:
    name = "csv"
    label = "table (CSV) with files beside it"
    extensions: tuple[str, ...] = (".csv", ".tsv")

    def recognises(self, head: bytes) -> bool:
        return False

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        table = _Table(source, options)
        yield from table.problems
        yield from table.works()

    def claims(self, source: Source, options: ReadingOptions) -> frozenset[Path]:
        """Return the files that are texts of this table's rows, or lie among them: they are no works of their own."""
        try:
            return _Table(source, options).text_files()
        except RefusedError:
            return frozenset()


READER = _TableReader()


class _Table:
    """A table read into rows; works are made row by row."""

    def __init__(self, source: Source, options: ReadingOptions) -> None:
        self.source = source
        self.options = options
        self.problems: list[Problem] = []
        given = load_mapping(options.mapping) if options.mapping else None
        text = decode(source.read(), source.name, options.encoding or (given.encoding if given else ""))
        header, lines = self._lines(text, given)
        self.mapping = given or find_mapping(header) or self._plain(header)
        missing = self.mapping.columns() - set(header)
        if missing:
            raise RefusedError(problem("column-missing", source.name, "row 1", column=", ".join(sorted(missing))))
        self.rows = self._rows(header, lines)
        self.claimed: dict[str, list[int]] = defaultdict(list)
        for row in self.rows:
            if row.text_name:
                self.claimed[row.text_name].append(row.number)

    def _plain(self, header: list[str]) -> TableMapping:
        mapping = plain_mapping(header)
        if mapping is None:
            raise RefusedError(problem("mapping-needed", self.source.name, "row 1"))
        return mapping

    def _lines(self, text: str, mapping: TableMapping | None) -> tuple[list[str], Iterator[list[str]]]:
        delimiter = mapping.delimiter if mapping else ""
        first = text.split("\n", 1)[0]
        delimiter = delimiter or max((",", ";", "\t"), key=first.count)
        plain, removed = storable(text)
        if removed:
            self.problems.append(problem("control-characters", self.source.name, "", count=removed))
        lines = csv.reader(io.StringIO(plain, newline=""), delimiter=delimiter, strict=True)
        try:
            header = [collapsed(column) for column in next(lines, [])]
        except csv.Error as error:
            raise RefusedError(problem("table-broken", self.source.name, "1", why=error)) from error
        if not any(header):
            raise RefusedError(problem("table-broken", self.source.name, "1", why="no heading"))
        return header, lines

    def _rows(self, header: list[str], lines: Iterator[list[str]]) -> list[_Row]:
        rows: list[_Row] = []
        keys: dict[str, int] = {}
        number = 1
        while True:
            number += 1
            try:
                cells = next(lines, None)
            except csv.Error as error:
                # What follows a broken quote cannot be told apart any more: the rows above it stand.
                self.problems.append(problem("table-broken", self.source.name, f"row {number}", why=error))
                break
            if cells is None:
                break
            if not any(cell.strip() for cell in cells):
                continue
            place = f"row {number}"
            if len(cells) != len(header):
                self.problems.append(
                    problem("row-broken", self.source.name, place, found=len(cells), expected=len(header))
                )
                continue
            row = dict(zip(header, cells, strict=True))
            if not self.mapping.key:
                key = f"{PurePosixPath(self.source.name).name}#{number}"
            else:
                key = collapsed(row[self.mapping.key])
            if not key:
                self.problems.append(problem("row-without-key", self.source.name, place, column=self.mapping.key))
                continue
            if key in keys:
                used = f"{key}#{number}"
                self.problems.append(
                    problem("row-key-doubled", self.source.name, place, key=key, row=keys[key], used=used)
                )
                key = used
            keys[key] = number
            text_name = collapsed(row[self.mapping.text_column]) if self.mapping.text_column else ""
            rows.append(_Row(number, row, key, text_name))
        return rows

    def text_files(self) -> frozenset[Path]:
        """Return every file among the texts of this table."""
        if not self.mapping.text_column:
            return frozenset()
        if self.mapping.text_folder:
            return frozenset(self.source.listing(self.mapping.text_folder).values())
        return frozenset(self._path(name, "") for name in self.claimed)

    def _path(self, name: str, place: str) -> Path:
        folder = self.mapping.text_folder
        return self.source.beside(f"{folder}/{name}" if folder else name, place)

    def works(self) -> Iterator[ParsedWork | Problem]:
        """Yield each row's work, then the texts no row names."""
        for row in self.rows:
            try:
                yield self._work(row)
            except RefusedError as refused:
                yield replace(refused.problem, file=self.source.name, place=row.place)
        if self.mapping.text_folder:
            for name in self.source.listing(self.mapping.text_folder):
                if name not in self.claimed and not name.startswith("."):
                    yield problem("text-without-row", f"{self.mapping.text_folder}/{name}", "", name=name)

    def _work(self, row: _Row) -> ParsedWork:
        mapping, file = self.mapping, self.source.name
        problems: list[Problem] = []
        cells = {column: self._name(value, row, problems) for column, value in row.cells.items()}
        language = self._language(row, problems)
        cues, originals = self._text(row, problems)
        # The row is evidence too; the table as a whole would be kept once for every row.
        cells_as_given = json.dumps(row.cells, ensure_ascii=False, sort_keys=True).encode()
        title = {tag or language: text for tag, template in mapping.title.items() if (text := fill(template, cells))}
        if not title:
            title = {language: row.key}
            problems.append(problem("no-title", file, row.place, title=row.key))
        hold_back = ""
        sharing = self.claimed.get(row.text_name, [])
        if len(sharing) > 1:
            hold_back = "text-shared"
            problems.append(
                problem(
                    "text-shared",
                    file,
                    row.place,
                    name=row.text_name,
                    count=len(sharing),
                    rows=", ".join(map(str, sharing)),
                )
            )
        track = ParsedTrack(
            id="t1",
            kind="transcript",
            language=language,
            declared_language=mapping.language or row.cells.get(mapping.language_column, ""),
            is_original=True,
            cues=tuple(cues),
        )
        date = self._date(row, problems)
        place = fill(mapping.place, cells)
        facts: dict[str, Any] = {fact: fill(template, cells) for fact, template in mapping.facts.items()}
        kind = row.cells.get("kind", "") if not mapping.kind else mapping.kind
        kind = self.options.kind if self.options.kind != "auto" else kind
        return ParsedWork(
            key=row.key,
            file=f"{file} {row.place}",
            format="csv",
            kind=kind if kind in ("testimony", "document") else "document",
            title=title,
            abstract={
                tag or language: text for tag, template in mapping.abstract.items() if (text := fill(template, cells))
            },
            original_language=language,
            languages=(language,) if cues else (),
            tracks=with_anchors(row.key, [track]) if cues else (),
            date=date,
            date_as_written=row.cells.get(mapping.date, "").strip(),
            place=ParsedPlace(place, fill(mapping.place_uri, cells)) if place else None,
            contributors=tuple(
                ParsedContributor(role, name)
                for role, template in mapping.contributors
                if (name := fill(template, cells))
            ),
            keywords=tuple(word.strip() for word in cells.get(mapping.keywords, "").split(";") if word.strip()),
            details={name: value for name, column in mapping.details.items() if (value := cells[column])},
            sensitivity=mapping.sensitivity,
            originals=(*originals, ("row.json", cells_as_given)),
            hold_back=hold_back,
            problems=tuple(problems),
            **facts,
        )

    def _name(self, value: str, row: _Row, problems: list[Problem]) -> str:
        """Return a cell in one line; names lose hidden characters, and mixed alphabets are named."""
        if value.isascii():
            return collapsed(value)
        name, removed = without_tricks(value)
        if removed:
            found = " ".join(sorted(set(removed)))
            problems.append(problem("hidden-characters", self.source.name, row.place, found=found, name=name))
        if scripts := mixed_scripts(name):
            problems.append(
                problem("mixed-scripts", self.source.name, row.place, name=name, scripts=" + ".join(scripts))
            )
        return name

    def _language(self, row: _Row, problems: list[Problem]) -> str:
        declared = self.mapping.language or row.cells.get(self.mapping.language_column, "") or self.options.language
        tag = normalise_tag(declared)
        if not declared:
            problems.append(problem("language-missing", self.source.name, row.place, language="und", where="—"))
        elif not tag.valid:
            problems.append(problem("language-unknown", self.source.name, row.place, declared=declared))
        elif tag.changed:
            problems.append(
                problem("language-normalised", self.source.name, row.place, declared=declared, language=tag.tag)
            )
        return tag.tag

    def _text(self, row: _Row, problems: list[Problem]) -> tuple[list[ParsedCue], tuple[tuple[str, bytes], ...]]:
        if row.text_name:
            path = self._path(row.text_name, row.place)
            if not path.is_file():
                raise RefusedError(problem("text-missing", self.source.name, row.place, name=row.text_name))
            content = read_bytes(path, row.text_name)
            text = decode(content, row.text_name, self.mapping.encoding)
            return read_paragraphs(text, row.text_name, problems), ((row.text_name, content),)
        if self.mapping.inline_text_column:
            return read_paragraphs(row.cells[self.mapping.inline_text_column], self.source.name, problems), ()
        return [], ()

    def _date(self, row: _Row, problems: list[Problem]) -> str:
        raw = row.cells.get(self.mapping.date, "") if self.mapping.date else ""
        if not raw:
            return ""
        value = raw.strip()
        if not _DATE.match(value):
            problems.append(problem("date-invalid", self.source.name, row.place, value=raw))
            return ""
        if len(value) < 10:
            problems.append(problem("date-imprecise", self.source.name, row.place, value=value))
        return value
