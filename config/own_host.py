"""In production the site answers under the host of ``PUBLIC_URL`` and under no other, port included.

Addresses in answers and mails are made from ``PUBLIC_URL``; this stands before whatever asks the request instead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

logger = logging.getLogger(__name__)

#: Load balancers ask these by the machine's own address.
_FOR_MACHINES = ("/healthz", "/readyz")
_USUAL_PORT = {"https": ":443", "http": ":80"}


def own_host() -> str:
    """Host and port of ``PUBLIC_URL`` as a browser sends them: without the port where it is the usual one."""
    parts = urlsplit(settings.PUBLIC_URL)
    return parts.netloc.lower().removesuffix(_USUAL_PORT.get(parts.scheme, ""))


class OwnHostOnly:
    """Answers 400, with one line of log, to a request for any other host."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.CAIRN_MODE != "production":
            return self.get_response(request)
        ours = own_host()
        if request.path_info in _FOR_MACHINES:
            request.META["HTTP_HOST"] = ours
        asked = request.META.get("HTTP_HOST", "").lower()
        scheme = urlsplit(settings.PUBLIC_URL).scheme
        if asked.removesuffix(_USUAL_PORT.get(scheme, "")) != ours:
            # Not the host itself: a stranger chose it.
            logger.warning("A request for another host than that of PUBLIC_URL was refused.")
            refusal = HttpResponse("Bad request\n", status=400, content_type="text/plain")
            # Django would write a second line.
            refusal._has_been_logged = True  # type: ignore[attr-defined]
            return refusal
        return self.get_response(request)
