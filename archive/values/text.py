"""The form of a text: tracks, cues and marks, as they lie in the database, in revisions and in payloads.

``Cue`` is a paragraph or a timed line. ``id`` is its anchor: stable over edits and imports, unique in the
work, part of public addresses. ``group`` is shared by the cues of all tracks that stand beside each other
(N:M). Offsets of marks count code points of ``text``; a page break or a note has ``start == end``.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any, TypedDict

from archive.values.public_id import ALPHABET

#: Stands in a text where something was taken out and nothing was given to show instead.
WITHHELD = "[…]"


class Mark(TypedDict, total=False):
    start: int
    end: int
    #: person, place, organisation, term, date, page, note, emphasis, foreign, unclear, gap, deleted,
    #: added, link, line, withheld
    type: str
    ref: str
    key: str
    data: dict[str, Any]


class Cue(TypedDict, total=False):
    id: str
    group: str
    page: str
    start_ms: int | None
    end_ms: int | None
    speaker: str
    text: str
    marks: list[Mark]
    kind: str
    paratext: str
    public_text: str | None


class Track(TypedDict, total=False):
    id: str
    kind: str
    language: str
    declared_language: str
    direction: str
    origin: str
    reviewed: bool
    is_original: bool
    label: str
    cues: list[Cue]


class Row(TypedDict):
    """One line of the side-by-side view: the cues of every track that belong together."""

    group: str
    page: str
    start_ms: int | None
    end_ms: int | None
    cells: dict[str, list[Cue]]


def new_anchor() -> str:
    """Return a random passage anchor, ``p-`` and 8 characters."""
    return "p-" + "".join(secrets.choice(ALPHABET) for _ in range(8))


def rows_of(tracks: Iterable[Track]) -> list[Row]:
    """Put the cues of all tracks into rows, in the order of the first track.

    Cues with the same group share a row. A group of another track that the first track lacks stands
    after the row of the cue before it in its own track, so that nothing is lost and nothing invented.
    """
    order: list[str] = []
    cells: dict[str, dict[str, list[Cue]]] = {}
    for track in tracks:
        previous: str | None = None
        inserted: list[tuple[str | None, str]] = []
        for cue in track["cues"]:
            group = cue.get("group") or cue["id"]
            if group not in cells:
                cells[group] = {}
                inserted.append((previous, group))
            cells[group].setdefault(track["id"], []).append(cue)
            previous = group
        if not order:
            order = [group for _before, group in inserted]
        elif inserted:
            order = _insert(order, inserted)
    return [_row(group, cells[group]) for group in order]


def _insert(order: list[str], inserted: list[tuple[str | None, str]]) -> list[str]:
    following: dict[str | None, list[str]] = {}
    for before, group in inserted:
        following.setdefault(before, []).append(group)
    result: list[str] = []

    def put(group: str | None) -> None:
        pending = list(reversed(following.pop(group, [])))
        while pending:
            added = pending.pop()
            result.append(added)
            pending.extend(reversed(following.pop(added, [])))

    put(None)
    for group in order:
        result.append(group)
        put(group)
    return result


def _row(group: str, cells: dict[str, list[Cue]]) -> Row:
    cues = [cue for column in cells.values() for cue in column]
    starts = [cue["start_ms"] for cue in cues if cue.get("start_ms") is not None]
    ends = [cue["end_ms"] for cue in cues if cue.get("end_ms") is not None]
    return {
        "group": group,
        "page": next((cue["page"] for cue in cues if cue.get("page")), ""),
        "start_ms": min(starts) if starts else None,  # type: ignore[type-var]
        "end_ms": max(ends) if ends else None,  # type: ignore[type-var]
        "cells": cells,
    }
