"""Inviting somebody, accepting, and taking an invitation back."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Invitation, User
from accounts.signals import invitation_accepted, invitation_revoked

#: Long enough for a letter to arrive, short enough to be forgotten safely.
INVITATION_TERM = timedelta(days=14)


class InvitationRefused(Exception):
    """An invitation cannot be made, accepted or taken back; the message says why and what to do."""


def invitation_url(token: str) -> str:
    """Return the full address of the link that carries ``token``."""
    return f"{settings.PUBLIC_URL}{reverse('accept_invitation', args=[token])}"


@dataclass
class Invite:
    """Makes an invitation. Whether ``by`` may invite to ``scope`` is for the calling room to decide first.

    With an ``email`` the link is sent there and shown to nobody, so that whoever follows it has shown to
    own the address. Without one the link is handed back, to be passed on by hand.
    """

    scope: str
    role: str
    label: str
    by: User
    email: str = ""
    now: datetime = field(default_factory=timezone.now)

    def check(self) -> None:
        """Raise ``InvitationRefused`` when the invitation would say nothing to its reader."""
        if not (self.scope and self.role and self.label):
            raise InvitationRefused(_("An invitation needs to say to what, and as what."))

    def execute(self) -> tuple[Invitation, str]:
        """Make the invitation and return it with its link, or with ``""`` where the link was mailed."""
        self.check()
        token = secrets.token_urlsafe(24)
        invitation = Invitation.objects.create(
            token_hash=Invitation.hash_of(token),
            scope=self.scope,
            role=self.role,
            label=self.label,
            email=self.email,
            invited_by=self.by,
            created_at=self.now,
            expires_at=self.now + INVITATION_TERM,
        )
        url = invitation_url(token)
        if not self.email:
            return invitation, url
        get_adapter().send_mail(
            "account/email/invitation",
            self.email,
            {"invitation_url": url, "label": self.label, "expires_at": invitation.expires_at},
        )
        return invitation, ""


@dataclass
class AcceptInvitation:
    """Takes up an invitation on behalf of ``user``, who holds its link."""

    invitation: Invitation
    user: User
    now: datetime = field(default_factory=timezone.now)

    def check(self) -> None:
        """Raise ``InvitationRefused`` when the invitation is used up, run out or taken back."""
        if not self.invitation.is_open(self.now):
            raise InvitationRefused(_("This invitation can no longer be used. Please ask for a new one."))

    @transaction.atomic
    def execute(self) -> None:
        """Accept it and tell the room that made it; what that room raises undoes the acceptance."""
        self.check()
        # The condition is checked again by the database: of two people with one link, one gets in.
        taken = (
            Invitation.objects.open(self.now)
            .filter(pk=self.invitation.pk)
            .update(accepted_at=self.now, accepted_by=self.user)
        )
        if not taken:
            raise InvitationRefused(_("This invitation can no longer be used. Please ask for a new one."))
        self.invitation.refresh_from_db()
        invitation_accepted.send(
            sender=Invitation,
            user=self.user,
            scope=self.invitation.scope,
            role=self.invitation.role,
            invitation=self.invitation,
        )


@dataclass
class RevokeInvitation:
    """Takes back an invitation that nobody has accepted."""

    invitation: Invitation
    now: datetime = field(default_factory=timezone.now)

    def check(self) -> None:
        """Raise ``InvitationRefused`` when it is not open any more."""
        if not self.invitation.is_open(self.now):
            raise InvitationRefused(_("This invitation is no longer open; nothing was changed."))

    @transaction.atomic
    def execute(self) -> None:
        """Take it back; its link answers from now on that it cannot be used."""
        self.check()
        self.invitation.revoked_at = self.now
        self.invitation.save(update_fields=["revoked_at"])
        invitation_revoked.send(sender=Invitation, invitation=self.invitation)
