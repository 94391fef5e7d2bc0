"""How clips appear in public: as passages of their work, with the context a listener needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from archive.models import LADDER, Audience, Clip
from archive.projection.beside import clip_withheld
from archive.projection.reach import Reach
from archive.projection.redaction import is_withheld
from archive.values.language_map import public_map
from archive.values.text import Cue, Track


def clip_facts(clip: Clip) -> dict[str, Any]:
    """What a projection needs of a clip that is to be shown to somebody."""
    return {
        "id": clip.public_id,
        "audience": clip.audience,
        "title": clip.title,
        "context": clip.context,
        "first": clip.first_anchor,
        "last": clip.last_anchor,
        "start_ms": clip.start_ms,
        "end_ms": clip.end_ms,
    }


def project_clips(
    clips: Iterable[Mapping[str, Any]], tracks: list[Track], rung: int, reaches: Sequence[Reach] = ()
) -> list[dict[str, Any]]:
    """The clips of a work for one rung of the ladder, in the order of the telling.

    :param tracks: the work's tracks as that rung sees them, redacted.
    :param rung: index into ``LADDER``.
    :param reaches: of the redactions that hold on that rung.

    A clip whose passages are not all there, or of which something is hidden, is left out: its title and its context
    would tell what the text does not.
    """
    shown: list[tuple[tuple[int, int], dict[str, Any]]] = []
    for clip in clips:
        if LADDER.index(Audience(clip["audience"])) > rung:
            continue
        passages, place = passages_of(clip, tracks)
        if not passages or any(is_withheld(cue) for cue in passages) or clip_withheld(clip, passages, reaches):
            continue
        starts = [at for cue in passages if (at := cue.get("start_ms")) is not None]
        ends = [at for cue in passages if (at := cue.get("end_ms")) is not None]
        start = clip["start_ms"] if clip["start_ms"] is not None else min(starts, default=None)
        entry = {
            "id": clip["id"],
            "title": public_map(clip["title"]),
            "context": public_map(clip["context"]),
            "anchor": passages[0]["id"],
            "last": passages[-1]["id"],
            "start_ms": start,
            "end_ms": clip["end_ms"] if clip["end_ms"] is not None else max(ends, default=None),
        }
        shown.append((place, entry))
    return [entry for _place, entry in sorted(shown, key=lambda pair: (pair[0], pair[1]["id"]))]


def passages_of(clip: Mapping[str, Any], tracks: list[Track]) -> tuple[list[Cue], tuple[int, int]]:
    """The cues from a clip's first to its last, of the one track that holds them, and where they begin."""
    for number, track in enumerate(tracks):
        cues = track["cues"]
        if clip["first"]:
            places = {cue["id"]: place for place, cue in enumerate(cues)}
            first, last = places.get(clip["first"]), places.get(clip["last"] or clip["first"])
            if first is not None and last is not None and first <= last:
                return cues[first : last + 1], (first, number)
        elif (start := clip["start_ms"]) is not None:
            end = clip["end_ms"] if clip["end_ms"] is not None else start + 1
            inside = [place for place, cue in enumerate(cues) if _said_between(cue, start, end)]
            if inside:
                return [cues[place] for place in inside], (inside[0], number)
    return [], (0, 0)


def _said_between(cue: Cue, start: int, end: int) -> bool:
    """Whether any of a cue is said in a stretch of time; one without an end counts as a moment."""
    begins, ends = cue.get("start_ms"), cue.get("end_ms")
    if begins is None:
        return False
    return begins < end and (begins + 1 if ends is None else ends) > start
