"""An invitation: a link that lets its holder join something."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class InvitationQuerySet(models.QuerySet):
    """Questions asked of invitations."""

    def open(self, now: datetime) -> Self:
        """Return the invitations that can still be accepted at ``now``."""
        return self.filter(accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=now)

    def with_token(self, token: str) -> Self:
        """Return the invitation whose link carries ``token``, if any."""
        return self.filter(token_hash=Invitation.hash_of(token))


class Invitation(models.Model):
    """Lets whoever holds its link take on ``role`` in ``scope``, once, for a few days.

    ``scope`` and ``role`` are opaque here: the room that made the invitation reads them when
    ``accounts.signals.invitation_accepted`` is sent. Only a hash of the link's token is stored, so
    a reader of the database can accept nothing.
    """

    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    scope = models.CharField(max_length=200)
    role = models.CharField(max_length=50)
    #: What the invited person reads, such as the community's name; no private matter.
    label = models.CharField(_("invited to"), max_length=200)
    email = models.EmailField(_("e-mail address"), blank=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("invited by")
    )
    created_at = models.DateTimeField(_("invited at"), default=timezone.now)
    expires_at = models.DateTimeField(_("runs out at"))
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("accepted by"),
    )
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["scope"])]

    def __str__(self) -> str:
        return f"{self.label}, {self.role}"

    @staticmethod
    def hash_of(token: str) -> str:
        """Return what is stored of ``token``; it is random and long, so one round of SHA-256 suffices."""
        return hashlib.sha256(token.encode()).hexdigest()

    def is_open(self, now: datetime) -> bool:
        """Say whether this invitation can still be accepted at ``now``."""
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > now
