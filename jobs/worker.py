"""One visit to a job: claim it, run its handler under a heartbeat, write down how it ended."""

from __future__ import annotations

import json
import logging
import os
import socket
import traceback
import uuid
from typing import Any

from django.db import connections
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from jobs import leases
from jobs.context import JobContext, visible_text
from jobs.errors import Cancelled, JobFailed, LeaseLost, RetryLater, Stopping
from jobs.heartbeat import Heartbeat, stopping
from jobs.models import Job
from jobs.registry import Handler, UnknownKind, kind_of
from jobs.states import State
from jobs.timing import Timing, current, retry_delay

logger = logging.getLogger(__name__)


def holder_name() -> str:
    """Who holds a lease: host, process and a random part, so that a process id used again is nobody else."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"[:200]


def answer(public_id: uuid.UUID | str) -> State | None:
    """Answer the bell for a job: visit the most pressing due job of that job's queue.

    Bells and due jobs are equally many, so everything is visited and priorities hold. Returns what
    :func:`visit` returns; None when nothing was to be done.
    """
    queue = Job.objects.filter(public_id=public_id).values_list("queue", flat=True).first()
    if queue is None or stopping.is_set():
        return None
    leases.release_expired(public_id=public_id)
    # A few candidates: other workers answer other bells at the same moment.
    for candidate in leases.due().filter(queue=queue).values_list("public_id", flat=True)[:5]:
        state = visit(candidate)
        if state is not None:
            return state
    return None


def visit(public_id: uuid.UUID | str, *, timing: Timing | None = None) -> State | None:
    """Claim this job and work on it until the attempt ends.

    Returns the state in which the attempt left the job, or None when the job was not to be had or was
    taken away meanwhile. Never raises what the handler raised.
    """
    timing = timing or current()
    leases.release_expired(public_id=public_id)
    lease = leases.claim(public_id, holder_name(), timing=timing)
    if lease is None:
        return None
    job = Job.objects.get(pk=lease.job_pk)
    try:
        handler = kind_of(job.kind).handler
    except UnknownKind:
        return _settled(lease, State.FAILED, error_code="unknown-kind", error_text=_unknown_kind())
    try:
        state, fields = _attempt(job, lease, handler, timing)
    except LeaseLost:
        logger.warning("Job %s was taken over by another worker.", job.public_id)
        return None
    return _settled(lease, state, **fields)


def _attempt(job: Job, lease: leases.Lease, handler: Handler, timing: Timing) -> tuple[State, dict[str, Any]]:
    """Run the handler; returns the state that follows and the fields to store with it."""
    try:
        with Heartbeat(lease, timing) as heartbeat:
            result = handler(JobContext(job, lease, heartbeat))
        json.dumps(result)  # an answer that cannot be stored is a fault of the handler
    except Cancelled:
        _forget_connections()
        return State.CANCELLED, {}
    except LeaseLost:
        _forget_connections()
        raise
    except Stopping:
        _forget_connections()
        # It was not the job's fault: the attempt does not count.
        return State.QUEUED, {"attempts": F("attempts") - 1, "not_before": timezone.now()}
    except RetryLater as error:
        problem = {"error_code": error.code[:64], "error_text": visible_text(error.sentence)}
        if job.attempts >= job.max_attempts:
            return State.FAILED, problem
        return State.WAITING_RETRY, {
            **problem,
            "not_before": timezone.now() + (error.after or retry_delay(job.attempts)),
        }
    except JobFailed as error:
        return State.FAILED, {"error_code": error.code[:64], "error_text": visible_text(error.sentence)}
    except Exception as error:  # noqa: BLE001 - a handler may raise anything; the row must say how it ended
        # Frames only: the message of an exception may quote testimony or names.
        logger.error(
            "Job %s (%s) raised %s\n%s",
            job.public_id,
            job.kind,
            type(error).__name__,
            "".join(traceback.format_tb(error.__traceback__)),
        )
        problem = {"error_code": "internal", "error_text": _internal(job)}
        if job.attempts >= job.max_attempts:
            return State.QUARANTINED, problem
        return State.WAITING_RETRY, {**problem, "not_before": timezone.now() + retry_delay(job.attempts)}
    return State.DONE, {"result": result, "cancel_requested": False}


def _settled(lease: leases.Lease, state: State, **fields: Any) -> State | None:
    return state if leases.settle(lease, state, **fields) else None


def _forget_connections() -> None:
    """An interrupted handler may have left a connection between two statements: open a new one."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def _internal(job: Job) -> str:
    return _("A fault inside the program stopped this job. The operator finds the details in the log under %(id)s.") % {
        "id": job.public_id
    }


def _unknown_kind() -> str:
    return _(
        "The worker does not know this kind of job: it runs another version of the program than the web server. "
        "Restart both with the same version, then try again."
    )
