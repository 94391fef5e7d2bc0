"""Public lists at the size of a real archive."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from archive.models import Publication
from archive.values.language_map import language_map
from tests.archive.factories import ALL_YES, a_collection, a_community, a_testimony, published

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


@pytest.fixture
def read(monkeypatch):
    """Which publications were read with their payload, as ``(public id, audience)``, and the statements that did it."""
    rows: set[tuple[str, str]] = set()
    statements: list[str] = []

    def from_db(db, names, values):
        row = build(db, names, values)
        if "payload" in names:
            rows.add((row.public_id, row.audience))
        return row

    def watch(execute, sql, params, many, context):
        if '"payload"' in sql and sql.startswith("SELECT"):
            statements.append(sql)
        return execute(sql, params, many, context)

    build = Publication.from_db
    monkeypatch.setattr(Publication, "from_db", from_db)
    with connection.execute_wrapper(watch):
        yield rows, statements


def surfaces(work):
    number = work.public_id
    return (
        f"/en/testimonies/{number}/",
        f"/en/documents/{number}/",
        f"/id/{number}",
        f"/api/v1/testimonies/{number}",
        f"/en/testimonies/{number}/download/json/",
        f"/en/testimonies/{number}/cite/ris/",
        f"/en/request/{number}/",
        f"/en/report/?id={number}",
        f"/media-access/{number}/{uuid4()}/",
        f"/captions/{number}/t1.vtt",
        "/en/testimonies/",
        "/api/v1/testimonies/",
        "/en/feeds/new.atom",
        "/sitemap-publications.xml",
    )


@pytest.mark.parametrize(
    ("scopes", "may_be_read"),
    [
        # On request: a stub for everybody, the text for those it was granted to and for the community.
        ({**ALL_YES, "public-web": "ask", "research": "ask", "classroom": "ask"}, {"public"}),
        # Nothing for everybody: every one of these ends in a 404.
        ({**ALL_YES, "public-web": "no", "research": "no"}, set()),
    ],
)
def test_no_text_is_read_that_this_reader_may_not_see(site, read, scopes, may_be_read):
    work = published(scopes=scopes)
    assert Publication.objects.filter(public_id=work.public_id, serves_public=False).exists()
    rows, statements = read
    rows.clear()
    statements.clear()
    client = Client()
    answers = {path: client.get(path).status_code for path in surfaces(work)}
    assert {audience for public_id, audience in rows if public_id == work.public_id} == may_be_read
    assert statements and all("serves_public" in sql.partition("WHERE")[2] for sql in statements)
    page = answers[f"/en/testimonies/{work.public_id}/"]
    assert page == (200 if may_be_read else 404)
