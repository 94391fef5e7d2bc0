"""How a person is named in the publication of a work, under the consent to that work.

A narrator may have agreed to speak under a pseudonym or without any name while her record is public through another
work. So what leads to her record is kept out of this one altogether: her id, a link, her record among the entities
(also another record of the same person), marks in the text that point to her, a speaker's label that says her name.
Who is kept apart is found by the records, by their external ids and by their names; a stranger of the same name
loses a link by it, which harms nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from archive.importing.authorities import normal_uri
from archive.models.consent import ConsentRecord
from archive.models.record import RecordKind
from archive.models.terms import OWN_WORDS
from archive.projection.authorities import AuthorityView, Words, words_of
from archive.projection.speaker_labels import Unlabelled, unlabelled_by
from archive.values.language_map import original_text
from archive.values.text import WITHHELD, Mark, Track

Identity = ConsentRecord.Identity


@dataclass(frozen=True)
class ShownPerson:
    """What a work says of a person or of anything it names; ``name`` None: withheld; ``id`` None: leads nowhere."""

    name: Any
    id: str | None


_WITHHELD = ShownPerson(None, None)


@dataclass(frozen=True)
class Naming:
    """How one work names people; made by ``naming_of``."""

    #: Those whose own words these are may be led to their records.
    by_real_name: bool = True
    #: What they are credited as may be shown (a pseudonym, a first name).
    credit_shown: bool = True
    #: Ids and external ids of those who must not be led to.
    apart: frozenset[str] = frozenset()
    #: Every name of theirs, the one they are shown by included.
    apart_names: frozenset[Words] = frozenset()
    #: Real names that no credit of this work may say.
    unsaid: frozenset[Words] = frozenset()
    #: What no label of a speaker may say of somebody, and what such a label becomes.
    labels: tuple[Unlabelled, ...] = ()
    #: Names that contributors are shown by: a label that is one of them stays.
    shown_names: frozenset[Words] = frozenset()
    #: Ids and external ids that no mark may carry, each with the public id that may stand in its place ("" for none).
    mark_traces: Mapping[str, str] = field(default_factory=dict)
    #: Ids and external ids of persons who may be shown.
    shown_traces: frozenset[str] = frozenset()

    def shown(self, view: AuthorityView | None, *, role: str = "", credit: str = "") -> ShownPerson:
        """How somebody or something is named: the one place that decides it.

        :param view: the record, where there is one.
        :param role: what she did for the work; empty for somebody (or something) it only names.
        :param credit: what the contribution says she is to be called.
        """
        if role in OWN_WORDS and not self.by_real_name:
            # Without a name to show instead, the name on the record is the real one.
            return ShownPerson(credit, None) if self._may_say(credit) and self.credit_shown else _WITHHELD
        if view is not None and self.keeps_apart(view):
            return ShownPerson(credit, None) if role and self._may_say(credit) else _WITHHELD
        if credit and not self._may_say(credit):
            return _WITHHELD
        name: Any = credit or (view.name if view else None)
        linked = view.public_id if view and view.name is not None and name is not None else None
        return ShownPerson(name, linked)

    def keeps_apart(self, view: AuthorityView) -> bool:
        """Whether a record is, or may be, that of somebody who is not to be led to."""
        if self.by_real_name or view.kind != RecordKind.PERSON:
            return False
        return bool(view.public_id in self.apart or view.identifiers & self.apart or view.names & self.apart_names)

    def _may_say(self, credit: str) -> bool:
        return bool(credit) and words_of(credit) not in self.unsaid

    # --- the text ------------------------------------------------------------------------------

    def in_text(self, tracks: list[Track]) -> list[Track]:
        """The tracks without marks and labels that lead to somebody who is not to be named."""
        if self.by_real_name and not self.mark_traces and not self.labels:
            return tracks
        return [
            {  # type: ignore[misc]
                **track,
                "cues": [
                    {**cue, "marks": self._marks(cue.get("marks") or []), "speaker": self._label(cue)}
                    for cue in track["cues"]
                ],
            }
            for track in tracks
        ]

    def _label(self, cue: Mapping[str, Any]) -> str:
        speaker = str(cue.get("speaker") or "")
        instead = {word for one in self.labels if (word := one.instead_of(speaker, self.shown_names)) is not None}
        # Where it may be one or another, it says neither.
        return speaker if not instead else instead.pop() if len(instead) == 1 else WITHHELD

    def _marks(self, marks: Iterable[Mark]) -> list[Mark]:
        return [self._mark(mark) for mark in marks]

    def _mark(self, mark: Mark) -> Mark:
        data = mark.get("data") or {}
        ref, key = str(mark.get("ref") or ""), str(mark.get("key") or "")
        # Where somebody is kept apart, a mark points to a person only if this work shows her: an edition's own key
        # may be a name.
        unknown = not self.by_real_name and mark["type"] == "person" and not {ref, key} & self.shown_traces
        traces = self._traces_in(ref, key, data)
        if not unknown and not traces:
            if data.get("marks"):
                return {**mark, "data": {**data, "marks": self._marks(data["marks"])}}
            return mark
        instead = next(filter(None, (self.mark_traces[trace] for trace in sorted(traces))), "") if not unknown else ""
        return {**mark, "ref": "", "key": instead, "data": {name: data[name] for name in ("tei",) if name in data}}

    def _traces_in(self, *values: Any) -> set[str]:
        """Which of the identifiers that no mark may carry stand in a mark, however deep."""
        found: set[str] = set()
        for value in values:
            if isinstance(value, str):
                found |= {value, normal_uri(value)[1], value.removeprefix("#cairn-")} & self.mark_traces.keys()
            elif isinstance(value, Mapping):
                found |= self._traces_in(*(part for name, part in value.items() if name not in ("marks", "text")))
        return found


def naming_of(
    contributions: Iterable[Mapping[str, Any]],
    identity: str,
    hidden: frozenset[str],
    views: Mapping[str, AuthorityView],
    place: str = "",
    unlinked: Iterable[AuthorityView] = (),
) -> Naming:
    """How a work names people.

    :param contributions: of the snapshot: role, public id of the person, credit.
    :param identity: of the consent; one that nobody knows is as good as withheld.
    :param hidden: keys of the payload that the work's seals hide.
    :param views: everything the work names, by the public id under which it names it.
    :param place: public id of the work's own place.
    :param unlinked: what marks of the text point to by an identifier although no link of the work names it.
    """
    sealed = "contributors" in hidden
    by_real_name = identity == Identity.REAL and not sealed
    credit_shown = by_real_name or identity == Identity.PSEUDONYM or (identity == Identity.FIRST and not sealed)
    own = [one for one in contributions if one["role"] in OWN_WORDS]
    apart: set[str] = set()
    apart_names: set[Words] = set()
    unsaid: set[Words] = set()
    if not by_real_name:
        for one in own:
            apart |= {one["person"]} - {None, ""}
            view = views.get(one["person"] or "")
            if view is not None:
                apart |= {view.public_id, *view.identifiers}
                apart_names |= view.names
                unsaid |= view.real_names
            if credit := words_of(one["credited_as"]):
                apart_names.add(credit)
                if not credit_shown:
                    unsaid.add(credit)
        if identity == Identity.FIRST:
            # A record may know her first name alone: that is the name she is shown by.
            unsaid = {name for name in unsaid if len(name) > 1}
    for view in views.values():
        if view.name_sealed:
            unsaid |= view.real_names
    naming = Naming(
        by_real_name=by_real_name,
        credit_shown=credit_shown,
        apart=frozenset(apart),
        apart_names=frozenset(apart_names),
        unsaid=frozenset(unsaid),
    )
    shown_names, labels = _labels_of(naming, contributions, identity, views)
    mark_traces: dict[str, str] = {}
    shown_traces: set[str] = set()
    for public_id, view in views.items():
        if naming.shown(view).id is None or ("place" in hidden and public_id == place):
            mark_traces |= dict.fromkeys({public_id, view.public_id, *view.identifiers}, "")
            continue
        if view.ids_sealed:
            mark_traces |= dict.fromkeys(view.identifiers, view.public_id)
        if view.under_another_name:
            # Beside her id a mark may carry what an edition calls her.
            mark_traces |= dict.fromkeys((public_id, view.public_id), view.public_id)
        if view.kind == RecordKind.PERSON:
            shown_traces |= {public_id, view.public_id, *view.identifiers}
    for view in unlinked:
        # Nothing of the work opens its page: where its identifiers are not public, no mark of this text may carry them.
        if view.ids_sealed or naming.shown(view).id is None:
            mark_traces |= dict.fromkeys({view.public_id, *view.identifiers} - mark_traces.keys(), "")
    # Also of her whom nothing loaded: a link may still carry her identifier.
    mark_traces |= dict.fromkeys(apart, "")
    return replace(
        naming,
        mark_traces=mark_traces,
        shown_traces=frozenset(shown_traces),
        labels=labels,
        shown_names=shown_names,
    )


def _labels_of(
    naming: Naming, contributions: Iterable[Mapping[str, Any]], identity: str, views: Mapping[str, AuthorityView]
) -> tuple[frozenset[Words], tuple[Unlabelled, ...]]:
    """By what names contributors are shown, and whom no label may name by another."""
    shown_names: set[Words] = set()
    unlabelled: set[Unlabelled] = set()
    own_names: set[str] = set()
    contributions = list(contributions)
    for one in contributions:
        view = views.get(one["person"] or "")
        texts = _texts_of(naming.shown(view, role=one["role"], credit=one["credited_as"]).name)
        instead = texts[0] if texts else ""
        names = {words_of(text) for text in texts}
        shown_names |= names
        own = one["role"] in OWN_WORDS and not naming.by_real_name
        real: set[Words] = set()
        if view is not None and (own or view.under_another_name or naming.keeps_apart(view)):
            real |= view.real_names
            if own and identity == Identity.FIRST and not view.name_sealed:
                # A record may know her first name alone: that is the name she is shown by.
                real = {words for words in real if len(words) > 1}
        if own:
            own_names.add(instead)
            if not naming.credit_shown:
                real.add(words_of(one["credited_as"]))
        unlabelled |= unlabelled_by(real, instead, names)
    contributing = {one["person"] for one in contributions}
    for public_id, view in views.items():
        if public_id in contributing:
            continue
        if naming.keeps_apart(view):
            # Another record of hers: she is called as she is called in her own words.
            instead = next(iter(own_names)) if len(own_names) == 1 else ""
            unlabelled |= unlabelled_by(view.real_names, instead, [words_of(instead)])
        elif view.under_another_name:
            # Whom the work only names rarely speaks in it: her relatives, who do, keep their own names.
            texts = _texts_of(view.name)
            allowed = shown_names | {words_of(text) for text in texts}
            unlabelled |= unlabelled_by(view.real_names, texts[0] if texts else "", allowed)
    return frozenset(shown_names), tuple(unlabelled)


def _texts_of(name: Any) -> list[str]:
    """The texts of a name as it is shown, the original first."""
    if not name:
        return []
    if isinstance(name, str):
        return [name]
    return [text for text in (original_text(name), *(v.get("text") for v in name["values"].values())) if text]
