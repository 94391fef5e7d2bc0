"""The site answers nothing while a restore waits for its withdrawals to be replayed."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation

from archive.vault import ledger

#: What load balancers ask; these tell the truth about the closing themselves.
_STILL_ANSWERED = ("/healthz", "/readyz")


class ClosedWhileReplaying:
    """Middleware: 503 for all but health checks and our own style sheets while :func:`ledger.replay_pending`.

    Asked anew on every request (one ``stat``), so that all processes close and open together.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not ledger.replay_pending() or request.path in _STILL_ANSWERED or request.path.startswith(_of_our_own()):
            return self.get_response(request)
        closed = _page(request) if request.accepts("text/html") else _line()
        closed["Retry-After"] = "60"
        closed["Cache-Control"] = "no-store"
        return closed


def _of_our_own() -> str:
    """Style sheets and pictures of the software itself, which the page below is dressed in."""
    return str(settings.STATIC_URL)


def _page(request: HttpRequest) -> HttpResponse:
    with translation.override(translation.get_language_from_request(request, check_path=True)):
        return HttpResponse(render_to_string("maintenance.html"), status=503)


def _line() -> HttpResponse:
    return HttpResponse(
        "The archive is being restored and opens again shortly.\n", status=503, content_type="text/plain"
    )
