"""Our own append-only revisions of records (not Wagtail's: they bring a second publish button)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.consent import AppendOnly
from archive.models.record import Record


class Revision(AppendOnly):
    """A canonical snapshot of a record with its tracks, contributions and links.

    The snapshot of a record that is erased becomes empty; the row stays, and so does its record, as a shell.
    """

    class Origin(models.TextChoices):
        IMPORT = "import", _("import")
        EDIT = "edit", _("edit")
        MERGE = "merge", _("merge of duplicates")
        RESTORE = "restore", _("restored")

    record = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="revisions")
    number = models.PositiveIntegerField()
    snapshot = models.JSONField()
    #: SHA-256 of the canonical JSON of the snapshot.
    sha256 = models.CharField(max_length=64)
    origin = models.CharField(max_length=10, choices=Origin.choices)
    #: SHA-256 of the source file's content as parsed, for “unchanged”.
    source_sha256 = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["record", "-number"]
        verbose_name = _("revision")
        constraints = [models.UniqueConstraint(fields=["record", "number"], name="revision_number_unique")]

    def __str__(self) -> str:
        return f"{self.record_id} r{self.number}"
