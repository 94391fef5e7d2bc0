"""The site answers nothing while a restore waits for its withdrawals to be replayed."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from archive.vault import ledger

#: What load balancers ask; these tell the truth about the closing themselves.
_STILL_ANSWERED = ("/healthz", "/readyz")


class ClosedWhileReplaying:
    """Middleware: 503 for everything but the health checks while :func:`ledger.replay_pending`.

    Asked anew on every request (one ``stat``), so that all processes close and open together.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if ledger.replay_pending() and request.path not in _STILL_ANSWERED:
            closed = HttpResponse(
                "The archive is being restored and opens again shortly.\n", status=503, content_type="text/plain"
            )
            closed["Retry-After"] = "60"
            closed["Cache-Control"] = "no-store"
            return closed
        return self.get_response(request)
