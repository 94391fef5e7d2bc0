"""What each redaction of a work takes with it, for the screen that offers to decide on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from archive.desk.sealing import shown_title
from archive.desk.transcript_edits import written_time
from archive.models import Clip, MediaAsset, Record, Redaction
from archive.policy import Viewer
from archive.projection.authorities import load_authorities, uris_of
from archive.projection.beside import CLIP, ENTITY, MEDIA, SEGMENT, Mentions, clip_withheld, segments_withheld
from archive.projection.clips import clip_facts, passages_of
from archive.projection.media import AssetFacts, asset_facts, may_be_free, media_withheld_by
from archive.projection.reach import Reach, heard_in, reach_of
from archive.projection.redaction import Span, is_withheld, redact, visible_tracks
from archive.record_types import concrete, record_type
from archive.redactions import read_in_public, rule_of
from archive.values.language_map import original_text
from archive.values.text import Track


@dataclass(frozen=True)
class Effect:
    """One thing beside the text that goes with a redaction, or that somebody decided on."""

    about: str
    key: str
    kind: Any
    name: Any
    #: ``withheld``, ``free`` or ``hidden``.
    state: str
    may_be_free: bool = True


@dataclass(frozen=True)
class Told:
    """What the screen says of one redaction."""

    redaction: Redaction
    reach: Reach
    effects: list[Effect]
    #: Keys of the texts in which nothing of it is hidden.
    untouched: list[str]


class RedactedWork:
    """A work as its redactions leave it: what readers see of it and what is kept from them.

    Everything is seen from the lowest rung, on which every redaction holds.
    """

    def __init__(self, work: Any, viewer: Viewer, snapshot: dict[str, Any] | None = None) -> None:
        self.work, self.viewer = work, viewer
        self.snapshot = read_in_public(work) if snapshot is None else snapshot
        self.raw: list[dict[str, Any]] = self.snapshot.get("tracks", [])
        self.redactions = list(
            work.redactions.select_related("authorised_by").prefetch_related("decisions").order_by("id")
        )
        heard = heard_in(self.raw)
        self.reaches = {one.pk: reach_of(rule_of(one), self.raw, heard) for one in self.redactions}

    @cached_property
    def tracks(self) -> list[Track]:
        """The texts as readers see them."""
        return redact(visible_tracks(self.raw), self.spans)

    @property
    def spans(self) -> list[Span]:
        """Everything that the redactions hide of the texts."""
        return [span for reach in self.reaches.values() for span in reach.spans]

    @cached_property
    def assets(self) -> list[AssetFacts]:
        rows = MediaAsset.objects.filter(record_id=self.work.pk, derivatives__isnull=False).distinct()
        return [asset_facts(asset) for asset in rows.order_by("pk").prefetch_related("derivatives")]

    @cached_property
    def _media_names(self) -> dict[str, str]:
        """Recordings and pictures by their number and length: the names of files may hold a person's."""
        names: dict[str, str] = {}
        numbers = {True: 0, False: 0}
        for asset in self.assets:
            numbers[asset.is_recording] += 1
            kind = _("recording {number}") if asset.is_recording else _("picture {number}")
            lasts = next((file["duration_ms"] for file in asset.files if file["duration_ms"]), None)
            further = [written_time(lasts // 1000 * 1000).removesuffix(".000")] if lasts else []
            if asset.is_redacted_copy:
                further.append(str(MediaAsset.Role.REDACTED.label))
            names[asset.id] = kind.format(number=numbers[asset.is_recording]) + "".join(f" · {one}" for one in further)
        return names

    @cached_property
    def clips(self) -> list[Clip]:
        return list(Clip.objects.filter(work_id=self.work.pk, hidden=False).exclude(audience="").order_by("pk"))

    @cached_property
    def targets(self) -> dict[str, Record]:
        """The authorities that the work's links name, by public id."""
        return load_authorities(link["target"] for link in self.snapshot.get("links", []))

    def told(self) -> list[Told]:
        """Every redaction with what it takes with it."""
        return [
            Told(one, self.reaches[one.pk], list(self._effects(one)), self.untouched(self.reaches[one.pk]))
            for one in self.redactions
        ]

    def withheld(self, about: str) -> list[str]:
        """Names of the clips, parts of the index or links that are not shown because of any redaction."""
        effects = (effect for one in self.redactions for effect in self._effects(one))
        return list(dict.fromkeys(e.name for e in effects if e.about == about and e.state != "free"))

    def segments_shown(self) -> Iterator[dict[str, Any]]:
        """Parts of the index that readers see."""
        reaches = list(self.reaches.values())
        for segment, because in segments_withheld(self.snapshot.get("segments", []), self.raw, reaches):
            if not because:
                yield dict(segment)

    def clips_shown(self) -> Iterator[Clip]:
        """Clips that some reader sees."""
        for clip in self.clips:
            facts = clip_facts(clip)
            passages, _place = passages_of(facts, self.tracks)
            hidden = any(is_withheld(cue) for cue in passages)
            if passages and not hidden and not clip_withheld(facts, passages, self.reaches.values()):
                yield clip

    def targets_shown(self) -> Iterator[Record]:
        """Authorities that readers find named beside the text."""
        mentions, seen = self._mentions(self.reaches.values()), set()
        for link in self.snapshot.get("links", []):
            target = self.targets.get(link["target"])
            if target is not None and target.pk not in seen and mentions.of(*_linked(link, target)) is not None:
                seen.add(target.pk)
                yield target

    def _mentions(self, reaches: Iterable[Reach]) -> Mentions:
        return Mentions(self.snapshot.get("links", []), self.tracks, list(reaches))

    def untouched(self, reach: Reach) -> list[str]:
        """Keys of the texts in which a redaction of words hides nothing."""
        if not reach.touched:
            return []
        return [
            track["id"]
            for track in self.raw
            if track.get("cues") and reach.touched.isdisjoint(cue["id"] for cue in track["cues"])
        ]

    def _effects(self, redaction: Redaction) -> Iterator[Effect]:
        reach = self.reaches[redaction.pk]
        decided = {(one.about, one.key): "hidden" if one.hidden else "free" for one in redaction.decisions.all()}
        for asset in self.assets:
            withheld = bool(media_withheld_by(asset, self.assets, [reach]))
            if state := _state(withheld, decided.get((MEDIA, asset.id))):
                free = may_be_free(asset, self.assets, reach)
                yield Effect(MEDIA, asset.id, "", self._media_names[asset.id], state, free)
        for segment, because in segments_withheld(self.snapshot.get("segments", []), self.raw, [reach]):
            if state := _state(bool(because), decided.get((SEGMENT, segment["id"]))):
                yield Effect(SEGMENT, segment["id"], _("part of the index"), original_text(segment["title"]), state)
        for clip in self.clips:
            facts = clip_facts(clip)
            passages, _place = passages_of(facts, self.tracks)
            whole = any(is_withheld(cue) for cue in passages)
            if state := _state(bool(clip_withheld(facts, passages, [reach])), decided.get((CLIP, clip.public_id))):
                yield Effect(CLIP, clip.public_id, _("clip"), str(clip), state, not whole)
        yield from self._names(reach, decided)

    def _names(self, reach: Reach, decided: dict[tuple[str, str], str]) -> Iterator[Effect]:
        mentions, seen = self._mentions(self.reaches.values()), set()
        for link in self.snapshot.get("links", []):
            target = self.targets.get(link["target"])
            if target is None or target.pk in seen:
                continue
            withheld = any(one.rule is reach.rule for one in mentions.withheld_by(*_linked(link, target)))
            if state := _state(withheld, decided.get((ENTITY, link["target"]))):
                seen.add(target.pk)
                name = shown_title(concrete(target), self.viewer)
                kind = record_type(target.kind).model_class._meta.verbose_name
                yield Effect(ENTITY, link["target"], kind, name, state)


def in_pieces(cue: Mapping[str, Any], spans: Iterable[Span]) -> list[tuple[str, bool]]:
    """The text of a passage cut where something of it begins or ceases to be hidden, and whether each piece is."""
    text, spans = cue["text"], [span for span in spans if span.anchor == cue["id"]]
    own = [span for span in spans if not span.aligned]
    exact = [(span.start, span.end) for span in own if span.start is not None and span.end is not None]
    if spans and (not own or len(exact) < len(own)):
        return [(text, True)]
    marks = [any(start <= at < end for start, end in exact) for at in range(len(text))]
    return [
        ("".join(text[at] for at in places), hidden)
        for hidden, places in ((hidden, list(group)) for hidden, group in groupby(range(len(text)), marks.__getitem__))
    ]


def _linked(link: dict[str, Any], target: Record) -> tuple[str, list[str], str, list[str]]:
    return link["target"], link["anchors"], target.kind, uris_of(target)


def _state(withheld: bool, decided: str | None) -> str:
    """How a thing stands under one redaction; empty: it is not concerned."""
    if decided == "hidden":
        return "hidden"
    if withheld:
        return "withheld"
    return "free" if decided == "free" else ""
