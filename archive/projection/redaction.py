"""Redactions applied to texts: what a redaction hides is gone from every track, not only from its own.

Which passages a redaction reaches is found in ``archive/projection/reach.py``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archive.values.text import WITHHELD, Cue, Mark, Track


@dataclass(frozen=True)
class Span:
    """What one redaction hides of one passage; without offsets the whole of it."""

    anchor: str
    start: int | None = None
    end: int | None = None
    replacement: str = ""
    #: The words that stand there, where the redaction names them: notes in the passage may say them too.
    words: str = ""
    #: The passage says in another text what is hidden: it is withheld whole until it has a redaction of its own.
    aligned: bool = False


def is_withheld(cue: Mapping[str, Any]) -> bool:
    """Whether nothing of a redacted cue is left to read."""
    return any(m["type"] == "withheld" and m["start"] == 0 and m["end"] == len(cue["text"]) for m in cue["marks"])


def redact(tracks: Iterable[Track], spans: Iterable[Span]) -> list[Track]:
    """Return the tracks without what the spans hide."""
    by_anchor: dict[str, list[Span]] = {}
    for span in spans:
        by_anchor.setdefault(span.anchor, []).append(span)
    tracks = list(tracks)
    if not by_anchor:
        return tracks
    result = []
    for track in tracks:
        cues = [_redacted(cue, by_anchor[cue["id"]]) if cue["id"] in by_anchor else cue for cue in track["cues"]]
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
    own = [span for span in spans if not span.aligned]
    if not own:
        return _withheld(cue)
    whole = next((span for span in own if span.start is None or span.end is None), None)
    if whole is not None:
        return _withheld(cue, whole.replacement)
    spans, text = own, cue["text"]
    hidden = (span.words or text[span.start : span.end] for span in spans)
    named = [words for each in hidden if (words := _plain(each))]
    marks: list[Mark] = [mark for mark in cue.get("marks", []) if not _says(mark.get("data"), named)]
    paratext = cue.get("paratext", "")
    # From the end, so that earlier offsets stay true; overlapping spans are merged first.
    for start, end, replacement in reversed(_merged(spans, len(text))):
        shown = replacement or WITHHELD
        text = text[:start] + shown + text[end:]
        marks = _shifted(marks, start, end, len(shown))
        marks.append({"start": start, "end": start + len(shown), "type": "withheld", "ref": "", "key": "", "data": {}})
    marks.sort(key=lambda mark: (mark["start"], -mark["end"]))
    shown = "" if _says(paratext, named) else paratext
    return {**cue, "text": text, "marks": marks, "paratext": shown, "public_text": None}


def _says(told: Any, named: list[str]) -> bool:
    """Whether a note or a remark beside the passage says words that are hidden in it."""
    if isinstance(told, Mapping):
        return any(_says(part, named) for part in told.values())
    if isinstance(told, list | tuple):
        return any(_says(part, named) for part in told)
    return isinstance(told, str) and any(words in _plain(told) for words in named)


def _plain(text: str) -> str:
    """Words to compare: in one case, with plain blanks between them."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


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
        elif mark["start"] >= end and (mark["end"] > end or mark["type"] == "page"):
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
