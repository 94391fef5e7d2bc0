"""Every seal of every kind takes what it seals out of every public surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.db import transaction

from archive import seals
from archive.actions.merge import MergeAction
from archive.actions.publish import PublishAction, ReviewAction
from archive.desk.works import TestimonyForm
from archive.gate import Gate
from archive.models import Document, EntityLink, Event, ExternalId, Organisation, Publication, RecordKind, Testimony
from archive.naming import public_face, rebuild_naming
from archive.policy import viewer_of
from archive.record_types import record_type, registry
from archive.revisions import save_revision
from archive.seals import hidden_keys, seals_of
from archive.values.language_map import language_map
from archive.vault import ledger_file
from tests.archive.factories import (
    a_community,
    a_member,
    a_person,
    a_place,
    a_testimony,
    committed,
    consent,
    cue,
    published,
)
from tests.archive.sent_forms import as_shown
from tests.archive.what_is_public import lists_with, made_anew, pages_about, rows_about

pytestmark = pytest.mark.django_db


@dataclass
class Planted:
    """A record with canaries behind one seal of it, and the work through which it is public."""

    record: Any
    work: Any
    canaries: tuple[str, ...]


def a_work(kind: str, **fields: Any) -> Any:
    """A testimony, or the same as a document."""
    work = a_testimony(**fields)
    if kind == RecordKind.TESTIMONY:
        return work
    own = {f.attname: getattr(work, f.attname) for f in Testimony._meta.concrete_fields if hasattr(Document, f.attname)}
    for name in ("id", "record_ptr_id", "public_id", "uuid", "kind", "current_revision", "reviewed_revision"):
        own.pop(name, None)
    document = Document.objects.create(**own)
    for track in work.tracks.all():
        track.pk, track.record_id = None, document.pk
        track.cues = [{**one, "id": one["id"].replace("p-", "p-d")} for one in track.cues]
        track.save()
    for contribution in work.contributions.all():
        document.contributions.create(person=contribution.person, role=contribution.role)
    save_revision(document, origin="edit")
    document.refresh_from_db()
    return document


def naming(record: Any) -> Any:
    """A work that names a record, made public."""
    work = a_testimony(record.community or a_community(), places=[record])
    return published(work)


def work_real_name(kind: str) -> Planted:
    community = a_community()
    person = a_person(community, "Zarouhi Canaryname")
    work = published(a_work(kind, community=community, people=[person]))
    return Planted(work, work, ("Canaryname", person.public_id))


def work_exact_place(kind: str) -> Planted:
    place = a_place("Canaryplace", precision="exact")
    uri = place.external_ids.get().uri
    facts = {"public": {"place_as_written": "by the canarymill", "publisher": "Valley Press"}}
    work = a_work(kind, place=place, source_facts=facts)
    track = work.tracks.get(key="t1")
    mark = {"start": 0, "end": 3, "type": "place", "ref": uri, "key": "", "data": {"source_ref": uri}}
    track.cues = [{**track.cues[0], "marks": [mark]}]
    track.save()
    EntityLink.objects.create(record=work, target=place, relation="life-event", anchors=[track.cues[0]["id"]])
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work)
    return Planted(work, work, ("Canaryplace", place.public_id, uri, "canarymill"))


def work_date(kind: str) -> Planted:
    facts = {"public": {"date_as_written": "the fourth of canarymonth", "publisher": "Valley Press"}}
    work = published(a_work(kind, date="1887-03-04", source_facts=facts))
    return Planted(work, work, ("1887-03-04", '"year_from": 1887', "year_from=1887", "PY  - 1887", "canarymonth"))


def work_abstract(kind: str) -> Planted:
    work = published(a_work(kind, abstract=language_map("A canaryabstract of the river.", "en")))
    return Planted(work, work, ("canaryabstract",))


def person_real_name(_kind: str) -> Planted:
    names = [{"text": "Zarouhi Canarymarried", "language": "hy", "type": "married"}]
    person = a_person(a_community(), "Zarouhi Canaryname", other_names=names)
    ExternalId.objects.create(record=person, uri="https://viaf.example/canaryid", owner=person.community.slug)
    return Planted(person, naming(person), ("Canaryname", "Canarymarried", "canaryid"))


def person_note(_kind: str) -> Planted:
    person = a_person(a_community(), note=language_map("Lives behind the canarymill.", "en"))
    return Planted(person, naming(person), ("canarymill",))


def person_dates(_kind: str) -> Planted:
    person = a_person(a_community(), date_from="1893-05-01", date_to="1945-10-27")
    return Planted(person, naming(person), ("1893-05-01", "1945-10-27", '"year_from": 1893', '"year_to": 1945'))


def place_exact_place(_kind: str) -> Planted:
    place = a_place(latitude=40.123456, longitude=44.654321, precision="exact")
    uri = place.external_ids.get().uri
    work = a_testimony(places=[place])
    track = work.tracks.get(key="t1")
    track.cues = [cue(track.cues[0]["id"], "Kertavan", "g1")]
    track.cues[0]["marks"] = [{"start": 0, "end": 8, "type": "place", "ref": uri, "key": "", "data": {}}]
    track.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    return Planted(place, published(work), ("40.123456", "44.654321", uri))


def place_note(_kind: str) -> Planted:
    place = a_place(note=language_map("Behind the canarymill.", "en"))
    return Planted(place, naming(place), ("canarymill",))


def organisation_note(_kind: str) -> Planted:
    record = Organisation.objects.create(
        name=language_map("Committee", "en"), note=language_map("Met in the canarymill.", "en")
    )
    return Planted(record, naming(record), ("canarymill",))


def event_note(_kind: str) -> Planted:
    record = Event.objects.create(name=language_map("The march", "en"), note=language_map("From the canarymill.", "en"))
    return Planted(record, naming(record), ("canarymill",))


WORK_PLANTS: dict[str, Callable[[str], Planted]] = {
    "real_name": work_real_name,
    "exact_place": work_exact_place,
    "date": work_date,
    "abstract": work_abstract,
}
PLANTS: dict[tuple[str, str], Callable[[str], Planted]] = {
    **{(kind, code): plant for kind in ("testimony", "document") for code, plant in WORK_PLANTS.items()},
    ("person", "real_name"): person_real_name,
    ("person", "note"): person_note,
    ("person", "dates"): person_dates,
    ("place", "exact_place"): place_exact_place,
    ("place", "note"): place_note,
    ("organisation", "note"): organisation_note,
    ("event", "note"): event_note,
}
EVERY_SEAL = [(str(kind), seal.code) for kind in RecordKind for seal in seals_of(kind)]


def said_in_public(planted: Planted) -> set[str]:
    """Which canaries any reader can come across."""
    record, work = planted.record, planted.work
    said = [rows_about(work.public_id), pages_about(work.kind, work.public_id)]
    if record.pk != work.pk:
        said += [rows_about(record.public_id), pages_about(record.kind, record.public_id)]
    said.append(lists_with({record.kind, work.kind, "person", "place"}))
    return {canary for canary in planted.canaries if any(canary in text for text in said)}


def seal(planted: Planted, code: str) -> None:
    record = planted.record
    before = public_face(record)
    record.sealed = [code]
    record.save()
    if record.pk == planted.work.pk:
        made_anew(record)
    elif public_face(record) != before:
        with committed():
            rebuild_naming(record)


@pytest.mark.parametrize(("kind", "code"), EVERY_SEAL)
def test_what_is_sealed_is_on_no_public_surface(site, kind, code):
    """A seal for which nothing is planted fails here as well."""
    planted = PLANTS[kind, code](kind)
    assert said_in_public(planted) == set(planted.canaries), "what nobody has sealed must be there to be found"
    seal(planted, code)
    assert said_in_public(planted) == set()


@pytest.mark.parametrize(("kind", "code"), EVERY_SEAL)
def test_without_its_line_in_the_table_a_seal_has_no_effect_and_is_noticed(site, monkeypatch, kind, code):
    lines = tuple(replace(one, hides=()) if one.code == code else one for one in seals_of(kind))
    monkeypatch.setattr(record_type(kind), "seals", lines)
    planted = PLANTS[kind, code](kind)
    seal(planted, code)
    assert said_in_public(planted)


def test_a_stub_is_without_its_sealed_abstract_too(site):
    work = a_testimony(abstract=language_map("A canaryabstract.", "en"))
    consent(work, {"preserve": "yes", "public-web": "ask"})
    published(work, {"preserve": "yes", "public-web": "ask"})
    planted = Planted(work, work, ("canaryabstract",))
    assert said_in_public(planted)
    seal(planted, "abstract")
    assert not said_in_public(planted)


def test_a_seal_that_nobody_knows_hides_all_that_can_be_sealed():
    everything = {key for one in seals_of("testimony") for key in one.hides}
    assert hidden_keys("testimony", ["an-old-code"]) == everything


def test_every_key_that_a_seal_hides_has_something_to_stand_in_its_place():
    keys = {key for entry in registry for one in entry.seals for key in one.hides}
    assert keys - seals.NAMES == set(seals._EMPTY)


def test_a_seal_of_a_published_work_acts_when_it_is_saved(site):
    community = a_community()
    work = published(a_testimony(community, abstract=language_map("Sealcanary of the mill", "en")))
    assert any("Sealcanary" in str(row.payload) for row in Publication.objects.filter(public_id=work.public_id))
    work = Testimony.objects.get(pk=work.pk)
    form = TestimonyForm(data={"sealed": ["abstract"]}, instance=work, viewer=viewer_of(a_member(community, "steward")))
    assert form.is_valid(), form.errors
    with transaction.atomic():
        form.save_record(user=None, created=False)
    rows = Publication.objects.filter(public_id=work.public_id)
    assert rows and not any("Sealcanary" in str(row.payload) for row in rows)


def test_a_seal_gained_by_a_merge_holds_for_every_work_that_names_who_is_kept(site):
    community = a_community()
    kept = a_person(community, "Zorvandikt One")
    work = published(a_testimony(community, people=[kept]), identity="real-name")
    assert any("Zorvandikt" in str(row.payload) for row in Publication.objects.filter(public_id=work.public_id))
    with committed():
        MergeAction(None, kept, a_person(community, "Zorvandikt Two", sealed=["real_name"])).execute()
    rows = Publication.objects.filter(public_id=work.public_id)
    assert rows and not any("Zorvandikt" in str(row.payload) for row in rows)
    (line,) = [entry for entry in ledger_file.read().entries if entry.get("public_id") == kept.public_id]
    assert line["action"] == "restrict" and line["state"]["sealed"] == ["real_name"]


def test_what_is_kept_off_the_open_web_leaves_it_when_it_is_ticked_and_returns_by_a_review(site):
    community = a_community()
    work = published(a_testimony(community))
    viewer = viewer_of(a_member(community, "editor", "steward"))

    def save(*ticked: str) -> None:
        shown = TestimonyForm(instance=Testimony.objects.get(pk=work.pk), viewer=viewer)
        data = as_shown(shown, sensitivity=ticked)
        form = TestimonyForm(data=data, instance=Testimony.objects.get(pk=work.pk), viewer=viewer)
        assert form.is_valid(), form.errors
        with committed(), transaction.atomic():
            form.save_record(user=None, created=False)

    def open_to_all() -> bool:
        return Publication.objects.filter(public_id=work.public_id, serves_public=True, stub=False).exists()

    assert open_to_all()
    save("sexual-violence")
    assert not open_to_all()
    with committed():
        ReviewAction(None, [Testimony.objects.get(pk=work.pk)]).execute()
    save()
    # Whatever asks the gate meanwhile: what was unticked waits for the review.
    with committed():
        Gate().refresh([Testimony.objects.select_related("community", "collection").get(pk=work.pk)])
    assert not open_to_all()
    with committed():
        ReviewAction(None, [Testimony.objects.get(pk=work.pk)]).execute()
        PublishAction(None, [Testimony.objects.get(pk=work.pk)]).execute()
    assert open_to_all()
