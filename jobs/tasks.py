"""The one Celery task. It carries an id; everything else is in the row."""

from __future__ import annotations

import logging
import uuid

from celery import shared_task
from celery.signals import worker_process_init, worker_shutting_down
from django.db import close_old_connections

from jobs import worker
from jobs.bell import TASK
from jobs.heartbeat import stopping

logger = logging.getLogger(__name__)


@shared_task(name=TASK, ignore_result=True)
def visit(job_id: str) -> None:
    """Look at the queue of the job ``job_id`` and work on what is most pressing there."""
    try:
        public_id = uuid.UUID(job_id)
    except (ValueError, AttributeError, TypeError):
        logger.warning("A message without the id of a job was dropped.")
        return
    close_old_connections()
    try:
        worker.answer(public_id)
    finally:
        close_old_connections()


@worker_shutting_down.connect
def _hand_back(**_details: object) -> None:
    """Running handlers are told to stop; their jobs go back to the queue with all finished stages."""
    stopping.set()


@worker_process_init.connect
def _die_with_parent(**_details: object) -> None:
    """A pool process must not outlive its worker."""
    from jobs.launch import die_with_parent

    die_with_parent()
