"""Whether a session was verified by a second factor, and that it stays so only while the factor exists."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from django.http import HttpRequest

from accounts.loopback import is_demo_on_loopback

#: The method under which a demo sign-in link records itself in the session.
DEMO_LINK = "demo_link"
#: Where the way back is kept while somebody sets up a second factor.
NEXT_SESSION_KEY = "second_factor_next"

_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_second_factor(user: Any) -> bool:
    """Say whether ``user`` has set up an authenticator app or a passkey."""
    return Authenticator.objects.filter(user_id=user.pk, type__in=_FACTORS).exists()


def is_verified(request: HttpRequest) -> bool:
    """Say whether this session was verified by a second factor that its user still has.

    A factor that was reset or removed takes every session it opened with it: the record in the
    session names the authenticator, and the authenticator is looked up each time. A demo sign-in
    link counts only while this request, too, is made to a demo on loopback.
    """
    if not request.user.is_authenticated:
        return False
    records = get_authentication_records(request, request.user)
    if any(record.get("method") == DEMO_LINK for record in records) and is_demo_on_loopback(request):
        return True
    used = {record["id"] for record in records if record.get("method") == "mfa" and "id" in record}
    if not used:
        return False
    return Authenticator.objects.filter(pk__in=used, user_id=request.user.pk).exists() and has_second_factor(
        request.user
    )


def _setting_up_is_using(
    sender: object, request: HttpRequest, user: Any, authenticator: Authenticator, **kwargs: object
) -> None:
    """Count a factor as used when it is set up: its owner has just proved to hold it.

    Without this, whoever scans the code for the first time would be asked for the next one at once.
    Recovery codes are made along with the first factor and prove nothing at that moment.
    """
    if authenticator.type in _FACTORS:
        record_authentication(
            request, user, "mfa", id=authenticator.pk, type=str(authenticator.type), reauthenticated=True
        )


def connect() -> None:
    """Listen to allauth; called once, when the app is ready."""
    mfa_signals.authenticator_added.connect(_setting_up_is_using, dispatch_uid="accounts.second_factor")
