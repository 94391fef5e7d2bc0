"""Leases and fences: at most one worker's writes count, whoever else still believes to hold the job.

Every change is one UPDATE that names what must still be true (compare-and-set), so it needs no lock
of its own. :func:`held` wraps a handler's writes: on PostgreSQL ``SELECT … FOR UPDATE`` keeps the row,
on SQLite the transaction is IMMEDIATE and so holds the only write lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs.bell import ring_on_commit
from jobs.errors import LeaseLost
from jobs.models import Job
from jobs.states import CLAIMABLE, State, may_move
from jobs.timing import Timing, current

_UNHELD: dict[str, Any] = {"lease_holder": "", "lease_until": None}


@dataclass(frozen=True)
class Lease:
    """The right to work on one job, for as long as the row carries this fence."""

    job_pk: int
    public_id: uuid.UUID
    holder: str
    fence: int

    def row(self) -> models.QuerySet[Job]:
        """The job's row, if the lease still counts; an empty queryset otherwise."""
        return Job.objects.filter(pk=self.job_pk, fence=self.fence, state=State.RUNNING)


def due(now: datetime | None = None) -> models.QuerySet[Job]:
    """Jobs that a worker may take now, the most pressing first."""
    return Job.objects.filter(
        state__in=CLAIMABLE, cancel_requested=False, not_before__lte=now or timezone.now()
    ).order_by("-priority", "not_before", "pk")


def claim(
    public_id: uuid.UUID | str, holder: str, *, now: datetime | None = None, timing: Timing | None = None
) -> Lease | None:
    """Take the job for ``holder``, or return None when it is not to be had (taken, ended, not yet due)."""
    now = now or timezone.now()
    timing = timing or current()
    with transaction.atomic():
        taken = (
            due(now)
            .filter(public_id=public_id)
            .order_by()
            .update(
                state=State.RUNNING,
                lease_holder=holder,
                lease_until=now + timing.lease_delta,
                heartbeat=now,
                fence=F("fence") + 1,
                attempts=F("attempts") + 1,
                started_at=now,
                finished_at=None,
                error_code="",
                error_text="",
            )
        )
        if not taken:
            return None
        # In the same transaction, so the fence read is the one just written.
        job = Job.objects.only("pk", "fence").get(public_id=public_id)
    return Lease(job.pk, uuid.UUID(str(public_id)), holder, job.fence)


def renew(lease: Lease, *, now: datetime | None = None, timing: Timing | None = None) -> bool:
    """Prolong the lease. False when it no longer counts."""
    now = now or timezone.now()
    until = now + (timing or current()).lease_delta
    return bool(lease.row().update(lease_until=until, heartbeat=now))


@contextmanager
def held(lease: Lease) -> Iterator[Job]:
    """A transaction whose writes count only if the lease does. Raises :class:`LeaseLost` otherwise."""
    with transaction.atomic():
        job = lease.row().select_for_update().first()
        if job is None:
            raise LeaseLost
        yield job


def settle(lease: Lease, state: State, *, now: datetime | None = None, **fields: Any) -> bool:
    """End this attempt in ``state``. False (and nothing written) when the lease no longer counts."""
    try:
        with held(lease) as job:
            _leave_running(job, state, now or timezone.now(), **fields)
    except LeaseLost:
        return False
    return True


def release_expired(now: datetime | None = None, public_id: uuid.UUID | str | None = None) -> list[Job]:
    """Take jobs from workers whose lease ran out. Returns those that wait for a worker again.

    A job that took its worker down for the last time it may is set aside instead (a poison job).
    """
    now = now or timezone.now()
    expired = Job.objects.filter(state=State.RUNNING, lease_until__lt=now)
    if public_id is not None:
        expired = expired.filter(public_id=public_id)
    freed = []
    for pk in list(expired.values_list("pk", flat=True)):
        with transaction.atomic():
            job = expired.filter(pk=pk).select_for_update().first()
            if job is None:  # its worker came back to life in between
                continue
            if job.cancel_requested:
                _leave_running(job, State.CANCELLED, now)
            elif job.attempts >= job.max_attempts:
                _leave_running(
                    job,
                    State.QUARANTINED,
                    now,
                    error_code="worker-died",
                    error_text=_(
                        "The program that worked on this job ended without a word %(count)d times, so the job was "
                        "set aside. Look at the input and the operator's log before you try it again."
                    )
                    % {"count": job.attempts},
                )
            else:
                _leave_running(job, State.QUEUED, now, not_before=now)
                freed.append(job)
    return freed


def _leave_running(job: Job, state: State, now: datetime, **fields: Any) -> None:
    """Write the end of an attempt; the caller holds the row."""
    if not may_move(job.state, state):
        raise ValueError(f"A job cannot go from {job.state} to {state}.")
    ends = state not in CLAIMABLE
    changes = {**_UNHELD, "state": state, "finished_at": now if ends else None, **fields}
    again = job.again if ends else None
    if again is not None:
        changes["again"] = None
    for name, value in changes.items():
        setattr(job, name, value)
    job.save(update_fields=list(changes))
    if again is not None and state != State.CANCELLED:
        follower = Job.objects.create(
            kind=job.kind,
            scope=job.scope,
            created_by=job.created_by,
            input=again["input"],
            queue=job.queue,
            priority=job.priority,
            dedupe_key=job.dedupe_key,
            max_attempts=job.max_attempts,
        )
        ring_on_commit(follower)
