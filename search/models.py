"""The outbox: changes of works that a search engine may not have applied yet."""

from __future__ import annotations

from django.db import models


class OutboxEntry(models.Model):
    """A change of one work for one engine, written in the transaction that publishes or withdraws it.

    While an entry exists its work is left out of every query, facet and count of that engine; when the engine has
    applied it, it goes. The number of the row orders the changes of a work.
    """

    class Operation(models.TextChoices):
        PUT = "put"
        REMOVE = "remove"

    #: ``engines.Address.label``.
    engine = models.CharField(max_length=40)
    work = models.CharField(max_length=64)
    operation = models.CharField(max_length=6, choices=Operation)
    enqueued_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    #: Name of the last failure's class; never its message, which may hold text.
    last_failure = models.CharField(max_length=80, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["engine", "work"], name="outbox_of_an_engine")]

    def __str__(self) -> str:
        return f"{self.operation} {self.work} in {self.engine}"
