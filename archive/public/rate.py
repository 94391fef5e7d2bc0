"""A counter in the shared cache: so many acts of one kind from one pseudonymous address in a window."""

from __future__ import annotations

from django.core.cache import cache


def allowed(act: str, who: str, limit: int, seconds: int) -> bool:
    """Count one act; False once ``limit`` was passed within ``seconds``. ``who`` is an HMAC, never an address."""
    key = f"rate:{act}:{who}"
    if cache.add(key, 1, seconds):
        return True
    try:
        return int(cache.incr(key)) <= limit
    except ValueError:
        # It ran out between the two calls.
        cache.add(key, 1, seconds)
        return True
