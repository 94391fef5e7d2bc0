"""Celery, the doorbell: messages carry the id of a job, the row in the database carries the rest.

``celery -A config.celery worker -Q light`` (or ``media``, ``heavy``) starts one more worker anywhere; on
one machine ``manage.py serve`` does.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings

from config.broker import SCHEME, folder_options

# The warning about root is about pickled messages; ours are JSON and hold an id.
warnings.filterwarnings("ignore", category=SecurityWarning)

QUEUES = ("light", "media", "heavy")
#: Seconds after which a silent network broker counts as absent. A request never waits longer.
CONNECT_SECONDS = 2


def uses_folder(url: str) -> bool:
    """Whether the broker is the embedded one, a folder in the instance."""
    return url.startswith("filesystem:")


def broker_folder() -> Path:
    """Where the embedded broker keeps its messages."""
    return Path(settings.CAIRN_DATA) / "broker"


def _broker(url: str) -> dict[str, Any]:
    if uses_folder(url):
        return {"broker_url": f"{SCHEME}://localhost", "broker_transport_options": folder_options(broker_folder())}
    options: dict[str, Any] = {
        # Without these a request that enqueues would try for ever while the broker is away.
        "max_retries": 1,
        "interval_start": 0,
        "interval_step": 0,
        "interval_max": 0,
    }
    if url.startswith(("redis:", "rediss:", "sentinel:")):
        options |= {"socket_connect_timeout": CONNECT_SECONDS, "socket_keepalive": True}
    return {"broker_url": url, "broker_transport_options": options}


def make(url: str) -> Celery:
    """A Celery application for the broker ``url`` (``filesystem://`` is the instance's own folder)."""
    made = Celery("cairn", set_as_current=False)
    made.conf.update(
        **_broker(url),
        broker_connection_timeout=CONNECT_SECONDS,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        result_backend=None,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_serializer="json",
        accept_content=["json"],
        # Named in full: Celery gives queues without a routing key that of the default queue, and every
        # bell would ring in both.
        task_queues=[Queue(name, Exchange("cairn", type="direct"), routing_key=name) for name in QUEUES],
        task_default_queue="light",
        task_create_missing_queues=False,
        # No Celery events, no remote control: nothing but the doorbell passes the broker.
        worker_send_task_events=False,
        task_send_sent_event=False,
        worker_enable_remote_control=False,
        worker_prefetch_multiplier=1,
        worker_concurrency=1,
        worker_max_tasks_per_child=200,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        enable_utc=True,
        timezone="UTC",
        imports=["jobs.tasks"],
    )
    return made


app = make(settings.CELERY_BROKER_URL)
app.set_default()
app.set_current()
