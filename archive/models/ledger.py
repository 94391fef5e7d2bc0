"""What the database knows of the withdrawal ledger, which lies outside it and outlives every restore."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from archive.models.record import Record


class LedgerLine(models.Model):
    """One line of the ledger whose transaction was committed here: a ledger without it is not whole."""

    number = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)
    #: Whose ledger it is: named in the line that began it.
    instance = models.CharField(max_length=36)
    #: What was narrowed or opened again (``hidden:<uuid>``); empty for what is never taken back.
    thing = models.CharField(max_length=160, blank=True, db_index=True)
    takes_back = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        verbose_name = _("line of the ledger")

    def __str__(self) -> str:
        return str(self.number)


class OwedLine(models.Model):
    """A line that the ledger must still get: its disk failed when something was hidden or narrowed."""

    entry = models.JSONField()
    thing = models.CharField(max_length=160, db_index=True)
    takes_back = models.BooleanField(default=False)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        verbose_name = _("line owed to the ledger")

    def __str__(self) -> str:
        return self.thing


class Unfinished(models.Model):
    """A restore could narrow something only coarsely, for the ledger holds no words: somebody has to finish it."""

    class What(models.TextChoices):
        PASSAGE = "passage", _("A whole passage is hidden: hide the words instead, then show the rest again.")
        WORK = "work", _("The work is hidden, because the passage to be redacted is not in it.")
        CONSENT = "consent", _("Its consent was narrowed again: look at the form that was signed.")
        NAME = "name", _("Her name is withheld again: choose how she is named.")

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="+")
    what = models.CharField(max_length=10, choices=What.choices)
    at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    finished_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["id"]
        verbose_name = _("to be finished after a restore")
        constraints = [
            models.UniqueConstraint(
                fields=["record", "what"], condition=models.Q(finished_at=None), name="one_open_task_of_a_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.record_id} {self.what}"

    @classmethod
    def finish(cls, record: Record, what: str, user: Any) -> None:
        """Somebody has done it; what the system itself does finishes nothing."""
        if user is not None:
            rows = cls.objects.filter(record_id=record.pk, what=what, finished_at=None)
            rows.update(finished_at=timezone.now(), finished_by=user)
