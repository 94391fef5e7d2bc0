"""Rebuild and search from the terminal; checks that name their remedy."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from search import analysis, checks, engines, wiring
from tests.search.conftest import MEMBERS, Site, passage

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.fixture
def archive(site: Site) -> Site:
    site.publish(
        passage("w1", "Water from the mill \u202e and <b>bold</b>.", anchor="p-1"),
        passage("w2", "Woda z młyna", language="pl", type="document"),
        passage("w3", "water for members", stands=MEMBERS),
    )
    return site


def test_rebuild_and_verify(archive: Site) -> None:
    out = run("rebuild_search", "--verify")
    assert out.startswith("3 works, 3 passages in ")
    assert "agrees with the publications" in out
    assert engines.current().works() == {"w1", "w2", "w3"}


def test_a_difference_ends_with_exit_code_1(archive: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.service.verify", lambda: ["w9: published, but not in the index."])
    with pytest.raises(CommandError, match="1 points") as raised:
        run("rebuild_search", "--verify")
    assert raised.value.returncode == 1


def test_search_as_the_public_and_as_a_member(archive: Site) -> None:
    run("rebuild_search")
    public = run("search", "water")
    assert "1 works" in public
    assert "*Water* from the mill \\u202e and <b>bold</b>." in public
    assert "2 works" in run("search", "water", "--audience", "community")


def test_search_prints_the_answer_of_the_interface(archive: Site) -> None:
    run("rebuild_search")
    answer = json.loads(run("search", "mlyna", "--json"))
    assert [result["id"] for result in answer["results"]] == ["w2"]
    assert json.loads(run("search", "", "--type", "document", "--language", "pl", "--json"))["total"] == 1


def test_a_fresh_instance_answers_with_nothing(site: Site) -> None:
    assert "0 works" in run("search", "anything")


@pytest.mark.parametrize(("url", "code"), [("http://localhost:9200", "search.E001"), ("solr:", "search.E002")])
def test_an_engine_that_is_not_here_is_said(settings: Any, site: Site, url: str, code: str) -> None:
    settings.SEARCH_URL = url
    [message] = checks.engine_exists(None)
    assert message.id == code
    assert "fts5:" in str(message.hint)
    with pytest.raises(CommandError, match="fts5:"):
        run("search", "water")


def test_a_current_index_raises_no_check(archive: Site) -> None:
    run("rebuild_search")
    assert checks.engine_exists(None) == checks.index_is_current(None) == []


def test_an_index_of_another_analysis_asks_for_a_rebuild(archive: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    run("rebuild_search")
    monkeypatch.setattr(analysis, "VERSION", "newer")
    [message] = checks.index_is_current(None)
    assert message.id == "search.W002"
    assert "rebuild_search" in str(message.hint)


def test_an_unconnected_room_says_who_must_connect_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_connected", None)
    with pytest.raises(ImproperlyConfigured, match=r"search\.wiring\.connect"):
        wiring.wiring()
