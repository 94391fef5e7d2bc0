"""A small fictional archive for the search tests, and a site that has been connected to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from search import sources, wiring
from search.documents import Reach, SearchDocument
from search.engines.base import Engine
from search.engines.fts5 import Fts5Engine
from search.sources import Facet, Source

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
class Site(Source):
    """A room's source, held in memory: publications by work."""

    name: str = "valley"
    types: Collection[str] = frozenset({"testimony", "document"})
    facets: tuple[Facet, ...] = tuple(
        Facet(name, (name,)) for name in ("event", "place", "person", "collection", "risk")
    )
    published: dict[str, list[SearchDocument]] = field(default_factory=dict)
    #: Keys that a publication no longer holds although the index still does.
    gone: set[str] = field(default_factory=set)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)

    def publish(self, *documents: SearchDocument) -> None:
        for document in documents:
            self.published.setdefault(document.work, []).append(document)

    def all_works(self) -> Iterable[str]:
        return sorted(self.published)

    def documents_of(self, work: str) -> Iterable[SearchDocument]:
        return list(self.published.get(work, ()))

    def still_published(self, keys: Collection[str]) -> set[str]:
        known = {document.key for documents in self.published.values() for document in documents}
        return set(keys) & known - self.gone

    def labels_of(
        self, values: Mapping[str, Collection[str]], reach: Reach, language: str
    ) -> Mapping[tuple[str, str], str]:
        return {
            (facet, value): label for (facet, value), label in self.labels.items() if value in values.get(facet, ())
        }

    def url_of(self, kind: str, work: str, language: str) -> str:
        return f"/{language}/{kind}/{work}/"


@pytest.fixture
def site(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A site whose only source is in memory, with an empty index of its own."""
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    monkeypatch.setattr(wiring, "_connected", None)
    monkeypatch.setattr(sources, "_registered", {})
    wiring.connect(reach_of=lambda viewer: Reach("community") if viewer else PUBLIC)
    made = Site(labels={("place", "pl1"): "Górna Dolina", ("event", "ev1"): "The flood"})
    sources.register(made)
    return made


def later(days: int) -> datetime:
    """A day after the archive's first publication."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days)


#: Holds the file as a long change of another process does, for so many seconds or until its input ends.
_HOLD = """
import select, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN " + sys.argv[2])
print("held", flush=True)
select.select([sys.stdin], [], [], float(sys.argv[3]))
"""


@contextmanager
def locked_by_another_process(path: Path, *, hold: str = "IMMEDIATE", seconds: float = 60) -> Iterator[None]:
    """Within the block another process holds the index's file against every writer, at most so many seconds."""
    command = [sys.executable, "-c", _HOLD, str(path), hold, str(seconds)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.communicate(timeout=30)
