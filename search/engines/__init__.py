"""The engine that this instance is set to use."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from search.engines.base import Engine, SearchUnavailable
from search.engines.fts5 import Fts5Engine

EMBEDDED = "fts5:"


@lru_cache(maxsize=8)
def _embedded(path: Path) -> Fts5Engine:
    return Fts5Engine(path)


def current() -> Engine:
    """The engine of ``SEARCH_URL``; raises :class:`SearchUnavailable` for one that does not exist."""
    if settings.SEARCH_URL != EMBEDDED:
        raise SearchUnavailable(f"SEARCH_URL names no search engine of this version. Set it to {EMBEDDED}")
    return _embedded(Path(settings.SEARCH_PATH))
