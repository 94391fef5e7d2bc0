"""Enqueueing, joining, cancelling, trying again; the sweep and recurring work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from jobs import api, bell, leases, registry, sweep, worker
from jobs.bell import ring as ring_in_earnest
from jobs.models import HeldLog, Job, JobLogLine
from jobs.states import State

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def rung(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Job]]:
    """The jobs for which the bell was rung."""
    heard: list[Job] = []

    def ring(job: Job) -> bool:
        heard.append(job)
        Job.objects.filter(pk=job.pk).update(rung_at=timezone.now())
        return True

    monkeypatch.setattr(bell, "ring", ring)
    monkeypatch.setattr(sweep, "ring", ring)
    yield heard


def test_unknown_kind_is_refused_where_it_is_enqueued() -> None:
    with pytest.raises(registry.UnknownKind):
        api.enqueue("nobody.knows")


def test_same_key_joins_the_waiting_job_with_the_newest_input(kind: str) -> None:
    first = api.enqueue(kind, dedupe_key="Ծ", input={"n": 1})
    second = api.enqueue(kind, dedupe_key="Ծ", input={"n": 2})
    assert first.pk == second.pk
    assert Job.objects.get().input == {"n": 2}


def test_same_key_while_running_makes_exactly_one_more_run(kind: str) -> None:
    job = api.enqueue(kind, dedupe_key="k", input={"n": 1}, scope="community:x")
    lease = leases.claim(job.public_id, "w")
    assert lease is not None
    for number in (2, 3):
        assert api.enqueue(kind, dedupe_key="k", input={"n": number}).pk == job.pk
    assert leases.settle(lease, State.DONE)
    followers = Job.objects.exclude(pk=job.pk)
    assert [(each.input, each.scope, each.state) for each in followers] == [({"n": 3}, "community:x", "queued")]


def test_cancelled_job_is_followed_by_nothing(kind: str) -> None:
    job = api.enqueue(kind, dedupe_key="k")
    lease = leases.claim(job.public_id, "w")
    assert lease is not None
    api.enqueue(kind, dedupe_key="k")
    api.cancel(job)
    assert leases.settle(lease, State.CANCELLED)
    assert Job.objects.count() == 1


def test_waiting_job_is_cancelled_at_once_and_an_ended_one_never(kind: str) -> None:
    job = api.cancel(api.enqueue(kind))
    assert job.state == State.CANCELLED
    with pytest.raises(api.NotPossible):
        api.cancel(job)
    assert leases.claim(job.public_id, "w") is None


def test_retry_keeps_finished_stages(kind: str) -> None:
    job = api.enqueue(kind)
    Job.objects.filter(pk=job.pk).update(
        state=State.QUARANTINED, attempts=3, finished_stages={"lire": 1}, error_code="x", error_text="y"
    )
    again = api.retry(job)
    assert (again.state, again.attempts, again.finished_stages, again.error_text) == ("queued", 0, {"lire": 1}, "")


def test_retry_is_refused_while_an_equal_job_waits(kind: str) -> None:
    old = api.enqueue(kind, dedupe_key="k")
    Job.objects.filter(pk=old.pk).update(state=State.FAILED)
    api.enqueue(kind, dedupe_key="k")
    with pytest.raises(api.NotPossible):
        api.retry(old)


def test_job_for_later_is_neither_rung_nor_claimable_before(
    kind: str, rung: list[Job], django_capture_on_commit_callbacks: object
) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        job = api.enqueue(kind, not_before=tomorrow)
    assert leases.claim(job.public_id, "w") is None
    sweep.sweep()
    assert rung == []
    sweep.sweep(tomorrow)
    assert [each.pk for each in rung] == [job.pk]


def test_sweep_rings_for_a_lost_message_but_not_at_every_turn(kind: str, rung: list[Job]) -> None:
    job = api.enqueue(kind)  # the test's transaction never commits, so nobody rang
    now = timezone.now()
    assert sweep.sweep(now).rung == 1
    assert sweep.sweep(now + timedelta(seconds=5)).rung == 0
    assert sweep.sweep(now + sweep.RING_AGAIN + timedelta(seconds=5)).rung == 1
    assert {each.pk for each in rung} == {job.pk}


def test_sweep_frees_the_job_of_a_dead_worker_and_rings_at_once(kind: str) -> None:
    job = api.enqueue(kind)
    sweep.sweep()
    lease = leases.claim(job.public_id, "w")
    later = timezone.now() + timedelta(hours=1)
    done = sweep.sweep(later)
    assert (done.freed, done.rung) == (1, 1)
    assert lease is not None
    assert not leases.renew(lease)


def test_a_kind_that_moved_to_another_queue_takes_what_waits_along(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moved, unknown = api.enqueue(kind), Job.objects.create(kind="test.of-another-version", queue="heavy")
    Job.objects.filter(pk=moved.pk).update(queue="heavy")
    called: list[str] = []
    doorbell = SimpleNamespace(send_task=lambda name, queue, **rest: called.append(queue))
    monkeypatch.setattr(bell, "current_app", doorbell)
    for job in (moved, unknown):
        job.refresh_from_db()
        assert ring_in_earnest(job)
    assert called == ["light", "heavy"]
    assert worker.answer(moved.public_id) == State.DONE


def test_queues_in_which_nothing_is_due_need_no_worker(kind: str) -> None:
    now = timezone.now()
    assert sweep.awaited_queues(now) == set()
    Job.objects.create(kind=kind, queue="heavy", not_before=now + timedelta(hours=1))
    Job.objects.create(kind=kind, queue="media")
    assert sweep.awaited_queues(timezone.now()) == {"media"}
    assert sweep.awaited_queues(now + timedelta(hours=2)) == {"media", "heavy"}


def test_sweep_stops_at_a_dead_broker_and_says_so(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = api.enqueue(kind)
    monkeypatch.setattr(sweep, "ring", lambda job: False)
    assert sweep.sweep().unreachable
    assert Job.objects.get(pk=job.pk).state == State.QUEUED


def test_recurring_work_comes_by_the_clock_and_never_twice_at_once(kind: str) -> None:
    registry.every(60, kind)
    now = timezone.now()
    assert sweep.sweep(now).enqueued == 1
    assert sweep.sweep(now + timedelta(hours=1)).enqueued == 0, "the first one still waits"
    Job.objects.update(state=State.DONE, finished_at=now)
    assert sweep.sweep(now + timedelta(seconds=30)).enqueued == 0
    assert sweep.sweep(now + timedelta(seconds=90)).enqueued == 1


def test_recurring_work_asks_first_whether_there_is_any(kind: str) -> None:
    registry.every(60, kind, due=lambda: False)
    assert sweep.sweep().enqueued == 0


def test_prune_keeps_what_waits_and_what_people_must_look_at(kind: str) -> None:
    old = timezone.now() - timedelta(days=400)
    for state in (State.DONE, State.QUARANTINED, State.FAILED):
        Job.objects.create(kind=kind, state=state, finished_at=old)
    Job.objects.create(kind=kind, created_at=old)
    Job.objects.create(kind=kind, state=State.DONE, dedupe_key=f"every:{kind}", finished_at=timezone.now())
    sweep.prune()
    assert sorted(Job.objects.values_list("state", flat=True)) == ["done", "quarantined", "queued"]


def _said(job: Job, text: str) -> None:
    JobLogLine.objects.create(job_id=job.public_id, sequence=1, text=text)


def test_a_log_goes_with_its_job_unless_somebody_holds_it(kind: str) -> None:
    old = timezone.now() - timedelta(days=400)
    held, other = (Job.objects.create(kind=kind, state=State.DONE, finished_at=old) for _ in range(2))
    waiting = api.enqueue(kind)
    for job in (held, other, waiting):
        _said(job, "ожидание")
    api.hold_log(held.public_id)
    api.hold_log(held.public_id)
    assert sweep.prune() == 2
    assert not Job.objects.filter(public_id=held.public_id).exists()
    assert [len(api.log_after(job.public_id, 0)) for job in (held, other, waiting)] == [1, 0, 1]
    api.release_log(held.public_id)
    assert api.log_after(held.public_id, 0) == []
    assert not HeldLog.objects.exists()


def test_a_log_let_go_stays_with_a_job_that_is_still_there(kind: str) -> None:
    job = api.enqueue(kind)
    _said(job, "一")
    api.hold_log(job.public_id)
    api.release_log(job.public_id)
    assert [line["text"] for line in api.log_after(job.public_id, 0)] == ["一"]


def test_most_pressing_job_comes_first(kind: str) -> None:
    plain = api.enqueue(kind)
    urgent = api.enqueue(kind, priority=5)
    assert [job.pk for job in leases.due()] == [urgent.pk, plain.pk]


def test_registry_refuses_a_kind_twice_and_unknown_queues(kind: str) -> None:
    for handler in (registry.kind_of(kind).handler, lambda context: None):
        with pytest.raises(ValueError, match="registered already"):
            registry.register(kind, handler)
    registry.every(60, kind)
    with pytest.raises(ValueError, match="by the clock already"):
        registry.every(60, kind)
    with pytest.raises(ValueError, match="no queue"):
        registry.register("test.other", lambda context: None, queue="express")
