"""From parsed works to records: what is new is made, what changed becomes a revision, what a person corrected waits.

Each work is one transaction, and the last step of the vault's way in: one receipt for its bytes and its rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction

from archive.actions.keep_hidden import KeepHidden
from archive.audit import actor_of
from archive.bulk_rows import insert_values
from archive.importing.authority_records import AuthorityIndex, AuthorityRef
from archive.importing.existing import Existing, find_existing
from archive.importing.parsed import ParsedEntity, ParsedWork
from archive.importing.problems import REFUSED, Problem, problem
from archive.importing.report import CONFLICT, CREATED, UNCHANGED, UPDATED
from archive.importing.rights import Rights, rights_of
from archive.importing.rows import insert_records
from archive.importing.safe_text import shown
from archive.importing.snapshots import snapshot_from, source_hash
from archive.models import (
    Collection,
    ConsentEvent,
    ConsentRecord,
    Contribution,
    EntityLink,
    ImportBatch,
    ImportItem,
    Proposal,
    Record,
    RecordState,
    Revision,
)
from archive.models.record import sort_key
from archive.record_types import record_type
from archive.revisions import new_revision, restore_snapshot, sha256_of, write_tracks
from archive.values.language_map import from_texts
from archive.vault.deposit import Filing, KeepOriginals, object_id_of
from archive.vault.errors import VaultError
from archive.vault.ingest import Deposit, Original, StoredVersion

if TYPE_CHECKING:
    from accounts.models import User


#: Wraps each transaction; a job passes its own that verifies the lease.
Guard = Callable[[], AbstractContextManager[Any]]


@dataclass
class Candidate:
    """One work on its way in, and what became of it."""

    work: ParsedWork
    content: bytes
    outcome: str = ""
    problems: list[Problem] = field(default_factory=list)
    #: The record afterwards, as its concrete class.
    record: Any = None
    rights: Rights | None = None
    source_sha256: str = ""
    existing: Existing | None = None
    revision: int | None = None

    @property
    def taken(self) -> bool:
        """Whether a record stands for it."""
        return self.outcome in (CREATED, UPDATED, UNCHANGED, CONFLICT)


class Application:
    """Applies the works of one import to the archive, many at a time.

    :param guard: wraps the writes of each transaction (a job verifies its lease there).
    :param noted: sources that an earlier attempt at this batch has written down.
    """

    def __init__(
        self,
        batch: ImportBatch,
        collection: Collection,
        *,
        user: User | None,
        given_rights: Rights | None = None,
        guard: Guard = nullcontext,
        noted: frozenset[str] = frozenset(),
    ) -> None:
        self.batch = batch
        self.collection = collection
        self.user = user
        self.given_rights = given_rights
        self.guard = guard
        self.noted = noted
        self.authorities = AuthorityIndex(collection, user=user)
        #: Keys met in this import and the file that brought each.
        self._met: dict[str, str] = {}

    def apply(self, candidates: Sequence[Candidate]) -> None:
        """Apply some works; each gets its outcome, its record and its problems. Nothing is raised for a single one."""
        fresh = [one for one in candidates if self._is_first(one)]
        found = find_existing(self.collection, [one.work.key for one in fresh])
        filings: list[Filing] = []
        by_filing: dict[int, Candidate] = {}
        for candidate in fresh:
            candidate.existing = found.get(candidate.work.key)
            candidate.source_sha256 = source_hash(candidate.work)
            candidate.rights = rights_of(candidate.work, self.given_rights)
            self._decide(candidate)
            if candidate.taken and candidate.record is None:
                filing = self._filing(candidate)
                filings.append(filing)
                by_filing[id(filing)] = candidate
        settled = [one for one in fresh if one.record is not None]
        self._store(filings, by_filing)
        self._note_only([*settled, *(one for one in candidates if one.outcome == REFUSED)])

    def preview(self, candidates: Sequence[Candidate]) -> None:
        """Say what `apply` would do; nothing stays written."""
        for candidate in candidates:
            if not self._is_first(candidate):
                continue
            candidate.existing = find_existing(self.collection, [candidate.work.key]).get(candidate.work.key)
            candidate.source_sha256 = source_hash(candidate.work)
            candidate.rights = rights_of(candidate.work, self.given_rights)
            self._decide(candidate)
            if candidate.existing is not None:
                candidate.record = candidate.existing.record

    def _is_first(self, candidate: Candidate) -> bool:
        other = self._met.setdefault(candidate.work.key, candidate.work.file)
        if other is candidate.work.file:
            return True
        self._refuse(candidate, problem("identity-doubled", candidate.work.file, key=candidate.work.key, other=other))
        return False

    def _refuse(self, candidate: Candidate, reason: Problem) -> None:
        candidate.outcome = REFUSED
        candidate.problems.append(reason)

    # --- deciding ----------------------------------------------------------------------------

    def _decide(self, candidate: Candidate) -> None:
        """Set the outcome the work will have."""
        existing = candidate.existing
        if existing is None:
            if candidate.work.partial:
                self._refuse(candidate, problem("no-such-work", candidate.work.file, key=candidate.work.key))
            else:
                candidate.outcome = CREATED
            return
        if existing.record.state in (RecordState.WITHDRAWN, RecordState.ERASED):
            self._refuse(candidate, problem("withdrawn", candidate.work.file))
            return
        if candidate.source_sha256 in existing.proposed_sources:
            candidate.outcome, candidate.record = CONFLICT, existing.record
            candidate.problems.append(problem("conflict", candidate.work.file))
        elif candidate.source_sha256 in existing.known_sources or self._says_the_same(candidate, existing):
            candidate.outcome, candidate.record = UNCHANGED, existing.record
        elif existing.corrected:
            candidate.outcome = CONFLICT
            candidate.problems.append(problem("conflict", candidate.work.file))
        else:
            candidate.outcome = UPDATED

    def _says_the_same(self, candidate: Candidate, existing: Existing) -> bool:
        """Whether the work differs from the record as it stands (our own exports come back with another hash)."""
        before = existing.snapshot
        with transaction.atomic():
            self.authorities.begin()
            _resolved, snapshot = self._snapshot(candidate, before)
            transaction.set_rollback(True)
        self.authorities.forget_since_begin()
        return sha256_of(_said(snapshot)) == sha256_of(_said(before))

    def _snapshot(
        self, candidate: Candidate, before: dict[str, Any] | None
    ) -> tuple[list[tuple[ParsedEntity, AuthorityRef]], dict[str, Any]]:
        work = candidate.work
        self.authorities.names_public = candidate.rights is not None and candidate.rights.publishable
        entities = list(work.entities)
        place_entity = None
        if work.place is not None:
            key = work.place.key or ("" if work.place.uri else f"name:{sort_key(work.place.name)}")
            place_entity = ParsedEntity("place", work.place.name, work.original_language, work.place.uri, key)
        resolved = self.authorities.resolve([*entities, place_entity] if place_entity else entities)
        place = resolved.pop()[1] if place_entity else None
        snapshot = snapshot_from(
            work,
            resolved,
            place=place.public_id if place and place.kind == "place" else None,
            collection=self.collection.public_id,
            rights=candidate.rights,
            before=before,
        )
        return resolved, snapshot

    # --- writing -----------------------------------------------------------------------------

    def _filing(self, candidate: Candidate) -> Filing:
        work = candidate.work
        identifier = candidate.existing.record.uuid if candidate.existing else uuid.uuid4()
        originals = [Original(name, content) for name, content in work.originals] or [
            Original(work.file, candidate.content)
        ]
        facts = {
            "kind": work.kind,
            "identity": work.key,
            "community": self.collection.community.slug if self.collection.community else "",
            "collection": self.collection.slug,
            "format": work.format,
            "source_sha256": candidate.source_sha256,
            "title": from_texts(work.title, work.original_language),
            "original_language": work.original_language,
        }
        deposit = Deposit(
            object_id=object_id_of(identifier),
            originals=originals,
            record={**facts, "uuid": str(identifier)},
            message=f"import {self.batch.uuid}",
            agent=actor_of(self.user),
            replaces=candidate.existing.vault_paths if candidate.existing and candidate.outcome == UPDATED else (),
        )
        return Filing(deposit, lambda stored: self._save(candidate, identifier, stored), derive=False)

    def _store(self, filings: list[Filing], by_filing: dict[int, Candidate]) -> None:
        if not filings:
            return

        def refused(filing: Filing, error: Exception) -> None:
            candidate = by_filing[id(filing)]
            if not isinstance(error, (VaultError, transaction.TransactionManagementError, ValueError, TypeError)):
                # A lost lease, a cancelled job or a broken database ends the whole import.
                raise error
            self._refuse(candidate, _fault(candidate.work.file, error))

        try:
            KeepOriginals(filings).execute(on_refusal=refused)
        except VaultError as error:
            # Nothing of this part was acknowledged beyond what has a receipt; the next import goes on from there.
            for filing in filings:
                candidate = by_filing[id(filing)]
                if candidate.record is None:
                    self._refuse(candidate, _fault(candidate.work.file, error))

    def _save(self, candidate: Candidate, identifier: uuid.UUID, stored: StoredVersion) -> Record:
        """Write the rows of one work; runs inside the transaction that its receipt stands for."""
        self.authorities.begin()
        try:
            with self.guard():
                before = candidate.existing.snapshot if candidate.existing else None
                resolved, snapshot = self._snapshot(candidate, before)
                if candidate.existing is None:
                    record = self._create(candidate, identifier, snapshot, resolved)
                elif candidate.outcome == UPDATED:
                    record = self._update(candidate, candidate.existing.record, snapshot)
                else:
                    record = candidate.existing.record
                    self._propose(candidate, record, snapshot)
                self._note(candidate, record)
        except BaseException:
            self.authorities.forget_since_begin()
            raise
        candidate.record = record
        return record

    def _create(
        self,
        candidate: Candidate,
        identifier: uuid.UUID,
        snapshot: dict[str, Any],
        resolved: Sequence[tuple[ParsedEntity, AuthorityRef]],
    ) -> Any:
        refs = {ref.public_id: ref.pk for _entity, ref in resolved}
        entry = record_type(candidate.work.kind)
        record = entry.model_class(
            uuid=identifier,
            community=self.collection.community,
            collection=self.collection,
            identity=candidate.work.key[:255],
            created_by=self.user,
            place_id=self._place_key(snapshot["place"]),
            **{name: snapshot[name] for name in entry.fields},
        )
        record.current_revision = 0
        revision = new_revision(
            record, snapshot, origin="import", author=self.user, source_sha256=candidate.source_sha256
        )
        insert_records([record])
        revision.record_id = record.pk
        Revision.objects.bulk_create([revision])
        candidate.revision = revision.number
        write_tracks(record, snapshot["tracks"])
        Contribution.objects.bulk_create(
            Contribution(record_id=record.pk, role=one["role"], credited_as=one["credited_as"], position=position)
            for position, one in enumerate(snapshot["contributions"])
        )
        insert_values(
            EntityLink,
            ("record_id", "target_id", "relation", "anchors"),
            ((record.pk, refs[link["target"]], link["relation"], link["anchors"]) for link in snapshot["links"]),
        )
        self._consent(candidate, record)
        return record

    def _place_key(self, public_id: str | None) -> int | None:
        return self.authorities.key_of(public_id) if public_id else None

    def _update(self, candidate: Candidate, record: Any, snapshot: dict[str, Any]) -> Any:
        hidden = KeepHidden(record)
        restore_snapshot(record, snapshot)
        revision = new_revision(
            record, snapshot, origin="import", author=self.user, source_sha256=candidate.source_sha256
        )
        revision.save()
        Record.objects.filter(pk=record.pk).update(current_revision=record.current_revision)
        hidden.carry_on()
        candidate.revision = revision.number
        if not record.consents.exists():
            self._consent(candidate, record)
        return record

    def _propose(self, candidate: Candidate, record: Any, snapshot: dict[str, Any]) -> None:
        Proposal.objects.create(
            record_id=record.pk,
            batch=self.batch,
            snapshot=snapshot,
            source_sha256=candidate.source_sha256,
            base_revision=record.current_revision,
        )

    def _consent(self, candidate: Candidate, record: Any) -> None:
        """Write down on what basis the record may be shown, when that is known."""
        rights = candidate.rights
        if rights is None:
            return
        consent = ConsentRecord(
            record_id=record.pk,
            version=1,
            basis=rights.basis,
            given_by=rights.given_by,
            scopes=dict(rights.scopes),
            recorded_by=self.user,
        )
        ConsentRecord.objects.bulk_create([consent])
        ConsentEvent.objects.bulk_create(
            [ConsentEvent(record_id=record.pk, consent=consent, kind="granted", by=self.user)]
        )

    def _note(self, candidate: Candidate, record: Any) -> None:
        ImportItem.objects.bulk_create([self._item(candidate, record)])

    def _note_only(self, candidates: list[Candidate]) -> None:
        """Write down what became of works that brought nothing to store."""
        candidates = [one for one in candidates if shown(one.work.file, 500) not in self.noted]
        if candidates:
            with transaction.atomic(), self.guard():
                ImportItem.objects.bulk_create(self._item(one, one.record) for one in candidates)

    def _item(self, candidate: Candidate, record: Any) -> ImportItem:
        return ImportItem(
            batch=self.batch,
            record_id=record.pk if record is not None else None,
            source=shown(candidate.work.file, 500),
            outcome=candidate.outcome,
            revision=candidate.revision,
            problems=[one.as_dict() for one in (*candidate.work.problems, *candidate.problems)],
        )


def _said(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return what a snapshot says, without where it came from and how the source spelled its languages."""
    tracks = [{**track, "declared_language": ""} for track in snapshot["tracks"]]
    return {**snapshot, "source_facts": {}, "tracks": tracks}


def _fault(file: str, error: Exception) -> Problem:
    if isinstance(error, VaultError):
        return problem("storage-failed", file, "", why=str(error))
    return problem("internal", file, "", kind=type(error).__name__)
