"""Taking an import back: what it made and nobody has touched since goes, everything else stays and is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from archive import audit
from archive.credits import tell_of_credits
from archive.erasure import empty_history, forget
from archive.gate import Gate
from archive.importing.authority_revisions import as_imported
from archive.models import (
    Contribution,
    Document,
    EntityLink,
    ImportBatch,
    ImportItem,
    Proposal,
    Record,
    RecordState,
    Revision,
    Testimony,
)
from archive.record_types import load
from archive.revisions import new_revision, restore_snapshot
from archive.vault import custody_log, ledger
from archive.vault.custody_log import Happening
from archive.vault.narrowings import a_line

if TYPE_CHECKING:
    from accounts.models import User


@dataclass
class Undone:
    """What an undo did, by public id."""

    taken_back: list[str] = field(default_factory=list)
    reverted: list[str] = field(default_factory=list)
    #: Public id and why it stays.
    kept: list[tuple[str, str]] = field(default_factory=list)
    proposals: int = 0
    authorities: int = 0


class UndoImport:
    """Take back one import.

    Works it made become empty, erased shells without text, title or identity, in their revisions too: these,
    consents and custody events are append-only, and their originals stay in the vault. Works it changed go back to
    the revision before. Whatever a person has edited, reviewed, consented to or cut a clip from since stays as it is.
    """

    def __init__(self, batch: ImportBatch, user: User | None = None) -> None:
        self.batch = batch
        self.user = user
        self.now = timezone.now()

    def check(self) -> None:
        """:raises ValueError: when the import was taken back already."""
        if self.batch.undone_at is not None:
            raise ValueError(f"This import was taken back already, on {self.batch.undone_at:%Y-%m-%d}.")

    def execute(self) -> Undone:
        """Undo work by work, each in its own transaction; running it again goes on where it was interrupted."""
        self.check()
        result = Undone()
        items = self.batch.items.filter(outcome__in=["created", "updated"], record__isnull=False)
        for item in items.select_related("record").iterator(chunk_size=200):
            with transaction.atomic():
                self._undo(item, result)
        with transaction.atomic():
            result.proposals = Proposal.objects.filter(batch=self.batch, decided_at__isnull=True).delete()[0]
            result.authorities = self._remove_authorities()
            self.batch.undone_at = self.now
            self.batch.save(update_fields=["undone_at"])
        return result

    def _undo(self, item: ImportItem, result: Undone) -> None:
        work = _work(item.record_id or 0)
        if work is None or work.state == RecordState.ERASED:
            return
        if reason := self._touched(item, work):
            result.kept.append((work.public_id, reason))
            return
        if item.outcome == ImportItem.Outcome.CREATED:
            self._take_back(work)
            result.taken_back.append(work.public_id)
        else:
            self._revert(work, item.revision or 0)
            result.reverted.append(work.public_id)

    def _touched(self, item: ImportItem, work: Any) -> str:
        """Return why a work is somebody's by now, "" when nobody has touched it."""
        if work.current_revision != item.revision:
            return "edited-since"
        if item.outcome == ImportItem.Outcome.CREATED and work.consents.filter(version__gt=1).exists():
            return "consent-since"
        if work.clips.exists():
            return "clip-since"
        if work.state == RecordState.WITHDRAWN:
            return "withdrawn-since"
        if work.redactions.exists() or work.segments.exists():
            return "described-since"
        return ""

    def _take_back(self, work: Any) -> None:
        Gate(self.now).close([work])
        work.tracks.all().delete()
        work.entity_links.all().delete()
        work.contributions.all().delete()
        work.place = None
        work.title, work.abstract, work.source_facts = {}, {}, {}
        work.institution = work.archival_collection = work.reference = work.source_statement = ""
        work.facsimiles = []
        work.identity, work.state, work.wanted_public = "", RecordState.ERASED, False
        work.save()
        empty_history(work)
        audit.note("undo-import", work, self.user)
        # A backup has it in public still.
        ledger.tell(a_line("unpublish", work))
        custody_log.append(
            [
                Happening(
                    "deaccession",
                    audit.actor_of(self.user),
                    "cairn-import",
                    record_uuid=work.uuid,
                    detail={"batch": str(self.batch.uuid)},
                )
            ]
        )

    def _revert(self, work: Any, number: int) -> None:
        before = Revision.objects.filter(record_id=work.pk, number__lt=number).order_by("-number").first()
        if before is None:
            return
        restore_snapshot(work, before.snapshot)
        revision = new_revision(
            work,
            before.snapshot,
            origin="import",
            author=self.user,
            reason="undo-import",
            source_sha256=before.source_sha256,
        )
        revision.save()
        Record.objects.filter(pk=work.pk).update(current_revision=work.current_revision)
        if work.reviewed_revision == number and work.wanted_public:
            # What was public before this import is public again.
            work.reviewed_revision = work.current_revision
            Record.objects.filter(pk=work.pk).update(reviewed_revision=work.current_revision)
            tell_of_credits([work], {work.pk: number})
            Gate(self.now).refresh([work])
        audit.note("undo-import", work, self.user)

    def _remove_authorities(self) -> int:
        """Empty the authorities this import made that nothing names any more and nobody has edited."""
        removed = 0
        for part in _parts(self.batch.options.get("made", []), 200):
            candidates = as_imported().filter(public_id__in=part)
            keys = set(candidates.values_list("pk", flat=True))
            keys -= set(EntityLink.objects.filter(target_id__in=keys).values_list("target_id", flat=True))
            keys -= set(Contribution.objects.filter(person_id__in=keys).values_list("person_id", flat=True))
            for model in (Testimony, Document):
                keys -= set(model.objects.filter(place_id__in=keys).values_list("place_id", flat=True))
            for record in load(sorted(keys)):
                forget(record)
                removed += 1
        return removed


def _work(pk: int) -> Any:
    for model in (Testimony, Document):
        work = model.objects.filter(pk=pk).select_related("community", "collection").first()
        if work is not None:
            return work
    return None


def _parts(values: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
