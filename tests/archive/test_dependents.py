"""Whoever keeps what rests on publications is told in the gate's transaction, and none can stop a withdrawal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from archive import dependents, uses
from archive.actions.base import ActionRefused
from archive.actions.erase import EraseAction
from archive.actions.publish import HideAction
from archive.actions.withdraw import WithdrawAction
from archive.gate import Gate
from archive.models import Publication, RecordState, Revision, Use
from archive.naming import rebuild_naming
from jobs.models import Job
from tests.archive.factories import a_community, a_member, a_place, a_testimony, committed, consent, published
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


class Lessons(dependents.Dependent):
    name = "lessons"

    def __init__(self) -> None:
        self.heard: list[tuple[str, list[str], str]] = []
        self.fails = ""

    def impact(self, public_ids: Sequence[str]) -> dict[str, int]:
        return {"lessons": 2 * len(public_ids)}

    def _hear(self, what: str, ids: Sequence[str], reason: str = "") -> None:
        # A row of its own: what fails is undone alone.
        Use.objects.create(public_id=ids[0], by_kind="lesson", by_id=what)
        if self.fails == what:
            raise RuntimeError("The room has a fault.")
        assert connection.in_atomic_block
        self.heard.append((what, list(ids), reason))

    def changed(self, public_ids: Sequence[str]) -> None:
        self._hear("changed", public_ids)

    def closed(self, public_ids: Sequence[str], reason: str) -> None:
        self._hear("closed", public_ids, reason)

    def erasing(self, record: Any) -> None:
        self._hear("erasing", [record.public_id])


@pytest.fixture
def lessons() -> Iterator[Lessons]:
    room = Lessons()
    dependents.register(room)
    yield room
    dependents.forget(room.name)


@pytest.fixture
def instance(tmp_path: Path, settings: Any) -> Path:
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    return tmp_path


def told(lessons: Lessons, what: str) -> list[tuple[list[str], str]]:
    return [(ids, reason) for heard, ids, reason in lessons.heard if heard == what]


def test_a_room_hears_of_what_is_published_and_of_the_pages_that_are_made_with_it(site, lessons):
    place = a_place()
    work = a_testimony(a_community(), place=place)
    published(work)
    ids = {one for ids, _reason in told(lessons, "changed") for one in ids}
    assert {work.public_id, place.public_id, work.collection.public_id} <= ids


def test_a_page_that_stays_as_it_is_tells_nobody(site, lessons):
    place = a_place()
    published(a_testimony(a_community(), place=place))
    lessons.heard.clear()
    with transaction.atomic():
        rebuild_naming(place)
    assert lessons.heard == []


@pytest.mark.parametrize("how", ["withdrawn", "closed", "not-allowed"])
def test_a_room_hears_why_something_is_closed(site, lessons, how):
    place = a_place()
    work = published(a_testimony(a_community(), place=place))
    if how == "withdrawn":
        WithdrawAction(None, work, reason="danger").execute()
    elif how == "closed":
        HideAction(None, work).execute()
    else:
        consent(work, {"preserve": "no"})
        with transaction.atomic():
            Gate().refresh([work])
    closed = {one: reason for ids, reason in told(lessons, "closed") for one in ids}
    assert closed[work.public_id] == how
    assert closed[place.public_id] == "named-no-more"


def test_a_fault_of_a_room_stops_no_withdrawal_and_is_told_again(site, lessons):
    work = published(a_testimony(a_community()))
    lessons.fails = "closed"
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    assert not Publication.objects.filter(public_id=work.public_id).exists()
    assert not Use.objects.filter(by_id="closed").exists(), "what it wrote before it failed is undone"
    again = Job.objects.filter(kind=dependents.JOB)
    assert again.exists()
    lessons.fails = ""
    for job in again:
        dependents.tell_again(SimpleNamespace(input=job.input, commit=transaction.atomic))
    assert ([work.public_id], "withdrawn") in told(lessons, "closed")


def test_told_without_a_savepoint_a_fault_would_leave_its_rows(site, lessons, monkeypatch):
    """The switch: the test above sees what a savepoint is for."""
    work = published(a_testimony(a_community()))
    lessons.fails = "closed"
    monkeypatch.setattr(dependents, "transaction", SimpleNamespace(atomic=nullcontext))
    WithdrawAction(None, work, reason="danger").execute()
    assert Use.objects.filter(by_id="closed").exists()


def test_an_erasure_waits_for_every_room(site, lessons, instance):
    work = published(a_testimony(a_community()))
    WithdrawAction(None, work, reason="danger").execute()
    lessons.fails = "erasing"
    with pytest.raises(ActionRefused, match="lessons"):
        EraseAction(None, work, reason="danger").execute()
    work.refresh_from_db()
    assert work.state == RecordState.WITHDRAWN and work.tracks.exists()
    with pytest.raises(CommandError, match="nothing was erased"):
        call_command("erase", work.public_id, "--reason", "danger", "--yes")
    lessons.fails = ""
    EraseAction(None, work, reason="danger").execute()
    assert told(lessons, "erasing") == [([work.public_id], "")]
    assert not Revision.objects.filter(record_id=work.pk).exclude(snapshot={}).exists()


def test_the_impact_of_a_withdrawal_counts_what_rests_on_it(site, lessons):
    work = published(a_testimony(a_community()))
    uses.say("essay", "e1", [uses.Used(work.public_id, "a1", "a2"), uses.Used(work.public_id, clip="c1")])
    uses.say("essay", "e2", [uses.Used(work.public_id)])
    impact = WithdrawAction(None, work, reason="danger").impact()
    assert (impact["publications"], impact["essay"], impact["lessons"]) == (1, 2, 2)
    case = WithdrawAction(None, work, reason="danger").execute()
    assert case.impact == impact


def test_a_use_says_on_which_consent_it_rested_and_is_replaced_whole(site):
    work = published(a_testimony(a_community()))
    uses.say("essay", "e1", [uses.Used(work.public_id, "a1")])
    published(work)
    assert [(use.first_anchor, use.consent_version) for use in uses.of(work.public_id)] == [("a1", 1)]
    uses.say("essay", "e1", [uses.Used(work.public_id, "a2")])
    assert [(use.first_anchor, use.consent_version) for use in uses.of(work.public_id)] == [("a2", 2)]
    uses.say("essay", "e1", [])
    assert uses.of(work.public_id) == []


def test_a_name_is_registered_once(lessons):
    with pytest.raises(ValueError, match="lessons"):
        dependents.register(Lessons())


def test_the_desk_says_where_a_work_is_used_and_what_a_withdrawal_reaches(site, lessons, monkeypatch):
    community = a_community()
    work = published(a_testimony(community))
    other = published(a_testimony(community))
    uses.say("testimony", other.public_id, [uses.Used(work.public_id, "a1"), uses.Used(work.public_id, "a2")])
    uses.say("scene", "the-bridge", [uses.Used(work.public_id)])
    client = at_the_desk(a_member(community, "publisher"), monkeypatch)
    page = " ".join(client.get(f"/admin/testimonies/{work.pk}/gate/").content.decode().split())
    used = page[page.index("Where it is used") :]
    assert used.count(f"/id/{other.public_id}") == 1 and "the-bridge" in used
    assert "<li>lessons: 2</li>" in page and "<li>scene: 1</li>" in page
    unused = a_testimony(community)
    assert "Where it is used" not in client.get(f"/admin/testimonies/{unused.pk}/gate/").content.decode()
