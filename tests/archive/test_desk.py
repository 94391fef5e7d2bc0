"""The desk: a community works on its own records and sees nobody else's."""

from __future__ import annotations

import pytest
from django.test import Client

from archive.models import Testimony
from archive.values.language_map import language_map
from tests.archive.factories import a_collection, a_community, a_member, a_testimony, a_user

pytestmark = pytest.mark.django_db


def at_the_desk(user, monkeypatch):
    """A client whose session counts as verified by a second factor."""
    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)
    client = Client()
    client.force_login(user)
    return client


def test_an_editor_lists_and_edits_her_communitys_testimonies(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, title=language_map("Գետը", "hy", en="The river"))
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    page = client.get("/admin/testimonies/")
    assert page.status_code == 200
    assert "Գետը" in page.content.decode()
    form = client.get(f"/admin/testimonies/edit/{work.pk}/")
    assert form.status_code == 200 and "The river" in form.content.decode()


def test_another_community_sees_neither_list_nor_record_nor_choice(site, monkeypatch):
    work = a_testimony(title=language_map("Canarytitle", "en"))
    client = at_the_desk(a_member(a_community(), "editor", "steward", "publisher"), monkeypatch)
    assert "Canarytitle" not in client.get("/admin/testimonies/").content.decode()
    assert client.get(f"/admin/testimonies/edit/{work.pk}/").status_code == 404
    assert "Canarytitle" not in client.get("/admin/testimony-chooser/").content.decode()
    assert client.get(f"/admin/testimony-chooser/chosen/{work.pk}/").status_code == 404


def test_a_superuser_without_membership_sees_none_of_it(site, monkeypatch):
    work = a_testimony(title=language_map("Canarytitle", "en"))
    client = at_the_desk(a_user(is_superuser=True), monkeypatch)
    assert "Canarytitle" not in client.get("/admin/testimonies/").content.decode()
    assert client.get(f"/admin/testimonies/edit/{work.pk}/").status_code == 404


def test_saving_makes_a_revision_and_bad_input_is_said_beside_the_field(site, monkeypatch):
    community = a_community()
    collection = a_collection(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    sent = {
        "community": community.pk,
        "collection": collection.pk,
        "title-0-language": "hy",
        "title-0-text": "Գետը",
        "title-original": "hy",
        "original_language": "hy",
        "date": "the spring of 1915",
        "minimum_age": "0",
    }
    answer = client.post("/admin/testimonies/new/", sent)
    assert answer.status_code == 200
    assert "is no date that the archive can read" in answer.content.decode() and "Գետը" in answer.content.decode()
    answer = client.post("/admin/testimonies/new/", {**sent, "date": "1915-04"})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    work = Testimony.objects.get()
    assert work.current_revision == 1 and work.title["values"]["hy"]["text"] == "Գետը"
