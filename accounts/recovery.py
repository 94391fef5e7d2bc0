"""Helping somebody whose authenticator is lost."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.sessions import end_sessions_of
from accounts.signals import authenticator_reset


class ResetRefused(Exception):
    """There is nothing to reset; the message says so."""


@dataclass
class ResetAuthenticator:
    """Removes every second factor of ``user`` and ends their sessions.

    Their password stays; at the next visit to the desk they set up a new factor. ``by`` is the account
    that does it, or a word for where it was done; it ends up in the audit trail.
    """

    user: User
    by: User | str

    def check(self) -> None:
        """Raise ``ResetRefused`` where the account has no second factor."""
        if not Authenticator.objects.filter(user=self.user).exists():
            raise ResetRefused(_("The account “%(name)s” has no second factor.") % {"name": self.user.username})

    @transaction.atomic
    def execute(self) -> tuple[str, ...]:
        """Remove the factors and return their kinds."""
        self.check()
        factors = Authenticator.objects.filter(user=self.user)
        kinds = tuple(sorted(factors.values_list("type", flat=True)))
        factors.delete()
        end_sessions_of(self.user)
        authenticator_reset.send(sender=User, user=self.user, by=self.by, kinds=kinds)
        return kinds
