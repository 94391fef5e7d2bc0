"""What a content room hands to the search room, and how far a viewer sees.

The search room knows nothing about testimonies or members: works, groups and stands are opaque words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SearchDocument:
    """One searchable passage: a cue, a paragraph, an annotation, a module section.

    A work without passages hands in one document with an empty ``text``; it is then found by its title.

    Attributes:
        key: names this row to ``still_published``; the content room decides its form.
        work: id under which results are grouped, and under which all rows of a work are replaced together.
        group: owner of the work, matched against ``Reach.by_group``.
        stands: stands on which this row is seen (see :class:`Reach`).
        type: kind of work (``testimony``, ``document``, ``site`` …).
        language: BCP 47 tag of ``text``; chooses the analysis.
        text: plain text, at most what the public side may show; offsets in highlights count its code points.
        title: title of the work, searchable too.
        anchor: place inside the work to which a hit links.
        start_ms, end_ms: moment of the recording in milliseconds, or None.
        facets: values by facet name: ``collection``, ``event``, ``place``, ``person``, ``risk`` …
        year_from, year_to: years the passage is about, both ends included.
        published_at: orders the list of everything, newest first.
        not_after: from this moment on the row is not shown, whatever the index still holds.
    """

    key: str
    work: str
    group: str
    stands: frozenset[str]
    type: str
    language: str
    text: str
    title: str = ""
    anchor: str = ""
    start_ms: int | None = None
    end_ms: int | None = None
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    year_from: int | None = None
    year_to: int | None = None
    published_at: datetime | None = None
    not_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """On which single stand a viewer stands, so that nobody ever sees two projections of one work.

    ``by_group`` goes before ``by_work`` before ``default``: who belongs to the group of a work stands there,
    whatever else was opened to her of it.
    """

    default: str
    by_group: Mapping[str, str] = field(default_factory=dict)
    by_work: Mapping[str, str] = field(default_factory=dict)

    def stand(self, *, work: str, group: str) -> str:
        """The stand from which this viewer sees ``work``, which belongs to ``group``."""
        return self.by_group.get(group) or self.by_work.get(work) or self.default

    def sees(self, document: SearchDocument) -> bool:
        """Whether the row serves the viewer's stand."""
        return self.stand(work=document.work, group=document.group) in document.stands


def period_of(year_from: int | None, year_to: int | None) -> tuple[str, ...]:
    """Decades between two years as facet values (``"1940s"``), at most ten; longer spans have none."""
    first = year_from if year_from is not None else year_to
    last = year_to if year_to is not None else year_from
    if first is None or last is None or not 0 < first <= last or last - first > 100:
        return ()
    return tuple(f"{decade}s" for decade in range(first // 10 * 10, last + 1, 10))[:10]
