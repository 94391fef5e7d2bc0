"""Ending what is open."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session


def end_sessions_of(user: Any) -> int:
    """End every session of ``user`` and return how many there were.

    Sessions are not indexed by user (nothing should tell who was here when), so all are opened; this is
    for rare acts such as a lost authenticator.
    """
    ended = 0
    for session in Session.objects.iterator():
        if str(session.get_decoded().get(SESSION_KEY, "")) == str(user.pk):
            session.delete()
            ended += 1
    return ended
