"""System checks: said when the site starts, each with its remedy."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured

from search import analysis, engines
from search.engines.fts5 import Fts5Engine


@register(Tags.compatibility)
def engine_exists(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """SEARCH_URL names engines of this version, and SQLite can do what the embedded one needs."""
    return [message for address in engines.configured() for message in _faults_of(address)]


def _faults_of(address: engines.Address) -> list[CheckMessage]:
    hint = f"Set it to {engines.EMBEDDED}"
    if not address.known and address.scheme in ("http", "https"):
        return [
            Error(
                "SEARCH_URL names an Elasticsearch server, but this version has only the embedded search engine.",
                hint=f"Unset SEARCH_URL or set it to {engines.EMBEDDED}",
                id="search.E001",
            )
        ]
    if not address.known:
        # The scheme alone: an address may hold a password.
        said = f"SEARCH_URL names no search engine: “{address.scheme}:” is unknown."
        return [Error(said if address.scheme else "SEARCH_URL names no search engine.", hint=hint, id="search.E002")]
    try:
        engine = address.open()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint=hint, id="search.E004")]
    if engine.name == Fts5Engine.name:
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
    """Each index was built by this version of the analysis (an index that is not there is no fault)."""
    return [
        message for address in engines.configured() if not _faults_of(address) for message in _age_of(address.open())
    ]


def _age_of(engine: engines.Engine) -> list[CheckMessage]:
    if not engine.exists():
        return []
    try:
        built_by = engine.stats().analyser
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
