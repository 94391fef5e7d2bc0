"""What stands beside the passages of a work and tells of them: names, the index, clips, pictures of pages.

What is hidden in a passage must not be told beside it. Each thing goes where a redaction reaches it, also in part,
unless a steward has declared it free of that redaction; and where it was hidden with one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from archive.projection.reach import Reach, Stretch, heard_in, overlap
from archive.projection.redaction import is_withheld
from archive.revisions import sha256_of
from archive.values.language_map import public_map
from archive.values.text import Cue, Track

#: Types of marks by the kind of authority they name.
_MARKED_AS = {"person": "person", "place": "place", "organisation": "organisation", "term": "concept"}

SEGMENT, CLIP, ENTITY, MEDIA = "segment", "clip", "entity", "media"


def said_by(thing: Mapping[str, Any]) -> str:
    """What a segment or a clip says and over what, as a hash: a declaration holds for these words, not for others."""
    names = ("title", "synopsis", "context", "anchor", "first", "last", "start_ms", "end_ms")
    return sha256_of({name: thing.get(name) for name in names})


def withheld_by(
    reaches: Iterable[Reach], what: str, key: str, said: str, reached: Callable[[Reach], bool]
) -> list[Reach]:
    """The redactions because of which one thing is not shown."""
    return [
        reach
        for reach in reaches
        if (what, key) in reach.rule.hidden_too or (reached(reach) and (what, key, said) not in reach.rule.free)
    ]


# --- the index ------------------------------------------------------------------------------------


def shown_segments(
    snapshot: Mapping[str, Any], tracks: Sequence[Mapping[str, Any]], reaches: Sequence[Reach]
) -> list[dict[str, Any]]:
    """The table of contents without the parts that would describe what is hidden in them."""
    kept = [
        segment for segment, because in segments_withheld(snapshot.get("segments", []), tracks, reaches) if not because
    ]
    return [
        {
            "id": s["id"],
            "anchor": s.get("anchor", ""),
            "start_ms": s.get("start_ms"),
            "title": public_map(s["title"]),
            "synopsis": public_map(s.get("synopsis")),
        }
        for s in kept
    ]


def segments_withheld(
    segments: Sequence[Mapping[str, Any]], tracks: Sequence[Mapping[str, Any]], reaches: Sequence[Reach]
) -> list[tuple[Mapping[str, Any], list[Reach]]]:
    """Each segment with the redactions that withhold it: those of any passage from its beginning to the next one."""
    heard = heard_in(tracks) if reaches else {}
    result = []
    for segment in segments:
        passages = _passages_of(segment, segments, tracks, heard) if reaches else set()
        stretch = _stretch_of(segment, segments)

        def reached(
            reach: Reach,
            passages: set[str] = passages,
            stretch: Stretch | None = stretch,
        ) -> bool:
            if not passages.isdisjoint(reach.touched):
                return True
            if stretch is not None and reach.stretches:
                return reach.said_between(stretch)
            # Neither its passages nor its time are known: it may be the part that tells of it.
            return not passages

        result.append((segment, withheld_by(reaches, SEGMENT, segment["id"], said_by(segment), reached)))
    return result


def _passages_of(
    segment: Mapping[str, Any],
    segments: Sequence[Mapping[str, Any]],
    tracks: Sequence[Mapping[str, Any]],
    heard: Mapping[str, Stretch],
) -> set[str]:
    anchor = segment.get("anchor")
    for track in tracks:
        ids = [cue["id"] for cue in track.get("cues", [])]
        if anchor in ids:
            first = ids.index(anchor)
            begin = {other.get("anchor") for other in segments if other is not segment} - {anchor}
            last = next((at for at in range(first + 1, len(ids)) if ids[at] in begin), len(ids))
            return set(ids[first:last])
    stretch = _stretch_of(segment, segments)
    return set() if stretch is None else {anchor for anchor, at in heard.items() if overlap(stretch, at)}


def _stretch_of(segment: Mapping[str, Any], segments: Sequence[Mapping[str, Any]]) -> Stretch | None:
    start = segment.get("start_ms")
    if start is None:
        return None
    if segment.get("end_ms") is not None:
        return (start, segment["end_ms"])
    later = [at for other in segments if (at := other.get("start_ms")) is not None and at > start]
    return (start, min(later, default=None))


# --- clips ----------------------------------------------------------------------------------------


def clip_withheld(clip: Mapping[str, Any], passages: Sequence[Cue], reaches: Iterable[Reach]) -> list[Reach]:
    """The redactions because of which a clip over these passages is not shown."""
    anchors = {cue["id"] for cue in passages}
    start, end = clip.get("start_ms"), clip.get("end_ms")

    def reached(reach: Reach) -> bool:
        if not anchors.isdisjoint(reach.touched):
            return True
        return start is not None and reach.said_between((start, end))

    return withheld_by(reaches, CLIP, clip["id"], said_by(clip), reached)


# --- names ----------------------------------------------------------------------------------------


class Mentions:
    """Where a rung still reads of an authority, and where it must not be told of one."""

    def __init__(self, links: Iterable[Mapping[str, Any]], tracks: Sequence[Track], reaches: Sequence[Reach]) -> None:
        """:param tracks: as this rung sees them, redacted."""
        self._reaches = reaches
        self._shown = {cue["id"]: cue for track in tracks for cue in track["cues"] if not is_withheld(cue)}
        self._marked: dict[tuple[str, str], dict[str, None]] = {}
        for anchor, cue in self._shown.items():
            for mark in cue.get("marks", []):
                kind = _MARKED_AS.get(mark["type"])
                for name in {mark.get("ref", ""), mark.get("key", "")} - {""} if kind else ():
                    self._marked.setdefault((str(kind), name), {})[anchor] = None
        self._linked: dict[str, set[str]] = {}
        for link in links:
            self._linked.setdefault(link["target"], set()).update(link["anchors"])

    def of(self, target: str, anchors: Sequence[str], kind: str, identifiers: Iterable[str]) -> list[str] | None:
        """The passages at which a link stands, or None where it must go.

        It goes when redactions touch all passages it stands at, unless the text that is shown still names its target
        by a mark. One that stands at no passage goes with the others to the same target.
        """
        if self.withheld_by(target, anchors, kind, identifiers):
            return None
        return self._standing(target, anchors, kind, identifiers, self._reaches)

    def withheld_by(self, target: str, anchors: Sequence[str], kind: str, identifiers: Iterable[str]) -> list[Reach]:
        """The redactions because of which a link is not shown; none where it has no passage that is public."""
        hiding = [reach for reach in self._reaches if (ENTITY, target) in reach.rule.hidden_too]
        if hiding:
            return hiding
        if self._standing(target, anchors, kind, identifiers, self._reaches) is not None:
            return []
        linked = self._linked.get(target, set())
        return [
            reach
            for reach in self._reaches
            if not linked.isdisjoint(reach.touched) and (ENTITY, target, "") not in reach.rule.free
        ]

    def _standing(
        self,
        target: str,
        anchors: Sequence[str],
        kind: str,
        identifiers: Iterable[str],
        reaches: Iterable[Reach],
    ) -> list[str] | None:
        linked = self._linked.get(target, set())
        if not linked:
            return []
        touched: set[str] = set()
        for reach in reaches:
            if (ENTITY, target, "") not in reach.rule.free:
                touched |= reach.touched
        marked = {a: None for name in {target, *identifiers} for a in self._marked.get((kind, name), ())}
        standing = [
            anchor for anchor in anchors if anchor in self._shown and (anchor not in touched or anchor in marked)
        ]
        if standing or marked:
            return standing or [anchor for anchor in self._shown if anchor in marked]
        elsewhere = any(anchor in self._shown and anchor not in touched for anchor in linked)
        return [] if not anchors and elsewhere else None


# --- pictures of pages ----------------------------------------------------------------------------


def shown_facsimiles(facsimiles: Sequence[Mapping[str, Any]], reaches: Iterable[Reach]) -> list[Mapping[str, Any]]:
    """Pages of the original without those on which something is hidden: a picture shows the page unredacted.

    Where one of a redaction's pages is not among them, any of them may be it.
    """
    hidden: set[str] = set()
    known = {str(one.get("page", "")) for one in facsimiles}
    for reach in reaches:
        hidden |= reach.pages if reach.pages and reach.pages <= known else known
    return [one for one in facsimiles if str(one.get("page", "")) not in hidden]
