"""The custody log and the audit trail: who did what to an original, and who used which power, as chains of hashes."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.consent import AppendOnly


class CustodyEvent(AppendOnly):
    """One PREMIS event (https://id.loc.gov/vocabulary/preservation/eventType.html) in one chain per instance."""

    sequence = models.PositiveBigIntegerField(unique=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    event_type = models.CharField(max_length=40)
    at = models.DateTimeField()
    agent = models.CharField(max_length=100)
    tool = models.CharField(max_length=100, blank=True)
    outcome = models.CharField(max_length=20, default="success")
    record_uuid = models.UUIDField(null=True, db_index=True)
    asset_uuid = models.UUIDField(null=True, db_index=True)
    object_sha512 = models.CharField(max_length=128, blank=True)
    detail = models.JSONField(default=dict, blank=True)
    previous_hash = models.CharField(max_length=64)
    own_hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["sequence"]
        verbose_name = _("custody event")

    def __str__(self) -> str:
        return f"{self.sequence} {self.event_type}"


class AuditEvent(AppendOnly):
    """Who used which power over which record, in a chain like that of the custody log; written by ``archive.audit``.

    Codes and ids only, never names or texts.
    """

    sequence = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    action = models.CharField(max_length=40, db_index=True)
    #: Public id of the record, or an opaque key of another object.
    subject = models.CharField(max_length=60, db_index=True)
    #: Slug of the owning community, so that its members can read their own trail.
    community = models.CharField(max_length=60, blank=True, db_index=True)
    actor = models.CharField(max_length=40)
    outcome = models.CharField(max_length=20, default="done")
    detail = models.JSONField(default=dict, blank=True)
    previous_hash = models.CharField(max_length=64)
    own_hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-sequence"]
        verbose_name = _("audit event")

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
