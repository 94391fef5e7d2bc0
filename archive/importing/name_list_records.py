"""A list of names gives authority records the names, coordinates and notes that its edition knows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from archive.importing.authority_revisions import edited, insert_with_revisions, revise
from archive.importing.name_lists import ListedName, read_name_list
from archive.importing.problems import REFUSED, problem
from archive.importing.reading import Source
from archive.importing.report import CREATED, UNCHANGED, UPDATED, Report, ReportItem
from archive.importing.vocabulary_records import refresh_public
from archive.models import Community, ExternalId, ImportBatch, Record
from archive.record_types import authority_types, load, record_type
from archive.values.language_map import from_texts
from search.outbox import index_later

if TYPE_CHECKING:
    from accounts.models import User

_PART = 400


def standing(record: Record) -> Record:
    """The record itself, or the one it was merged into."""
    while record.merged_into is not None:
        record = record.merged_into
    return record


class ImportNames:
    """Bring a TEI list of persons, places or organisations into the authority records.

    An entry is the record with its identifier, else the community's record with its key. A name that was read off a
    text gives way to the listed one and becomes a variant; names that a vocabulary has given stay beside it. Records
    that a person has edited are left as they are. New persons have their names withheld until somebody decides.

    :param community: whose persons and keys the list means; without one only entries with a public identifier count.
    :raises archive.importing.problems.RefusedError: from ``execute``, when the file cannot be used at all.
    """

    def __init__(self, source: Source, community: Community | None = None, *, user: User | None = None) -> None:
        self.source = source
        self.community = community
        self.user = user
        self.report = Report()
        self._owner = community.slug if community else ""
        #: Records that an earlier entry of the list has spoken for: two keys may share an identifier.
        self._spoken_for: set[int] = set()
        #: Primary keys of records that a person has edited: they stay as they are.
        self._edited: set[int] = set()

    def execute(self) -> Report:
        """Read the file and write its entries in one transaction; returns the report."""
        listed = read_name_list(self.source)
        self.report.problems = list(listed.problems)
        for one in listed.problems:
            if one.severity == REFUSED:
                self.report.add(ReportItem(one.place, REFUSED))
        with transaction.atomic(), index_later():
            batch = ImportBatch.objects.create(community=self.community, source_format="tei-names", by=self.user)
            usable = [one for one in listed.entries if self._usable(one)]
            changed: dict[str, int] = {}
            fresh: list[ListedName] = []
            for start in range(0, len(usable), _PART):
                part = usable[start : start + _PART]
                found = self._existing(part)
                self._edited |= edited(record.pk for record in found.values())
                for entry in part:
                    record = found.get((entry.kind, entry.uri or entry.key))
                    if record is None:
                        fresh.append(entry)
                    elif self._update(entry, record):
                        changed[record.public_id] = record.pk
            made = self._make(fresh)
            revise(changed.values(), self.user)
            refresh_public(list(changed))
            batch.counts, batch.finished_at = self.report.counts, timezone.now()
            batch.options = {"made": made, "problems": [one.as_dict() for one in self.report.problems]}
            batch.save()
        self.report.batch = str(batch.uuid)
        return self.report

    def _usable(self, entry: ListedName) -> bool:
        if self.community is not None or (entry.uri and entry.kind != "person"):
            return True
        self.report.problems.append(problem("community-needed", self.source.name, entry.key or entry.uri))
        self.report.add(ReportItem(entry.key or entry.uri, REFUSED))
        return False

    def _existing(self, entries: list[ListedName]) -> dict[tuple[str, str], Any]:
        """Records by kind and what the entry is known by; an identifier counts before a key."""
        by_name: dict[str, Record] = {}
        wanted = {entry.uri for entry in entries if entry.uri}
        for external in ExternalId.objects.filter(uri__in=wanted, owner__in=["", self._owner]).select_related("record"):
            by_name[external.uri] = standing(external.record)
        keys: dict[tuple[str, str], Record] = {}
        if self.community is not None:
            rows = Record.objects.filter(
                community=self.community,
                identity__in={entry.key for entry in entries if entry.key},
                kind__in={entry.kind for entry in entries},
                merged_into=None,
            )
            keys = {(record.kind, record.identity): record for record in rows}
        found: dict[tuple[str, str], Record] = {}
        for entry in entries:
            by_uri, by_key = by_name.get(entry.uri), keys.get((entry.kind, entry.key))
            if (record := by_uri or by_key) is not None:
                found[entry.kind, entry.uri or entry.key] = record
        named = authority_types()
        concrete = {one.pk: one for one in load([record.pk for record in found.values() if record.kind in named])}
        return {name: concrete[record.pk] for name, record in found.items() if record.pk in concrete}

    def _update(self, entry: ListedName, record: Any) -> bool:
        facts = _facts(entry, record)
        first = record.pk not in self._spoken_for
        self._spoken_for.add(record.pk)
        same = all(getattr(record, name) == value for name, value in facts.items())
        # What a person has edited since is hers.
        if same or not first or record.pk in self._edited:
            self._say(entry, UNCHANGED, record.public_id)
            return False
        for name, value in facts.items():
            setattr(record, name, value)
        record.save()
        self._say(entry, UPDATED, record.public_id)
        return True

    def _make(self, entries: list[ListedName]) -> list[str]:
        fresh: list[tuple[Any, list[str]]] = []
        by_kind: dict[str, dict[str, ListedName]] = defaultdict(dict)
        for entry in entries:
            # Two keys of one list may share an identifier: they are one record.
            if by_kind[entry.kind].setdefault(entry.uri or entry.key, entry) is not entry:
                self._say(entry, UNCHANGED, "")
        for kind, named in by_kind.items():
            for entry in named.values():
                platform = bool(entry.uri) and kind != "person"
                record = record_type(kind).model_class(
                    community=None if platform else self.community, identity="" if entry.uri else entry.key[:255]
                )
                for name, value in _facts(entry, record).items():
                    setattr(record, name, value)
                if kind == "person":
                    record.name_policy = record.NamePolicy.WITHHELD
                fresh.append((record, [entry.uri[:500]] if entry.uri else []))
                self._say(entry, CREATED, record.public_id)
        insert_with_revisions(fresh, self.user)
        return [record.public_id for record, _uris in fresh]

    def _say(self, entry: ListedName, outcome: str, public_id: str) -> None:
        self.report.add(ReportItem(entry.key or entry.uri, outcome, public_id, next(iter(entry.names.values()))))


def _facts(entry: ListedName, record: Any) -> dict[str, Any]:
    """What the record says once the list has spoken."""
    original = next(iter(entry.names))
    before = record.name or {}
    values = dict(before.get("values") or {})
    listed = from_texts(entry.names, original)
    others = list(record.other_names or [])
    variants = list(entry.variants)
    if before.get("original"):
        name = {**before, "values": {**values, **listed["values"]}}
    else:
        # Read off a text, where words are inflected: variants, now that the right name is known.
        name = listed
        variants += [(tag, one["text"]) for tag, one in values.items()]
    shown = {(one["text"]) for one in name["values"].values()} | {one["text"] for one in others}
    for tag, text in variants:
        if text not in shown:
            shown.add(text)
            others.append({"text": text, "language": tag, "type": "variant", "from": "", "to": ""})
    facts: dict[str, Any] = {"name": name, "other_names": others}
    if entry.note and not (record.note or {}).get("values"):
        facts["note"] = from_texts(entry.note, next(iter(entry.note)))
    if entry.point is not None and record.kind == "place":
        facts["latitude"], facts["longitude"] = entry.point
    return facts
