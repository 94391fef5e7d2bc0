"""Whether a request was made on this very machine, for the one thing that only the demo may do."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

#: A proxy on the same machine also connects from loopback; any of these says that somebody is behind it.
_FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP", "HTTP_VIA")


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def is_demo_on_loopback(request: HttpRequest) -> bool:
    """Say whether this instance runs as a demo *and* the request never left this machine.

    All of it must hold: the mode, the peer's address, the host that was asked for (a page elsewhere
    that rebinds its name to 127.0.0.1 sends its own), and no trace of a proxy.
    """
    if settings.CAIRN_MODE != "demo" or any(name in request.META for name in _FORWARDED):
        return False
    host = request.META.get("HTTP_HOST", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    return _is_loopback(request.META.get("REMOTE_ADDR", "")) and _is_loopback(name)
