"""How every public view reads: as one viewer, at one moment, through publications alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, patch_vary_headers

from archive import publications
from archive.class_links import ClassLink, class_link
from archive.models.publication import Publication
from archive.policy import ANONYMOUS, Viewer, viewer_of
from archive.publications import Gone

#: Where a browser's session keeps the hash of the class link it came in by.
CLASS_LINK = "cairn_class_link"


class Withdrawn(Exception):
    """What was asked for was withdrawn, and this viewer could have seen it: answered with 410."""

    def __init__(self, gone: Gone) -> None:
        self.gone = gone
        super().__init__(gone.public_id)


def viewer_for(request: HttpRequest) -> Viewer:
    """Who reads, read once a request; without a session cookie nobody is looked up."""
    viewer = getattr(request, "cairn_viewer", None)
    if viewer is None:
        # Read before anything that a list will show: a change in between makes the kept page a miss.
        request.cairn_clock = publications.clock()[0]  # type: ignore[attr-defined]
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            viewer = viewer_of(request.user)
            held = class_link_of(request)
            if held is not None:
                viewer = replace(viewer, opened=held.opened)
        else:
            viewer = ANONYMOUS
        request.cairn_viewer = viewer  # type: ignore[attr-defined]
    return viewer


def class_link_of(request: HttpRequest) -> ClassLink | None:
    """The class link by which this browser came in, if it is good now; asked of the database once a request."""
    if not hasattr(request, "cairn_class_link"):
        token_hash = request.session.get(CLASS_LINK, "")
        request.cairn_class_link = class_link(token_hash, timezone.now()) if token_hash else None  # type: ignore[attr-defined]
    held: ClassLink | None = request.cairn_class_link  # type: ignore[attr-defined]
    return held


def published_or_404(request: HttpRequest, public_id: str, *, kind: str = "") -> Publication:
    """The projection this viewer may see.

    :raises Http404: for everything that is not there for her, whatever the cause.
    :raises Withdrawn: where a tombstone stands.
    """
    found = publications.find(public_id, viewer_for(request))
    if found is None or (kind and found.kind != kind):
        raise Http404
    if isinstance(found, Gone):
        raise Withdrawn(found)
    return found


def tombstone(request: HttpRequest, gone: Gone) -> HttpResponse:
    """410 without a title: what stood here was taken back."""
    context = {"tombstone": {"kind": gone.kind, "at": gone.at.date().isoformat(), "text": gone.text}}
    response = render(request, "410.html", context, status=410)
    add_never_cache_headers(response)
    if not viewer_for(request).answered_apart:
        # Publishing it again sets the clock anew, and with it goes the kept stone.
        response.cairn_checked_against = "clock"  # type: ignore[attr-defined]
        response.cairn_version = getattr(request, "cairn_clock", None)  # type: ignore[attr-defined]
    return response


def mark_cacheable(
    request: HttpRequest, response: HttpResponse, publication: Publication | None = None
) -> HttpResponse:
    """Say whether a response may be kept by the page cache, and against which version it must be checked.

    Browsers and proxies may never keep a page of the archive without asking again: a copy that nobody
    checks would outlive a withdrawal.
    """
    viewer = viewer_for(request)
    response.headers["Cache-Control"] = "private, no-store" if viewer.answered_apart else "no-cache"
    patch_vary_headers(response, ["Cookie"])
    if not viewer.answered_apart and response.status_code == 200:
        response.cairn_checked_against = publication.pk if publication is not None else "clock"  # type: ignore[attr-defined]
        response.cairn_version = (  # type: ignore[attr-defined]
            publication.version if publication is not None else getattr(request, "cairn_clock", None)
        )
    return response


def page_facts(number: int, pages: int, total: int, address: Any) -> dict[str, Any]:
    """Paging as the templates want it; ``address(n)`` gives the address of page ``n``."""
    return {
        "number": number,
        "pages": pages,
        "total": total,
        "previous_url": address(number - 1) if number > 1 else None,
        "next_url": address(number + 1) if number < pages else None,
    }
