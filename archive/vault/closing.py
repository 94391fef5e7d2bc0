"""The site answers nothing while a restore waits for its replay, or publications to be made in a stricter form."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation

from archive import publications
from archive.vault import ledger

#: What load balancers ask; these tell the truth about the closing themselves.
_STILL_ANSWERED = ("/healthz", "/readyz")


class ClosedWhileReplaying:
    """Middleware: 503 for all but health checks and our own style sheets while :func:`why_closed` names a reason.

    Asked anew on every request (a ``stat`` and a row), so that all processes close and open together.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path in _STILL_ANSWERED or request.path.startswith(_of_our_own()):
            return self.get_response(request)
        why = why_closed()
        if not why:
            return self.get_response(request)
        closed = _page(request) if request.accepts("text/html") else _line(why)
        closed["Retry-After"] = "60"
        closed["Cache-Control"] = "no-store"
        return closed


def why_closed() -> str:
    """``restore``, ``remake`` (of publications), or nothing when the site is open."""
    if ledger.replay_pending():
        return "restore"
    try:
        return "remake" if publications.remake_pending() else ""
    except DatabaseError:
        # A database that cannot say so, or of before it could: nothing is served from it.
        return "remake"


def _of_our_own() -> str:
    """Style sheets and pictures of the software itself, which the page below is dressed in."""
    return str(settings.STATIC_URL)


def _page(request: HttpRequest) -> HttpResponse:
    with translation.override(translation.get_language_from_request(request, check_path=True)):
        return HttpResponse(render_to_string("maintenance.html"), status=503)


def _line(why: str) -> HttpResponse:
    doing = "restored" if why == "restore" else "brought up to date"
    return HttpResponse(
        f"The archive is being {doing} and opens again shortly.\n", status=503, content_type="text/plain"
    )
