"""Reading without an account: what a teacher chose for a class, and one revision for one reviewer.

The token opens the door once and leaves the address at once, for pages are projected on walls, addresses stay in the
history of shared computers and in the logs of proxies. From then on a session, which ends with the browser and names
nobody, holds the token's hash, and every request asks anew what that link opens. A token that is none, has ended or
shows nothing is one and the same 404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_safe

from accounts.client_address import client_pseudonym
from archive import publications
from archive.class_links import class_link
from archive.public.entries import entries
from archive.public.media import send_file
from archive.public.rate import allowed
from archive.public.reading import CLASS_LINK, class_link_of, viewer_for
from archive.public.works import with_addresses
from archive.review_links import under_review
from archive.values.tokens import hash_of

#: Where a browser's session keeps the hash of the reviewer's link it came in by.
REVIEW_LINK = "cairn_review_link"
#: Links that one address may open in an hour: whole schools stand behind one.
OPENINGS_AN_HOUR = 600


@require_safe
def enter_class(request: HttpRequest, token: str) -> HttpResponse:
    """The door of a class link."""
    return _enter(request, token, CLASS_LINK, class_link, "public:class")


@require_safe
def enter_review(request: HttpRequest, token: str) -> HttpResponse:
    """The door of a reviewer's link."""
    return _enter(request, token, REVIEW_LINK, under_review, "public:review")


def _enter(request: HttpRequest, token: str, key: str, good: Callable[..., object], page: str) -> HttpResponse:
    # Counted whatever the token is: a count of wrong ones alone would tell them apart.
    if not allowed("reader-link", client_pseudonym(request), OPENINGS_AN_HOUR, 3600):
        return _kept_nowhere(render(request, "429.html", status=429))
    token_hash = hash_of(token)
    if good(token_hash, timezone.now()) is None:
        raise Http404
    # Nobody who knew this session before comes in with it.
    request.session.cycle_key()
    request.session[key] = token_hash
    return _kept_nowhere(redirect(page))


@require_http_methods(["GET", "HEAD", "POST"])
def class_page(request: HttpRequest) -> HttpResponse:
    """What a teacher chose, in her order; the button takes the link out of this browser."""
    link = class_link_of(request)
    if link is None:
        raise Http404
    if request.method == "POST":
        _forget(request, CLASS_LINK)
        return _kept_nowhere(redirect(f"/{get_language()}/"))
    rows = {row.public_id: row for row in publications.listing(viewer_for(request), public_id__in=list(link.opened))}
    items = entries(rows[public_id] for public_id in link.opened if public_id in rows)
    last_day = link.ends_at.date().isoformat()
    context = {"items": items, "last_day": last_day, "fiction": any(item["fiction"] for item in items)}
    return _kept_nowhere(render(request, "archive/class.html", context))


@require_safe
def review_page(request: HttpRequest) -> HttpResponse:
    """One revision as its audience would read it, made for this answer alone."""
    publication, _links, _files = _under_review(request)
    payload = with_addresses(publication, lambda file_id: reverse("public:review-file", args=[file_id]))
    context = {"work": payload, "with_language": request.GET.get("with", "")[:40]}
    return _kept_nowhere(render(request, "archive/review.html", context))


@require_safe
def review_file(request: HttpRequest, file_id: UUID) -> HttpResponseBase:
    """A recording or a picture of what a reviewer reads, if the gate would show it there."""
    publication, _links, files = _under_review(request)
    file = next((one for one in files if one["id"] == str(file_id)), None)
    if file is None:
        raise Http404
    return _kept_nowhere(send_file(request, file["path"], file["mime"], publication.public_id))


def _under_review(request: HttpRequest) -> Any:
    """:raises Http404: without a link that is good now and shows something."""
    built = under_review(request.session.get(REVIEW_LINK, ""), timezone.now())
    if built is None:
        raise Http404
    return built


def _forget(request: HttpRequest, key: str) -> None:
    """Nothing of the link stays, and nothing of a session that was there for it alone."""
    request.session.pop(key, None)
    if not request.user.is_authenticated and not request.session.keys():
        request.session.flush()


def _kept_nowhere(response: Any) -> Any:
    response.headers["Cache-Control"] = "no-store, private"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response
