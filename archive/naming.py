"""What has to be made anew in public when a person, a place or a collection is edited."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.utils import timezone

from archive.companions import named_collection
from archive.gate import Gate
from archive.models import (
    Collection,
    Contribution,
    Document,
    EntityLink,
    PublicationLink,
    Record,
    Testimony,
)
from archive.projection.authorities import MODELS, project_authority, view_of

#: Works rebuilt together.
PART = 96


def public_face(record: Any) -> Any:
    """Everything that publications say of an authority or a collection; compare it before and after an edit."""
    if isinstance(record, Collection):
        return (named_collection(record), record.abstract, record.edition, record.licence_uri)
    if record.kind in MODELS:
        return (project_authority(record), view_of(record))
    return None


def works_naming(record: Record) -> list[Any]:
    """Works wanted in public that name a record, now or in the revision the public sees."""
    keys = set(EntityLink.objects.filter(target_id=record.pk).values_list("record_id", flat=True))
    keys |= set(Contribution.objects.filter(person_id=record.pk).values_list("record_id", flat=True))
    public = PublicationLink.objects.filter(target=record.public_id).values("publication__public_id")
    wanted = Q(public_id__in=public) | Q(pk__in=keys)
    works: list[Any] = []
    for model in (Testimony, Document):
        here = wanted | Q(place_id=record.pk) | Q(collection_id=record.pk)
        works += model.objects.filter(here, wanted_public=True).select_related("community", "collection")
    return works


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
