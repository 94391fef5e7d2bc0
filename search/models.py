"""The outbox: changes of works that the search engine may not have applied yet."""

from __future__ import annotations

from django.db import models


class OutboxEntry(models.Model):
    """A change of one work, written in the transaction that publishes or withdraws it.

    While an entry exists its work is left out of every query, facet and count; applying deletes it. The
    number of the row orders the changes of a work.
    """

    class Operation(models.TextChoices):
        PUT = "put"
        REMOVE = "remove"

    work = models.CharField(max_length=64, db_index=True)
    operation = models.CharField(max_length=6, choices=Operation)
    enqueued_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    #: Name of the last failure's class; never its message, which may hold text.
    last_failure = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.operation} {self.work}"
