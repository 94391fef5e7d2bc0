"""Companions of publications: the public pages of collections and authorities that published works name.

A companion is public exactly as far as the works that name it: it appears with the first of them, on the
lowest rung that any of them has, and goes with the last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db.models import Q

from archive import dependents
from archive.bulk_rows import insert_rows, insert_values
from archive.models import (
    LADDER,
    Audience,
    Collection,
    Contribution,
    Publication,
    PublicationLink,
    Record,
    RecordKind,
)
from archive.models.record import sort_key
from archive.models.terms import OWN_WORDS
from archive.projection.authorities import (
    CLOSED,
    CLOSED_STATES,
    Words,
    load_authorities,
    named_community,
    project_authority,
    words_of,
)
from archive.record_types import authority_types
from archive.revisions import canonical
from archive.values.addresses import web_address
from archive.values.language_map import original_text, public_map
from archive.values.payload import PAYLOAD_SCHEMA
from archive.values.uncertain_date import parse_date
from search import outbox

#: Rungs a companion can stand on; what is on request is opened work by work, not name by name.
RUNGS = (Audience.PUBLIC, Audience.REGISTERED, Audience.EDUCATORS, Audience.COMMUNITY)


def companion_relations() -> list[str]:
    """Relations of a publication whose targets are public pages of their own; to authorities called by their kind."""
    return ["collection", *authority_types()]


def refresh_companions(
    public_ids: Iterable[str], now: datetime, loaded: Mapping[str, Record] = MappingProxyType({})
) -> None:
    """Make, rebuild or delete the publications of these collections and authorities.

    ``loaded``: authorities that ``load_authorities`` gave in this very transaction, so as not to read them again.
    """
    wanted = sorted(set(public_ids))
    for start in range(0, len(wanted), 400):
        _refresh(wanted[start : start + 400], now, loaded)


def _refresh(ids: list[str], now: datetime, loaded: Mapping[str, Record]) -> None:
    uses: dict[str, list[Any]] = {}
    alive = Q(publication__not_after__isnull=True) | Q(publication__not_after__gt=now)
    rows = PublicationLink.objects.filter(alive, relation__in=companion_relations(), target__in=ids).values(
        "target", "publication__audience", "publication__group", "publication__not_after", "publication__fiction"
    )
    for row in rows:
        uses.setdefault(row["target"], []).append(row)
    existing: dict[tuple[str, str, str], Publication] = {
        (old.public_id, old.audience, old.group): old
        for old in Publication.objects.filter(public_id__in=ids).defer("payload")
    }
    fresh: list[tuple[Publication, list[tuple[str, str]]]] = []
    kept: set[int] = set()
    for record, payload in _payloads(list(uses), loaded):
        for publication, links in _rows(record, payload, uses[record.public_id], now):
            publication.version = version_of(publication, links)
            old = existing.get((publication.public_id, publication.audience, publication.group))
            if old is not None and (old.version, old.not_after) == (publication.version, publication.not_after):
                kept.add(old.pk)
                continue
            if old is not None:
                publication.first_published_at = old.first_published_at
            fresh.append((publication, links))
    stale = [old for old in existing.values() if old.pk not in kept]
    if stale:
        Publication.objects.filter(pk__in=[old.pk for old in stale]).delete()
    insert_rows(Publication, [publication for publication, _links in fresh])
    insert_values(
        PublicationLink,
        ("publication_id", "relation", "target"),
        ((publication.pk, relation, target) for publication, links in fresh for relation, target in links),
    )
    made = {publication.public_id for publication, _links in fresh}
    gone = {old.public_id for old in stale} - made
    for public_id in sorted(made):
        outbox.put(public_id)
    for public_id in sorted(gone):
        outbox.remove(public_id)
    dependents.changed(made)
    dependents.closed(gone, "named-no-more")


def _payloads(ids: list[str], loaded: Mapping[str, Record]) -> Iterable[tuple[Any, dict[str, Any]]]:
    known = {public_id: loaded[public_id] for public_id in ids if public_id in loaded}
    known |= load_authorities(public_id for public_id in ids if public_id not in known)
    credits = _credits_of(known.values())
    for public_id, record in known.items():
        # What was merged away has no page of its own.
        if record.public_id != public_id:
            continue
        payload = project_authority(record, frozenset(credits.get(record.pk, ())))
        if payload is not None:
            yield record, payload
    for collection in Collection.objects.filter(public_id__in=ids).exclude(CLOSED).select_related("community"):
        yield collection, project_collection(collection)


def _credits_of(records: Iterable[Any]) -> dict[int, set[Words]]:
    """By what names works credit the own words of each person."""
    people = [record.pk for record in records if record.kind == RecordKind.PERSON]
    credits: dict[int, set[Words]] = {}
    rows = Contribution.objects.filter(person_id__in=people, role__in=OWN_WORDS).exclude(credited_as="")
    for person, credit in rows.values_list("person_id", "credited_as") if people else ():
        credits.setdefault(person or 0, set()).add(words_of(credit))
    return credits


def named_collection(collection: Collection) -> dict[str, Any] | None:
    """A collection as its works name it, or None where it has been hidden or withdrawn."""
    if collection.hidden or collection.state in CLOSED_STATES:
        return None
    return {"id": collection.public_id, "title": public_map(collection.title)}


def project_collection(collection: Collection) -> dict[str, Any]:
    """The public page of a collection."""
    community = collection.community
    return {
        "schema": PAYLOAD_SCHEMA,
        "kind": RecordKind.COLLECTION.value,
        "id": collection.public_id,
        "title": public_map(collection.title),
        "abstract": public_map(collection.abstract),
        "edition": collection.edition,
        "licence": {"uri": web_address(collection.licence_uri)},
        "community": named_community(community) if community else None,
    }


def _rows(
    record: Any, payload: dict[str, Any], uses: list[Any], now: datetime
) -> Iterable[tuple[Publication, list[tuple[str, str]]]]:
    """One row on the lowest rung of the works that name it; on the community rung one row a community.

    Members read what is open to educators only, without being educators: on that rung each community whose work
    names it has a row besides, or the link in her own community's work would lead a member nowhere.
    """
    community = record.community.slug if record.community_id else ""
    open_uses = [use for use in uses if use["publication__audience"] in RUNGS[:-1]]
    lowest = min((RUNGS.index(use["publication__audience"]) for use in open_uses), default=len(RUNGS) - 1)
    rung = RUNGS[lowest]
    members = sorted({use["publication__group"] for use in uses})
    places: list[tuple[str, str]] = [(rung, community)] if rung != Audience.COMMUNITY else []
    if rung in (Audience.COMMUNITY, Audience.EDUCATORS):
        places += [(Audience.COMMUNITY, group) for group in members if (rung, group) not in places]
    name = payload.get("name") or payload.get("title") or {}
    date_from, date_to = payload.get("date_from", ""), payload.get("date_to", "")
    fiction = all(use["publication__fiction"] for use in uses)
    for audience, group in places:
        # It stands on this rung only as long as the works that brought it there.
        if audience == Audience.COMMUNITY:
            bearing = [use for use in uses if use["publication__group"] == group]
        else:
            bearing = [use for use in open_uses if use["publication__audience"] == rung]
        ends = [use["publication__not_after"] for use in bearing]
        publication = Publication(
            public_id=record.public_id,
            kind=record.kind,
            community=community,
            group=group,
            audience=audience,
            payload={**payload, "fiction": fiction},
            # By what is shown: the record sorts by the real name.
            sort_key=sort_key(original_text(name)),
            title=name,
            year_from=parse_date(date_from).years[0],
            year_to=parse_date(date_to or date_from).years[1],
            not_after=None if None in ends else max(ends),
            fiction=fiction,
            first_published_at=now,
            published_at=now,
        )
        for stand in LADDER[LADDER.index(audience) :]:
            setattr(publication, f"serves_{stand}", True)
        yield publication, [("external-id", uri) for uri in payload.get("external_ids", [])]


def version_of(row: Publication, links: list[tuple[str, str]]) -> str:
    """A fingerprint of everything a reader could notice of a publication; the clock is not part of it."""
    facts = [
        row.payload,
        row.stands,
        row.group,
        row.stub,
        row.consent_version,
        row.not_after.isoformat() if row.not_after else "",
        links,
    ]
    return hashlib.sha256(canonical(facts)).hexdigest()[:32]
