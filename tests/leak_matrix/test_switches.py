"""Each guard has a switch: with the guard off, the matrix goes red for the very thing that the guard holds back."""

from __future__ import annotations

from typing import Any

import pytest

from archive import publications
from archive.vault import ledger
from jobs.models import Job
from tests.leak_matrix.garden import garden_of
from tests.leak_matrix.planting import plant_business
from tests.leak_matrix.walk import desk_leaks, leaks, side_channel_leaks

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("leak-matrix")]


def test_it_goes_red_when_reading_ignores_the_stand(site, monkeypatch):
    garden = garden_of("educators")
    monkeypatch.setattr(publications, "stand_for", lambda *args, **kwargs: "community")
    assert any("canaryeducators" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_lists_ignore_the_viewer(site, monkeypatch):
    garden = garden_of("community")
    from django.db.models import Q

    monkeypatch.setattr(publications, "published_to", lambda viewer, now: Q())
    assert any("canarycommunity" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_search_ignores_the_reach(site, monkeypatch):
    garden = garden_of("community")
    from archive.public import api, search_page
    from search.documents import Reach

    everything = Reach(default="community", by_group={}, by_work={})
    for module in (api, search_page):
        monkeypatch.setattr(module, "reach_of", lambda viewer: everything)
    assert any("search" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_a_redaction_is_not_applied(site, monkeypatch):
    from archive.projection import works

    monkeypatch.setattr(works, "redact", lambda tracks, spans: list(tracks))
    garden = garden_of("public")
    assert any("redacted" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_a_seal_is_ignored(site, monkeypatch):
    from archive.projection import authorities

    monkeypatch.setattr(authorities, "public_name", lambda record: record.name)
    garden = garden_of("sealed")
    assert any("sealedname" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_a_page_from_memory_is_believed(site, monkeypatch):
    from archive.public import page_cache

    monkeypatch.setattr(page_cache, "is_current", lambda publication, version: True)
    assert any("canarywithdrawn" in line for line in leaks(garden_of("withdrawn"), ["anonymous"]))


def test_it_goes_red_when_a_file_is_handed_to_whoever_knows_its_address(site, monkeypatch):
    from archive.models.publication import PublishedFile

    def unchecked(public_id: str, file_id: str, viewer: Any) -> Any:
        return PublishedFile.objects.filter(uuid=file_id).first()

    monkeypatch.setattr(publications, "published_file", unchecked)
    assert any("media-access" in line for line in leaks(garden_of("educators"), ["anonymous"]))


def test_it_goes_red_when_the_desk_forgets_whose_a_record_is(site, monkeypatch):
    from archive.desk import views

    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)
    monkeypatch.setattr(views, "visible", lambda queryset, viewer: queryset)
    garden = garden_of("draft")
    plant_business(garden)
    assert any("canarydraft" in line for line in desk_leaks(garden, actors=["other"]))


# --- Where nobody looks -------------------------------------------------------------------------------------


def test_it_goes_red_when_a_ledger_a_job_or_a_log_keeps_a_word(site, settings, tmp_path):
    settings.CAIRN_DATA = tmp_path
    garden = garden_of("draft")
    word = min(garden.planted[0].words)
    assert side_channel_leaks(garden, "") == []
    ledger.append({"public_id": word})
    Job.objects.create(kind="import", queue="light", scope="", input={"title": word})
    found = "\n".join(side_channel_leaks(garden, f"a line about {word}"))
    for place in ("the file ledger/", "the table jobs_job", "a log"):
        assert place in found, place
