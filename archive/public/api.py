"""The read API of publications, ``/api/v1/``: what pages show, as JSON, for the same viewer by the same rules."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.errors import HttpError

from archive import publications
from archive.models.publication import Publication
from archive.policy import reach_of
from archive.public.addresses import page_url, permanent_url
from archive.public.kinds import of_segment
from archive.public.reading import viewer_for
from archive.publications import Gone
from search import service

PER_PAGE = 50
api = NinjaAPI(title="Cairn", version="1", docs_url=None, urls_namespace="api-1")


@api.get("/search", summary="Search everything this reader may see", tags=["search"])
def search(request: HttpRequest, q: str = "", page: int = 1, language: str = "", type: str = "") -> dict[str, Any]:
    """The answer of interfaces.md: grouped by work, each hit with its moment or paragraph."""
    filters = {name: [value] for name, value in (("language", language), ("type", type)) if value}
    viewer = viewer_for(request)
    try:
        answer = service.search(q[:400], reach_of(viewer), page=max(1, page), filters=filters)
    except service.SearchUnavailable as error:
        raise HttpError(503, str(error)) from error
    return answer.as_json(timed=viewer.authenticated)


@api.get("/{segment}/", summary="List publications of one kind", tags=["publications"])
def listing(request: HttpRequest, segment: str, page: int = 1) -> dict[str, Any]:
    """Fifty a page, by title or name; ``segment`` is testimonies, documents, collections, people, places …"""
    entry = of_segment(segment)
    if entry is None or page < 1:
        raise HttpError(404, "Not found")
    rows = publications.listing(viewer_for(request), kind=entry.kind)
    total = rows.count()
    pages = max(1, -(-total // PER_PAGE))
    # A page behind the last is empty; the database is not asked for it, since no number is too high to type.
    shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE] if page <= pages else []
    return {
        "total": total,
        "page": page,
        "pages": pages,
        "results": [_short(row) for row in shown],
    }


@api.get("/{segment}/{public_id}", summary="One publication, whole", tags=["publications"])
def detail(request: HttpRequest, segment: str, public_id: str) -> dict[str, Any]:
    """The payload as its page shows it; 404 and 410 as on the page."""
    found = publications.find(public_id, viewer_for(request))
    entry = of_segment(segment)
    if found is None or entry is None or entry.kind != found.kind:
        raise HttpError(404, "Not found")
    if isinstance(found, Gone):
        raise HttpError(410, "Withdrawn")
    return {**found.payload, "url": permanent_url(public_id), "audience": found.audience}


def _short(row: Publication) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "kind": row.kind,
        "title": row.payload.get("title") or row.payload.get("name"),
        "languages": row.payload.get("languages", []),
        "date": (row.payload.get("date") or {}).get("edtf", ""),
        "fiction": row.fiction,
        "stub": row.stub,
        "url": permanent_url(row.public_id),
        "page": page_url(row.kind, row.public_id),
    }
