"""The thin line through everything: published, read side by side, found, withdrawn, gone."""

from __future__ import annotations

import pytest
from django.test import Client

from archive.actions.withdraw import WithdrawAction
from archive.models import Publication
from tests.archive.factories import (
    ARMENIAN,
    ENGLISH,
    a_community,
    a_person,
    a_place,
    a_testimony,
    a_user,
    committed,
    published,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(site):
    community = a_community("valley")
    return published(a_testimony(community, people=[a_person(community)], places=[a_place()]))


def test_a_published_testimony_is_read_side_by_side_at_its_address(work):
    page = Client().get(f"/en/testimonies/{work.public_id}/")
    assert page.status_code == 200
    html = page.content.decode()
    assert ARMENIAN in html and ENGLISH in html
    assert 'lang="hy"' in html


def test_one_search_finds_it_and_opens_at_the_paragraph(work):
    answer = Client().get("/api/v1/search", {"q": "river"}).json()
    assert [r["id"] for r in answer["results"] if r["type"] == "testimony"] == [work.public_id]
    hits = [hit for r in answer["results"] for hit in r["hits"]]
    assert any(hit["anchor"].endswith("bbb1") and "<mark>river</mark>" in hit["text_html"] for hit in hits)
    page = Client().get("/en/search/", {"q": "գետը"}).content.decode()
    assert f"/en/testimonies/{work.public_id}/#p-" in page


def test_nobody_who_did_not_sign_in_is_told_how_long_a_search_took(work):
    """Looking past rows that a stranger may not see takes time: the figure would tell her which words they hold."""
    stranger, reader = Client(), Client()
    reader.force_login(a_user())
    asked = {"q": "river"}
    assert "took_ms" not in stranger.get("/api/v1/search", asked).json()
    assert reader.get("/api/v1/search", asked).json()["took_ms"] >= 0
    for address in ("/api/v1/search", "/en/search/"):
        answer = stranger.get(address, asked)
        assert "took_ms" not in answer.content.decode()
        assert not {"Server-Timing", "X-Runtime"} & set(answer.headers)


def test_what_was_withdrawn_is_gone_with_the_next_request(work):
    client = Client()
    assert client.get(f"/en/testimonies/{work.public_id}/").status_code == 200
    with committed():
        WithdrawAction(None, work, reason="narrator-request").execute()
    gone = client.get(f"/en/testimonies/{work.public_id}/")
    assert gone.status_code == 410
    assert ENGLISH not in gone.content.decode() and "river" not in gone.content.decode()
    assert client.get("/api/v1/search", {"q": "river"}).json()["total"] == 0
    assert not Publication.objects.exists(), (
        "the places and persons it named must go with the last work that named them"
    )


def test_an_unpublished_testimony_is_the_same_404_as_nothing(site):
    draft = a_testimony()
    client = Client()
    hidden = client.get(f"/en/testimonies/{draft.public_id}/")
    nothing = client.get("/en/testimonies/zzzzzzzzzz/")
    assert hidden.status_code == nothing.status_code == 404
    assert hidden.content == nothing.content
    assert dict(hidden.headers) == dict(nothing.headers)
