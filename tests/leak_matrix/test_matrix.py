"""The leak matrix: every public address × every state × every actor; no canary where it must not be.

A cell passes when no canary of the work is in the answer and its status is that of a random id; where the
actor may read the work, its page must hold the canaries, so an empty answer never passes.
"""

from __future__ import annotations

import logging
from functools import cache

import pytest

from accounts.models import User
from archive import class_links, review_links
from archive.desk import lists, permissions, views
from archive.policy import ANONYMOUS, viewer_of
from archive.public import reading
from archive.public.kinds import public_kind
from tests.leak_matrix import desk, surfaces
from tests.leak_matrix.canaries import body_of, found_in
from tests.leak_matrix.garden import every_state, whole_garden
from tests.leak_matrix.order import order_leaks
from tests.leak_matrix.planting import EVERYBODY, Garden, plant_business
from tests.leak_matrix.walk import NOTHING, desk_leaks, forbidden_to, leaks, side_channel_leaks

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("leak-matrix")]
#: As many cells as there were when this was last written: a walk that forgets a surface looks at fewer.
CELLS = {"public": 4380, "desk": 2100}
ALL_CELLS = {"public": 11000, "desk": 2340}


@pytest.fixture
def garden(site) -> Garden:
    return every_state()


def test_every_kind_of_record_is_planted_and_walked():
    assert surfaces.kinds_not_walked() == []


def test_no_canary_where_it_must_not_be(site, monkeypatch, caplog):
    _walk(whole_garden(), CELLS, monkeypatch, caplog)


@pytest.mark.slow
def test_no_canary_whoever_goes_to_whatever_address(site, monkeypatch, caplog):
    """The full product: every actor at every address of every work, nobody and nothing in turn."""
    garden = whole_garden()
    for planted in garden.planted:
        planted.walkers = EVERYBODY
    garden.in_turn = ()
    _walk(garden, ALL_CELLS, monkeypatch, caplog)


def _walk(garden: Garden, cells: dict[str, int], monkeypatch, caplog) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)
    # Nobody's standing changes on the way: it is read once for each actor, not for each of thousands of addresses.
    stands = cache(lambda pk: viewer_of(User.objects.get(pk=pk)))
    for module in (reading, permissions, views, lists, class_links, review_links):
        monkeypatch.setattr(
            module, "viewer_of", lambda user, now=None: stands(user.pk) if user.is_authenticated else ANONYMOUS
        )
    plant_business(garden)
    in_public = leaks(garden)
    assert in_public == []
    assert order_leaks(garden) == []
    at_the_desk = desk_leaks(garden)
    assert at_the_desk == []
    _write_as_readers_do(garden)
    assert side_channel_leaks(garden, caplog.text) == []
    looked_at = {"public": in_public.looked_at, "desk": at_the_desk.looked_at}
    assert all(looked_at[where] >= number for where, number in cells.items()), looked_at


def _write_as_readers_do(garden: Garden) -> None:
    """Reports and requests about every work, by everybody: each sends mail, asks jobs and counts in a cache."""
    for actor, client in garden.clients.items():
        for planted in (one for one in garden.planted if actor in one.walkers and not one.case):
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
    for planted in garden.planted:
        segment = public_kind(planted.work.kind).segment
        nothing = client.get(f"/en/{segment}/{NOTHING}/")
        if planted.state in (
            "embargoed",
            "draft",
            "expired",
            "hidden",
            "community",
            "registered",
            "educators",
            "withdrawn-inside",
        ):
            answer = client.get(f"/en/{segment}/{planted.work.public_id}/")
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
        assert types.get("testimony", 0) + types.get("document", 0) == len(visible), actor
