"""Our own table of passages (`archive.interchange.csv_table`): it corrects the texts of a work that is here already."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace

from archive.importing.anchors import ANCHOR, with_anchors
from archive.importing.formats import ReadingOptions
from archive.importing.marked_text import MarkedText
from archive.importing.parsed import ParsedCue, ParsedTrack, ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import Source, decode
from archive.importing.safe_text import storable
from archive.interchange.csv_table import COLUMNS
from archive.values.languages import normalise_tag
from archive.values.public_id import is_public_id

_HEADING = ",".join(COLUMNS).encode()


class _PassagesReader:
    name = "passages"
    label = "table of passages (CSV)"
    #: Known by its heading alone: every other .csv is a table with a mapping.
    extensions: tuple[str, ...] = ()

    def recognises(self, head: bytes) -> bool:
        return head.removeprefix(b"\xef\xbb\xbf").startswith(_HEADING)

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        text, _removed = storable(decode(source.read(), source.name, options.encoding))
        rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        try:
            heading = tuple(rows.fieldnames or ())
        except csv.Error as error:
            raise RefusedError(problem("table-broken", source.name, "row 1", why=error)) from error
        if heading != COLUMNS:
            raise RefusedError(problem("table-broken", source.name, "row 1", why="it has another heading"))
        problems: list[Problem] = []
        works: dict[str, dict[str, ParsedTrack]] = {}
        number = 1
        try:
            for row in rows:
                number += 1
                if None in row or None in row.values():
                    found = len([value for value in row.values() if value is not None])
                    problems.append(
                        problem("row-broken", source.name, f"row {number}", found=found, expected=len(COLUMNS))
                    )
                    continue
                _take({name: _as_it_was(value) for name, value in row.items()}, works, source.name, number, problems)
        except csv.Error as error:
            raise RefusedError(problem("table-broken", source.name, f"row {number}", why=error)) from error
        yield from problems
        if not works:
            raise RefusedError(problem("no-text", source.name))
        for public_id, tracks in works.items():
            key = f"cairn-{public_id}"
            yield ParsedWork(
                key=key,
                file=source.name if len(works) == 1 else f"{source.name}: {key}",
                format=self.name,
                kind="testimony",
                title={},
                original_language="und",
                tracks=with_anchors(key, tracks.values()),
                partial=True,
            )


READER = _PassagesReader()


def _as_it_was(cell: str) -> str:
    """Take off the apostrophe that keeps spreadsheets from seeing a formula."""
    return cell[1:] if cell.startswith("'") else cell


def _take(
    row: dict[str, str], works: dict[str, dict[str, ParsedTrack]], file: str, number: int, problems: list[Problem]
) -> None:
    place = f"row {number}"
    if not is_public_id(row["work"]):
        problems.append(problem("no-such-work", file, place, key=row["work"]))
        return
    times: list[int | None] = []
    for name in ("start_ms", "end_ms"):
        if row[name] and not (row[name].isascii() and row[name].isdecimal()):
            problems.append(problem("time-invalid", file, place, value=row[name]))
            return
        times.append(int(row[name]) if row[name] else None)
    if (times[1] or 0) < (times[0] or 0) and times[1] is not None:
        problems.append(problem("time-backwards", file, place, start=times[0], end=times[1]))
        return
    built = MarkedText()
    built.append(row["text"])
    text, _marks = built.finish()
    cue = ParsedCue(
        text=text,
        id=row["passage"] if ANCHOR.match(row["passage"]) else "",
        group=row["group"],
        page=row["page"],
        start_ms=times[0],
        end_ms=times[1],
        speaker=row["speaker"],
        kind=row["type"] or "p",
        place=place,
    )
    tracks = works.setdefault(row["work"], {})
    track = tracks.get(row["track"])
    if track is None:
        track = ParsedTrack(
            id=row["track"][:20] or "t1",
            kind=row["kind"],
            language=normalise_tag(row["language"]).tag,
            cues=(),
            declared_language=row["language"],
            is_original=row["kind"] == "transcript",
        )
    tracks[row["track"]] = replace(track, cues=(*track.cues, cue))
