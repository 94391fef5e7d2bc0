"""One visit, in this process: how each end of a handler is written down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs import api, registry, worker
from jobs.context import JobContext, visible_text
from jobs.errors import JobFailed, LeaseLost, RetryLater, Stopping
from jobs.heartbeat import stopping
from jobs.models import Job, JobLogLine
from jobs.states import State
from jobs.timing import Timing, retry_delay

pytestmark = pytest.mark.django_db

NAME = "test.visited"


@pytest.fixture(autouse=True)
def _clean() -> Iterator[None]:
    yield
    registry.forget(NAME)
    stopping.clear()


def _visit(handler: Callable[[JobContext], Any], **fields: Any) -> tuple[State | None, Job]:
    registry.forget(NAME)
    registry.register(NAME, handler)
    job = api.enqueue(NAME, input={"ids": [1]})
    Job.objects.filter(pk=job.pk).update(**fields)
    return worker.visit(job.public_id), Job.objects.get(pk=job.pk)


def test_result_is_stored() -> None:
    state, job = _visit(lambda context: {"seen": context.input["ids"]})
    assert (state, job.state, job.result, job.attempts) == (State.DONE, "done", {"seen": [1]}, 1)


def test_result_that_is_no_json_is_a_fault_of_the_handler() -> None:
    state, job = _visit(lambda context: {"seen": object()})
    assert (state, job.error_code) == (State.WAITING_RETRY, "internal")


def test_foreseen_failure_keeps_its_sentence() -> None:
    def handler(context: JobContext) -> None:
        raise JobFailed("too-dark", "“Ağrı.jpg”\nis too dark: take it again.")

    state, job = _visit(handler)
    assert (state, job.error_code) == (State.FAILED, "too-dark")
    assert job.error_text == "“Ağrı.jpg”\\u000ais too dark: take it again."


def test_later_is_later_and_in_the_end_failed() -> None:
    def handler(context: JobContext) -> None:
        raise RetryLater("away", "The store is away.", after=timedelta(minutes=5))

    state, job = _visit(handler)
    assert state == State.WAITING_RETRY
    assert timedelta(minutes=4) < job.not_before - timezone.now() <= timedelta(minutes=5)
    assert _visit(handler, attempts=2)[0] == State.FAILED


def test_fault_is_tried_again_then_set_aside_and_its_words_stay_out_of_log_and_row(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def handler(context: JobContext) -> None:
        raise ValueError("Hajnal R" + "ózsa".strip())

    with caplog.at_level(logging.DEBUG):
        state, job = _visit(handler)
    assert (state, job.error_code) == (State.WAITING_RETRY, "internal")
    assert job.not_before > timezone.now()
    assert "ValueError" in caplog.text
    assert "test_worker.py" in caplog.text
    assert "Rózsa" not in caplog.text + job.error_text
    assert "Traceback" not in job.error_text
    assert _visit(handler, attempts=2)[0] == State.QUARANTINED


def test_finished_stages_are_not_repeated() -> None:
    done: list[str] = []

    def _note(name: str, result: int) -> int:
        done.append(name)
        return result

    def handler(context: JobContext) -> dict[str, Any]:
        first = context.once("lire", lambda: _note("lire", 7), atomic=True)
        context.checkpoint({"page": context.resume_from.get("page", 0) + 1})
        second = context.once("読む", lambda: _note("読む", 8))
        if context.attempt == 1:
            raise RuntimeError
        return {"sum": first + second, "page": context.resume_from["page"]}

    _state, job = _visit(handler)
    assert job.finished_stages == {"lire": 7, "読む": 8}
    Job.objects.filter(pk=job.pk).update(not_before=timezone.now())
    assert worker.visit(job.public_id) == State.DONE
    assert done == ["lire", "読む"]
    assert Job.objects.get(pk=job.pk).result == {"sum": 15, "page": 2}


def test_atomic_stage_that_breaks_leaves_nothing() -> None:
    def work() -> None:
        JobLogLine.objects.create(job_id=Job.objects.get().public_id, sequence=99, text="half")
        raise JobFailed("x", "y")

    _visit(lambda context: context.once("half", work, atomic=True))
    assert not JobLogLine.objects.exists()
    assert Job.objects.get().finished_stages == {}


def test_log_progress_and_stage_are_seen() -> None:
    def handler(context: JobContext) -> None:
        context.stage("importer")
        context.progress(1, 3)
        context.progress(2, 3)
        context.log("bad name: \u202egpj.exe\n2026 forged line")
        context.log("நல்லது")
        context.progress(3, 3)

    _state, job = _visit(handler)
    assert (job.stage, job.progress_done, job.progress_total, job.percent) == ("importer", 3, 3, 100)
    assert [(line["sequence"], line["text"]) for line in api.log_after(job.public_id, 0)] == [
        (1, "bad name: \\u202egpj.exe\\u000a2026 forged line"),
        (2, "நல்லது"),
    ]
    assert [line["sequence"] for line in api.log_after(job.public_id, 1)] == [2]


def test_overtaken_worker_can_write_nothing_more() -> None:
    tried: list[str] = []

    def handler(context: JobContext) -> None:
        Job.objects.filter(public_id=context.job_id).update(fence=99)
        for write in (
            lambda: context.log("x"),
            lambda: context.stage("x"),
            lambda: context.progress(1, 1),
            lambda: context.checkpoint({}),
            lambda: context.once("x", lambda: None),
            lambda: context.once("x", lambda: None, atomic=True),
            lambda: context.commit().__enter__(),
        ):
            with pytest.raises(LeaseLost):
                write()
            tried.append("refused")
        raise LeaseLost

    state, job = _visit(handler)
    assert (state, len(tried)) == (None, 7)
    assert (job.state, job.stage, job.checkpoint, job.finished_stages, job.log_count) == ("running", "", {}, {}, 0)


def test_stopping_worker_hands_the_job_back_without_counting_the_attempt() -> None:
    def handler(context: JobContext) -> None:
        context.once("lire", lambda: 1)
        context._heartbeat.news = Stopping
        context.check()

    state, job = _visit(handler)
    assert (state, job.state, job.attempts, job.finished_stages) == (State.QUEUED, "queued", 0, {"lire": 1})


def test_unknown_kind_fails_with_a_remedy(kind: str) -> None:
    job = api.enqueue(kind)
    registry.forget(kind)
    assert worker.visit(job.public_id) == State.FAILED
    assert "same version" in Job.objects.get().error_text


def test_bell_is_answered_with_the_most_pressing_job_of_the_queue(kind: str) -> None:
    plain, urgent = api.enqueue(kind), api.enqueue(kind, priority=1)
    assert worker.answer(plain.public_id) == State.DONE
    urgent.refresh_from_db()
    assert urgent.state == State.DONE
    assert worker.answer(plain.public_id) == State.DONE
    assert worker.answer(plain.public_id) is None


def test_handler_cannot_swallow_a_cancel() -> None:
    def handler(context: JobContext) -> dict[str, str]:
        api.cancel(Job.objects.get(public_id=context.job_id))
        context._heartbeat._look(0.0)
        try:
            context.check()
        except Exception:  # noqa: BLE001 - the bad habit this test is about
            return {"cancelled": "no"}
        return {"cancelled": "never asked"}

    assert _visit(handler)[0] == State.CANCELLED


def test_durations_keep_their_promises() -> None:
    timing = Timing()
    assert timing.poll + timing.grace <= 8
    assert timing.renew * 3 < timing.lease
    assert [retry_delay(attempt).total_seconds() for attempt in (1, 2, 3, 9)] == [10, 40, 160, 3600]


def test_long_and_hostile_text_is_cut_and_shown() -> None:
    assert visible_text("a\x00b\u2066c") == "a\\u0000b\\u2066c"
    assert visible_text("نمی‌خواهم") == "نمی‌خواهم", "the joiner inside a word is spelling"
    assert len(visible_text("ж" * 5000)) == 2001
