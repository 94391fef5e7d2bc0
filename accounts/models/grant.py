"""Rights given by one person to another, for a time, and taken back at will."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class GrantQuerySet(models.QuerySet):
    """Questions asked of grants."""

    def current(self, now: datetime) -> Self:
        """Return the grants in force at ``now``: begun, not run out, not revoked."""
        return self.filter(
            models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=now),
            granted_at__lte=now,
            revoked_at__isnull=True,
        )


class TimedGrant(models.Model):
    """What every grant records: who, by whom, since when, until when."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("person")
    )
    # PROTECT would make an operator's account undeletable; the log line of the grant keeps who it was.
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+", verbose_name=_("granted by")
    )
    granted_at = models.DateTimeField(_("granted at"), default=timezone.now)
    expires_at = models.DateTimeField(_("runs out at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("revoked by"),
    )

    objects = GrantQuerySet.as_manager()

    class Meta:
        abstract = True

    def is_current(self, now: datetime) -> bool:
        """Say whether this grant is in force at ``now``."""
        in_time = self.expires_at is None or self.expires_at > now
        return self.revoked_at is None and self.granted_at <= now and in_time


class EducatorGrant(TimedGrant):
    """Says that a person was recognised as an educator by somebody who checked, for a year."""

    institution = models.CharField(_("school or institution"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("educator's grant")
        verbose_name_plural = _("educators' grants")
        ordering = ["-granted_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(expires_at__isnull=False), name="accounts_educatorgrant_runs_out"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.institution}"


class PlatformRole(TimedGrant):
    """A role on the whole platform, beside the roles that communities give."""

    class Role(models.TextChoices):
        HERITAGE_SPECIALIST = "heritage_specialist", _("Heritage specialist")
        TRANSLATOR = "translator", _("Translator")

    role = models.CharField(_("role"), max_length=30, choices=Role.choices)

    class Meta:
        verbose_name = _("platform role")
        verbose_name_plural = _("platform roles")
        ordering = ["-granted_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=models.Q(revoked_at__isnull=True),
                name="accounts_platformrole_once_per_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_role_display()}"
