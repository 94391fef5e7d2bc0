"""What has to be made anew in public when a person, a place or a collection is edited."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils import timezone

from archive.gate import Gate
from archive.models import Contribution, EntityLink, PublicationLink, Record
from archive.record_types import concrete, gated_kinds, load_gated, record_type, registry

#: Works rebuilt together.
PART = 96


def public_face(record: Any) -> Any:
    """Everything that publications of others say of a record; compare it before and after an edit."""
    return record_type(record.kind).public_face(record)


def keys_naming(record: Record) -> set[int]:
    """Primary keys of the records that name a record as they stand now: linked, credited, or in a field of theirs."""
    keys = set(EntityLink.objects.filter(target_id=record.pk).values_list("record_id", flat=True))
    keys |= set(Contribution.objects.filter(person_id=record.pk).values_list("record_id", flat=True))
    for entry in registry:
        for name in entry.names:
            rows = entry.model_class.objects.filter(**{f"{name}_id": record.pk})
            keys |= set(rows.values_list("pk", flat=True))
    return keys


def works_naming(record: Record) -> list[Any]:
    """Works wanted in public that name a record, now or in the revision the public sees."""
    public = PublicationLink.objects.filter(target=record.public_id).values("publication__public_id")
    named = Q(public_id__in=public) | Q(pk__in=keys_naming(record))
    wanted = Record.objects.filter(named, kind__in=gated_kinds(), wanted_public=True)
    return load_gated(list(wanted.order_by("pk").values_list("pk", flat=True)))


def rebuild_naming(record: Record) -> int:
    """Rebuild every publication that names ``record``, and its own page; inside the caller's transaction.

    Returns how many works were asked about.
    """
    gate = Gate(timezone.now())
    works = works_naming(record)
    for start in range(0, len(works), PART):
        gate.refresh(works[start : start + PART])
    gate.refresh_companions([record.public_id])
    return len(works)


def make_anew(record: Record) -> None:
    """Every publication that shows something of a record, as the record is now; inside the caller's transaction."""
    entry = record_type(record.kind)
    if entry.gated:
        Gate().refresh(load_gated([record.pk]))
    elif entry.part_of:
        Gate().refresh(load_gated([getattr(concrete(record), f"{entry.part_of}_id")]))
    else:
        rebuild_naming(record)
