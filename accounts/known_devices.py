"""Browsers in which somebody from the desk has signed in whole: wrong passwords of others do not lock them out.

Whoever knows a username can spend the few wrong passwords that an account is allowed, from anywhere and for ever; a
steward who must withdraw a testimony would stand outside. So attempts from a known device are counted for that device
and not for the account (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). The limit of the address
stays, and so does the second factor.

The cookie holds random letters, a time and a signature: no name, no number of an account. The signature is made with
the account's password hash, so a new password forgets every device. Only the desk's people get one: on a shared
computer of a school nothing is left behind.
"""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

#: Seconds for which a device is known, and after which a visit to the desk makes it known anew.
KNOWN_FOR = 180 * 24 * 60 * 60
RENEWED_AFTER = 30 * 24 * 60 * 60
#: People who share one computer; the longest unused makes room.
MOST_PEOPLE = 4

_BETWEEN = "."


def _signer(user: Any) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"accounts.known_devices:{user.pk}:{user.password}")


def _marks(request: HttpRequest) -> list[str]:
    written = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    return written.split(_BETWEEN)[:MOST_PEOPLE] if written else []


def has_marks(request: HttpRequest) -> bool:
    """Whether this device says that somebody is known on it; it may lie."""
    return bool(_marks(request))


def _device(mark: str, user: Any, age: int) -> str:
    try:
        return _signer(user).unsign(mark, max_age=age)
    except signing.BadSignature:
        return ""


def device_known_to(user: Any, request: HttpRequest) -> str:
    """The random name of this device where ``user`` is known on it, or an empty string."""
    return next((device for mark in _marks(request) if (device := _device(mark, user, KNOWN_FOR))), "")


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Let the device be known to who is signed in here; the caller has made sure that it is she, by two factors."""
    user = request.user
    marks = _marks(request)
    if any(_device(mark, user, RENEWED_AFTER) for mark in marks):
        return
    others = [mark for mark in marks if not _device(mark, user, KNOWN_FOR)]
    made = _signer(user).sign(secrets.token_urlsafe(16))
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        _BETWEEN.join([made, *others][:MOST_PEOPLE]),
        max_age=KNOWN_FOR,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )
