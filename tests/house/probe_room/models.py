"""A measurement of a place: a title, a report, and how deep it went."""

from __future__ import annotations

from django.db import models

from archive.models import Record
from archive.values.language_map import choose, original_text


class Probe(Record):
    KIND = "probe"
    record_ptr = models.OneToOneField(
        Record, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_%(class)s"
    )
    title = models.JSONField("title", default=dict)
    report = models.JSONField("report", default=dict, blank=True)
    depth = models.CharField("depth", max_length=80, blank=True)
    fiction = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = "probe"

    def __str__(self) -> str:
        return choose(self.title, ()).text or self.public_id

    def sort_text(self) -> str:
        return original_text(self.title)
