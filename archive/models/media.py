"""Media: originals in the vault and what jobs derived from them."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.record import Record


class MediaAsset(models.Model):
    """A file as it was entrusted to us; immutable, in the vault, known by its hashes."""

    class Role(models.TextChoices):
        ORIGINAL = "original", _("evidentiary original")
        WORKING = "working", _("working copy")
        ACCESS = "access", _("access copy")
        REDACTED = "redacted", _("redacted copy")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    record = models.ForeignKey(Record, null=True, blank=True, on_delete=models.PROTECT, related_name="media")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.ORIGINAL)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    #: The name the file came with; sealed: it may hold a person's name.
    original_name = models.CharField(max_length=500, blank=True)
    #: What it is by its bytes, and the PRONOM or IANA name of the format.
    media_type = models.CharField(max_length=100)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    sha512 = models.CharField(max_length=128)
    technical = models.JSONField(default=dict, blank=True)
    vault_object = models.CharField(max_length=200)
    vault_version = models.PositiveIntegerField(default=1)
    vault_path = models.CharField(max_length=300)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("original")

    def __str__(self) -> str:
        return str(self.uuid)


class Derivative(models.Model):
    """What a job made from an original for the public: re-encoded, stripped of metadata."""

    class Kind(models.TextChoices):
        IMAGE = "image", _("image")
        THUMBNAIL = "thumbnail", _("thumbnail")
        AUDIO = "audio", _("audio")
        VIDEO = "video", _("video")
        WAVEFORM = "waveform", _("waveform")

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    asset = models.ForeignKey(MediaAsset, on_delete=models.CASCADE, related_name="derivatives")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    #: Which one of its kind: rung, size and codec as :class:`archive.derivatives.made.Variant` writes them.
    variant = models.CharField(max_length=60, blank=True, default="")
    #: Path below the media store; random, never derived from a name.
    path = models.CharField(max_length=200, unique=True)
    media_type = models.CharField(max_length=100)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    #: ``{"duration_ms", "width", "height", …}``
    technical = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("derivative")
        constraints = [models.UniqueConstraint(fields=["asset", "kind", "variant"], name="one_derivative_per_variant")]

    def __str__(self) -> str:
        return f"{self.kind} {self.uuid}"
