"""Where a request comes from, known well enough to limit rates and not well enough to find anybody.

Addresses of visitors are never stored: what leaves this module is an HMAC under a random salt that
lives for a day and is then deleted, so that yesterday's keys cannot be linked to an address even by
whoever holds the secret key.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

_ONE_DAY = 24 * 60 * 60
#: A household or phone gets a whole /64 of IPv6; a limit on single addresses would limit nothing.
_IPV6_PREFIX = 64


def is_trusted_proxy(address: str, trusted: Iterable[str]) -> bool:
    """Say whether ``address`` is one of ``trusted`` (addresses, networks, or ``unix`` for a socket)."""
    trusted = list(trusted)
    if not address:
        return "unix" in trusted
    try:
        peer = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(peer in ipaddress.ip_network(entry, strict=False) for entry in trusted if entry != "unix")


def client_address(request: HttpRequest) -> str:
    """Return the visitor's address: the nearest one in the chain that is no proxy of ours.

    ``X-Forwarded-For`` is read from the right and only as far as trusted proxies wrote it; what a
    visitor put there herself is never reached. The answer must not be stored or logged.
    """
    peer, chain = str(request.META.get("REMOTE_ADDR", "")), request.META.get("HTTP_X_FORWARDED_FOR", "")
    return nearest_stranger(peer, chain, settings.TRUSTED_PROXIES)


def nearest_stranger(peer: str, chain: str, trusted: list[str]) -> str:
    """Return ``peer``, or as far as it is a proxy of ours, the address it names in ``chain`` (``X-Forwarded-For``)."""
    hops = [hop.strip() for hop in chain.split(",") if hop.strip()]
    while hops and is_trusted_proxy(peer, trusted):
        peer = hops.pop()
    return peer


def _salt(day: date) -> bytes:
    key = f"cairn:address-salt:{day.isoformat()}"
    salt = cache.get(key)
    if salt is None:
        cache.add(key, secrets.token_hex(32), timeout=_ONE_DAY)
        salt = cache.get(key) or ""
        cache.delete(f"cairn:address-salt:{(day - timedelta(days=1)).isoformat()}")
    return bytes.fromhex(salt)


def household(address: str) -> str:
    """Return what counts as one visitor: the address itself, of IPv6 the network; what is no address as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    prefix = _IPV6_PREFIX if parsed.version == 6 else parsed.max_prefixlen
    return str(ipaddress.ip_network((parsed, prefix), strict=False))


def pseudonym(address: str, day: date | None = None) -> str:
    """Return the key that stands for ``address`` on ``day`` (today, UTC, when not given)."""
    network = household(address)
    key = settings.SECRET_KEY.encode() + _salt(day or datetime.now(UTC).date())
    return hmac.new(key, network.encode(), hashlib.sha256).hexdigest()[:32]


def client_pseudonym(request: HttpRequest) -> str:
    """Return today's pseudonym of the visitor behind ``request``; the only form other code should use."""
    return pseudonym(client_address(request))
