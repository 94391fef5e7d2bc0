"""What an earlier attempt at the same import did before its worker died, read back from what it committed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from django.db.models import Q

from archive.importing.application import Candidate
from archive.importing.authority_revisions import as_imported
from archive.importing.report import CREATED, UNCHANGED, UPDATED
from archive.importing.safe_text import shown
from archive.models import Document, EntityLink, ImportBatch, Publication, Testimony


class EarlierAttempt:
    """The receipts of an import that is gone on with; an import that begins has none."""

    def __init__(self, batch: ImportBatch | None) -> None:
        self.batch = batch

    @cached_property
    def outcomes(self) -> dict[str, str]:
        """What became of each source, by the name under which it was written down."""
        return dict(self.batch.items.values_list("source", "outcome")) if self.batch else {}

    def outcome_of(self, candidate: Candidate) -> str:
        """Return what this import did to a work, be it in this attempt or before."""
        return self.outcomes.get(shown(candidate.work.file, 500), candidate.outcome)

    def brought(self, candidate: Candidate) -> bool:
        """Whether the work was made or changed before this attempt, which finds it unchanged."""
        return candidate.outcome == UNCHANGED and self.outcome_of(candidate) in (CREATED, UPDATED)

    def published(self, candidates: Iterable[Candidate]) -> set[int]:
        """Return the primary keys of those works that it published as they stand now."""
        if not self.outcomes:
            return set()
        wanted = {
            one.record.public_id: one.record for one in candidates if one.record is not None and self.brought(one)
        }
        rows = Publication.objects.filter(public_id__in=list(wanted)).values_list("public_id", "revision")
        return {wanted[key].pk for key, revision in rows if revision == wanted[key].current_revision}

    def authorities(self) -> set[str]:
        """Return the public ids of the authorities it made: for `undo_import`, which is to know all of them.

        They are the untouched ones that this import's works name and nobody had before it began.
        """
        if not self.outcomes or self.batch is None:
            return set()
        works = self.batch.items.exclude(record=None).values("record_id")
        named = Q(pk__in=EntityLink.objects.filter(record__in=works).values("target_id"))
        for model in (Testimony, Document):
            named |= Q(pk__in=model.objects.filter(pk__in=works, place__isnull=False).values("place_id"))
        rows = as_imported().filter(named, created_at__gte=self.batch.started_at)
        return set(rows.values_list("public_id", flat=True))
