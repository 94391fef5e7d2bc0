"""What the archive hands to search: passages of publications, never of records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archive.models.publication import Publication
from archive.public.kinds import public_kind
from archive.public.passages import Passage
from archive.values.language_map import original_text
from search.documents import SearchDocument


def all_works() -> Iterator[str]:
    """Ids of everything that has a publication, for a rebuild."""
    yield from Publication.objects.order_by("public_id").values_list("public_id", flat=True).distinct().iterator()


def documents_of(public_id: str) -> Iterator[SearchDocument]:
    """The searchable passages of one work on all its rungs; none when it is not published."""
    for publication in Publication.objects.filter(public_id=public_id):
        yield from _passages(publication)


def key_of(publication: Publication) -> str:
    """Names a projection to ``still_published``: a later projection of the same work has another key."""
    return f"{publication.public_id}@{publication.version}"


def _passages(publication: Publication) -> Iterator[SearchDocument]:
    payload, entry = publication.payload, public_kind(publication.kind)
    shared: dict[str, Any] = {
        "key": key_of(publication),
        "work": publication.public_id,
        "group": publication.group,
        "stands": frozenset(str(stand) for stand in publication.stands),
        "type": publication.kind,
        "title": _title(publication),
        "facets": entry.facets(payload),
        "year_from": publication.year_from,
        "year_to": publication.year_to,
        "published_at": publication.first_published_at,
        "not_after": publication.not_after,
    }
    passages = [*entry.passages(payload)]
    # Without a passage it is found by its title.
    for passage in passages or [Passage((publication.title or {}).get("original") or "und", "")]:
        yield SearchDocument(
            **shared,
            language=passage.language,
            text=passage.text,
            anchor=passage.anchor,
            start_ms=passage.start_ms,
            end_ms=passage.end_ms,
        )


def _title(publication: Publication) -> str:
    title = publication.title or {}
    texts: Iterable[str] = dict.fromkeys(
        [original_text(title), *(entry["text"] for entry in title.get("values", {}).values())]
    )
    return " · ".join(text for text in texts if text)
