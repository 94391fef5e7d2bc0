"""The leak matrix: every public address × every state × every actor; no canary where it must not be.

A cell passes when no canary of the work is in the answer and its status is that of a random id; where the
actor may read the work, its page must hold the canaries, so an empty answer never passes.
"""

from __future__ import annotations

import pytest

from archive import publications
from tests.archive.factories import a_community
from tests.leak_matrix import surfaces
from tests.leak_matrix.canaries import found_in
from tests.leak_matrix.planting import STATES, Garden, actors, plant

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("leak-matrix")]
NOTHING = "zzzzzzzzzz"


def garden_of(*states: str) -> Garden:
    community = a_community("valley")
    return Garden([plant(state, community) for state in states], actors(community), community)


@pytest.fixture
def garden(site) -> Garden:
    return garden_of(*STATES)


def body_of(response) -> bytes:
    content = b"".join(response.streaming_content) if response.streaming else response.content
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return content + headers.encode()


def leaks(garden: Garden) -> list[str]:
    """Every cell that is wrong, in words."""
    wrong = []
    all_words = {p.state: p.words | p.never | p.stub_words for p in garden.planted}
    for actor, client in garden.clients.items():
        nothing = {
            name: client.get(path).status_code for name, path in surfaces.object_paths(garden.planted[0], NOTHING)
        }
        for planted in garden.planted:
            readable = actor in planted.readers
            allowed = planted.words | planted.stub_words if readable else set()
            stub = planted.state == "request" and not readable
            for name, path in surfaces.object_paths(planted, planted.work.public_id):
                response = client.get(path)
                body = body_of(response)
                # The address was ours to begin with; its id is no secret of the answer.
                for canary in found_in(
                    body, all_words[planted.state] - allowed - (planted.stub_words if stub else set())
                ):
                    wrong.append(f"{actor} sees {canary} at {name} ({path})")
                expected = nothing[name]
                if planted.state == "withdrawn" and expected == 404:
                    expected = 410
                if not readable and not (stub and name in STUB_SURFACES) and response.status_code != expected:
                    wrong.append(f"{actor} gets {response.status_code} instead of {expected} at {name} ({path})")
                if readable and name == "public:page" and path.startswith("/en/"):
                    missing = planted.words - found_in(body, planted.words) - NOT_ON_THE_PAGE(planted)
                    wrong += [f"{actor} may read {planted.state} and does not see {m}" for m in sorted(missing)]
        forbidden = set().union(
            *(
                all_words[p.state] - (p.words | p.stub_words if actor in p.readers else p.stub_words)
                for p in garden.planted
            )
        )
        for name, paths in surfaces.LIST_SURFACES.items():
            for path in paths:
                for canary in found_in(body_of(client.get(path)), forbidden):
                    wrong.append(f"{actor} sees {canary} at {name} ({path})")
    return wrong


#: What a stub may answer besides 404: that it exists and how to ask.
STUB_SURFACES = {"public:page", "permanent", "public:request-access", "api-1:detail"}


def NOT_ON_THE_PAGE(planted) -> set[str]:
    """Words that are no text of the page: what only a file holds."""
    return {word for word in planted.words if "media" in word}


def test_no_canary_where_it_must_not_be(garden):
    assert leaks(garden) == []


def test_every_address_is_named():
    assert surfaces.unnamed() == []


def test_the_same_404_for_everything_that_is_not_there(garden):
    """Status, headers and length: hidden, foreign, embargoed, draft, expired and unknown are one answer."""
    client = garden.clients["anonymous"]
    nothing = client.get(f"/en/testimonies/{NOTHING}/")
    for planted in garden.planted:
        if planted.state in ("embargoed", "draft", "expired", "hidden", "community", "registered", "educators"):
            answer = client.get(f"/en/testimonies/{planted.work.public_id}/")
            assert answer.status_code == 404, planted.state
            assert answer.content == nothing.content, planted.state
            assert dict(answer.headers) == dict(nothing.headers), planted.state


def test_search_counts_agree_with_what_each_actor_may_see(garden):
    for actor, client in garden.clients.items():
        answer = client.get("/api/v1/search?q=river").json()
        visible = {p.work.public_id for p in garden.planted if actor in p.readers}
        found = {result["id"] for result in answer["results"]}
        assert found == visible, actor
        assert answer["total"] == len(visible), actor
        types = {value["value"]: value["count"] for value in answer["facets"]["type"]}
        assert types.get("testimony", 0) == len(visible), actor


# --- Each guard has a switch that turns the matrix red -------------------------------------------------


def test_it_goes_red_when_reading_ignores_the_stand(site, monkeypatch):
    garden = garden_of("educators")
    monkeypatch.setattr(publications, "stand_for", lambda *args, **kwargs: "community")
    assert any("canaryeducators" in line for line in leaks(garden))


def test_it_goes_red_when_lists_ignore_the_viewer(site, monkeypatch):
    garden = garden_of("community")
    from django.db.models import Q

    monkeypatch.setattr(publications, "published_to", lambda viewer, now: Q())
    assert any("canarycommunity" in line for line in leaks(garden))


def test_it_goes_red_when_search_ignores_the_reach(site, monkeypatch):
    garden = garden_of("community")
    from archive.public import api, search_page
    from search.documents import Reach

    everything = Reach(default="community", by_group={}, by_work={})
    for module in (api, search_page):
        monkeypatch.setattr(module, "reach_of", lambda viewer: everything)
    assert any("search" in line for line in leaks(garden))


def test_it_goes_red_when_a_redaction_is_not_applied(site, monkeypatch):
    from archive.projection import works

    monkeypatch.setattr(works, "redact", lambda tracks, spans: list(tracks))
    garden = garden_of("public")
    assert any("redacted" in line for line in leaks(garden))


def test_it_goes_red_when_a_seal_is_ignored(site, monkeypatch):
    from archive.projection import authorities

    monkeypatch.setattr(authorities, "public_name", lambda record: record.name)
    garden = garden_of("sealed")
    assert any("sealedname" in line for line in leaks(garden))
