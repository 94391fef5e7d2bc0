"""Every save of every kind of record is a revision; an earlier one can stand again, and never opens what was closed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client

from archive.actions.merge import MergeAction
from archive.erasure import forget
from archive.gate_jobs import prove_absence, texts_of
from archive.models import (
    Clip,
    Collection,
    Concept,
    ConceptScheme,
    Event,
    ExternalId,
    Organisation,
    Person,
    Place,
    Publication,
    Record,
    RecordState,
    Revision,
    Source,
    WithdrawalCase,
)
from archive.policy import ANONYMOUS, reach_of
from archive.record_types import record_type, registry
from archive.revisions import keep_first, restore_snapshot, save_revision, snapshot_of
from archive.values.language_map import language_map, original_text
from search.outbox import apply_all_pending
from search.service import search
from tests.archive.factories import a_community, a_member, a_person, a_place, a_testimony, committed, published
from tests.archive.sent_forms import sent_by
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def one_of(kind: str) -> Any:
    """A record of a kind with something in every part that a snapshot holds."""
    community = a_community()
    name = language_map("Կերտավան", "hy", en="Kertavan")
    named = {"name": name, "note": language_map("By the river.", "en"), "date_from": "1915", "date_to": "1920"}
    work = a_testimony(community)
    made: dict[str, Any] = {
        "person": lambda: Person.objects.create(community=community, living=False, **named),
        "place": lambda: Place.objects.create(latitude=40.1, longitude=44.5, parent=a_place("Ayrarat"), **named),
        "organisation": lambda: Organisation.objects.create(organisation_type="school", **named),
        "event": lambda: Event.objects.create(event_type="trial", **named),
        "concept": lambda: Concept.objects.create(
            scheme=ConceptScheme.objects.create(slug="terms", title=name), notation="7", **named
        ),
        "source": lambda: Source.objects.create(csl={"title": "A source", "type": "book"}),
        "collection": lambda: Collection.objects.create(community=community, slug="c", title=name, abstract=name),
        "clip": lambda: Clip.objects.create(
            community=community, work=work, title=name, context=name, first_anchor=work.tracks.first().cues[0]["id"]
        ),
        "testimony": lambda: work,
        "document": lambda: record_type("document").model_class.objects.create(
            community=community, collection=work.collection, title=name
        ),
    }
    record = made[kind]()
    if kind in ("person", "place", "organisation", "event", "concept"):
        ExternalId.objects.create(record=record, uri=f"https://names.example/{kind}")
    if kind == "event":
        record.places.add(a_place())
    if kind == "concept":
        record.broader.add(Concept.objects.create(scheme=record.scheme, name=name))
    return record


KINDS = sorted(entry.kind for entry in registry)


@pytest.mark.parametrize("kind", KINDS)
def test_a_snapshot_stands_again_as_it_was(kind):
    record = one_of(kind)
    entry = record_type(kind)
    before = entry.snapshot(entry.load([record.pk])[0])
    save_revision(record, origin="edit")
    with transaction.atomic():
        restore_snapshot(record, emptied(before))
        restore_snapshot(record, before)
    assert entry.snapshot(entry.load([record.pk])[0]) == before


def emptied(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The same without what can be empty."""
    empty: dict[type, Any] = {dict: {}, list: [], str: ""}
    kept = {"kind", "slug", "work", "scheme", "collection", "standpoint", "event_type", "name_policy", "precision"}
    return {name: value if name in kept else empty.get(type(value), None if value is None else value)
            for name, value in snapshot.items()}  # fmt: skip


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("testimony", "document")])
def test_forgetting_leaves_a_shell_without_a_word(kind):
    record = one_of(kind)
    save_revision(record, origin="edit")
    with transaction.atomic():
        forget(record_type(kind).load([record.pk])[0])
    (left,) = record_type(kind).load([record.pk])
    assert left.state == RecordState.ERASED and left.hidden
    said = str(record_type(kind).snapshot(left))
    assert not [word for word in ("Kertavan", "Կերտավան", "river", "names.example", "A source", "40.1") if word in said]
    assert all(row.snapshot == {} for row in Revision.objects.filter(record_id=record.pk))


@pytest.fixture
def desk(site, monkeypatch):
    community = a_community()
    return community, at_the_desk(a_member(community, "editor"), monkeypatch)


def test_every_save_at_the_desk_is_a_revision_and_what_stood_before_is_one_too(desk):
    community, client = desk
    person = a_person(community)
    address = f"/admin/people-records/edit/{person.pk}/"
    sent = sent_by(client.get(address).content.decode())
    sent["name-0-text"] = "Anahit of Kertavan"
    assert client.post(address, sent).status_code == 302
    rows = Revision.objects.filter(record_id=person.pk).order_by("number")
    assert [original_text(row.snapshot["name"]) for row in rows] == ["Anahit Sarian", "Anahit of Kertavan"]
    assert client.post(address, sent_by(client.get(address).content.decode())).status_code == 302
    assert rows.count() == 2, "a save that changes nothing is none"


def test_an_earlier_revision_of_a_name_stands_again_in_public_at_once(desk):
    community, client = desk
    place = a_place("Kertavan", "en", community=community)
    published(a_testimony(community, place=place))
    keep_first(place)
    place.name = language_map("Elsewhere", "en")
    place.save()
    save_revision(place, origin="edit")
    page = client.get(f"/admin/places/{place.pk}/revisions/").content.decode()
    assert "Kertavan" in page and "Elsewhere" in page
    assert "<h3>Name" in page, "fields are called what the form calls them"
    with committed():
        assert client.post(f"/admin/places/{place.pk}/revisions/", {"restore": "1"}).status_code == 302
    place.refresh_from_db()
    assert original_text(place.name) == "Kertavan" and place.current_revision == 3
    assert original_text(Publication.objects.get(public_id=place.public_id).title) == "Kertavan"


def test_going_back_opens_no_name_and_no_place_that_was_closed_since(desk):
    community, _client = desk
    person, place = a_person(community), a_place(precision="exact", community=community)
    for record in (person, place):
        save_revision(record, origin="edit")
    Person.objects.filter(pk=person.pk).update(name_policy="withheld")
    Place.objects.filter(pk=place.pk).update(precision="country")
    for record, name, closed in ((person, "name_policy", "withheld"), (place, "precision", "country")):
        record.refresh_from_db()
        with transaction.atomic():
            restore_snapshot(record, Revision.objects.get(record_id=record.pk, number=1).snapshot)
        record.refresh_from_db()
        assert getattr(record, name) == closed


def test_sealed_fields_of_earlier_revisions_are_shown_to_no_editor(desk):
    community, client = desk
    person = a_person(community, "Zqwcanaryname", sealed=["real_name"])
    save_revision(person, origin="edit")
    person.note = language_map("Something else.", "en")
    person.save()
    save_revision(person, origin="edit")
    page = client.get(f"/admin/people-records/{person.pk}/revisions/").content.decode()
    assert "Something else." in page and "Zqwcanaryname" not in page


def test_whoever_may_not_read_a_sealed_field_does_not_set_it_back(desk):
    community, client = desk
    person = a_person(community, "Zqwbefore")
    person.note = language_map("The first note.", "en")
    person.save()
    save_revision(person, origin="edit")
    Person.objects.filter(pk=person.pk).update(
        name=language_map("Zqwsince", "hy"), note={}, sealed=["real_name"], name_policy="withheld"
    )
    person.refresh_from_db()
    save_revision(person, origin="edit")
    assert client.post(f"/admin/people-records/{person.pk}/revisions/", {"restore": "1"}).status_code == 302
    person.refresh_from_db()
    assert original_text(person.name) == "Zqwsince" and original_text(person.note) == "The first note."
    made = Revision.objects.get(record_id=person.pk, number=person.current_revision)
    assert made.snapshot == snapshot_of(person), "the revision says what stands, not what was asked for"
    assert made.snapshot["name_policy"] == "withheld"


def test_a_merge_is_a_revision_of_the_one_kept(site):
    community = a_community()
    kept, other = a_person(community), a_person(community, "Anush Sarian")
    MergeAction(None, kept, other).execute()
    revision = Revision.objects.get(record_id=kept.pk, origin="merge")
    assert "Anush Sarian" in str(revision.snapshot["other_names"])


# --- publish, withdraw, erase by command ------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_commands_take_every_kind(site, tmp_path, settings, kind, capsys):
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    record = one_of(kind)
    save_revision(record, origin="edit")
    with pytest.raises(CommandError, match=r"stays closed|no consent of its own"):
        call_command("publish", record.public_id)
    with committed():
        call_command("withdraw", record.public_id, "--reason", "danger")
    record.refresh_from_db()
    assert record.state == RecordState.WITHDRAWN
    assert WithdrawalCase.objects.filter(record_id=record.pk).count() == 1
    with committed():
        call_command("erase", record.public_id, "--reason", "danger", "--yes")
    record.refresh_from_db()
    assert record.state == RecordState.ERASED
    assert texts_of(record.public_id) == []
    assert "Kertavan" not in str(snapshot_of(record_type(kind).load([record.pk])[0]))


def test_a_withdrawn_place_is_named_nowhere_and_its_page_is_gone(site):
    place = a_place("Zqwkertavan", "en")
    work = published(a_testimony(a_community(), place=place))
    pages = [f"/en/testimonies/{work.public_id}/", f"/en/places/{place.public_id}/"]
    assert [Client().get(page).status_code for page in pages] == [200, 200]
    with committed():
        call_command("withdraw", place.public_id, "--reason", "danger")
    assert [Client().get(page).status_code for page in pages] == [200, 410]
    assert "Zqwkertavan" not in Client().get(pages[0]).content.decode()
    assert Record.objects.get(pk=place.pk).hidden


def test_a_withdrawn_clip_leaves_its_testimony(site):
    community = a_community()
    work = a_testimony(community)
    clip = Clip.objects.create(
        community=community,
        work=work,
        title=language_map("Zqwclip", "en"),
        context=language_map("Before the winter.", "en"),
        first_anchor=work.tracks.first().cues[0]["id"],
        audience="public",
    )
    published(work)
    page = f"/en/testimonies/{work.public_id}/"
    assert "Zqwclip" in Client().get(page).content.decode()
    with committed():
        call_command("withdraw", clip.public_id, "--reason", "danger")
    assert "Zqwclip" not in Client().get(page).content.decode()


def test_the_absence_of_a_place_is_proven_though_its_name_is_still_said_by_people(site, tmp_path, settings):
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    place = a_place("Zqwkertavan", "en")
    published(a_testimony(a_community(), place=place, english="We came from Zqwkertavan by the river."))
    apply_all_pending()
    with committed():
        call_command("withdraw", place.public_id, "--reason", "danger")
    case = WithdrawalCase.objects.get(record_id=place.pk)
    prove_absence(SimpleNamespace(input={"case": case.pk, "public_id": place.public_id}, commit=transaction.atomic))
    case.refresh_from_db()
    assert case.proven_absent_at is not None
    assert search("Zqwkertavan", reach_of(ANONYMOUS)).total == 1, "the testimony is still found by what it says"
