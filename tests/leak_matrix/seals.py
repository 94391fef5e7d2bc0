"""A canary behind every seal of every kind, and beside it what the seal leaves open."""

from __future__ import annotations

import secrets
from typing import Any

from archive.models import (
    Contribution,
    EntityLink,
    Event,
    ExternalId,
    Organisation,
    Person,
    Place,
    RecordKind,
)
from archive.projection.geography import public_point
from archive.revisions import save_revision
from archive.seals import Seal, seals_of
from archive.values.language_map import language_map
from tests.archive.factories import a_person, a_place, a_testimony, published
from tests.leak_matrix.planting import EVERYBODY, YES, Apart, Planted, a_document

WORKS = (RecordKind.TESTIMONY, RecordKind.DOCUMENT)
AUTHORITIES: dict[str, Any] = {
    RecordKind.PERSON: Person,
    RecordKind.PLACE: Place,
    RecordKind.ORGANISATION: Organisation,
    RecordKind.EVENT: Event,
}
OPEN = {**YES, "public-web": "yes"}


#: How a person whose name is sealed is named in public; under *full* the seal alone keeps her name back.
POLICY_UNDER_SEAL = Person.NamePolicy.PSEUDONYM


def plant_seals(community: Any) -> list[Planted]:
    """One work of each kind with all its seals, one on request, and one that names a record for every other seal."""
    return [
        *(_sealed_work(community, kind, f"sealed-{kind.value}", OPEN) for kind in WORKS),
        _sealed_work(community, RecordKind.TESTIMONY, "sealed-request", {**YES, "public-web": "ask"}),
        _naming_sealed_records(community),
    ]


def _sealed_work(community: Any, kind: RecordKind, state: str, scopes: dict[str, str]) -> Planted:
    asked = scopes["public-web"] == "ask"
    planted = Planted.of_case(state, readers=frozenset({"same"}) if asked else EVERYBODY, on_request=asked)
    texts = {"original": f"Գետը {planted.word('original')}", "english": f"The river {planted.word('translation')}"}
    make = a_testimony if kind == RecordKind.TESTIMONY else a_document
    person = a_person(community, planted.secret("realname"), name_policy=Person.NamePolicy.FULL)
    place = a_place(planted.secret("place"), community=community)
    for record in (person, place):
        planted.facts.add(record.public_id)
        planted.gone.append(record)
    day = _day(planted)
    abstract = planted.secret("abstract")
    # Every field that a seal of this kind keeps back, and what would tell it; a seal of another field fails here.
    told_by = {
        "abstract": {abstract},
        "date": {day},
        "place": {place.public_id},
        "contributions": {person.public_id},
    }
    planted.behind = {
        (kind, seal.code): set().union(*(told_by[name] for name in seal.fields)) for seal in seals_of(kind)
    }
    planted.work = make(
        community,
        title=language_map(planted.word("title"), "hy"),
        abstract=language_map(abstract, "en"),
        date=day,
        place=place,
        sealed=[seal.code for seal in seals_of(kind)],
        # The date as its source writes it is among the facts of the source.
        source_facts={"public": {"date_as_written": planted.secret("datewritten")}},
        **texts,
    )
    Contribution.objects.create(record=planted.work, person=person, role="narrator")
    return _published(planted, scopes)


def _published(planted: Planted, scopes: dict[str, str]) -> Planted:
    save_revision(planted.work, origin="edit")
    planted.work.refresh_from_db()
    planted.remember_hashes()
    published(planted.work, scopes)
    return planted


def _day(planted: Planted) -> str:
    """A day that stands nowhere else: no word of a canary fits a date."""
    day = f"{secrets.choice(range(1100, 1700))}-{secrets.choice(range(10, 13))}-{secrets.choice(range(10, 29))}"
    planted.facts.add(day)
    return day


def _naming_sealed_records(community: Any) -> Planted:
    """A public work that names, for every seal of an authority, a record with that seal alone."""
    planted = Planted.of_case("sealed-authorities")
    planted.work = a_testimony(community, title=language_map(planted.word("title"), "hy"))
    for kind, model in AUTHORITIES.items():
        for seal in seals_of(kind):
            record = _sealed_record(planted, community, model, seal)
            EntityLink.objects.create(record=planted.work, target=record)
    EntityLink.objects.create(record=planted.work, target=_coarse_place(planted, community))
    return _published(planted, OPEN)


def _coarse_place(planted: Planted, community: Any) -> Any:
    """A place without any seal, shown as a cell of the grid: a gazetteer's id would say where it is."""
    name, secret = planted.word("coarseplace"), planted.secret("gazetteer")
    place = Place.objects.create(
        community=community, name=language_map(name, "hy"), latitude=40.5, longitude=44.5, precision="10km"
    )
    ExternalId.objects.create(record=place, owner=community.slug, uri=f"https://places.example/{secret}")
    planted.apart.append(Apart(place, shows={name}, hides={secret}))
    return place


def _sealed_record(planted: Planted, community: Any, model: Any, seal: Seal) -> Any:
    kind = model.KIND
    name = planted.word(f"{kind.value}{seal.code.replace('_', '')}name")
    values: dict[str, Any] = {"name": language_map(name, "hy"), "note": language_map("A note.", "en")}
    if model is Person:
        values["name_policy"] = Person.NamePolicy.FULL
    if model is Place:
        values["precision"] = Place.Precision.EXACT
    behind: set[str] = set()
    identifier = ""
    for field in seal.fields:
        if field in ("date_from", "date_to"):
            values[field] = _day(planted)
            behind.add(values[field])
            continue
        if field in ("latitude", "longitude"):
            values[field] = round(20 + secrets.randbelow(20_000_000) / 1_000_000, 6)
            continue
        secret = planted.secret(f"{kind.value}{field.replace('_', '')}")
        behind.add(secret)
        if field == "name":
            # Under her seal a person is shown by the name that stands for hers.
            values |= {"name_policy": POLICY_UNDER_SEAL, "public_name": language_map(name, "hy")}
            values["name"] = language_map(secret, "hy")
        elif field == "other_names":
            values[field] = [{"text": secret, "language": "hy", "type": "married"}]
        elif field == "external_ids":
            identifier = f"https://people.example/{secret}"
        elif field == "note":
            values[field] = language_map(secret, "en")
        else:
            raise AssertionError(f"No canary is planted behind {field} of a {kind}: a seal that nothing tries.")
    hides: set[str] = set()
    for precision in ("exact", "1km", "10km") if "latitude" in values else ():
        point = public_point(values["latitude"], values["longitude"], precision) or {}
        hides |= {f"{point['latitude']}", f"{point['longitude']}"}
    record = model.objects.create(community=community, sealed=[seal.code], **values)
    if identifier:
        ExternalId.objects.create(record=record, owner=community.slug, uri=identifier)
    planted.behind[kind, seal.code] = behind | hides
    planted.apart.append(Apart(record, shows={name}, hides=hides))
    return record
