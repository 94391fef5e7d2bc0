"""System checks: said when the site starts, each with its remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from search import analysis, engines


@register(Tags.compatibility)
def engine_exists(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """SEARCH_URL names an engine of this version, and SQLite can do what the embedded one needs."""
    url = settings.SEARCH_URL
    if url.startswith(("http://", "https://")):
        return [
            Error(
                "SEARCH_URL names an Elasticsearch server, but this version has only the embedded search engine.",
                hint=f"Unset SEARCH_URL or set it to {engines.EMBEDDED}",
                id="search.E001",
            )
        ]
    if url != engines.EMBEDDED:
        return [Error("SEARCH_URL names no search engine.", hint=f"Set it to {engines.EMBEDDED}", id="search.E002")]
    with sqlite3.connect(":memory:") as connection:
        if not connection.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0]:
            return [
                Error(
                    "Python's SQLite was built without FTS5, which the embedded search engine needs.",
                    hint="Use a Python with FTS5, such as Debian's python3.",
                    id="search.E003",
                )
            ]
    return []


@register(Tags.compatibility)
def index_is_current(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The index on disk was built by this version of the analysis (an index that is not there is no fault)."""
    if settings.SEARCH_URL != engines.EMBEDDED or not settings.SEARCH_PATH.exists():
        return []
    try:
        built_by = engines.current().stats().analyser
    except engines.SearchUnavailable as error:
        return [Warning("The search index cannot be read.", hint=str(error), id="search.W001")]
    if built_by != analysis.VERSION:
        return [
            Warning(
                "The search index was built by another version of the text analysis; words may not be found.",
                hint="Run: manage.py rebuild_search",
                id="search.W002",
            )
        ]
    return []
