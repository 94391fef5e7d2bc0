"""A counter in the shared cache: so many acts of one kind from one pseudonymous address in a window."""

from __future__ import annotations

import time

from django.core.cache import cache


def allowed(act: str, who: str, limit: int, seconds: int) -> bool:
    """Count one act; False once ``limit`` was passed within this window of ``seconds``.

    ``who`` is an HMAC, never an address. Windows follow each other by the clock (an hour begins on the hour), so that
    no act lengthens or shortens one.
    """
    key = f"rate:{act}:{seconds}:{int(time.time() // seconds)}:{who}"
    # It outlives its window, whatever part of a second the cache cuts off.
    cache.add(key, 0, timeout=seconds + 60)
    try:
        return int(cache.incr(key)) <= limit
    except ValueError:
        # Pushed out of a full cache between the two calls: what was not counted is not allowed.
        return False
