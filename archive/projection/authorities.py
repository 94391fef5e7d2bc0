"""How an authority appears in public: its name as its policy says, its place as its precision says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.db.models import Q

from archive.importing.authorities import normal_uri
from archive.models import (
    Community,
    ExternalId,
    Person,
    Place,
    Record,
    RecordKind,
    RecordState,
)
from archive.models.record import folded
from archive.record_types import authority_models, authority_types
from archive.seals import hidden_keys, without_sealed
from archive.values.addresses import identifier
from archive.values.language_map import public_map
from archive.values.payload import PAYLOAD_SCHEMA

#: The words of a name, folded and in one order.
Words = tuple[str, ...]


@lru_cache(maxsize=4096)
def words_of(name: str) -> Words:
    """The words of a name without case, accents and order: “Sarian, Anahit” is “Anahit Sarian”."""
    return tuple(sorted("".join(c if c.isalnum() else " " for c in folded(name)).split()))


@dataclass(frozen=True)
class AuthorityView:
    """What the projection of a work needs of an authority it names. ``name`` None: withheld.

    The fields from ``identifiers`` on are never shown: by them is found what must not be.
    """

    public_id: str
    kind: str
    name: dict[str, Any] | None
    uri: str
    #: All identifiers by which marks in texts may name it, as written and in their one spelling.
    identifiers: frozenset[str] = frozenset()
    #: A person's names: all of them, and the real ones.
    names: frozenset[Words] = frozenset()
    real_names: frozenset[Words] = frozenset()
    #: Whether her real name is sealed, whether external ids are, and whether she is shown by another name or none.
    name_sealed: bool = False
    ids_sealed: bool = False
    under_another_name: bool = False


#: What was withdrawn or hidden is named nowhere.
CLOSED_STATES = (RecordState.WITHDRAWN, RecordState.ERASED)
CLOSED = Q(hidden=True) | Q(state__in=CLOSED_STATES)


def load_authorities(public_ids: Iterable[str]) -> dict[str, Record]:
    """Load authorities of all kinds by public id, as their concrete classes, with their external ids.

    Under the id of a record that was merged away stands the record it was merged into: the one that is kept says
    what is sealed and how she is named.
    """
    wanted = list(set(public_ids))
    holders: dict[str, int] = {}
    kinds: dict[str, set[int]] = {}
    for start in range(0, len(wanted), 500):
        rows = Record.objects.filter(public_id__in=wanted[start : start + 500])
        facts = rows.values_list("public_id", "pk", "kind", "merged_into", "hidden", "state")
        for public_id, pk, kind, kept, hidden, state in facts:
            # What was closed before it was merged away stays closed.
            holders[public_id] = pk if kept is None or hidden or state in CLOSED_STATES else _last_kept(kept)
            kinds.setdefault(kind, set()).add(holders[public_id])
    by_pk: dict[int, Any] = {}
    models = authority_models()
    for kind, found in kinds.items():
        model = models.get(kind)
        if model is None:
            continue
        keys = sorted(found)
        for start in range(0, len(keys), 500):
            for record in model.objects.filter(pk__in=keys[start : start + 500]).select_related("community"):
                record.loaded_uris = []
                by_pk[record.pk] = record
    pks = list(by_pk)
    for start in range(0, len(pks), 500):
        for pk, uri in ExternalId.objects.filter(record_id__in=pks[start : start + 500]).values_list(
            "record_id", "uri"
        ):
            by_pk[pk].loaded_uris.append(uri)
    return {public_id: by_pk[pk] for public_id, pk in holders.items() if pk in by_pk}


def _last_kept(pk: int) -> int:
    """The record at the end of a chain of merges."""
    seen: set[int] = set()
    kept: int | None = pk
    while kept is not None and kept not in seen:
        pk = kept
        seen.add(pk)
        kept = Record.objects.filter(pk=pk).values_list("merged_into", flat=True).first()
    return pk


def written_uris(record: Record) -> list[str]:
    """External ids of an authority as they were written; read once where ``load_authorities`` loaded it."""
    loaded = getattr(record, "loaded_uris", None)
    if loaded is None:
        loaded = list(record.external_ids.values_list("uri", flat=True))
    return list(loaded)


def uris_of(record: Record) -> list[str]:
    """External ids of an authority as they may be published."""
    return sorted(filter(None, map(identifier, written_uris(record))))


def public_name(record: Any) -> dict[str, Any] | None:
    """The name in public as a language map, or None where it is withheld."""
    if record.hidden or record.state in CLOSED_STATES:
        return None
    if record.kind != RecordKind.PERSON:
        return public_map(record.name)
    policy = record.name_policy
    if policy == Person.NamePolicy.FULL and "name" not in hidden_keys(record.kind, record.sealed or []):
        return public_map(record.name)
    if policy in (Person.NamePolicy.FIRST, Person.NamePolicy.INITIALS, Person.NamePolicy.PSEUDONYM):
        shown = public_map(record.public_name)
        return shown if shown["values"] else None
    return None


def gives_place_away(record: Any) -> bool:
    """Whether external ids of a record would say where it is more exactly than its precision: a gazetteer knows.

    A country is shown whole, however coarse its precision.
    """
    return bool(
        record.kind == RecordKind.PLACE
        and record.precision != Place.Precision.EXACT
        and record.place_type.strip().lower() != "country"
    )


def view_of(record: Any) -> AuthorityView:
    """The authority as works name it."""
    uris = uris_of(record)
    name = public_name(record)
    hidden = hidden_keys(record.kind, record.sealed or [])
    # An external id leads to the real name, whatever name stands beside it.
    under_another_name = record.kind == RecordKind.PERSON and (
        name is None or "name" in hidden or record.name_policy != Person.NamePolicy.FULL
    )
    ids_sealed = "external_ids" in hidden or name is None or under_another_name or gives_place_away(record)
    names, real = _names_of(record) if record.kind == RecordKind.PERSON else (frozenset(), frozenset())
    return AuthorityView(
        public_id=record.public_id,
        kind=record.kind,
        name=name,
        # An external id names a person as surely as her name does, and a place as surely as its coordinates.
        uri=uris[0] if uris and not ids_sealed else "",
        identifiers=frozenset(spelling for uri in written_uris(record) for spelling in (uri, normal_uri(uri)[1])),
        names=names,
        real_names=real,
        name_sealed="name" in hidden,
        ids_sealed=ids_sealed,
        under_another_name=under_another_name,
    )


def _names_of(person: Person) -> tuple[frozenset[Words], frozenset[Words]]:
    """Every name of a person in every language, and those that are real: not shown in place of another."""

    def words(texts: Iterable[Any]) -> frozenset[Words]:
        return frozenset(found for text in texts if (found := words_of(str(text or ""))))

    def texts_of(value: Any) -> list[Any]:
        return [entry.get("text") for entry in (value or {}).get("values", {}).values()]

    instead = words(texts_of(person.public_name))
    instead |= words(n.get("text") for n in person.other_names or [] if n.get("type") == "pseudonym")
    real = words(texts_of(person.name))
    real |= words(n.get("text") for n in person.other_names or [] if n.get("type") != "pseudonym") - instead
    return real | instead, real


def named_community(community: Community) -> dict[str, Any]:
    """A community as publications name it: its name is a language map, or its short name where it has none."""
    name = public_map(community.name)
    return {"slug": community.slug, "name": name if name["values"] else community.slug}


def _other_names(record: Any, speaks_as: frozenset[Words]) -> list[dict[str, Any]]:
    if record.kind != RecordKind.PERSON:
        return [n for n in record.other_names or [] if n.get("type") != "real"]
    return [
        n
        for n in record.other_names or []
        if n.get("type") not in ("real", "pseudonym") and words_of(str(n.get("text") or "")) not in speaks_as
    ]


def project_authority(record: Any, speaks_as: frozenset[Words] = frozenset()) -> dict[str, Any] | None:
    """The public page of an authority, or None where nothing of it may be named.

    :param speaks_as: names by which works credit her own words: beside her real name they would tell who speaks there.
    """
    name = public_name(record)
    if name is None:
        return None
    full = record.kind != RecordKind.PERSON or record.name_policy == Person.NamePolicy.FULL
    payload: dict[str, Any] = {
        "schema": PAYLOAD_SCHEMA,
        "kind": record.kind,
        "id": record.public_id,
        "name": name,
        "other_names": _other_names(record, speaks_as) if full else [],
        "note": public_map(record.note) if full else {"original": "", "values": {}},
        "date_from": record.date_from if full else "",
        "date_to": record.date_to if full else "",
        "external_ids": uris_of(record) if full and not gives_place_away(record) else [],
    }
    payload |= authority_types()[record.kind].page_facts(record)
    return without_sealed(payload, hidden_keys(record.kind, record.sealed or []))
