"""Lists, letters and the API sort by what is shown: a name or a title that is hidden moves nothing."""

from __future__ import annotations

import pytest
from django.test import Client

from archive import companions, gate, publications
from archive.models import Person, Publication
from archive.models.record import sort_key
from archive.values.language_map import language_map
from tests.archive.factories import a_collection, a_community, a_person, a_testimony, consent, published
from tests.archive.what_is_public import made_anew

pytestmark = pytest.mark.django_db


def two_people_under_pseudonyms():
    """In the order of what is shown, which is not that of their real names."""
    community = a_community()
    people = [
        a_person(
            community,
            real,
            name_policy=Person.NamePolicy.PSEUDONYM,
            public_name=language_map(shown, "en"),
        )
        for real, shown in (("Zarouhi Quill", "Anna"), ("Adrine Brook", "Mariam"))
    ]
    published(a_testimony(community, people=people))
    return people


def orders_of_people() -> list[list[str]]:
    client = Client()
    page = client.get("/en/people/").content.decode()
    listed = [one["title"]["values"]["en"]["text"] for one in client.get("/api/v1/people/").json()["results"]]
    rows = [row.payload["name"]["values"]["en"]["text"] for row in publications.listing(kind="person")]
    return [sorted(("Anna", "Mariam"), key=page.index), listed, rows]


def test_people_stand_in_the_order_of_the_names_that_are_shown(site):
    two_people_under_pseudonyms()
    assert orders_of_people() == [["Anna", "Mariam"]] * 3


def test_a_letter_finds_the_name_that_is_shown_and_not_the_real_one(site):
    two_people_under_pseudonyms()
    client = Client()
    assert client.get("/en/people/?letter=Z").status_code == 404
    found = client.get("/en/people/?letter=A").content.decode()
    assert "Anna" in found and "Mariam" not in found


def test_sorting_by_the_record_again_is_noticed(site, monkeypatch):
    real = {"Anna": "zarouhi quill", "Mariam": "adrine brook"}
    monkeypatch.setattr(companions, "sort_key", lambda text: real.get(text, sort_key(text)))
    two_people_under_pseudonyms()
    assert orders_of_people() != [["Anna", "Mariam"]] * 3
    assert Client().get("/en/people/?letter=Z").status_code == 200


def test_a_draft_title_moves_nothing(site, monkeypatch):
    work = published(a_testimony(title=language_map("Alder", "en")))
    work.title = language_map("Zinnia", "en")
    work.save()
    consent(work)
    made_anew(work)
    assert Publication.objects.get(public_id=work.public_id).sort_key == "alder"
    monkeypatch.setattr(gate, "sort_key", lambda _text: work.sort_key)
    consent(work)
    made_anew(work)
    assert Publication.objects.get(public_id=work.public_id).sort_key == "zinnia", "the record's key must differ"


def test_a_machine_made_title_that_nobody_has_read_sorts_no_collection(site):
    community = a_community()
    title = language_map("Willow", "en")
    title["values"]["hy"] = {"text": "Ա", "origin": "machine", "reviewed": False}
    collection = a_collection(community, title={**title, "original": "hy"})
    published(a_testimony(community, collection=collection))
    assert collection.sort_key == sort_key("Ա")
    assert Publication.objects.get(public_id=collection.public_id).sort_key == "willow"
