"""Differences between two texts word by word, as pieces that a page can show in any direction of writing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

#: A word, or a run of anything that is no letter, digit or mark: punctuation is compared by itself.
_PIECES = re.compile(r"\w+|\s+|[^\w\s]", re.UNICODE)


@dataclass(frozen=True)
class Piece:
    """A run of words that both texts have, or only one of them."""

    text: str
    changed: bool


@dataclass(frozen=True)
class Difference:
    """What stood before and what stands after, side by side; ``label`` says of what."""

    label: str
    before: tuple[Piece, ...]
    after: tuple[Piece, ...]
    language: str = ""


def words_apart(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Cut two texts into what they share and what each has alone, at the boundaries of words."""
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    left: list[Piece] = []
    right: list[Piece] = []
    for verb, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if i2 > i1:
            left.append(Piece("".join(old[i1:i2]), verb != "equal"))
        if j2 > j1:
            right.append(Piece("".join(new[j1:j2]), verb != "equal"))
    return tuple(left), tuple(right)


def difference(label: str, before: str, after: str, language: str = "") -> Difference | None:
    """The difference of one text, or None where there is none."""
    if before == after:
        return None
    return Difference(label, *words_apart(before, after), language)


def cue_differences(
    before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]], language: str
) -> list[Difference]:
    """Differences of two versions of a track, passage by passage, in their order; new and lost ones with one side."""
    old = {cue["id"]: cue for cue in before}
    there = {cue["id"] for cue in after}
    found: list[Difference] = []
    gone = [cue for cue in before if cue["id"] not in there]
    order = {cue["id"]: at for at, cue in enumerate(before)}
    for cue in after:
        while gone and cue["id"] in order and order[gone[0]["id"]] < order[cue["id"]]:
            lost = gone.pop(0)
            found.append(Difference("", (Piece(lost["text"], True),), (), language))
        earlier = old.get(cue["id"])
        if earlier is None:
            found.append(Difference("", (), (Piece(cue["text"], True),), language))
            continue
        one = difference("", _said(earlier), _said(cue), language)
        if one is not None:
            found.append(one)
    found += [Difference("", (Piece(lost["text"], True),), (), language) for lost in gone]
    return found


def _said(cue: dict[str, Any]) -> str:
    """A passage with its speaker and times, where it has any."""
    head = cue.get("speaker", "")
    if cue.get("start_ms") is not None:
        head += f" [{cue['start_ms'] / 1000:g}–{(cue.get('end_ms') or cue['start_ms']) / 1000:g} s]"
    return f"{head.strip()} {cue['text']}".strip() if head else str(cue["text"])
