"""The archive as a source of search: its publications, their facets and what those are called."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from django.utils import timezone, translation

from archive import publications, search_documents
from archive.models.publication import Publication
from archive.policy import reached
from archive.public.addresses import page_url
from archive.public.kinds import all_kinds, known
from archive.values.language_map import choose
from archive.values.languages import display_name
from search.documents import Reach, SearchDocument
from search.sources import SHARED_FACETS, Facet, Source

#: Ids in one question; a page of results never has as many.
_TOGETHER = 5_000


class PublicationsSource(Source):
    """Everything that has a publication, of whatever room: its kind is one of ``archive.public.kinds``."""

    name = "archive"
    facets = (
        *(Facet(name, (name,)) for name in ("collection", "event", "place", "person", "risk")),
        Facet("organisation"),
        Facet("concept"),
    )

    @property
    def types(self) -> Collection[str]:  # type: ignore[override]
        """Every kind that has pages, also of rooms that register after the archive."""
        return frozenset(entry.kind for entry in all_kinds())

    def all_works(self) -> Iterable[str]:
        return search_documents.all_works()

    def documents_of(self, work: str) -> Iterable[SearchDocument]:
        return search_documents.documents_of(work)

    def still_published(self, keys: Collection[str]) -> set[str]:
        return publications.still_published(keys)

    def labels_of(
        self, values: Mapping[str, Collection[str]], reach: Reach, language: str
    ) -> Mapping[tuple[str, str], str]:
        labels = {("language", tag): display_name(tag, language) for tag in values.get("language", ())}
        with translation.override(language):
            labels |= {
                ("type", kind): str(entry.many) for kind in values.get("type", ()) if (entry := known(kind)) is not None
            }
        named = {facet: those for facet, those in values.items() if facet not in SHARED_FACETS}
        names = _names({value for those in named.values() for value in those}, reach, language)
        return labels | {
            (facet, value): names[value] for facet, those in named.items() for value in those if value in names
        }

    def url_of(self, kind: str, work: str, language: str) -> str:
        with translation.override(language):
            return page_url(kind, work)


def _names(ids: Collection[str], reach: Reach, language: str) -> dict[str, str]:
    """What the pages of these ids are called where somebody of this reach stands."""
    here = reached(reach, timezone.now())
    asked = sorted(ids)
    names: dict[str, str] = {}
    for start in range(0, len(asked), _TOGETHER):
        # Of the rows of several communities the first is the page, as in lists: it comes last here.
        rows = Publication.objects.filter(here, public_id__in=asked[start : start + _TOGETHER]).order_by("-pk")
        names |= {
            public_id: choose(title, (language,)).text for public_id, title in rows.values_list("public_id", "title")
        }
    if reach.by_work and len(names) < len(asked):
        # What is open to her alone names places and people whose pages are not open with it.
        works = Publication.objects.filter(here, public_id__in=list(reach.by_work))
        for payload in works.values_list("payload", flat=True):
            for named in (payload.get("collection"), payload.get("place"), *payload.get("entities", [])):
                if named and named["id"] in ids and named["id"] not in names:
                    names[named["id"]] = choose(named.get("name") or named.get("title"), (language,)).text
    return names
