"""How an authority appears in public: its name as its policy says, its place as its precision says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from archive.models import (
    Community,
    Concept,
    Event,
    ExternalId,
    Organisation,
    Person,
    Place,
    Record,
    RecordKind,
    RecordState,
)
from archive.projection.geography import public_point
from archive.seals import hidden_keys, without_sealed
from archive.values.addresses import identifier
from archive.values.language_map import public_map
from archive.values.payload import PAYLOAD_SCHEMA

MODELS: dict[str, type[Any]] = {
    RecordKind.PERSON: Person,
    RecordKind.PLACE: Place,
    RecordKind.ORGANISATION: Organisation,
    RecordKind.EVENT: Event,
    RecordKind.CONCEPT: Concept,
}


@dataclass(frozen=True)
class AuthorityView:
    """What the projection of a work needs of an authority it names. ``name`` None: withheld."""

    public_id: str
    kind: str
    name: dict[str, Any] | None
    uri: str
    #: All identifiers by which marks in texts may name it; they are compared, never shown.
    identifiers: frozenset[str] = frozenset()


#: What was withdrawn or hidden is named nowhere.
CLOSED = Q(hidden=True) | Q(state__in=[RecordState.WITHDRAWN, RecordState.ERASED])


def load_authorities(public_ids: Iterable[str]) -> dict[str, Record]:
    """Load authorities of all kinds by public id, as their concrete classes, with their external ids."""
    wanted = list(set(public_ids))
    found: dict[str, Record] = {}
    if not wanted:
        return found
    kinds: dict[str, list[int]] = {}
    for start in range(0, len(wanted), 500):
        rows = Record.objects.filter(public_id__in=wanted[start : start + 500]).exclude(CLOSED)
        for pk, kind in rows.values_list("pk", "kind"):
            kinds.setdefault(kind, []).append(pk)
    for kind, keys in kinds.items():
        model = MODELS.get(kind)
        if model is None:
            continue
        for start in range(0, len(keys), 500):
            for record in model.objects.filter(pk__in=keys[start : start + 500]).select_related("community"):
                record.loaded_uris = []
                found[record.public_id] = record
    by_pk = {record.pk: record for record in found.values()}
    pks = list(by_pk)
    for start in range(0, len(pks), 500):
        for pk, uri in ExternalId.objects.filter(record_id__in=pks[start : start + 500]).values_list(
            "record_id", "uri"
        ):
            by_pk[pk].loaded_uris.append(uri)  # type: ignore[attr-defined]
    return found


def uris_of(record: Record) -> list[str]:
    """External ids of an authority as they may be published; read once where it was loaded by ``load_authorities``."""
    loaded = getattr(record, "loaded_uris", None)
    if loaded is None:
        loaded = list(record.external_ids.values_list("uri", flat=True))
    return sorted(filter(None, map(identifier, loaded)))


def public_name(record: Any) -> dict[str, Any] | None:
    """The name in public as a language map, or None where it is withheld."""
    if record.kind != RecordKind.PERSON:
        return public_map(record.name)
    policy = record.name_policy
    if policy == Person.NamePolicy.FULL and "name" not in hidden_keys(record.kind, record.sealed or []):
        return public_map(record.name)
    if policy in (Person.NamePolicy.FIRST, Person.NamePolicy.INITIALS, Person.NamePolicy.PSEUDONYM):
        shown = public_map(record.public_name)
        return shown if shown["values"] else None
    return None


def view_of(record: Any) -> AuthorityView:
    """The authority as works name it."""
    uris = uris_of(record)
    name = public_name(record)
    sealed = "external_ids" in hidden_keys(record.kind, record.sealed or [])
    # An external id names a person as surely as her name does, and a place as surely as its coordinates.
    uri = uris[0] if uris and name is not None and not sealed else ""
    return AuthorityView(record.public_id, record.kind, name, uri, frozenset(uris))


def named_community(community: Community) -> dict[str, Any]:
    """A community as publications name it: its name is a language map, or its short name where it has none."""
    name = public_map(community.name)
    return {"slug": community.slug, "name": name if name["values"] else community.slug}


def project_authority(record: Any) -> dict[str, Any] | None:
    """The public page of an authority, or None where nothing of it may be named."""
    name = public_name(record)
    if name is None:
        return None
    full = record.kind != RecordKind.PERSON or record.name_policy == Person.NamePolicy.FULL
    payload: dict[str, Any] = {
        "schema": PAYLOAD_SCHEMA,
        "kind": record.kind,
        "id": record.public_id,
        "name": name,
        "other_names": [n for n in record.other_names or [] if n.get("type") != "real"] if full else [],
        "note": public_map(record.note) if full else {"original": "", "values": {}},
        "date_from": record.date_from if full else "",
        "date_to": record.date_to if full else "",
        "external_ids": uris_of(record) if full else [],
    }
    if record.kind == RecordKind.PLACE:
        payload["point"] = public_point(record.latitude, record.longitude, record.precision)
        payload["country"] = record.country_code
        payload["place_type"] = record.place_type
    elif record.kind == RecordKind.EVENT:
        payload["event_type"] = record.event_type
        payload["casualty_estimates"] = record.casualty_estimates
        payload["legal_findings"] = record.legal_findings
    elif record.kind == RecordKind.CONCEPT:
        payload["labels"] = {"alt": (record.labels or {}).get("alt", {})}
        payload["note"] = public_map(record.scope_note or record.note)
        payload["scheme"] = record.scheme_id
    return without_sealed(payload, hidden_keys(record.kind, record.sealed or []))
