"""What other rooms call: put work in the queue, stop it, try it again, see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from jobs import wiring
from jobs.bell import ring_on_commit
from jobs.models import HeldLog, Job, JobLogLine
from jobs.registry import kind_of
from jobs.states import ACTIVE, CLAIMABLE, RETRYABLE, State


class NotPossible(Exception):
    """The job's state does not allow what was asked."""


def enqueue(
    kind: str,
    *,
    input: dict[str, Any] | None = None,
    scope: str = "",
    created_by: str = "",
    dedupe_key: str = "",
    priority: int = 0,
    not_before: datetime | None = None,
) -> Job:
    """Make a job and ring for it once the surrounding transaction is committed.

    ``input`` is JSON that stays in the database: give ids, not texts or names. With a ``dedupe_key``
    at most one job of the kind and key is active: a waiting one that never ran takes the newest
    ``input``, one at work is followed by exactly one more run. Raises
    :class:`jobs.registry.UnknownKind` for a kind nobody registered.
    """
    known = kind_of(kind)
    given = dict(input or {})
    if dedupe_key:
        existing = _join_active(kind, dedupe_key, given)
        if existing is not None:
            return existing
    try:
        with transaction.atomic():
            job = Job.objects.create(
                kind=kind,
                input=given,
                scope=scope,
                created_by=created_by,
                dedupe_key=dedupe_key,
                priority=priority,
                not_before=not_before or timezone.now(),
                queue=known.queue,
                max_attempts=known.max_attempts,
            )
    except IntegrityError:
        # Somebody else made it between the look and the insert (PostgreSQL).
        existing = _join_active(kind, dedupe_key, given) if dedupe_key else None
        if existing is None:
            raise
        return existing
    if job.not_before <= timezone.now():
        ring_on_commit(job)
    return job


def _join_active(kind: str, dedupe_key: str, input: dict[str, Any]) -> Job | None:
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(kind=kind, dedupe_key=dedupe_key, state__in=ACTIVE).first()
        if job is None:
            return None
        untouched = job.attempts == 0 and not job.checkpoint and not job.finished_stages
        if job.state == State.QUEUED and untouched:
            job.input = input
        else:
            # It may have read the world already, so once more after it.
            job.again = {"input": input}
        job.save(update_fields=["input", "again"])
        return job


def cancel(job: Job) -> Job:
    """Ask for the end of the job: a waiting one ends at once, a running one within ten seconds.

    Raises :class:`NotPossible` when it has ended already.
    """
    with transaction.atomic():
        fresh = Job.objects.select_for_update().get(pk=job.pk)
        if fresh.state not in ACTIVE:
            raise NotPossible(fresh.state)
        fresh.cancel_requested = True
        if fresh.state in CLAIMABLE:
            fresh.state = State.CANCELLED
            fresh.finished_at = timezone.now()
            fresh.again = None
        fresh.save(update_fields=["cancel_requested", "state", "finished_at", "again"])
    return fresh


def retry(job: Job) -> Job:
    """Send an ended or waiting job back to the queue; finished stages are not repeated.

    Raises :class:`NotPossible` when it runs, is done, or an equal job is active.
    """
    with transaction.atomic():
        fresh = Job.objects.select_for_update().get(pk=job.pk)
        if fresh.state not in RETRYABLE:
            raise NotPossible(fresh.state)
        fresh.state = State.QUEUED
        fresh.cancel_requested = False
        fresh.attempts = 0
        fresh.not_before = timezone.now()
        fresh.finished_at = None
        fresh.error_code = fresh.error_text = ""
        try:
            with transaction.atomic():
                fresh.save()
        except IntegrityError:
            raise NotPossible("an equal job is active") from None
        ring_on_commit(fresh)
    return fresh


def visible(user: Any) -> models.QuerySet[Job]:
    """The jobs that ``user`` may see, by the filter that ``config`` handed in."""
    return wiring.visible(Job.objects.all(), user)


def hold_log(job_id: UUID) -> None:
    """Keep the log of the job ``job_id`` (its public id) when the row is pruned, until :func:`release_log`.

    For a record that shows the log as its own. Whoever holds a log decides who may read it, and lets it go when the
    record goes.
    """
    HeldLog.objects.get_or_create(job_id=job_id)


def release_log(job_id: UUID) -> None:
    """Hold the log no longer: it goes with its job's row, or at once where that is gone."""
    HeldLog.objects.filter(job_id=job_id).delete()
    if not Job.objects.filter(public_id=job_id).exists():
        JobLogLine.objects.filter(job_id=job_id).delete()


def log_after(job_id: UUID, sequence: int, limit: int = 500) -> list[dict[str, Any]]:
    """Log lines of a job after ``sequence``, oldest first: ``[{"sequence", "at", "stage", "text"}]``.

    ``job_id`` is the job's public id: a held log is read when the row is gone.
    """
    lines = JobLogLine.objects.filter(job_id=job_id, sequence__gt=sequence).order_by("sequence")[:limit]
    return [
        {"sequence": line.sequence, "at": line.at.isoformat(), "stage": line.stage, "text": line.text} for line in lines
    ]
