"""A vocabulary becomes concepts of the platform: one transaction, found again by their addresses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import transaction
from django.utils import timezone

from archive.companions import refresh_companions
from archive.gate import Gate
from archive.importing.authorities import OWN_CONCEPT
from archive.importing.authority_revisions import edited, revise
from archive.importing.problems import REFUSED
from archive.importing.reading import Source
from archive.importing.report import CREATED, UNCHANGED, UPDATED, Report, ReportItem
from archive.importing.rows import insert_records
from archive.importing.vocabulary import ParsedConcept, ParsedVocabulary, read_vocabulary
from archive.models import (
    Concept,
    ConceptScheme,
    Document,
    EntityLink,
    ExternalId,
    ImportBatch,
    Publication,
    Record,
    Testimony,
)
from archive.record_types import load
from archive.values.language_map import from_texts, language_map
from search.outbox import index_later

if TYPE_CHECKING:
    from accounts.models import User

_PART = 400

T = TypeVar("T")


class ImportVocabulary:
    """Bring a SKOS file into a scheme.

    Concepts are known by their addresses: importing again changes labels and links and makes no second concept. A
    record that texts made before the vocabulary came (a place called by a camp's address, a term of an edition) gets
    the vocabulary's names, unless a person has edited it since.

    :raises archive.importing.problems.RefusedError: from ``execute``, when the file cannot be used at all.
    """

    def __init__(self, source: Source, scheme: str, *, user: User | None = None) -> None:
        self.source = source
        self.slug = scheme
        self.user = user
        self.report = Report()
        self._changed: list[str] = []
        #: Primary keys of records that a person has edited: they stay as they are.
        self._edited: set[int] = set()

    def execute(self) -> Report:
        """Read the file and write its concepts in one transaction; returns the report."""
        vocabulary = read_vocabulary(self.source)
        self.report.problems = list(vocabulary.problems)
        refused = {one.place for one in vocabulary.problems if one.severity == REFUSED}
        for uri in sorted(refused):
            self.report.add(ReportItem(uri, REFUSED))
        with transaction.atomic(), index_later():
            batch = ImportBatch.objects.create(source_format="skos", options={"scheme": self.slug}, by=self.user)
            scheme = self._scheme(vocabulary)
            made = self._write(vocabulary, scheme)
            refresh_public(self._changed)
            batch.counts, batch.finished_at = self.report.counts, timezone.now()
            batch.options = {
                **batch.options,
                "made": made,
                "problems": [one.as_dict() for one in vocabulary.problems],
            }
            batch.save()
        self.report.batch = str(batch.uuid)
        return self.report

    def _scheme(self, vocabulary: ParsedVocabulary) -> ConceptScheme:
        scheme, new = ConceptScheme.objects.get_or_create(
            slug=self.slug, defaults={"title": language_map(self.slug, "und")}
        )
        if new:
            self.report.made.append(("vocabulary", self.slug))
        if vocabulary.title:
            original = "en" if "en" in vocabulary.title else next(iter(vocabulary.title))
            scheme.title = from_texts(vocabulary.title, original)
        scheme.uri = vocabulary.uri[:500] or scheme.uri
        scheme.licence = vocabulary.licence[:200] or scheme.licence
        scheme.loaded_at = timezone.now()
        scheme.save()
        return scheme

    def _write(self, vocabulary: ParsedVocabulary, scheme: ConceptScheme) -> list[str]:
        keys: dict[str, tuple[int, str]] = {}
        made: list[str] = []
        for part in _parts(vocabulary.concepts):
            known = {
                external.uri: external.record
                for external in ExternalId.objects.filter(uri__in=[c.uri for c in part], owner="").select_related(
                    "record"
                )
            }
            known |= _own(part)
            existing = _concrete(list(known.values()))
            self._edited |= edited(existing)
            fresh: list[tuple[ParsedConcept, Concept]] = []
            for concept in part:
                base = known.get(concept.uri)
                if base is None:
                    fresh.append((concept, Concept(scheme=scheme, **_facts(concept))))
                    continue
                keys[concept.uri] = (base.pk, base.kind)
                self._update(concept, existing[base.pk], scheme)
            insert_records([record for _concept, record in fresh])
            ExternalId.objects.bulk_create(
                ExternalId(record_id=record.pk, uri=concept.uri[:500]) for concept, record in fresh
            )
            for concept, record in fresh:
                keys[concept.uri] = (record.pk, "concept")
                made.append(record.public_id)
                self._say(concept, CREATED, record.public_id)
        self._link(vocabulary.concepts, keys)
        # Only now do they stand where the file puts them.
        revise((pk for pk, _kind in keys.values()), self.user)
        return made

    def _update(self, concept: ParsedConcept, record: Any, scheme: ConceptScheme) -> None:
        facts = _facts(concept)
        if record.kind != "concept":
            facts = {"name": facts["name"]}
        elif record.scheme_id != scheme.pk:
            record.scheme = scheme
            facts["scheme_id"] = scheme.pk
        same = all(getattr(record, name) == value for name, value in facts.items() if name != "scheme_id")
        if record.pk in self._edited or (same and "scheme_id" not in facts):
            self._say(concept, UNCHANGED, record.public_id)
            return
        for name, value in facts.items():
            setattr(record, name, value)
        record.save()
        self._changed.append(record.public_id)
        self._say(concept, UPDATED, record.public_id)

    def _say(self, concept: ParsedConcept, outcome: str, public_id: str) -> None:
        label = concept.preferred.get("en") or next(iter(concept.preferred.values()))
        self.report.add(ReportItem(concept.uri, outcome, public_id, label))

    def _link(self, concepts: Sequence[ParsedConcept], keys: dict[str, tuple[int, str]]) -> None:
        """Set broader and related links between concepts to what the file says."""
        broader, related = Concept.broader.through, Concept.related.through
        own = {pk for pk, kind in keys.values() if kind == "concept"}
        for part in _parts(sorted(own)):
            broader.objects.filter(from_concept_id__in=part).delete()
            related.objects.filter(from_concept_id__in=part).delete()
        pairs_up: set[tuple[int, int]] = set()
        pairs: set[tuple[int, int]] = set()
        for concept in concepts:
            here = keys[concept.uri][0]
            if here not in own:
                continue
            pairs_up |= {(here, keys[uri][0]) for uri in concept.broader if keys[uri][0] in own}
            for uri in concept.related:
                there = keys[uri][0]
                if there in own:
                    pairs |= {(here, there), (there, here)}
        broader.objects.bulk_create(
            (broader(from_concept_id=a, to_concept_id=b) for a, b in sorted(pairs_up)), batch_size=_PART
        )
        related.objects.bulk_create(
            (related(from_concept_id=a, to_concept_id=b) for a, b in sorted(pairs)), batch_size=_PART
        )


def refresh_public(changed: Sequence[str]) -> None:
    """Rebuild what names the changed authorities in public: their pages and the works that mention them."""
    now = timezone.now()
    for part in _parts(changed):
        public = set(Publication.objects.filter(public_id__in=part).values_list("public_id", flat=True))
        if not public:
            continue
        works = set(
            EntityLink.objects.filter(target__public_id__in=public, record__wanted_public=True).values_list(
                "record_id", flat=True
            )
        )
        for model in (Testimony, Document):
            for keys in _parts(sorted(works)):
                found = model.objects.filter(pk__in=keys).select_related("community", "collection")
                for few in _parts(list(found), 50):
                    Gate(now).refresh(few)
        refresh_companions(public, now)


def _own(concepts: Sequence[ParsedConcept]) -> dict[str, Record]:
    """Concepts that our own exports name because nobody outside does (`archive.interchange.skos`)."""
    ids = {one.uri.removeprefix(OWN_CONCEPT): one.uri for one in concepts if one.uri.startswith(OWN_CONCEPT)}
    if not ids:
        return {}
    found = Record.objects.filter(public_id__in=list(ids), kind="concept", merged_into=None)
    return {ids[record.public_id]: record for record in found}


def _facts(concept: ParsedConcept) -> dict[str, Any]:
    original = "en" if "en" in concept.preferred else next(iter(concept.preferred))
    note_original = "en" if "en" in concept.scope_note else next(iter(concept.scope_note), "")
    return {
        "name": from_texts(concept.preferred, original),
        "labels": {"alt": concept.alternative, "hidden": concept.hidden},
        "scope_note": from_texts(concept.scope_note, note_original) if concept.scope_note else {},
        "notation": concept.notation,
    }


def _concrete(records: Sequence[Record]) -> dict[int, Any]:
    return {record.pk: record for record in load([one.pk for one in records])}


def _parts(values: Sequence[T], size: int = _PART) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
