"""Communities: who contributes, who decides, who may read on the record side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.values.language_map import choose

if TYPE_CHECKING:
    from datetime import datetime


class Role(models.TextChoices):
    """What a member does in her community (domain.md)."""

    CONTRIBUTOR = "contributor", _("contributor")
    EDITOR = "editor", _("editor")
    STEWARD = "steward", _("consent steward")
    TRANSLATOR = "translator", _("translator")
    PUBLISHER = "publisher", _("publisher")


class Community(models.Model):
    """A survivors' association, a museum or a family that entrusts material to the archive."""

    slug = models.SlugField(_("short name"), unique=True, max_length=60)
    name = models.JSONField(_("name"), default=dict)
    description = models.JSONField(_("description"), default=dict, blank=True)
    #: Fictional communities exist only in the sample content and are labelled as fiction everywhere.
    fiction = models.BooleanField(_("fictional (sample content)"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        verbose_name = _("community")
        verbose_name_plural = _("communities")

    def __str__(self) -> str:
        return choose(self.name, ()).text or self.slug


class MembershipQuerySet(models.QuerySet["Membership"]):
    def current(self, now: datetime) -> MembershipQuerySet:
        """Memberships in force at ``now``."""
        return self.filter(models.Q(until__isnull=True) | models.Q(until__gt=now), since__lte=now)


class Membership(models.Model):
    """One role of one person in one community; ended, never deleted, so that past acts keep their reason."""

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    since = models.DateTimeField(_("since"))
    until = models.DateTimeField(_("until"), null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        constraints = [
            models.UniqueConstraint(
                fields=["community", "user", "role"],
                condition=models.Q(until__isnull=True),
                name="one_current_membership_per_role",
            )
        ]

    def __str__(self) -> str:
        return f"{self.community_id}:{self.role}"


class Openness(models.TextChoices):
    OPEN = "open", _("open to all members")
    STRICT = "strict", _("only those admitted by name")


class Protocol(models.Model):
    """A community's own rule on who may see an item, after Mukurtu's cultural protocols."""

    community = models.ForeignKey(Community, on_delete=models.CASCADE, related_name="protocols")
    name = models.JSONField(_("name"), default=dict)
    openness = models.CharField(max_length=10, choices=Openness.choices, default=Openness.STRICT)
    admitted = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")
    #: A Local Contexts TK or BC label (https://localcontexts.org), by its URI.
    label_uri = models.URLField(blank=True)

    class Meta:
        verbose_name = _("protocol")

    def __str__(self) -> str:
        return choose(self.name, ()).text or str(self.pk)
