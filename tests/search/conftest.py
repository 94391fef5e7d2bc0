"""A small fictional archive for the search tests, and a site that has been connected to it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from search import wiring
from search.documents import Reach, SearchDocument
from search.engines.base import Engine
from search.engines.fts5 import Fts5Engine

EVERYONE = frozenset({"public", "registered", "educators", "community"})
MEMBERS = frozenset({"community"})
PUBLIC = Reach("public")


def passage(work: str, text: str, **more: Any) -> SearchDocument:
    """A fictional passage; its key is work and anchor."""
    anchor = more.pop("anchor", f"p-{abs(hash(text)) % 10_000:04d}")
    facts: dict[str, Any] = {
        "group": "valley",
        "stands": EVERYONE,
        "type": "testimony",
        "language": "en",
        "title": f"Conversation {work}",
        "published_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    stands = more.get("stands", EVERYONE)
    key = f"{work}:{'+'.join(sorted(stands))}:{anchor}"
    return SearchDocument(key=key, work=work, text=text, anchor=anchor, **(facts | more))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty engine; every engine must pass the same tests (test_engines)."""
    made = Fts5Engine(tmp_path / "index.sqlite3")
    yield made
    made.store.close()


@dataclass
class Site:
    """What config would hand in, held in memory: publications by work."""

    published: dict[str, list[SearchDocument]] = field(default_factory=dict)
    #: Keys that a publication no longer holds although the index still does.
    gone: set[str] = field(default_factory=set)

    def publish(self, *documents: SearchDocument) -> None:
        for document in documents:
            self.published.setdefault(document.work, []).append(document)

    def documents_of(self, work: str) -> Iterable[SearchDocument]:
        return list(self.published.get(work, ()))

    def still_published(self, keys: Collection[str]) -> set[str]:
        known = {document.key for documents in self.published.values() for document in documents}
        return set(keys) & known - self.gone


@pytest.fixture
def site(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A connected site with an empty index of its own."""
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    monkeypatch.setattr(wiring, "_connected", None)
    made = Site()
    labels: dict[tuple[str, str], str] = {("place", "pl1"): "Górna Dolina", ("event", "ev1"): "The flood"}
    label_of: Callable[[str, str, str], str] = lambda name, value, language: labels.get((name, value), value)  # noqa: E731
    wiring.connect(
        reach_of=lambda viewer: Reach("community") if viewer else PUBLIC,
        still_published=made.still_published,
        documents_of=made.documents_of,
        all_works=lambda: sorted(made.published),
        url_of=lambda kind, work, language: f"/{language}/{kind}/{work}/",
        label_of=label_of,
    )
    return made


def later(days: int) -> datetime:
    """A day after the archive's first publication."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days)
