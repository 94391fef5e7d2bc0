"""The leak matrix: every public address × every state × every actor; no canary where it must not be.

A cell passes when no canary of the work is in the answer and its status is that of a random id; where the
actor may read the work, its page must hold the canaries, so an empty answer never passes.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from wagtail.models import ModelLogEntry, PageLogEntry

from archive import publications
from archive.models.custody import AuditEvent
from jobs.models import Job, JobLogLine
from search.models import OutboxEntry
from tests.archive.factories import a_community
from tests.leak_matrix import desk, surfaces
from tests.leak_matrix.canaries import found_in
from tests.leak_matrix.planting import EVERYBODY, STATES, Garden, Planted, actors, plant, plant_business

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("leak-matrix")]
NOTHING = "zzzzzzzzzz"
#: Who tries every address of a record in the admin: all roles of another community, and the platform's operator.
AT_THE_DESK = frozenset({"other", "operator"})
#: In which states: how far a work is open to readers changes nothing at the desk, whether it is published may.
AT_THE_DESK_STATES = frozenset({"public", "sealed", "community", "draft", "withdrawn"})


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


def words_of(planted: Planted) -> set[str]:
    return planted.words | planted.never | planted.stub_words


def forbidden_to(actor: str, garden: Garden) -> set[str]:
    """Every word that nothing at all may show to this actor."""
    return set().union(
        garden.business,
        *(words_of(p) - (p.words | p.stub_words if actor in p.readers else p.stub_words) for p in garden.planted),
    )


def leaks(garden: Garden, actors: Collection[str] = EVERYBODY) -> list[str]:
    """Every public cell that is wrong, in words."""
    wrong = []
    kept: dict[str, str] = {}
    # Whoever may read comes first: what her answers leave in memory must serve nobody else.
    for actor in sorted(actors, key=lambda name: (name != "same", name)):
        client = garden.clients[actor]
        nothing = {
            (name, template): client.get(path).status_code
            for name, template, path in surfaces.object_paths(garden.planted[0], NOTHING)
        }
        no_companion = {
            (what, template): client.get(path).status_code
            for what, template, path in surfaces.companion_paths(garden.planted[0], NOTHING)
        }
        for planted in garden.planted:
            wrong += _object_leaks(actor, client, planted, nothing, kept)
            path = f"/media-access/{planted.work.public_id}/{planted.withheld_file_id}/"
            if (status := client.get(path).status_code) == 200:
                wrong.append(
                    f"{actor} gets {status} for the recording of {planted.state} in which hidden words are said"
                )
            if actor not in planted.readers and planted.state != "withdrawn":
                for what, template, path in surfaces.companion_paths(planted):
                    response = client.get(path)
                    if found := found_in(body_of(response), words_of(planted)):
                        wrong.append(f"{actor} sees {found} at the {what} of {planted.state} ({path})")
                    # What is asked for on request is named in its stub; a collection is no secret there.
                    if planted.state != "request" and response.status_code != no_companion[what, template]:
                        wrong.append(f"{actor} gets {response.status_code} for the {what} of {planted.state} ({path})")
        forbidden = forbidden_to(actor, garden)
        for name, paths in surfaces.LIST_SURFACES.items():
            for path in paths:
                for canary in found_in(body_of(client.get(path)), forbidden):
                    wrong.append(f"{actor} sees {canary} at {name} ({path})")
    return wrong


def _object_leaks(
    actor: str, client: Any, planted: Planted, nothing: dict[tuple[str, str], int], kept: dict[str, str]
) -> list[str]:
    """The addresses of one work for one actor; ``kept`` gathers by path the ETag that a reader was given."""
    wrong = []
    readable = actor in planted.readers
    stub = planted.state == "request" and not readable
    # The address was ours to begin with; its id is no secret of the answer.
    forbidden = words_of(planted) - (planted.words if readable else set())
    forbidden -= planted.stub_words if readable or stub else set()
    for name, template, path in surfaces.object_paths(planted, planted.work.public_id):
        response = client.get(path)
        for canary in found_in(body_of(response), forbidden):
            wrong.append(f"{actor} sees {canary} at {name} ({path})")
        expected = nothing[name, template]
        if planted.state == "withdrawn" and expected == 404 and name != "beside":
            expected = 410
        if readable:
            if etag := response.headers.get("ETag"):
                kept[path] = etag
            if name == "public:page" and path.startswith("/en/"):
                missing = planted.words - found_in(body_of(response), planted.words) - NOT_ON_THE_PAGE(planted)
                wrong += [f"{actor} may read {planted.state} and does not see {m}" for m in sorted(missing)]
            continue
        if stub and name in STUB_SURFACES:
            continue
        if response.status_code != expected:
            wrong.append(f"{actor} gets {response.status_code} instead of {expected} at {name} ({path})")
        # Neither what a reader was given before nor a part of a file may be asked after.
        more: dict[str, dict[str, str]] = {}
        if path in kept:
            more["what was kept"] = {"HTTP_IF_NONE_MATCH": kept[path]}
        if name == "media-access":
            more["a range"] = {"HTTP_RANGE": "bytes=0-3"}
        for what, headers in more.items():
            status = client.head(path, **headers).status_code
            if status != expected:
                wrong.append(f"{actor} gets {status} instead of {expected} for {what} at {name} ({path})")
    return wrong


def desk_leaks(garden: Garden, actors: Collection[str] = EVERYBODY - {"same"}) -> list[str]:
    """Every cell of the admin that is wrong for whoever is no member of the community."""
    wrong = []
    for actor in actors:
        client = garden.clients[actor]
        forbidden = forbidden_to(actor, garden)
        for path in (*desk.list_paths(), *desk.business_paths(garden)):
            _status, body = desk.get(client, path)
            wrong += [f"{actor} sees {canary} at {path}" for canary in found_in(body, forbidden)]
        if actor not in AT_THE_DESK:
            continue
        nothing = [desk.get(client, path)[0] for path in desk.object_paths(garden.planted[0], nobody=True)]
        for planted in [p for p in garden.planted if p.state in AT_THE_DESK_STATES]:
            for path, expected in zip(desk.object_paths(planted), nothing, strict=True):
                status, body = desk.get(client, path)
                wrong += [f"{actor} sees {canary} at {path}" for canary in found_in(body, forbidden)]
                # Places belong to all communities once a publication names them.
                if "place" not in path and status != expected:
                    wrong.append(f"{actor} gets {status} instead of {expected} at {path} ({planted.state})")
    return sorted(wrong)


def side_channel_leaks(garden: Garden, log: str) -> list[str]:
    """What planting and walking left behind where nobody looks: logs, jobs, mail, caches, names of files."""
    every = set().union(garden.business, *(words_of(p) for p in garden.planted))
    ours = {garden.job.pk} if garden.job else set()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {settings.CACHES['default']['LOCATION']}")
        cached = repr(cursor.fetchall())
    places = {
        "a log": log,
        "a job": repr(list(Job.objects.exclude(pk__in=ours).values())),
        "a job's log": repr(list(JobLogLine.objects.exclude(job__in=ours).values())),
        "mail": repr([(m.subject, m.body, m.to) for m in mail.outbox]),
        "the cache": cached,
        "Wagtail's log": repr([*ModelLogEntry.objects.values(), *PageLogEntry.objects.values()]),
        "the audit trail": repr(list(AuditEvent.objects.values())),
        "the outbox": repr(list(OutboxEntry.objects.values())),
        "a name of a file": "\n".join(str(path) for path in Path(settings.CAIRN_DATA).rglob("*")),
    }
    return [f"{place} holds {word}" for place, text in places.items() for word in found_in(text.encode(), every)]


#: What a stub may answer besides 404: that it exists and how to ask.
STUB_SURFACES = {"public:page", "permanent", "public:request-access", "api-1:detail"}


def NOT_ON_THE_PAGE(planted) -> set[str]:
    """Words that are no text of the page: what only a file holds."""
    return {word for word in planted.words if "media" in word}


def test_no_canary_where_it_must_not_be(garden, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)
    plant_business(garden)
    assert leaks(garden) == []
    assert desk_leaks(garden) == []
    _write_as_readers_do(garden)
    assert side_channel_leaks(garden, caplog.text) == []


def _write_as_readers_do(garden: Garden) -> None:
    """Reports and requests about every work, by everybody: each sends mail, asks jobs and counts in a cache."""
    for actor, client in garden.clients.items():
        for planted in garden.planted:
            public_id = planted.work.public_id
            sent = {"kind": "mistake", "message": "A name is misspelt.", "public_id": public_id, "purpose": "A thesis."}
            for path in (f"/en/report/?id={public_id}", f"/en/request/{public_id}/"):
                body = body_of(client.post(path, sent))
                assert not found_in(body, forbidden_to(actor, garden)), f"{actor} after writing at {path}"


def test_every_address_is_named():
    assert surfaces.unnamed() == []
    assert desk.unnamed_at_the_desk() == []


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


def test_it_goes_red_when_a_redaction_stops_at_the_text(site, monkeypatch):
    from archive.projection import beside

    monkeypatch.setattr(beside, "withheld_by", lambda *args: [])
    monkeypatch.setattr(beside.Mentions, "of", lambda self, target, anchors, *names: list(anchors))
    found = leaks(garden_of("public"), ["anonymous"])
    for what in ("hiddenperson", "hiddensegment"):
        assert any(what in line for line in found), what


def test_it_goes_red_when_the_recording_keeps_what_the_text_hides(site, monkeypatch):
    from archive.projection import media

    monkeypatch.setattr(media, "media_withheld_by", lambda *args: [])
    assert any("recording" in line for line in leaks(garden_of("public"), ["anonymous"]))


def test_it_goes_red_when_only_groups_join_a_translation(site, monkeypatch):
    from archive.projection import reach

    monkeypatch.setattr(reach, "_group", lambda cue: cue.get("group") or object())
    assert any("hiddenwords" in line for line in leaks(garden_of("public"), ["anonymous"]))


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
