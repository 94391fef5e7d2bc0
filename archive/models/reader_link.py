"""Links that let somebody read without an account: a class what its teacher chose, a reviewer one revision."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from archive.models.community import Community
from archive.models.publication import Audience
from archive.models.record import Record


class ReaderLinkQuerySet(models.QuerySet):
    def open(self, now: datetime) -> Self:
        """Links that have neither run out nor been ended."""
        return self.filter(ended_at__isnull=True, ends_at__gt=now)


class ReaderLink(models.Model):
    """Opens its pinned works to whoever holds its token; only a hash of that is stored.

    It keeps no stand: what it opens is asked of its maker, of consent and of the gate at each request.
    """

    class Kind(models.TextChoices):
        CLASS = "class"
        REVIEWER = "reviewer"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    token_hash = models.CharField(max_length=64, editable=False)
    maker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: Whose unpublished work a reviewer reads; a class link belongs to its maker alone.
    community = models.ForeignKey(Community, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    #: The audience whose version a reviewer reads.
    audience = models.CharField(max_length=10, choices=Audience.choices, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ReaderLinkQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["token_hash"], name="one_reader_link_per_token")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class PinnedWork(models.Model):
    """A work that a link opens, in the order its maker chose; for a reviewer one revision of it."""

    link = models.ForeignKey(ReaderLink, on_delete=models.CASCADE, related_name="pins")
    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="+")
    revision = models.PositiveIntegerField(null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["link", "record"], name="one_pin_per_link_and_work")]

    def __str__(self) -> str:
        return f"{self.link_id}:{self.record_id}"
