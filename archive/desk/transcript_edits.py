"""What a person can do to the passages of a text in the editor; pure functions over the tracks of a work."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from archive.importing.safe_text import collapsed, storable
from archive.importing.timed_text import milliseconds, timestamp
from archive.values.public_id import ALPHABET
from archive.values.text import Cue, Row, Track, new_anchor, rows_of

#: What a person writes into a text to say where it is to be split.
SPLIT_SIGN = "||"
#: Passages on one screen; a form may hold a thousand fields.
PASSAGES_A_PAGE = 100


class EditRefused(ValueError):
    """An edit that cannot be made; the message says why and what to do."""


def read_time(text: str) -> int | None:
    """Milliseconds of a time as people write it (``1:02``, ``1:02.5``, ``00:01:02,500``); None for an empty one.

    :raises EditRefused: naming what was written.
    """
    text = text.strip()
    if not text:
        return None
    whole, _dot, rest = text.replace(",", ".").partition(".")
    parts = whole.split(":")
    if len(parts) == 1:
        parts = ["0", *parts]
    padded = ":".join(part.zfill(2) for part in parts)
    found = milliseconds(f"{padded}.{rest[:3]:0<3}") if rest.isdigit() or not rest else None
    if found is None:
        raise EditRefused(_("“%(text)s” is no time. Write minutes and seconds, such as 1:02.5.") % {"text": text[:20]})
    return found


def written_time(time_ms: int | None) -> str:
    """A time for an input field."""
    return "" if time_ms is None else timestamp(time_ms)


def clean_words(text: str) -> str:
    """Text as cues hold it: NFC, one blank between words, no control characters."""
    return collapsed(storable(text)[0])


def find(tracks: Sequence[Track], anchor: str) -> tuple[Track, int]:
    """The track that holds a passage, and its place there.

    :raises EditRefused: when it is in none.
    """
    for track in tracks:
        for at, cue in enumerate(track["cues"]):
            if cue["id"] == anchor:
                return track, at
    raise EditRefused(_("That passage is not there any more; nothing was changed."))


def an_empty(after: Cue | None = None, **fields: Any) -> Cue:
    """A new passage with an anchor of its own."""
    empty: dict[str, Any] = {
        "id": new_anchor(),
        "group": "",
        "page": "",
        "start_ms": None,
        "end_ms": None,
        "speaker": after.get("speaker", "") if after else "",
        "text": "",
        "marks": [],
        "kind": after.get("kind", "p") if after else "p",
        "paratext": "",
        "public_text": None,
    }
    return {**empty, **fields}  # type: ignore[typeddict-item]


def split(tracks: Sequence[Track], anchor: str) -> str:
    """Split a passage where its text holds the split sign; both parts stay in their row. Returns the new anchor."""
    track, at = find(tracks, anchor)
    cue = track["cues"][at]
    first, sign, second = (part.strip() for part in cue["text"].partition(SPLIT_SIGN))
    if not sign or not first or not second:
        raise EditRefused(
            _("Write %(sign)s into the text where the second passage begins, then split.") % {"sign": SPLIT_SIGN}
        )
    start, end = cue.get("start_ms"), cue.get("end_ms")
    middle = None
    if start is not None and end is not None:
        middle = start + round((end - start) * len(first) / (len(first) + len(second)))
    new = an_empty(cue, text=second, group=cue.get("group", ""), start_ms=middle, end_ms=end)
    if not new["group"]:
        new["group"] = cue["group"] = new_group()
    track["cues"][at] = {**cue, "text": first, "end_ms": middle if middle is not None else end}
    track["cues"].insert(at + 1, new)
    return new["id"]


def merge(tracks: Sequence[Track], anchor: str) -> str:
    """Join a passage with the next of its text; the translations of both then stand beside it."""
    track, at = find(tracks, anchor)
    if at + 1 >= len(track["cues"]):
        raise EditRefused(_("This is the last passage: there is no next one to join it with."))
    cue, following = track["cues"][at], track["cues"].pop(at + 1)
    joined: Cue = {
        **cue,
        "text": f"{cue['text']} {following['text']}".strip(),
        "end_ms": following["end_ms"] if following.get("end_ms") is not None else cue.get("end_ms"),
        "paratext": " ".join(p for p in (cue.get("paratext", ""), following.get("paratext", "")) if p),
    }
    publics = [one["text"] if (own := one.get("public_text")) is None else own for one in (cue, following)]
    if cue.get("public_text") is not None or following.get("public_text") is not None:
        joined["public_text"] = " ".join(publics).strip()
    track["cues"][at] = joined
    gone = following.get("group") or following["id"]
    kept = cue.get("group") or cue["id"]
    if gone != kept and not any((one.get("group") or one["id"]) == gone for one in track["cues"]):
        _regroup(tracks, gone, kept)
    return cue["id"]


def insert(tracks: Sequence[Track], anchor: str) -> str:
    """Put an empty passage after this one, in a row of its own."""
    track, at = find(tracks, anchor)
    new = an_empty(track["cues"][at])
    track["cues"].insert(at + 1, new)
    return new["id"]


def delete(tracks: Sequence[Track], anchor: str) -> str:
    """Take a passage out. Returns the anchor of the one beside it."""
    track, at = find(tracks, anchor)
    track["cues"].pop(at)
    if not track["cues"]:
        track["cues"].append(an_empty())
    return track["cues"][min(at, len(track["cues"]) - 1)]["id"]


def realign(tracks: Sequence[Track], anchor: str, step: int) -> str:
    """Move a passage into the row before (-1) or after (+1) it; 0 gives it a row of its own."""
    track, at = find(tracks, anchor)
    cue = track["cues"][at]
    group = cue.get("group") or cue["id"]
    if step == 0:
        track["cues"][at] = {**cue, "group": new_group()}
        return anchor
    rows = rows_of(tracks)
    place = next(number for number, row in enumerate(rows) if row["group"] == group) + step
    if not 0 <= place < len(rows):
        raise EditRefused(_("There is no row in that direction."))
    target = rows[place]["group"]
    if not any(one.get("group") == target for other in tracks for one in other["cues"]):
        # The row was one passage without a group: it needs a name that two can share.
        name = new_group()
        _regroup(tracks, target, name)
        target = name
    track["cues"][at] = {**cue, "group": target}
    return anchor


def _regroup(tracks: Sequence[Track], old: str, new: str) -> None:
    for track in tracks:
        track["cues"] = [
            {**one, "group": new} if (one.get("group") or one["id"]) == old else one for one in track["cues"]
        ]
    # A row that is called by a passage's own anchor must be called so by that passage too.
    for track in tracks:
        track["cues"] = [
            {**one, "group": new} if one["id"] == new and not one.get("group") else one for one in track["cues"]
        ]


def new_group() -> str:
    """A name for a row that no other row has."""
    return "g-" + "".join(secrets.choice(ALPHABET) for _number in range(8))


#: Names of edits as buttons send them.
EDITS: Mapping[str, Any] = {
    "split": split,
    "merge": merge,
    "insert": insert,
    "delete": delete,
    "up": lambda tracks, anchor: realign(tracks, anchor, -1),
    "down": lambda tracks, anchor: realign(tracks, anchor, 1),
    "own": lambda tracks, anchor: realign(tracks, anchor, 0),
}


def read_fields(tracks: Sequence[Track], sent: Mapping[str, str], editable: frozenset[str]) -> list[str]:
    """Write what a form sent into the passages it names; returns sentences about what could not be read.

    A field is called ``c-<anchor>-<name>``. Passages that the form does not name stay as they are.
    """
    wrong: list[str] = []
    for track in tracks:
        if track["id"] not in editable:
            continue
        for at, cue in enumerate(track["cues"]):
            prefix = f"c-{cue['id']}-"
            if f"{prefix}text" not in sent:
                continue
            changed: dict[str, Any] = {"text": clean_words(sent[f"{prefix}text"])}
            if f"{prefix}speaker" in sent:
                changed["speaker"] = clean_words(sent[f"{prefix}speaker"])[:200]
            for name in ("start", "end"):
                if f"{prefix}{name}" not in sent:
                    continue
                try:
                    changed[f"{name}_ms"] = read_time(sent[f"{prefix}{name}"])
                except EditRefused as refused:
                    wrong.append(str(refused))
            start, end = (changed.get(key, cue.get(key)) for key in ("start_ms", "end_ms"))
            if start is not None and end is not None and end < start:
                wrong.append(
                    _("The passage at %(start)s ends before it begins; its times were left as they were.")
                    % {"start": written_time(start)}
                )
                changed.pop("start_ms", None)
                changed.pop("end_ms", None)
            whole: Any = {**cue, **changed}
            track["cues"][at] = whole
    return wrong


@dataclass(frozen=True)
class Page:
    """The rows of one screen, with numbers from the beginning of the text."""

    number: int
    rows: list[tuple[int, Row]]


def pages_of(tracks: Sequence[Track]) -> list[Page]:
    """Cut the rows of two texts into screens; a very long row goes on on the next."""
    pages: list[Page] = []
    rows: list[tuple[int, Row]] = []
    count = 0
    for number, row in enumerate(rows_of(tracks), start=1):
        for part in _parts(row):
            size = sum(len(cues) for cues in part["cells"].values())
            if rows and count + size > PASSAGES_A_PAGE:
                pages.append(Page(len(pages) + 1, rows))
                rows, count = [], 0
            rows.append((number, part))
            count += size
    if rows or not pages:
        pages.append(Page(len(pages) + 1, rows))
    return pages


def _parts(row: Row) -> Iterator[Row]:
    longest = max(len(cues) for cues in row["cells"].values())
    step = PASSAGES_A_PAGE // max(1, len(row["cells"]))
    for start in range(0, longest, step):
        cells = {key: cues[start : start + step] for key, cues in row["cells"].items() if cues[start : start + step]}
        yield {**row, "cells": cells}  # type: ignore[typeddict-item]


def align_by_time(cues: Sequence[Cue], pivot: Sequence[Cue]) -> list[Cue]:
    """Put timed passages into the rows of those of ``pivot`` with which they share the most time."""
    timed = [one for one in pivot if one.get("start_ms") is not None and one.get("end_ms") is not None]
    result: list[Cue] = []
    for cue in cues:
        best, most = "", 0
        start, end = cue.get("start_ms"), cue.get("end_ms")
        if start is not None and end is not None:
            for one in timed:
                shared = min(end, one["end_ms"] or 0) - max(start, one["start_ms"] or 0)
                if shared > most:
                    best, most = one.get("group") or one["id"], shared
        result.append({**cue, "group": best or cue.get("group", "")})
    return result
