"""Public lists at the size of a real archive."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from archive.models import Publication
from archive.values.language_map import language_map
from tests.archive.factories import a_collection, a_community, a_testimony, published

pytestmark = pytest.mark.django_db


def people(names: list[str]) -> None:
    """Public pages of people, as the gate would leave them."""
    now = timezone.now()
    for number, name in enumerate(names):
        Publication.objects.create(
            public_id=f"{number:010d}",
            kind="person",
            audience="public",
            serves_public=True,
            payload={"kind": "person", "id": f"{number:010d}", "name": language_map(name, "en")},
            title=language_map(name, "en"),
            sort_key=name.casefold(),
            first_published_at=now,
            published_at=now,
        )


def test_a_long_list_can_be_entered_by_letter_in_every_script(site):
    people([f"Anna {n}" for n in range(60)] + ["Բագրատ", "בער", "[Josef]"])
    page = Client().get("/en/people/").content.decode()
    letters = re.findall(r'href="([^"]*letter=[^"]*)"[^>]*>([^<]*)<', page)
    assert [letter for _url, letter in letters] == ["A", "Բ", "ב"]
    chosen = Client().get("/en/people/", {"letter": "Բ"}).content.decode()
    assert "Բագրատ" in chosen and "Anna" not in chosen
    second = Client().get("/en/people/", {"letter": "A", "page": "2"})
    assert second.status_code == 200 and "Բագրատ" not in second.content.decode()


@pytest.mark.parametrize("letter", ["Z", "[", "an", "\x00", "%"])
def test_a_letter_that_begins_nothing_is_a_404(site, letter):
    people([f"Anna {n}" for n in range(60)])
    assert Client().get("/en/people/", {"letter": letter}).status_code == 404


def test_a_short_list_has_no_letters(site):
    people(["Anna", "Berta"])
    assert "letter=" not in Client().get("/en/people/").content.decode()


def test_lists_name_a_community_in_the_readers_language(site):
    community = a_community()
    community.name = language_map("Keepers", "en", fr="Gardiens")
    community.save()
    collection = a_collection(community, title=language_map("Voices", "en"))
    published(a_testimony(community, collection=collection))
    assert "Gardiens" in (page := Client().get("/fr/testimonies/").content.decode())
    assert "Keepers" not in page and "&#x27;values&#x27;" not in page
    # On its collection's page every line would say the same.
    held = Client().get(f"/fr/collections/{collection.public_id}/").content.decode()
    assert held.count("Gardiens") == 1
