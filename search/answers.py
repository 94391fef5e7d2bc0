"""What a search gives back: to the page, and as the JSON of ``/api/v1/search``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that matches. ``text_html`` is escaped text with ``<mark>``; ``url`` opens at its place."""

    text_html: SafeString
    start_ms: int | None
    end_ms: int | None
    anchor: str
    language: str
    url: str

    def as_json(self) -> dict[str, Any]:
        """One hit of interfaces.md."""
        return {
            "text_html": str(self.text_html),
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "anchor": self.anchor,
            "language": self.language,
        }


@dataclass(frozen=True, slots=True)
class Result:
    """A work; ``matches`` counts all its matching passages, of which ``hits`` are the best."""

    id: str
    type: str
    title: str
    language: str
    url: str
    hits: tuple[Hit, ...]
    matches: int
    title_html: SafeString

    def as_json(self) -> dict[str, Any]:
        """One result of interfaces.md."""
        return {
            "id": self.id,
            "type": self.type,
            "title": self.title,
            "language": self.language,
            "url": self.url,
            "hits": [hit.as_json() for hit in self.hits],
        }


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet with the number of works one gets by choosing it."""

    value: str
    label: str
    count: int
    selected: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of results. ``notes`` are sentences about what was not understood in the query."""

    query: str
    took_ms: float
    engine: str
    total: int
    results: tuple[Result, ...]
    facets: dict[str, tuple[FacetValue, ...]]
    did_you_mean: str | None = None
    notes: tuple[str, ...] = ()
    page: int = 1
    pages: int = 0
    filters: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def as_json(self, *, timed: bool) -> dict[str, Any]:
        """Exactly the shape that interfaces.md promises.

        ``timed``: with ``took_ms``. Looking past hidden rows takes time, so a stranger who asks for one word after
        another would read in it which of them occur in what she may not see.
        """
        took = {"took_ms": round(self.took_ms, 1)} if timed else {}
        return {
            "query": self.query,
            **took,
            "engine": self.engine,
            "total": self.total,
            "results": [result.as_json() for result in self.results],
            "facets": {
                name: [{"value": value.value, "label": value.label, "count": value.count} for value in values]
                for name, values in self.facets.items()
            },
            "did_you_mean": self.did_you_mean,
        }
