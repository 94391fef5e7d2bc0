"""People, places, organisations, events and concepts: public because publications name them; and sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from archive.models import (
    Concept,
    Contribution,
    Document,
    EntityLink,
    ExternalId,
    IndexSegment,
    Moved,
    Place,
    RecordKind,
    Testimony,
)
from archive.projection.authorities import project_authority, view_of
from archive.projection.geography import public_point
from archive.record_types import AuthorityType, RecordType, Seal
from archive.revisions import keys_of
from archive.values.language_map import public_map

NOTE = Seal("note", gettext_lazy("the note"), ("note",), ("note",))


class OwnAuthority(AuthorityType):
    """What the archive's own authorities share."""

    shared = True
    #: What hangs on it, read with it.
    beside: tuple[str, ...] = ("external_ids",)

    def load(self, keys: Iterable[int]) -> list[Any]:
        found = self.model_class.objects.filter(pk__in=list(keys)).select_related(*self.related)
        return list(found.prefetch_related(*self.beside))

    def snapshot(self, record: Any) -> dict[str, Any]:
        """With the identifiers it has elsewhere."""
        return self.fresh_snapshot(record, (one.uri for one in record.external_ids.all()))

    def public_face(self, record: Any) -> Any:
        return (project_authority(record), view_of(record))

    def _restore_links(self, record: Any, snapshot: Mapping[str, Any]) -> Iterable[str]:
        owner = record.community.slug if record.community_id else ""
        wanted = set(snapshot.get("external_ids", []))
        ExternalId.objects.filter(record_id=record.pk).exclude(uri__in=wanted).delete()
        # What another record bears by now stays there.
        taken = set(ExternalId.objects.filter(uri__in=wanted, owner=owner).values_list("uri", flat=True))
        ExternalId.objects.bulk_create(
            ExternalId(record_id=record.pk, uri=uri, owner=owner) for uri in sorted(wanted - taken)
        )
        return ()

    def erase(self, record: Any) -> None:
        """Whatever points to it lets go; by what name a work credits somebody is that work's own."""
        super().erase(record)
        ExternalId.objects.filter(record_id=record.pk).delete()
        Moved.objects.filter(target=record.public_id).delete()
        EntityLink.objects.filter(target_id=record.pk).delete()
        Contribution.objects.filter(person_id=record.pk).update(person=None)
        for segment in IndexSegment.objects.filter(entities=record.pk):
            segment.entities.remove(record.pk)


class PersonType(OwnAuthority):
    kind, model = RecordKind.PERSON.value, "archive.Person"
    shared = False
    fields = (*AuthorityType.fields, "living", "name_policy", "public_name")
    # By what name she is shown is decided on her record, and never by going back to what it said before.
    not_restored = frozenset({"name_policy", "public_name"})
    chosen = (*AuthorityType.chosen, "living", "name_policy", "public_name")
    seals = (
        Seal(
            "real_name",
            gettext_lazy("the real name"),
            ("name", "other_names", "external_ids"),
            ("name", "other_names", "external_ids"),
        ),
        NOTE,
        Seal("dates", gettext_lazy("the dates"), ("date_from", "date_to"), ("date_from", "date_to")),
    )

    def take_over(self, kept: Any, other: Any) -> dict[str, int]:
        moved = Contribution.objects.filter(person_id=other.pk).update(person_id=kept.pk)
        return {"contributions": moved}


class PlaceType(OwnAuthority):
    kind, model = RecordKind.PLACE.value, "archive.Place"
    fields = (*AuthorityType.fields, "place_type", "latitude", "longitude", "country_code", "precision")
    not_restored = frozenset({"precision"})
    chosen = (*AuthorityType.chosen, "place_type", "latitude", "longitude", "country_code")
    seals = (
        # GeoNames and its like give the very point that is sealed.
        Seal(
            "exact_place",
            gettext_lazy("the exact place"),
            ("latitude", "longitude", "external_ids"),
            ("point", "external_ids"),
        ),
        NOTE,
    )

    related = ("community", "parent")

    def fresh_snapshot(self, record: Any, uris: Iterable[str]) -> dict[str, Any]:
        parent = record.parent.public_id if record.parent_id else None
        return {**super().fresh_snapshot(record, uris), "parent": parent}

    def page_facts(self, record: Any) -> dict[str, Any]:
        return {
            "point": public_point(record.latitude, record.longitude, record.precision),
            "country": record.country_code,
            "place_type": record.place_type,
        }

    def take_over(self, kept: Any, other: Any) -> dict[str, int]:
        for model in (Testimony, Document):
            model.objects.filter(place_id=other.pk).update(place_id=kept.pk)
        Place.objects.filter(parent_id=other.pk).exclude(pk=kept.pk).update(parent_id=kept.pk)
        if kept.parent_id == other.pk:
            kept.parent_id = None
        for event in other.events.all():
            event.places.remove(other)
            event.places.add(kept)
        return {}

    def _restore_links(self, record: Any, snapshot: Mapping[str, Any]) -> Iterable[str]:
        super()._restore_links(record, snapshot)
        parent = Place.objects.filter(public_id=snapshot.get("parent") or "").exclude(pk=record.pk).first()
        record.parent = parent
        return ("parent",)

    def erase(self, record: Any) -> None:
        super().erase(record)
        record.parent = None
        record.parts.update(parent=None)
        record.events.clear()
        for model in (Testimony, Document):
            model.objects.filter(place_id=record.pk).update(place=None)


class OrganisationType(OwnAuthority):
    kind, model = RecordKind.ORGANISATION.value, "archive.Organisation"
    fields = (*AuthorityType.fields, "organisation_type")
    chosen = (*AuthorityType.chosen, "organisation_type")
    seals = (NOTE,)


class EventType(OwnAuthority):
    kind, model = RecordKind.EVENT.value, "archive.Event"
    fields = (*AuthorityType.fields, "event_type", "casualty_estimates", "legal_findings")
    chosen = (*AuthorityType.chosen, "event_type", "casualty_estimates", "legal_findings")
    seals = (NOTE,)

    beside = (*OwnAuthority.beside, "places")

    def fresh_snapshot(self, record: Any, uris: Iterable[str]) -> dict[str, Any]:
        return {**super().fresh_snapshot(record, uris), "places": []}

    def snapshot(self, record: Any) -> dict[str, Any]:
        return {**super().snapshot(record), "places": sorted(place.public_id for place in record.places.all())}

    def page_facts(self, record: Any) -> dict[str, Any]:
        return {
            "event_type": record.event_type,
            "casualty_estimates": record.casualty_estimates,
            "legal_findings": record.legal_findings,
        }

    def _restore_links(self, record: Any, snapshot: Mapping[str, Any]) -> Iterable[str]:
        super()._restore_links(record, snapshot)
        record.places.set(keys_of(snapshot.get("places", [])).values())
        return ()

    def erase(self, record: Any) -> None:
        super().erase(record)
        record.places.clear()


class ConceptType(OwnAuthority):
    kind, model = RecordKind.CONCEPT.value, "archive.Concept"
    fields = (*AuthorityType.fields, "notation", "labels", "scope_note")
    chosen = ("name", "scope_note", "notation")

    related = ("community", "scheme")
    beside = (*OwnAuthority.beside, "broader", "related")

    def fresh_snapshot(self, record: Any, uris: Iterable[str]) -> dict[str, Any]:
        return {**super().fresh_snapshot(record, uris), "scheme": record.scheme.slug, "broader": [], "related": []}

    def snapshot(self, record: Any) -> dict[str, Any]:
        around = {name: sorted(one.public_id for one in getattr(record, name).all()) for name in _NEIGHBOURS}
        return {**super().snapshot(record), **around}

    def page_facts(self, record: Any) -> dict[str, Any]:
        return {
            "labels": {"alt": (record.labels or {}).get("alt", {})},
            "note": public_map(record.scope_note or record.note),
            "scheme": record.scheme_id,
        }

    def take_over(self, kept: Any, other: Any) -> dict[str, int]:
        for narrower in other.narrower.exclude(pk=kept.pk):
            narrower.broader.remove(other)
            narrower.broader.add(kept)
        kept.broader.remove(other)
        other.usages.update(concept=kept)
        return {}

    def _restore_links(self, record: Any, snapshot: Mapping[str, Any]) -> Iterable[str]:
        super()._restore_links(record, snapshot)
        for name in _NEIGHBOURS:
            found = Concept.objects.filter(public_id__in=snapshot.get(name, [])).exclude(pk=record.pk)
            getattr(record, name).set(found)
        return ()

    def erase(self, record: Any) -> None:
        super().erase(record)
        for name in _NEIGHBOURS:
            getattr(record, name).clear()
        record.usages.all().delete()


_NEIGHBOURS = ("broader", "related")


class SourceType(RecordType):
    """A published source; cited by other records, without a page of its own."""

    kind, model = RecordKind.SOURCE.value, "archive.Source"
    shared = True
    fields = ("csl",)


TYPES: tuple[type[RecordType], ...] = (
    PersonType, PlaceType, OrganisationType, EventType, ConceptType, SourceType,
)  # fmt: skip
