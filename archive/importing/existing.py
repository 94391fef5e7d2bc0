"""What the archive holds already of the works an import brings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archive.actions.erase import erased_identity
from archive.models import Collection, Document, MediaAsset, Proposal, RecordState, Revision, Testimony

#: What our own exports call a work: by its public id.
_OWN = re.compile(r"^cairn-(?P<public_id>[0-9a-hjkmnp-tv-z]{10})$")


@dataclass
class Existing:
    """A record that stands for a work."""

    record: Any
    #: Hashes of the sources that were imported last or that a person has decided about.
    known_sources: set[str] = field(default_factory=set)
    #: Hashes of the sources that wait as proposals.
    proposed_sources: set[str] = field(default_factory=set)
    #: Number of the last revision an import made.
    imported_revision: int = 0

    @property
    def corrected(self) -> bool:
        """Whether a person has changed the record since the last import."""
        return bool(self.record.current_revision > self.imported_revision)

    @cached_property
    def snapshot(self) -> dict[str, Any]:
        """The current revision's snapshot."""
        revision = Revision.objects.filter(record_id=self.record.pk, number=self.record.current_revision).first()
        return dict(revision.snapshot) if revision else {"tracks": []}

    @property
    def vault_paths(self) -> tuple[str, ...]:
        """Logical paths of the originals shown so far."""
        return tuple(MediaAsset.objects.filter(record_id=self.record.pk).values_list("vault_path", flat=True))


def find_existing(collection: Collection, keys: Sequence[str]) -> dict[str, Existing]:
    """Return the record of each key that has one: by its identity in this collection, or by its own public id.

    A taken-back record is found only when nothing living bears its key.
    """
    found: dict[str, Existing] = {}
    if collection.pk is None:
        return found
    by_public_id = {match["public_id"]: key for key in keys if (match := _OWN.match(key))}
    # What was erased must not come back by its source being imported again.
    by_identity = {erased_identity(key): key for key in keys} | {key: key for key in keys}
    for model in (Testimony, Document):
        works = model.objects.filter(collection=collection).select_related("community", "collection")
        records = list(works.filter(identity__in=list(by_identity)))
        if by_public_id:
            records += list(works.filter(public_id__in=list(by_public_id)))
        for record in records:
            key = by_identity.get(record.identity) or by_public_id[record.public_id]
            earlier = found.get(key)
            if earlier is None or earlier.record.state == RecordState.ERASED:
                found[key] = Existing(record)
    by_pk = {one.record.pk: one for one in found.values()}
    rows = Revision.objects.filter(record_id__in=list(by_pk), origin="import").order_by("number")
    for pk, number, source in rows.values_list("record_id", "number", "source_sha256"):
        by_pk[pk].imported_revision = number
        # Only the last import counts: a source that goes back to an earlier state is a change.
        by_pk[pk].known_sources = {source}
    for proposal in Proposal.objects.filter(record_id__in=list(by_pk)).defer("snapshot"):
        one = by_pk[proposal.record_id]
        (one.known_sources if proposal.decided_at else one.proposed_sources).add(proposal.source_sha256)
    return found
