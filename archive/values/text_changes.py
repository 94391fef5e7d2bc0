"""What happens to anchors, marks and redactions when a person edits a text: pure functions over cues.

An edited text is compared with the one before in *blocks*: a passage that is still there, with what was
taken out and put in after it. Splitting, merging and rewriting are then one case: the words of a block
before, the words of it after, and where each of them went.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from archive.values.text import Cue, Mark

#: Longer runs are not compared letter by letter (the comparison takes time in the square of the length).
MOST_COMPARED = 4000
#: A point in a text before which a mark of these types may stand alone.
_POINTS = frozenset({"page", "note", "gap", "line"})


@dataclass
class Block:
    """A passage that both texts have (the first of each list, or none), and what follows it in either."""

    before: list[Cue] = field(default_factory=list)
    after: list[Cue] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return [(c["id"], c["text"]) for c in self.before] != [(c["id"], c["text"]) for c in self.after]


def blocks(before: Sequence[Cue], after: Sequence[Cue]) -> Iterator[Block]:
    """Cut two versions of a track into blocks; passages never change their order by editing."""
    kept = {cue["id"] for cue in before} & {cue["id"] for cue in after}
    parts_before, parts_after = _cut(before, kept), _cut(after, kept)
    for key in (None, *(cue["id"] for cue in after if cue["id"] in kept)):
        block = Block(parts_before.get(key, []), parts_after.get(key, []))
        if block.before or block.after:
            yield block


def _cut(cues: Iterable[Cue], kept: set[str]) -> dict[str | None, list[Cue]]:
    parts: dict[str | None, list[Cue]] = {}
    key: str | None = None
    for cue in cues:
        if cue["id"] in kept:
            key = cue["id"]
        parts.setdefault(key, []).append(cue)
    return parts


def carry_marks(before: Sequence[Cue], after: Sequence[Cue]) -> list[Cue]:
    """Return ``after`` with the marks of ``before`` wherever the text under them did not change."""
    carried: dict[str, Cue] = {}
    for block in blocks(before, after):
        if not block.changed:
            marks = {cue["id"]: cue.get("marks", []) for cue in block.before}
            carried.update({cue["id"]: {**cue, "marks": list(marks[cue["id"]])} for cue in block.after})
        else:
            carried.update({cue["id"]: cue for cue in _with_marks(block)})
    return [carried.get(cue["id"], cue) for cue in after]


def _with_marks(block: Block) -> list[Cue]:
    old, old_starts = _joined(block.before)
    new, new_starts = _joined(block.after)
    runs = equal_runs(old, new)
    marks: list[Mark] = []
    for cue, offset in zip(block.before, old_starts, strict=True):
        for mark in cue.get("marks", []):
            moved = _moved(mark, offset, runs)
            if moved is not None:
                marks.append(moved)
    result: list[Cue] = []
    for number, (cue, start) in enumerate(zip(block.after, new_starts, strict=True)):
        end = start + len(cue["text"])
        last = number == len(block.after) - 1
        mine: list[Mark] = [
            {**mark, "start": mark["start"] - start, "end": mark["end"] - start}
            for mark in marks
            if start <= mark["start"]
            and mark["end"] <= end
            and (mark["start"] < end or last or mark["end"] > mark["start"])
        ]
        result.append({**cue, "marks": mine})
    return result


def _joined(cues: Sequence[Cue]) -> tuple[str, list[int]]:
    starts, at = [], 0
    for cue in cues:
        starts.append(at)
        at += len(cue["text"]) + 1
    return " ".join(cue["text"] for cue in cues), starts


def equal_runs(old: str, new: str) -> list[tuple[int, int, int]]:
    """Runs that both texts share, in order: start in the old, start in the new, length (code points)."""
    head = 0
    shorter = min(len(old), len(new))
    while head < shorter and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    runs = [(0, 0, head)] if head else []
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    if middle_old and middle_new and max(len(middle_old), len(middle_new)) <= MOST_COMPARED:
        matcher = SequenceMatcher(None, middle_old, middle_new, autojunk=False)
        runs += [(a + head, b + head, size) for a, b, size in matcher.get_matching_blocks() if size]
    if tail:
        runs.append((len(old) - tail, len(new) - tail, tail))
    merged: list[tuple[int, int, int]] = []
    for a, b, size in runs:
        if merged and merged[-1][0] + merged[-1][2] == a and merged[-1][1] + merged[-1][2] == b:
            merged[-1] = (merged[-1][0], merged[-1][1], merged[-1][2] + size)
        else:
            merged.append((a, b, size))
    return merged


def _moved(mark: Mark, offset: int, runs: list[tuple[int, int, int]]) -> Mark | None:
    start, end = mark["start"] + offset, mark["end"] + offset
    for a, b, size in runs:
        if a <= start and end <= a + size:
            return {**mark, "start": b + start - a, "end": b + end - a}
    if start == end and mark["type"] in _POINTS:
        # A page break between words that both changed still lies between them.
        after = [b + size for a, b, size in runs if a + size <= start]
        at = after[-1] if after else 0
        return {**mark, "start": at, "end": at}
    return None


def moved_anchors(before: Sequence[Cue], after: Sequence[Cue]) -> dict[str, str]:
    """Where what pointed to a passage that is gone should point now: to the passage it was merged into."""
    moved: dict[str, str] = {}
    for block in blocks(before, after):
        target = block.after[0]["id"] if block.after else ""
        there = {cue["id"] for cue in block.after}
        moved.update({cue["id"]: target for cue in block.before if cue["id"] not in there})
    following = ""
    # What stood at the very beginning and is gone: the next passage.
    for cue in reversed(list(after)):
        following = cue["id"]
    return {old: new or following for old, new in moved.items()}


@dataclass(frozen=True)
class Hiding:
    """A redaction as far as editing concerns it: without words and offsets it hides the whole passage."""

    anchor: str
    words: str


def further_hidings(
    hidings: Iterable[Hiding], before: Sequence[Cue], after: Sequence[Cue]
) -> list[tuple[Hiding, Hiding]]:
    """Which redactions must be added so that what was hidden stays hidden: pairs (the one, the one to add).

    Words that went to another passage are hidden there; where they cannot be found any more, every passage
    that may hold them is hidden whole. Nothing is ever taken away: the public may still be shown the text before.
    """
    by_anchor: dict[str, list[Hiding]] = {}
    for hiding in hidings:
        by_anchor.setdefault(hiding.anchor, []).append(hiding)
    added: list[tuple[Hiding, Hiding]] = []
    for block in blocks(before, after):
        if not block.changed:
            continue
        for cue in block.before:
            for hiding in by_anchor.get(cue["id"], []):
                added += [(hiding, new) for new in _homes(hiding, block.after)]
    return added


def _homes(hiding: Hiding, cues: Sequence[Cue]) -> list[Hiding]:
    if hiding.words:
        found = [cue["id"] for cue in cues if hiding.words in cue["text"]]
        if found:
            return [Hiding(anchor, hiding.words) for anchor in found if anchor != hiding.anchor]
    return [Hiding(cue["id"], "") for cue in cues if cue["id"] != hiding.anchor]


@dataclass
class Merged:
    """Two people's changes of one text put together; ``conflicts`` are passages that both changed."""

    cues: list[Cue]
    #: Anchor → the text as the other person saved it.
    conflicts: dict[str, str]


def three_way(base: Sequence[Cue], mine: Sequence[Cue], theirs: Sequence[Cue]) -> Merged:
    """Put my changes over theirs. What only one of us changed is taken; what both changed stays mine, and is named."""
    base_by, mine_by, theirs_by = ({c["id"]: c for c in cues} for cues in (base, mine, theirs))
    conflicts: dict[str, str] = {}
    result: list[Cue] = []
    for cue in theirs:
        anchor = cue["id"]
        before, own = base_by.get(anchor), mine_by.get(anchor)
        if own is None:
            # I took it out, or they put it in.
            if before is None:
                result.append(cue)
            elif _words(before) != _words(cue):
                conflicts[anchor] = cue["text"]
                result.append(cue)
            continue
        if before is not None and _words(own) == _words(before):
            result.append(cue)
            continue
        if before is not None and _words(cue) not in (_words(before), _words(own)):
            conflicts[anchor] = cue["text"]
        result.append(own)
    _put_in(result, mine, {c["id"] for c in result}, base_by, theirs_by, conflicts)
    return Merged(result, conflicts)


def _put_in(
    result: list[Cue],
    mine: Sequence[Cue],
    there: set[str],
    base_by: Mapping[str, Cue],
    theirs_by: Mapping[str, Cue],
    conflicts: dict[str, str],
) -> None:
    """Put into ``result`` the passages that I added, and those I changed and they took out."""
    previous: str | None = None
    for cue in mine:
        anchor = cue["id"]
        if anchor not in there:
            gone = anchor in base_by and anchor not in theirs_by
            if gone and _words(cue) == _words(base_by[anchor]):
                continue
            if gone:
                conflicts[anchor] = ""
            at = next((i + 1 for i, c in enumerate(result) if c["id"] == previous), 0)
            result.insert(at, cue)
            there.add(anchor)
        previous = anchor


def _words(cue: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(cue.get(name) for name in ("text", "speaker", "start_ms", "end_ms", "group", "kind", "public_text"))
