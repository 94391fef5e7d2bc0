"""Authorities, collections, links and lists at the desk."""

from __future__ import annotations

import pytest

from archive.models import (
    Clip,
    Collection,
    Contribution,
    EntityLink,
    Event,
    ExternalId,
    IndexSegment,
    Person,
    Place,
    Publication,
    Sensitivity,
    Source,
    Testimony,
)
from archive.values.language_map import language_map
from tests.archive.factories import (
    a_collection,
    a_community,
    a_member,
    a_person,
    a_place,
    a_testimony,
    a_user,
    committed,
    consent,
    published,
)
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db

KINDS = [
    "testimonies",
    "papers",
    "collections-of-records",
    "clips",
    "people-records",
    "places",
    "organisations",
    "events",
    "concepts",
    "sources",
]
CHOOSERS = [
    "testimony",
    "document",
    "collection",
    "clip",
    "person",
    "place",
    "organisation",
    "event",
    "concept",
    "source",
]


@pytest.mark.parametrize("name", KINDS)
def test_every_list_and_form_opens(site, monkeypatch, name):
    client = at_the_desk(a_member(a_community(), "editor"), monkeypatch)
    assert client.get(f"/admin/{name}/").status_code == 200
    assert client.get(f"/admin/{name}/?q=Կե").status_code == 200
    assert client.get(f"/admin/{name}/new/").status_code == 200


@pytest.mark.parametrize("kind", CHOOSERS)
def test_every_chooser_opens(site, monkeypatch, kind):
    client = at_the_desk(a_member(a_community(), "editor"), monkeypatch)
    assert client.get(f"/admin/{kind}-chooser/?q=Կե").status_code == 200


def test_lists_find_a_record_in_any_script_and_by_its_id(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, title=language_map("Գետը", "hy", ar="النهر", en="The river"))
    a_testimony(community, title=language_map("Mountain", "en"))
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    for text in ("գետ", "النهر", "RIVER", work.public_id):
        page = client.get("/admin/testimonies/", {"q": text}).content.decode()
        assert "Գետը" in page and "Mountain" not in page, text


def test_a_search_finds_words_and_not_the_form_in_which_they_are_kept(site, monkeypatch):
    community = a_community()
    a_testimony(community, title=language_map("Mountain", "en"))
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    for text in ("values", "original", "text", ".*", "u00"):
        assert "Mountain" not in client.get("/admin/testimonies/", {"q": text}).content.decode(), text


def test_filters_offer_nothing_of_another_community(site, monkeypatch):
    a_collection(a_community(name_hint := "hidden-valley"), title=language_map("Canarycollection", "en"))
    for user in (a_member(a_community(), "editor"), a_user(is_superuser=True)):
        page = at_the_desk(user, monkeypatch).get("/admin/testimonies/").content.decode()
        assert "Canarycollection" not in page
        if not user.is_superuser:
            assert name_hint not in page


def person_form(**changed):
    return {
        "name-0-language": "hy",
        "name-0-text": "Անահիտ Սարեան",
        "name-original": "hy",
        "note-0-language": "",
        "note-0-text": "",
        "public_name-0-language": "",
        "public_name-0-text": "",
        "name_policy": "full",
        "living": "unknown",
        **changed,
    }


def test_a_person_is_made_with_names_and_identifiers_and_bad_ones_are_said(site, monkeypatch):
    community = a_community()
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    bad = person_form(
        community=community.pk,
        other_names="Anahit | zz-nope-x | birth\n | hy",
        external_ids="javascript:alert(1)",
        date_from="1950",
        date_to="1900",
        name_policy="initials",
    )
    page = client.post("/admin/people-records/new/", bad).content.decode()
    for said in ("is not a language tag", "is no address", "before the first date", "Write the name to be shown"):
        assert said in page, said
    good = person_form(
        community=community.pk,
        other_names="Anahit Sarian | en | variant",
        external_ids="https://example.org/anahit",
        date_from="1903~",
        date_to="1971",
    )
    answer = client.post("/admin/people-records/new/", good)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    person = Person.objects.get()
    assert person.other_names == [{"text": "Anahit Sarian", "language": "en", "type": "variant"}]
    again = client.post("/admin/people-records/new/", good)
    assert "belongs to another record" in again.content.decode()


def test_a_new_name_reaches_every_publication_that_names_it(site, monkeypatch):
    community = a_community()
    person = a_person(community, "Anahit Sarian")
    work = published(a_testimony(community, people=[person]))
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    address = f"/admin/people-records/edit/{person.pk}/"
    sent = person_form(**{"name_policy": "withheld", "name-0-text": "Անահիտ Սարեան"})
    with committed():
        assert client.post(address, sent).status_code == 302
    assert "Anahit Sarian" not in str(Publication.objects.get(public_id=work.public_id).payload)
    assert not Publication.objects.filter(public_id=person.public_id).exists()


def test_a_sealed_name_is_for_stewards_only_in_forms_lists_choosers_and_search(site, monkeypatch):
    community = a_community()
    person = a_person(community, "Canaryname", sealed=["real_name"])
    work = a_testimony(community, people=[person])
    editor = at_the_desk(a_member(community, "editor"), monkeypatch)
    names = "/admin/desk/names/?kinds=person&q=canary"
    for address in (
        "/admin/people-records/",
        "/admin/people-records/?q=canaryname",
        f"/admin/people-records/edit/{person.pk}/",
        "/admin/person-chooser/",
        f"/admin/person-chooser/chosen/{person.pk}/",
        f"/admin/testimonies/{work.pk}/links/",
        names,
    ):
        answer = editor.get(address)
        assert answer.status_code == 200 and "Canaryname" not in answer.content.decode(), address
    found = editor.post(
        f"/admin/testimonies/{work.pk}/links/",
        {"add": "contribution", "contribution-role": "narrator", "contribution-person": "Canaryname"},
    )
    assert "Nothing is called" in found.content.decode()
    steward = at_the_desk(a_member(community, "steward"), monkeypatch)
    assert "Canaryname" in steward.get(f"/admin/people-records/edit/{person.pk}/").content.decode()
    assert "Canaryname" in steward.get(names).content.decode()


def test_only_a_steward_seals_and_unseals(site, monkeypatch):
    community = a_community()
    person = a_person(community)
    editor = at_the_desk(a_member(community, "editor"), monkeypatch)
    editor.post(f"/admin/people-records/edit/{person.pk}/", person_form(sealed=["real_name"]))
    person.refresh_from_db()
    assert person.sealed == []
    steward = at_the_desk(a_member(community, "steward"), monkeypatch)
    answer = steward.post(f"/admin/people-records/edit/{person.pk}/", {"sealed": ["real_name"], "name-0-text": "Other"})
    person.refresh_from_db()
    assert answer.status_code == 302 and person.sealed == ["real_name"] and "Other" not in str(person.name)


def test_a_sealed_place_keeps_its_coordinates_when_an_editor_saves_it(site, monkeypatch):
    community = a_community()
    place = a_place("Kertavan", community=community, latitude=40.5, longitude=44.5, sealed=["exact_place"])
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    address = f"/admin/places/edit/{place.pk}/"
    assert "44.5" not in client.get(address).content.decode()
    sent = {"name-0-language": "hy", "name-0-text": "Կերտավան", "note-0-text": "", "precision": "1km"}
    assert client.post(address, {**sent, "parent": place.public_id}).status_code == 200
    answer = client.post(address, sent)
    assert answer.status_code == 302, answer.content.decode()[-2500:]
    place.refresh_from_db()
    assert (place.latitude, place.precision) == (40.5, "1km")


def test_events_and_sources_say_what_is_wrong_with_them(site, monkeypatch):
    community = a_community()
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    event = {"community": community.pk, "name-0-language": "en", "name-0-text": "The march", "note-0-text": ""}
    event |= {"event_type": "deportation", "casualty_estimates": "about 300"}
    assert "lowest and a highest number" in client.post("/admin/events/new/", event).content.decode()
    event["casualty_estimates"] = "250 | 400 | parish lists | Report of the valley, 1922"
    assert client.post("/admin/events/new/", event).status_code == 302
    assert Event.objects.get().casualty_estimates[0]["high"] == 400
    source = {"community": community.pk, "csl": '{"title": "x"'}
    assert "This is not JSON" in client.post("/admin/sources/new/", source).content.decode()
    source["csl"] = '[{"type": "book", "title": "Ձայներ"}]'
    assert client.post("/admin/sources/new/", source).status_code == 302
    assert Source.objects.get().title() == "Ձայներ"


def test_people_places_and_the_index_are_added_to_a_work(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    person, place = a_person(community, "Anahit"), a_place("Kertavan")
    anchor = work.tracks.first().cues[0]["id"]
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    address = f"/admin/testimonies/{work.pk}/links/"
    client.post(address, {"add": "contribution", "contribution-role": "narrator", "contribution-person": "anahit"})
    assert Contribution.objects.get().person == person
    wrong = client.post(address, {"add": "link", "link-target": "Kertavan", "link-anchors": "p-nowhere1"})
    assert "is no passage of this work" in wrong.content.decode()
    client.post(
        address,
        {"add": "link", "link-target": place.public_id, "link-relation": "mentioned", "link-anchors": anchor},
    )
    assert EntityLink.objects.get().anchors == [anchor]
    client.post(
        address,
        {"add": "segment", "segment-title-0-language": "hy", "segment-title-0-text": "Գետը", "segment-anchor": anchor},
    )
    assert IndexSegment.objects.get().title["values"]["hy"]["text"] == "Գետը"
    client.post(address, {"remove": f"link:{EntityLink.objects.get().pk}"})
    work.refresh_from_db()
    assert not EntityLink.objects.exists() and work.current_revision == 5


def test_several_works_are_published_at_once_and_the_refused_are_named(site, monkeypatch):
    community = a_community()
    ready, closed = a_testimony(community), a_testimony(community, title=language_map("Closed one", "en"))
    foreign = a_testimony(title=language_map("Canarytitle", "en"))
    for work in (ready, closed, foreign):
        consent(work)
    client = at_the_desk(a_member(community, "publisher"), monkeypatch)
    client.post("/admin/testimonies/act/", {"action": "pass", "work": [ready.pk]})
    with committed():
        answer = client.post(
            "/admin/testimonies/act/", {"action": "publish", "work": [ready.pk, closed.pk, foreign.pk]}
        )
    page = answer.content.decode()
    assert "Done with 1 work." in page and "Closed one" in page and "Nobody has reviewed the text yet." in page
    assert "Canarytitle" not in page
    assert set(Publication.objects.filter(kind="testimony").values_list("public_id", flat=True)) == {ready.public_id}
    with committed():
        client.post("/admin/testimonies/act/", {"action": "hide", "work": [ready.pk]})
    assert not Publication.objects.filter(kind="testimony").exists()


def test_places_of_the_platform_are_described_by_any_editor(site, monkeypatch):
    place = a_place("Kertavan")
    client = at_the_desk(a_member(a_community(), "editor"), monkeypatch)
    assert client.get(f"/admin/places/edit/{place.pk}/").status_code == 200
    assert Place.objects.count() == 1


def test_no_form_of_a_record_shows_a_language_map_as_json():
    from archive.desk import authorities, works  # noqa: F401 - the forms must be there to be walked
    from archive.desk.forms import RecordForm
    from archive.desk.language_map import LanguageMapField

    forms, waiting = [], [RecordForm]
    while waiting:
        found = waiting.pop().__subclasses__()
        waiting += found
        forms += [form for form in found if form._meta.model is not None]
    assert {form._meta.model for form in forms} >= {Clip, Collection, Testimony, Person}
    for form in forms:
        for name in set(form.language_maps) & set(form.base_fields):
            assert isinstance(form.base_fields[name], LanguageMapField), (form, name)


def test_a_steward_reads_words_where_she_changes_nothing(site, monkeypatch):
    community = a_community()
    person = a_person(community, "Անահիտ")
    ExternalId.objects.create(record=person, uri="https://example.org/anahit", owner=community.slug)
    work = a_testimony(community, abstract={}, sensitivity=["sacred"])
    client = at_the_desk(a_member(community, "steward"), monkeypatch)
    page = client.get(f"/admin/people-records/edit/{person.pk}/").content.decode()
    page += client.get(f"/admin/testimonies/edit/{work.pk}/").content.decode()
    for words in (
        "https://example.org/anahit",
        str(work.collection),
        "Armenian</dd>",
        "The river (English)",
        str(Sensitivity.SACRED.label),
        '<dd dir="auto">yes</dd>',
    ):
        assert words in page, words
    for raw in ("archive.ExternalId", '<dd dir="auto">{}', ">True<", f'<dd dir="auto">{work.collection_id}</dd>'):
        assert raw not in page, raw


def test_the_place_of_a_sealed_name_in_a_list_tells_nothing_of_it(site, monkeypatch):
    community = a_community()
    sealed = a_person(community, "Anahit", sealed=["real_name"])
    a_person(community, "Mariam")
    order = {}
    for role in ("editor", "steward"):
        page = at_the_desk(a_member(community, role), monkeypatch).get("/admin/people-records/").content.decode()
        shown = f"sealed name ({sealed.public_id})" if role == "editor" else "Anahit"
        order[role] = page.index(shown) < page.index("Mariam")
    assert order == {"editor": False, "steward": True}
