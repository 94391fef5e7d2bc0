"""The round that makes a lost message mean late, never lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, Max, OuterRef, Q
from django.utils import timezone

from jobs import leases
from jobs.api import enqueue
from jobs.bell import ring
from jobs.models import HeldLog, Job, JobLogLine
from jobs.registry import recurring
from jobs.states import ACTIVE, State

#: How long a rung bell may stay unanswered before it is rung again. A busy queue only gets spare
#: bells from this, and a spare bell finds nothing to do.
RING_AGAIN = timedelta(seconds=30)
#: How many bells one round rings at most; the rest wait for the next round.
RINGS_A_ROUND = 200
#: What recurring work leaves behind, and what everything else does.
KEEP_RECURRING = timedelta(days=1)
KEEP_ENDED = timedelta(days=90)


@dataclass(frozen=True)
class Round:
    """What one sweep did, in numbers of jobs."""

    freed: int = 0
    enqueued: int = 0
    rung: int = 0
    unreachable: bool = False


def sweep(now: datetime | None = None) -> Round:
    """Free expired leases, enqueue recurring work, ring for every due job nobody has answered for.

    Safe to run anywhere, any number of times at once.
    """
    now = now or timezone.now()
    freed = leases.release_expired(now)
    enqueued = _enqueue_recurring(now)
    fresh = Q(rung_at__isnull=True) | Q(rung_at__lt=now - RING_AGAIN) | Q(pk__in=[job.pk for job in freed])
    rung = 0
    for job in leases.due(now).filter(fresh)[:RINGS_A_ROUND]:
        if not ring(job):
            return Round(len(freed), enqueued, rung, unreachable=True)
        rung += 1
    return Round(len(freed), enqueued, rung)


def awaited_queues(now: datetime | None = None) -> set[str]:
    """The queues in which a job waits for a worker."""
    return set(leases.due(now).order_by().values_list("queue", flat=True).distinct())


def prune(now: datetime | None = None) -> int:
    """Delete ended jobs past their keeping time; returns how many. Quarantined ones stay until a person decides.

    Their logs go with them, except those that somebody holds.
    """
    now = now or timezone.now()
    ended = Job.objects.exclude(state__in=[*ACTIVE, State.QUARANTINED])
    old = ended.filter(
        Q(finished_at__lt=now - KEEP_ENDED)
        | Q(dedupe_key__startswith=_RECURRING, state=State.DONE, finished_at__lt=now - KEEP_RECURRING)
    )
    count, _rows = old.delete()
    row = Job.objects.filter(public_id=OuterRef("job_id"))
    held = HeldLog.objects.filter(job_id=OuterRef("job_id"))
    JobLogLine.objects.exclude(Exists(row)).exclude(Exists(held)).delete()
    return count


_RECURRING = "every:"


def _enqueue_recurring(now: datetime) -> int:
    count = 0
    for work in recurring():
        key = f"{_RECURRING}{work.kind}"
        mine = Job.objects.filter(kind=work.kind, dedupe_key=key)
        if mine.filter(state__in=ACTIVE).exists():
            continue
        last = mine.aggregate(last=Max("created_at"))["last"]
        if last is not None and now - last < timedelta(seconds=work.seconds):
            continue
        if work.due is None or work.due():
            enqueue(work.kind, dedupe_key=key)
            count += 1
    return count
