from __future__ import annotations

from django.apps import AppConfig
from django.core.signals import request_finished, request_started


class SearchConfig(AppConfig):
    """Language analysis, search documents, engines and the query language; a leaf that imports nothing of ours."""

    name = "search"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from search import (
            checks,  # noqa: F401 - registers the system checks
            outbox,
        )

        request_started.connect(outbox.a_request_begins, dispatch_uid="search.outbox")
        request_finished.connect(outbox.a_request_ended, dispatch_uid="search.outbox")
