"""The durable row of a job and its log. The row is the truth; Celery only rings the bell."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jobs.states import ACTIVE, State


class Queue(models.TextChoices):
    """Classes of work: an hour of reconstruction never stands before a public copy, nor that before a caption file.

    ``light`` takes seconds and little memory, ``media`` reads or makes whole recordings and pictures, ``heavy``
    takes the machine for hours.
    """

    LIGHT = "light", _("light")
    # Translators: a class of background work: recordings and pictures.
    MEDIA = "media", _("media")
    HEAVY = "heavy", _("heavy")


class Job(models.Model):
    """One piece of work that outlives the request, the worker and the broker.

    ``scope`` is opaque here: the room that enqueues writes it and ``config`` hands in the filter that
    says who may see which scope. ``fence`` grows with every claim; what a worker writes counts only
    while the row still carries the number that worker was given.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=100)
    scope = models.CharField(max_length=200, blank=True, default="")
    created_by = models.CharField(max_length=64, blank=True, default="")
    input = models.JSONField(default=dict, blank=True)

    state = models.CharField(max_length=16, choices=State.choices, default=State.QUEUED)
    queue = models.CharField(max_length=16, choices=Queue.choices, default=Queue.LIGHT)
    priority = models.SmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    dedupe_key = models.CharField(max_length=200, blank=True, default="")
    #: Asked for once more while it was already at work: ``{"input": …}`` of the run to follow.
    again = models.JSONField(null=True, blank=True)

    stage = models.CharField(max_length=100, blank=True, default="")
    progress_done = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True, blank=True)

    lease_holder = models.CharField(max_length=200, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.BigIntegerField(default=0)
    heartbeat = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    cancel_requested = models.BooleanField(default=False)

    #: What the handler wants to find again after a crash.
    checkpoint = models.JSONField(default=dict, blank=True)
    #: ``{stage: result}`` of the stages that no later attempt repeats.
    finished_stages = models.JSONField(default=dict, blank=True)
    result = models.JSONField(null=True, blank=True)
    error_code = models.CharField(max_length=64, blank=True, default="")
    error_text = models.TextField(blank=True, default="")
    log_count = models.PositiveIntegerField(default=0)

    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    #: When the bell was last rung for it: the sweep does not ring again at every turn.
    rung_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="job_runs_under_a_lease",
                condition=models.Q(state=State.RUNNING, lease_until__isnull=False) & ~models.Q(lease_holder="")
                | ~models.Q(state=State.RUNNING) & models.Q(lease_until__isnull=True, lease_holder=""),
            ),
            models.UniqueConstraint(
                name="job_dedupe_key_once_active",
                fields=["kind", "dedupe_key"],
                condition=models.Q(state__in=sorted(ACTIVE)) & ~models.Q(dedupe_key=""),
            ),
        ]
        indexes = [
            models.Index(fields=["queue", "state", "-priority", "not_before"], name="job_next_due"),
            models.Index(fields=["state", "lease_until"], name="job_expired"),
            models.Index(fields=["kind", "dedupe_key", "-created_at"], name="job_last_of_kind"),
            models.Index(fields=["scope", "-created_at"], name="job_by_scope"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"

    @property
    def log_lines(self) -> models.QuerySet[JobLogLine]:
        """What its handlers said, oldest first."""
        return JobLogLine.objects.filter(job_id=self.public_id)

    @property
    def is_active(self) -> bool:
        """Whether the job may still do something by itself."""
        return self.state in ACTIVE

    @property
    def percent(self) -> int | None:
        """Progress in whole per cent, or None where the handler knows no total."""
        if not self.progress_total:
            return None
        return max(0, min(100, self.progress_done * 100 // self.progress_total))


class JobLogLine(models.Model):
    """One line that a handler said. Only ever appended; readers ask for what follows a sequence number.

    It names its job and does not hang on its row: a log that somebody holds outlives the job.
    """

    job_id = models.UUIDField()
    sequence = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    stage = models.CharField(max_length=100, blank=True, default="")
    text = models.TextField()

    class Meta:
        ordering = ["job_id", "sequence"]
        constraints = [models.UniqueConstraint(fields=["job_id", "sequence"], name="job_log_line_in_sequence")]

    def __str__(self) -> str:
        return self.text


class HeldLog(models.Model):
    """The log of a job that is kept for as long as a record elsewhere shows it."""

    job_id = models.UUIDField(unique=True)

    def __str__(self) -> str:
        return str(self.job_id)
