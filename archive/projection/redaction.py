"""Redactions applied to texts: what a redaction hides is gone from every track, not only from its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from archive.values.text import WITHHELD, Cue, Mark, Track


@dataclass(frozen=True)
class Span:
    """One redaction as the projection needs it; without offsets it hides the whole passage."""

    anchor: str
    start: int | None
    end: int | None
    replacement: str = ""


class Marked(Protocol):
    """What is read of a redaction."""

    anchor: str
    words: str
    start: int | None
    end: int | None
    replacement: str


def spans_of(redaction: Marked, snapshot: Mapping[str, Any]) -> list[Span]:
    """Where a redaction acts in one revision.

    With ``words``: at every place in the passage at which they stand. Where they stand nowhere in it, the
    passage is hidden whole: somebody may have corrected a letter of what is to be hidden.
    """
    if not redaction.words:
        return [Span(redaction.anchor, redaction.start, redaction.end, redaction.replacement)]
    cues = (cue for track in snapshot.get("tracks", []) for cue in track.get("cues", []))
    cue: Mapping[str, Any] = next((cue for cue in cues if cue["id"] == redaction.anchor), {})
    public = cue.get("public_text")
    text, words = cue.get("text", "") if public is None else public, redaction.words
    spans = []
    at = text.find(words)
    while at >= 0:
        spans.append(Span(redaction.anchor, at, at + len(words), redaction.replacement))
        at = text.find(words, at + len(words))
    return spans or [Span(redaction.anchor, None, None, redaction.replacement)]


def is_withheld(cue: Mapping[str, Any]) -> bool:
    """Whether nothing of a redacted cue is left to read."""
    return any(m["type"] == "withheld" and m["start"] == 0 and m["end"] == len(cue["text"]) for m in cue["marks"])


def redact(tracks: Iterable[Track], spans: Iterable[Span]) -> list[Track]:
    """Return the tracks without what the spans hide.

    A cue of another track in the same group carries the same words in another language, so it is
    withheld whole unless it has a redaction of its own.
    """
    by_anchor: dict[str, list[Span]] = {}
    for span in spans:
        by_anchor.setdefault(span.anchor, []).append(span)
    tracks = list(tracks)
    if not by_anchor:
        return tracks
    touched = {cue["group"] for track in tracks for cue in track["cues"] if cue["id"] in by_anchor and cue.get("group")}
    result = []
    for track in tracks:
        cues = [
            _redacted(cue, by_anchor[cue["id"]])
            if cue["id"] in by_anchor
            else (_withheld(cue) if cue.get("group") in touched else cue)
            for cue in track["cues"]
        ]
        result.append({**track, "cues": cues})
    return result  # type: ignore[return-value]


def _withheld(cue: Cue, replacement: str = "") -> Cue:
    shown = replacement or WITHHELD
    return {
        **cue,
        "text": shown,
        "speaker": cue.get("speaker", ""),
        "paratext": "",
        "marks": [{"start": 0, "end": len(shown), "type": "withheld", "ref": "", "key": "", "data": {}}],
        "public_text": None,
    }


def _redacted(cue: Cue, spans: list[Span]) -> Cue:
    whole = next((span for span in spans if span.start is None or span.end is None), None)
    if whole is not None:
        return _withheld(cue, whole.replacement)
    text = cue["text"]
    marks: list[Mark] = list(cue.get("marks", []))
    # From the end, so that earlier offsets stay true; overlapping spans are merged first.
    for start, end, replacement in reversed(_merged(spans, len(text))):
        shown = replacement or WITHHELD
        text = text[:start] + shown + text[end:]
        marks = _shifted(marks, start, end, len(shown))
        marks.append({"start": start, "end": start + len(shown), "type": "withheld", "ref": "", "key": "", "data": {}})
    marks.sort(key=lambda mark: (mark["start"], -mark["end"]))
    return {**cue, "text": text, "marks": marks, "paratext": cue.get("paratext", ""), "public_text": None}


def _merged(spans: list[Span], length: int) -> list[tuple[int, int, str]]:
    merged: list[tuple[int, int, str]] = []
    for span in sorted(spans, key=lambda s: (s.start or 0, s.end or 0)):
        start, end = max(0, span.start or 0), min(length, span.end or 0)
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            before = merged[-1]
            merged[-1] = (before[0], max(before[1], end), before[2] if before[2] == span.replacement else "")
        else:
            merged.append((start, end, span.replacement))
    return merged


def _shifted(marks: list[Mark], start: int, end: int, length: int) -> list[Mark]:
    """Move marks behind the span; a mark that touches it goes, for it may name what was hidden."""
    delta = length - (end - start)
    kept: list[Mark] = []
    for mark in marks:
        if mark["end"] <= start and not (mark["start"] == mark["end"] == start):
            kept.append(mark)
        elif mark["start"] >= end:
            kept.append({**mark, "start": mark["start"] + delta, "end": mark["end"] + delta})
        elif mark["type"] == "page":
            # A page break inside the span says nothing of the words; it stays at its edge.
            kept.append({**mark, "start": start, "end": start})
    return kept


def visible_tracks(tracks: Iterable[dict[str, Any]]) -> list[Track]:
    """Leave out what no public surface may show: unreviewed machine texts, and private cue fields."""
    shown = []
    for track in tracks:
        if track.get("origin") == "machine" and not track.get("reviewed"):
            continue
        cues = []
        for cue in track.get("cues", []):
            public = cue.get("public_text")
            if public is not None:
                cue = {**cue, "text": public, "marks": []}
            cues.append({key: value for key, value in cue.items() if key != "public_text"})
        shown.append({**track, "cues": cues})
    return shown  # type: ignore[return-value]
