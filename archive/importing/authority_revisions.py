"""Revisions of the authorities that imports make or change, many at once; and which of them a person has touched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db.models import Max, QuerySet
from django.utils import timezone

from archive.bulk_rows import insert_values
from archive.importing.rows import insert_records
from archive.models import ExternalId, Person, Record, RecordState, Revision
from archive.record_types import authority_types, load, record_type
from archive.revisions import new_revision, sha256_of

if TYPE_CHECKING:
    from accounts.models import User

#: Records in one question.
_PART = 400


def insert_with_revisions(records: Sequence[tuple[Any, Sequence[str]]], user: User | None = None) -> None:
    """Insert new records, each with its identifiers and its first revision; nothing else hangs on them yet.

    An edition brings a few dozen for each of its works: rows are written as values, without an object each.
    """
    by_model: dict[type, list[Any]] = {}
    for record, _uris in records:
        record.current_revision = 1
        by_model.setdefault(type(record), []).append(record)
    for alike in by_model.values():
        insert_records(alike)
    external, revisions = [], []
    now, author = timezone.now(), user.pk if user else None
    types = authority_types()
    for record, uris in records:
        snapshot = types[record.kind].fresh_snapshot(record, uris)
        revisions.append(
            (record.pk, 1, snapshot, sha256_of(snapshot), Revision.Origin.IMPORT.value, "", "", author, now)
        )
        # A person is known by an identifier inside her community alone.
        owner = record.community.slug if record.kind == Person.KIND and record.community else ""
        external += [(record.pk, uri, owner) for uri in uris]
    insert_values(ExternalId, ("record_id", "uri", "owner"), external)
    insert_values(Revision, _COLUMNS, revisions)


_COLUMNS = (
    "record_id",
    "number",
    "snapshot",
    "sha256",
    "origin",
    "source_sha256",
    "reason",
    "author_id",
    "at",
)


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
