"""How far a redaction reaches: from the words somebody marked to every passage, moment and page that tells the same.

Pure functions over facts. A redaction is marked in one passage of one text. The same is said in the passages
beside it, in the recording while the passage is spoken, and on the page it stands on; where one of these cannot be
found, the caller withholds everything that could be it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from archive.models import LADDER, Audience
from archive.projection.redaction import Span

#: From and to in milliseconds; None: nobody knows where it ends.
Stretch = tuple[int, int | None]

#: Passages side by side may be cut some tenths of a second apart and say nothing of each other.
TRIFLE_MS = 300


@dataclass(frozen=True)
class RedactionRule:
    """One redaction, with what was decided of single things that it reaches or does not."""

    at: datetime
    hidden_up_to: str
    anchor: str = ""
    words: str = ""
    start: int | None = None
    end: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    replacement: str = ""
    #: What a steward declared free of it: kind of thing, its key, and what it said then.
    free: frozenset[tuple[str, str, str]] = frozenset()
    #: What is hidden with it though it does not reach there.
    hidden_too: frozenset[tuple[str, str]] = frozenset()

    @property
    def says_when(self) -> bool:
        """Whether somebody gave the span of time that it hides."""
        return self.start_ms is not None or self.end_ms is not None

    def holds_on(self, rung: int) -> bool:
        """Whether it hides anything from this rung (an index into ``LADDER``)."""
        return LADDER.index(Audience(self.hidden_up_to)) >= rung


@dataclass(frozen=True)
class Reach:
    """What one redaction reaches in one revision of a work."""

    rule: RedactionRule
    spans: tuple[Span, ...]
    #: Anchors of the passages that hold it or tell the same, whole or in part.
    touched: frozenset[str]
    #: When it is said; empty: it cannot be placed in time.
    stretches: tuple[Stretch, ...]
    #: Pages it stands on; empty: it cannot be placed on a page.
    pages: frozenset[str]

    def said_between(self, stretch: Stretch) -> bool:
        """Whether it is said, in whole or in part, within a stretch of the recording."""
        return any(overlap(stretch, own) for own in self.stretches)


def overlap(one: Stretch, other: Stretch) -> bool:
    """Whether two stretches share a moment; one without an end goes on for ever."""
    return (other[1] is None or one[0] < other[1]) and (one[1] is None or other[0] < one[1])


def reaches_of(rules: Iterable[RedactionRule], tracks: Sequence[Mapping[str, Any]], rung: int) -> list[Reach]:
    """What the redactions that hold on a rung reach.

    :param tracks: of the revision, also those that no reader sees: a passage there may be aligned with one that is.
    """
    holding = [rule for rule in rules if rule.holds_on(rung)]
    heard = heard_in(tracks) if holding else {}
    return [reach_of(rule, tracks, heard) for rule in holding]


def heard_in(tracks: Sequence[Mapping[str, Any]]) -> dict[str, Stretch]:
    """When each timed passage is heard. One without an end lasts until the next of its text begins."""
    heard: dict[str, Stretch] = {}
    for track in tracks:
        timed = [cue for cue in track.get("cues", []) if cue.get("start_ms") is not None]
        for cue, following in zip_longest(timed, timed[1:]):
            start, end = cue["start_ms"], cue.get("end_ms")
            if end is None and following is not None and following["start_ms"] > start:
                end = following["start_ms"]
            # A passage of no length is heard all the same.
            heard[cue["id"]] = (start, end if end is None else max(end, start + 1))
    return heard


def reach_of(rule: RedactionRule, tracks: Sequence[Mapping[str, Any]], heard: Mapping[str, Stretch]) -> Reach:
    """What one redaction reaches."""
    cues = [cue for track in tracks for cue in track.get("cues", [])]
    spans = _marked(rule, cues)
    own = {span.anchor for span in spans}
    groups = {_group(cue) for cue in cues if cue["id"] in own}
    aligned = {cue["id"] for cue in cues if _group(cue) in groups} - own
    stretches = _stretches(rule, [heard[anchor] for anchor in (*own, *aligned) if anchor in heard])
    marked_here = [t for t in tracks if any(cue["id"] in own for cue in t.get("cues", []))]
    placed = {_group(cue) for track in marked_here for cue in track.get("cues", [])}
    at_the_time: set[str] = set()
    for track in tracks:
        if track in marked_here and not rule.says_when:
            # Its own text is marked exactly; only a span of time that was given says more.
            continue
        for cue in track.get("cues", []):
            at = heard.get(cue["id"])
            meets = _shares if _group(cue) in placed else overlap
            if at is not None and cue["id"] not in own | aligned and any(meets(at, one) for one in stretches):
                at_the_time.add(cue["id"])
        if track not in marked_here:
            at_the_time |= _beside(track.get("cues", []), aligned, placed, heard if stretches else {})
    # Passages beside one that its own text shows tell what is shown there.
    shown = {_group(cue) for track in marked_here for cue in track.get("cues", []) if cue["id"] not in at_the_time}
    groups = {_group(cue) for cue in cues if cue["id"] in at_the_time} - shown
    aligned |= {cue["id"] for cue in cues if _group(cue) in groups} - own - at_the_time
    # Without a passage of its own there is none that could be marked more exactly: those at that time go whole.
    whole = [Span(anchor, aligned=bool(rule.anchor)) for anchor in sorted(at_the_time)]
    spans = [*spans, *(Span(anchor, aligned=True) for anchor in sorted(aligned)), *whole]
    touched = frozenset(own | aligned | at_the_time)
    return Reach(rule, tuple(spans), touched, stretches, _pages(cues, touched))


def _shares(one: Stretch, other: Stretch) -> bool:
    """Whether two stretches share more than texts cut by different people share by chance."""
    if not overlap(one, other):
        return False
    ends = [end for _start, end in (one, other) if end is not None]
    lengths = [end - start for start, end in (one, other) if end is not None]
    shared = min(ends) - max(one[0], other[0]) if ends else None
    return shared is None or shared > min(TRIFLE_MS, *(length / 2 for length in lengths))


def _beside(
    cues: Sequence[Mapping[str, Any]], aligned: set[str], placed: set[str], heard: Mapping[str, Stretch]
) -> set[str]:
    """Passages next to one that tells the same, with no place of their own: they may be the other half of it."""
    found: set[str] = set()
    for ordered in (cues, cues[::-1]):
        near = False
        for cue in ordered:
            if cue["id"] in aligned or _group(cue) in placed:
                near = cue["id"] in aligned
            elif near and cue["id"] not in heard:
                found.add(cue["id"])
    return found


def _group(cue: Mapping[str, Any]) -> str:
    """What joins passages of several texts; one without a group may still be the group of others."""
    return str(cue.get("group") or cue["id"])


def _marked(rule: RedactionRule, cues: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Where the redaction itself acts.

    With words: at every place in the passage at which they stand. Where they stand nowhere in it, the passage is
    hidden whole: somebody may have corrected a letter of what is to be hidden. Where this revision has no such
    passage, they are hidden wherever they stand.
    """
    if not rule.anchor:
        return []
    there = [cue for cue in cues if cue["id"] == rule.anchor]
    if not rule.words:
        return [_by_offsets(rule, cue) for cue in there]
    spans = [span for cue in there or cues for span in _places(cue, rule)]
    return spans or [Span(cue["id"], replacement=rule.replacement) for cue in there]


def _by_offsets(rule: RedactionRule, cue: Mapping[str, Any]) -> Span:
    """Offsets hold for the text they were counted in; in one that is shorter, or another, the passage goes whole."""
    if rule.start is None or rule.end is None:
        return Span(rule.anchor, replacement=rule.replacement)
    counted = cue.get("public_text") is None and rule.start < rule.end <= len(cue.get("text", ""))
    start, end = (rule.start, rule.end) if counted else (None, None)
    return Span(rule.anchor, start, end, rule.replacement)


def _places(cue: Mapping[str, Any], rule: RedactionRule) -> list[Span]:
    public = cue.get("public_text")
    text, words = cue.get("text", "") if public is None else public, rule.words
    spans = []
    at = text.find(words)
    while at >= 0:
        spans.append(Span(cue["id"], at, at + len(words), rule.replacement, words))
        at = text.find(words, at + len(words))
    return spans


def _stretches(rule: RedactionRule, heard: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """When it is said: as the redaction says itself, else while its passages are heard."""
    if rule.says_when:
        return ((rule.start_ms or 0, rule.end_ms),)
    return tuple(sorted(set(heard), key=lambda one: (one[0], one[1] is None, one[1] or 0)))


def _pages(cues: Iterable[Mapping[str, Any]], anchors: Iterable[str]) -> frozenset[str]:
    """Pages on which these passages begin or go on."""
    wanted, pages = set(anchors), set()
    for cue in cues:
        if cue["id"] in wanted:
            marks = [mark for mark in cue.get("marks", []) if mark["type"] == "page"]
            pages |= {str(cue.get("page") or ""), *(str((mark.get("data") or {}).get("n", "")) for mark in marks)}
    return frozenset(pages - {""})
