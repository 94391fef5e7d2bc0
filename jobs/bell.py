"""Ringing Celery: a message that carries the id of a job and nothing else.

A lost or refused message loses nothing: the row is there, and the sweep rings again.
"""

from __future__ import annotations

import logging
from functools import partial

from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import KombuError

from jobs.models import Job
from jobs.registry import queue_of

logger = logging.getLogger(__name__)

#: The name of the one Celery task.
TASK = "jobs.visit"


def ring(job: Job) -> bool:
    """Tell the workers of the job's queue to look. False when the broker cannot be reached.

    The queue is the one its kind has now: a kind that moves to another queue takes what waits with it.
    """
    queue = queue_of(job.kind, job.queue)
    try:
        current_app.send_task(TASK, args=[str(job.public_id)], queue=queue, retry=False, ignore_result=True)
    except (KombuError, OSError) as error:
        logger.warning("The broker did not take a message (%s); the sweep will ring again.", type(error).__name__)
        return False
    Job.objects.filter(pk=job.pk).update(queue=queue, rung_at=timezone.now())
    return True


def ring_on_commit(job: Job) -> None:
    """Ring once the row is visible to others."""
    transaction.on_commit(partial(ring, job), robust=True)
