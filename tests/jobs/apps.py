"""Stands for ``config`` in an instance that holds this room alone."""

from __future__ import annotations

from django.apps import AppConfig


class RoomConfig(AppConfig):
    name = "tests.jobs"
    label = "jobs_room"

    def ready(self) -> None:
        from config import celery  # noqa: F401 - importing makes it the current application
