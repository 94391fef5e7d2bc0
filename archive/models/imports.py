"""Imports: what one run brought, file by file, so that it can be reported, compared and undone."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.community import Community
from archive.models.record import Record


class ImportBatch(models.Model):
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    community = models.ForeignKey(Community, null=True, on_delete=models.PROTECT, related_name="imports")
    source_format = models.CharField(max_length=20)
    options = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    counts = models.JSONField(default=dict, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-started_at"]
        verbose_name = _("import")

    def __str__(self) -> str:
        return str(self.uuid)


class ImportItem(models.Model):
    """One file or row of an import and what became of it."""

    class Outcome(models.TextChoices):
        CREATED = "created", _("created")
        UPDATED = "updated", _("new revision")
        UNCHANGED = "unchanged", _("unchanged")
        CONFLICT = "conflict", _("conflict: a proposal beside a person’s correction")
        REFUSED = "refused", _("refused")

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="items")
    record = models.ForeignKey(Record, null=True, on_delete=models.SET_NULL, related_name="import_items")
    #: The file as the person named it, with control and bidi characters escaped.
    source = models.CharField(max_length=500)
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    revision = models.PositiveIntegerField(null=True)
    #: ``[{"place", "code", "reason", "remedy", "severity"}]``
    problems = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name = _("imported item")

    def __str__(self) -> str:
        return f"{self.source}: {self.outcome}"


class Proposal(models.Model):
    """What a later import would change in a text that a person has corrected since."""

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="proposals")
    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="proposals")
    snapshot = models.JSONField()
    source_sha256 = models.CharField(max_length=64)
    base_revision = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    accepted = models.BooleanField(null=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = _("proposal")

    def __str__(self) -> str:
        return f"{self.record_id}"
