"""The state machine: no sequence of events leads where the table does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from jobs import api, leases, registry
from jobs.errors import LeaseLost
from jobs.models import Job
from jobs.states import ACTIVE, TRANSITIONS, State, may_move
from jobs.timing import Timing

TIMING = Timing(lease=10)
ENDS = (State.DONE, State.FAILED, State.CANCELLED, State.QUARANTINED, State.QUEUED, State.WAITING_RETRY)

EVENTS = st.one_of(
    st.tuples(st.just("claim"), st.sampled_from(["Anna", "Боян", "陈"])),
    st.tuples(st.just("settle"), st.tuples(st.integers(0, 3), st.sampled_from(ENDS))),
    st.tuples(st.just("renew"), st.integers(0, 3)),
    st.tuples(st.just("write"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1, 4, 11])),
    st.tuples(st.just("expire"), st.none()),
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.just("retry"), st.none()),
    st.tuples(st.just("again"), st.integers(0, 9)),
)


class World:
    """One job, a clock, and all leases ever given for it."""

    def __init__(self) -> None:
        self.now: datetime = timezone.now()
        self.first = api.enqueue("test.nothing", dedupe_key="one", input={"n": -1})
        self.given: list[leases.Lease] = []

    def job(self) -> Job:
        return Job.objects.get(pk=self.first.pk)

    def play(self, event: str, detail: Any) -> None:
        getattr(self, event)(detail)

    def claim(self, who: str) -> None:
        before = self.job()
        lease = leases.claim(before.public_id, who, now=self.now + timedelta(seconds=1), timing=TIMING)
        assert (lease is not None) == (
            before.state in {State.QUEUED, State.WAITING_RETRY} and not before.cancel_requested
        )
        if lease:
            assert lease.fence == before.fence + 1
            self.given.append(lease)

    def _lease(self, index: int) -> leases.Lease | None:
        return self.given[-1 - index] if index < len(self.given) else None

    def settle(self, detail: tuple[int, State]) -> None:
        index, state = detail
        if lease := self._lease(index):
            assert leases.settle(lease, state, now=self.now) == self._counts(lease)

    def renew(self, index: int) -> None:
        if lease := self._lease(index):
            expected = self._counts(lease)
            assert leases.renew(lease, now=self.now, timing=TIMING) == expected

    def write(self, index: int) -> None:
        if lease := self._lease(index):
            try:
                with leases.held(lease):
                    written = True
            except LeaseLost:
                written = False
            assert written == self._counts(lease)

    def _counts(self, lease: leases.Lease) -> bool:
        # settle() and the others change the row, so this is asked through the values before.
        return self._before.state == State.RUNNING and self._before.fence == lease.fence

    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def expire(self, _detail: None) -> None:
        until = self._before.lease_until
        expired = until is not None and until < self.now
        leases.release_expired(self.now)
        assert (self.job().state != self._before.state) == expired

    def cancel(self, _detail: None) -> None:
        try:
            api.cancel(self._before)
        except api.NotPossible:
            assert self._before.state not in ACTIVE

    def retry(self, _detail: None) -> None:
        try:
            api.retry(self._before)
        except api.NotPossible:
            assert self._before.state not in {
                State.FAILED,
                State.CANCELLED,
                State.QUARANTINED,
                State.WAITING_RETRY,
            } or (Job.objects.exclude(pk=self.first.pk).filter(state__in=ACTIVE).exists())

    def again(self, number: int) -> None:
        api.enqueue("test.nothing", dedupe_key="one", input={"n": number})

    def step(self, event: str, detail: Any) -> None:
        self._before = before = self.job()
        self.play(event, detail)
        after = self.job()
        assert after.state == before.state or may_move(before.state, after.state), (before.state, after.state)
        assert after.fence >= before.fence
        assert (after.state == State.RUNNING) == bool(after.lease_holder) == (after.lease_until is not None)
        assert (after.finished_at is not None) == (after.state not in ACTIVE)
        assert Job.objects.filter(dedupe_key="one", state__in=ACTIVE).count() <= 1
        assert (
            sum(Job.objects.filter(pk=after.pk, fence=lease.fence, state="running").exists() for lease in self.given)
            <= 1
        )


class StateMachine(TestCase):
    def setUp(self) -> None:
        registry.register("test.nothing", _nothing)
        self.addCleanup(registry.forget, "test.nothing")

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(EVENTS, max_size=14))
    def test_every_history_keeps_the_rules(self, events: list[tuple[str, Any]]) -> None:
        world = World()
        for event, detail in events:
            world.step(event, detail)


def _nothing(context: object) -> None:
    return None


def test_only_people_leave_an_end() -> None:
    for state in State:
        if state not in ACTIVE:
            assert TRANSITIONS[state] <= {State.QUEUED}
    assert TRANSITIONS[State.DONE] == frozenset()
    assert set(TRANSITIONS) == set(State)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"state": "running"},
        {"state": "running", "lease_holder": "Anna"},
        {"state": "queued", "lease_holder": "Anna"},
        {"state": "done", "lease_until": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
)
def test_database_refuses_a_runner_without_a_lease_and_a_lease_without_a_runner(fields: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.create(kind="test.nothing", **fields)
