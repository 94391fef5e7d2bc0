"""Refuses a request that says under which prefix the site stands.

The site stands at the root of its host, always. ``SCRIPT_NAME`` moves every address that is made for the answer,
and once moved the pages of every reader after it; whoever sends it, a proxy that passes it on included, is refused
before Django sees the request (Django would overwrite the evidence: ``FORCE_SCRIPT_NAME``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

logger = logging.getLogger(__name__)

#: A WSGI application.
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

#: Headers some server or proxy takes for the variables of that name.
_SAYS_PREFIX = ("HTTP_SCRIPT_NAME", "HTTP_PATH_INFO", "HTTP_X_SCRIPT_NAME", "HTTP_SCRIPT_URL", "HTTP_REDIRECT_URL")


def at_the_root_only(application: Application) -> Application:
    """Return ``application`` behind the refusal."""

    def refusing(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("SCRIPT_NAME") and not any(name in environ for name in _SAYS_PREFIX):
            return application(environ, start_response)
        logger.warning("A request that says under which prefix the site stands was refused.")
        answer = b"Bad request\n"
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(answer))), ("Cache-Control", "no-store")]
        start_response("400 Bad Request", headers)
        return [answer]

    return refusing
