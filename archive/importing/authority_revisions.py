"""Revisions of the authorities that imports make or change, many at once; and which of them a person has touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Max, QuerySet

from archive.models import Record, RecordState, Revision
from archive.record_types import AuthorityType, authority_types, load, record_type
from archive.revisions import new_revision, sha256_of

if TYPE_CHECKING:
    from accounts.models import User

#: Records in one question.
_PART = 400


def first_revisions(records: Sequence[tuple[Any, Sequence[str]]], user: User | None = None) -> None:
    """Give new records their first revision; each comes with its identifiers, and nothing else hangs on it yet."""
    rows = []
    for record, uris in records:
        entry = record_type(record.kind)
        assert isinstance(entry, AuthorityType)  # noqa: S101 - imports make no other records here
        rows.append(new_revision(record, entry.fresh_snapshot(record, uris), origin="import", author=user))
    Revision.objects.bulk_create(rows, batch_size=_PART)
    for start in range(0, len(rows), _PART):
        keys = [row.record_id for row in rows[start : start + _PART]]
        Record.objects.filter(pk__in=keys).update(current_revision=1)


def revise(keys: Iterable[int], user: User | None = None) -> None:
    """Write a revision of each of these records that says something else than its last one."""
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _PART):
        part = wanted[start : start + _PART]
        newest = Revision.objects.filter(record_id__in=part).values("record_id").annotate(last=Max("pk"))
        hashes = dict(
            Revision.objects.filter(pk__in=[row["last"] for row in newest]).values_list("record_id", "sha256")
        )
        rows = []
        for record in load(part):
            snapshot = record_type(record.kind).snapshot(record)
            if hashes.get(record.pk) != sha256_of(snapshot):
                rows.append(new_revision(record, snapshot, origin="import", author=user))
        Revision.objects.bulk_create(rows)
        for number in {row.number for row in rows}:
            same = [row.record_id for row in rows if row.number == number]
            Record.objects.filter(pk__in=same).update(current_revision=number)


def edited(keys: Iterable[int]) -> set[int]:
    """Those of these records that a person has edited, merged or set back since they were imported."""
    wanted = list(set(keys))
    found: set[int] = set()
    for start in range(0, len(wanted), _PART):
        rows = Revision.objects.filter(record_id__in=wanted[start : start + _PART]).exclude(origin="import")
        found |= set(rows.values_list("record_id", flat=True))
    return found


def as_imported() -> QuerySet[Record]:
    """Authorities as the import that made them left them: its own revision is the last."""
    persons = Revision.objects.exclude(origin="import").values("record_id")
    rows = Record.objects.filter(kind__in=authority_types(), current_revision__lte=1)
    # Whatever a duplicate was merged into has been looked at by somebody.
    return rows.filter(merged=None).exclude(pk__in=persons).exclude(state=RecordState.ERASED)
