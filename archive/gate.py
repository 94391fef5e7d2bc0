"""The gate: makes publications while consent, embargo, review and sensitivity all say yes, else deletes them.

``archive.assessment`` says what each of these says; ``publish`` and ``close`` write the public side. Both must run
inside the caller's transaction, which also holds the search outbox row: a publication, its disappearance and the
search index can then never disagree for longer than the outbox.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from archive import dependents
from archive.assessment import RUNG_SCOPES, Assessment, assess
from archive.bulk_rows import insert_rows, insert_values
from archive.companions import companion_relations, refresh_companions, version_of
from archive.models import (
    LADDER,
    AccessRequest,
    Answer,
    Audience,
    ConsentRecord,
    Publication,
    PublicationLink,
    PublicClock,
    PublishedFile,
    Record,
    RecordState,
    Revision,
    Tombstone,
)
from archive.models.record import sort_key
from archive.policy import group_of
from archive.record_types import Materials, gated_type
from archive.standing import read_standing_anew
from archive.values.language_map import original_text
from archive.values.uncertain_date import parse_date
from archive.vault import ledger
from archive.vault.narrowings import a_line
from search import outbox

#: A publication being made: its row, what it can be listed by, its files.
Built = tuple[Publication, list[tuple[str, str]], tuple[Mapping[str, Any], ...]]


class Gate:
    """One passage through the gate: ``now`` is taken once, so that all rows of a batch agree."""

    def __init__(self, now: datetime | None = None, *, companions_later: bool = False) -> None:
        self.now = now or timezone.now()
        #: Whoever makes everything again makes each companion once, at the end, and asks for it itself.
        self._companions_later = companions_later
        #: What the last works published name, as read in their transaction.
        self._authorities: dict[str, Record] = {}
        #: Persons whom these works keep apart: the names by which they speak there may not stand on their own pages.
        self._kept_apart: set[str] = set()

    # --- opening -----------------------------------------------------------------------------

    def publish(self, works: Sequence[Any]) -> dict[str, Assessment]:
        """Publish what may be published of ``works``; close what may not. Returns the assessments by public id."""
        _inside_transaction()
        works = list(works)
        self._authorities, self._kept_apart = {}, set()
        read_standing_anew(works)
        consents = self._consents(works)
        snapshots = self._snapshots(works)
        assessments = {
            w.public_id: assess(w, consents.get(w.pk), self.now, snapshots[w.pk].snapshot if w.pk in snapshots else {})
            for w in works
        }
        opened = [w for w in works if assessments[w.public_id].allowed]
        closed = [w for w in works if not assessments[w.public_id].allowed]
        changed: list[str] = []
        companions: set[str] = set()
        if opened:
            built = self._build(opened, consents, assessments, snapshots)
            changed, companions = self._write(built)
        ids = [work.public_id for work in closed]
        shown = set(Publication.objects.filter(public_id__in=ids).values_list("public_id", flat=True)) if ids else set()
        for work in closed:
            companions |= self._delete(work.public_id)
        self._remember(works, assessments)
        gone = sorted(work.public_id for work in closed if work.public_id in shown)
        dependents.changed(changed)
        dependents.closed(gone, "not-allowed")
        if changed or closed:
            if not self._companions_later:
                refresh_companions(companions | self._kept_apart, self.now, self._authorities)
            for public_id in changed:
                outbox.put(public_id)
            self._bump()
        return assessments

    def build(self, work: Any, revision: Revision, consent: ConsentRecord, assessment: Assessment) -> list[Built]:
        """What would be published of one revision of a work, made in memory: nothing is written or remembered."""
        return self._build([work], {work.pk: consent}, {work.public_id: assessment}, {work.pk: revision})

    def _consents(self, works: Sequence[Any]) -> dict[int, ConsentRecord]:
        found: dict[int, ConsentRecord] = {}
        rows = ConsentRecord.objects.filter(record_id__in=[w.pk for w in works]).prefetch_related("protocols")
        for consent in rows.order_by("version"):
            found[consent.record_id] = consent
        return found

    def _build(
        self,
        works: Sequence[Any],
        consents: dict[int, ConsentRecord],
        assessments: dict[str, Assessment],
        snapshots: dict[int, Revision],
    ) -> list[Built]:
        """Every kind's publications; kinds whose materials are read in one way are read together."""
        alike: dict[Any, list[Any]] = {}
        for work in works:
            alike.setdefault(gated_type(work.kind).materials, []).append(work)
        built = []
        for read, records in alike.items():
            prepared = read(records, consents, snapshots, self.now)
            self._authorities.update(prepared.authorities)
            self._kept_apart |= prepared.apart
            for work in records:
                consent, materials = consents[work.pk], prepared.materials[work.pk]
                protocols = [protocol.pk for protocol in consent.protocols.all()]
                group = group_of(work.community.slug, protocols, every=consent.protocols_all)
                built += self._rungs(work, consent, assessments[work.public_id], materials, group)
        return built

    def _rungs(
        self,
        work: Any,
        consent: ConsentRecord,
        assessment: Assessment,
        materials: Materials,
        group: str,
    ) -> list[Built]:
        """One publication per rung whose content differs from the rung below, with the stands it serves."""
        entry = gated_type(work.kind)
        rows: list[Built] = []
        current: Publication | None = None
        registered: Publication | None = None
        for rung in LADDER:
            stub = rung == assessment.stub
            if rung in assessment.full or stub:
                # Rungs differ by redactions, by clips and by being a stub; without these the payload is the same.
                same = current is not None and not stub and not current.stub and materials.same_on_every_rung
                payload = (
                    current.payload
                    if same and current is not None
                    else (entry.stub(materials) if stub else entry.project(materials, rung))
                )
                if current is None or payload != current.payload:
                    current = self._row(work, consent, materials, rung, group, payload, stub=stub)
                    links = [] if stub else entry.links(materials, payload)
                    shown = {file["id"] for file in payload.get("media", ())}
                    rows.append((current, links, tuple(file for file in materials.files if file["id"] in shown)))
            if rung == Audience.REGISTERED:
                registered = current
            # Where nothing is on request, an old grant opens no more than signing in does.
            stale_grant = rung == Audience.GRANTED and Answer.ASK not in _rung_answers(consent)
            serving = registered if stale_grant else current
            if serving is not None:
                setattr(serving, f"serves_{rung}", True)
        return [row for row in rows if row[0].stands]

    def _row(
        self,
        work: Any,
        consent: ConsentRecord,
        materials: Materials,
        rung: str,
        group: str,
        payload: dict[str, Any],
        *,
        stub: bool,
    ) -> Publication:
        years = parse_date(payload.get("date", {}).get("edtf", "") if not stub else "").years
        return Publication(
            public_id=work.public_id,
            kind=work.kind,
            community=work.community.slug,
            group=group,
            audience=rung,
            stub=stub,
            version="",
            payload=payload,
            sort_key=sort_key(original_text(payload["title"])),
            title=payload["title"],
            year_from=years[0],
            year_to=years[1],
            revision=materials.revision["number"],
            consent_version=consent.version,
            not_after=consent.ends_at,
            fiction=bool(payload.get("fiction")),
            first_published_at=self.now,
            published_at=self.now,
        )

    def _snapshots(self, works: Sequence[Any]) -> dict[int, Revision]:
        """The reviewed revision of each work: the public sees it until somebody reviews and publishes again."""
        numbers = {w.pk: w.reviewed_revision for w in works}
        rows = Revision.objects.filter(record_id__in=list(numbers), number__in=set(numbers.values()))
        return {r.record_id: r for r in rows if numbers[r.record_id] == r.number}

    def _write(self, built: list[Built]) -> tuple[list[str], set[str]]:
        """Replace the publications of the works in ``built``; rows that say the same stay as they are."""
        ids = {row.public_id for row, _links, _files in built}
        existing: dict[tuple[str, str], Publication] = {}
        first: dict[str, datetime] = {}
        for row in Publication.objects.filter(public_id__in=ids).defer("payload"):
            existing[(row.public_id, row.audience)] = row
            first[row.public_id] = min(first.get(row.public_id, self.now), row.first_published_at)
        fresh, kept = [], set()
        for row, links, files in built:
            row.version = version_of(row, links)
            old = existing.get((row.public_id, row.audience))
            if old is not None and (old.version, old.not_after) == (row.version, row.not_after):
                kept.add(old.pk)
                continue
            row.first_published_at = first.get(row.public_id, self.now)
            fresh.append((row, links, files))
        stale = [old for old in existing.values() if old.pk not in kept]
        changed = sorted({row.public_id for row, _l, _f in fresh} | {old.public_id for old in stale})
        companions: set[str] = set()
        if stale:
            keys = [old.pk for old in stale]
            companions |= set(
                PublicationLink.objects.filter(publication_id__in=keys, relation__in=companion_relations()).values_list(
                    "target", flat=True
                )
            )
            Publication.objects.filter(pk__in=keys).delete()
        insert_rows(Publication, [row for row, _links, _files in fresh])
        insert_values(
            PublicationLink,
            ("publication_id", "relation", "target"),
            ((row.pk, relation, target) for row, links, _files in fresh for relation, target in links),
        )
        PublishedFile.objects.bulk_create(
            PublishedFile(
                uuid=file["id"], publication=row, path=file["path"], media_type=file["mime"], bytes=file["bytes"]
            )
            for row, _links, files in fresh
            for file in files
        )
        Tombstone.objects.filter(public_id__in=ids).delete()
        relations = companion_relations()
        companions |= {target for _row, links, _files in fresh for relation, target in links if relation in relations}
        return changed, companions

    def _remember(self, works: Sequence[Any], assessments: dict[str, Assessment]) -> None:
        """Note that publication is wanted, and when an embargo ends; the job that opens embargoes looks there."""
        # What was withdrawn is wanted no more, whoever asked; it does not wait for the gate to open.
        works = [w for w in works if w.state not in (RecordState.WITHDRAWN, RecordState.ERASED)]
        at_once = [w.pk for w in works if assessments[w.public_id].opens_at is None]
        Record.objects.filter(pk__in=at_once).update(wanted_public=True, opens_at=None)
        for work in works:
            work.wanted_public, work.opens_at = True, assessments[work.public_id].opens_at
            if work.opens_at is not None:
                Record.objects.filter(pk=work.pk).update(wanted_public=True, opens_at=work.opens_at)

    def refresh(self, works: Sequence[Any]) -> dict[str, Assessment]:
        """Ask again after something changed: what is wanted in public is rebuilt or closed, the rest is closed."""
        _inside_transaction()
        read_standing_anew(works)
        wanted = [w for w in works if w.wanted_public]
        self.close([w for w in works if not w.wanted_public])
        return self.publish(wanted) if wanted else {}

    def refresh_companions(self, public_ids: Iterable[str]) -> None:
        """Make the pages of collections and authorities anew after somebody edited them."""
        _inside_transaction()
        refresh_companions(public_ids, self.now)
        self._bump()

    # --- closing -----------------------------------------------------------------------------

    def close(
        self, records: Iterable[Record], *, tombstone: dict[str, Any] | None = None, reason: str = "closed"
    ) -> list[str]:
        """Delete every publication of ``records``; with ``tombstone`` (a language map) leave a stone in its place.

        :param reason: a code for those whose things rest on them (``archive.dependents``).

        Returns the public ids that were public. Search hides them from the commit on.
        """
        _inside_transaction()
        were_public: list[str] = []
        companions: set[str] = set()
        for record in records:
            rows = list(Publication.objects.filter(public_id=record.public_id).defer("payload"))
            if rows:
                were_public.append(record.public_id)
            if tombstone is not None and rows:
                Tombstone.objects.update_or_create(
                    public_id=record.public_id,
                    defaults={
                        "kind": record.kind,
                        "community": rows[0].community,
                        "group": rows[0].group,
                        "stands": sorted({stand for row in rows for stand in row.stands}),
                        "text": tombstone,
                        "at": self.now,
                    },
                )
            companions |= self._delete(record.public_id)
            if AccessRequest.end_all(record.public_id, self.now):
                # What closed the work may be taken back; who was let in has to ask anew all the same.
                ledger.tell(a_line("end-grants", record))
        if were_public:
            dependents.closed(were_public, reason)
            if not self._companions_later:
                refresh_companions(companions, self.now)
            self._bump()
        return were_public

    def _delete(self, public_id: str) -> set[str]:
        rows = Publication.objects.filter(public_id=public_id)
        if not rows.exists():
            return set()
        companions = set(
            PublicationLink.objects.filter(
                publication__public_id=public_id, relation__in=companion_relations()
            ).values_list("target", flat=True)
        )
        rows.delete()
        outbox.remove(public_id)
        return companions

    def _bump(self) -> None:
        nearest = (
            Publication.objects.filter(not_after__isnull=False, not_after__gt=self.now)
            .order_by("not_after")
            .values_list("not_after", flat=True)
            .first()
        )
        PublicClock.objects.update_or_create(pk=1, defaults={"version": secrets.token_hex(8), "not_after": nearest})


def _inside_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"The gate writes only inside a transaction ({connection.alias} has none open).")


def _rung_answers(consent: ConsentRecord) -> set[str]:
    return {consent.answer(scope) for _rung, scope in RUNG_SCOPES}
