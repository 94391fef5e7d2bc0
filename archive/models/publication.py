"""The public side: publications and what lists, caches and error pages need of them.

Nothing here has a foreign key to the record side: code that holds a publication cannot walk to a
record. The gate (``archive/gate.py``) writes these rows; ``archive/publications.py`` reads them.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.values.payload import PAYLOAD_SCHEMA


class Audience(models.TextChoices):
    """The rungs of the ladder, and *granted* for what is on request."""

    PUBLIC = "public", _("public")
    REGISTERED = "registered", _("registered readers")
    EDUCATORS = "educators", _("educators")
    GRANTED = "granted", _("on request")
    COMMUNITY = "community", _("community")


#: From the ground up; a viewer sees the highest rung she stands on, never two.
LADDER = (Audience.PUBLIC, Audience.REGISTERED, Audience.EDUCATORS, Audience.GRANTED, Audience.COMMUNITY)


def current_schema() -> int:
    """The form in which this program makes publications."""
    return PAYLOAD_SCHEMA


class Publication(models.Model):
    """The cleared projection of one record for one audience."""

    public_id = models.CharField(max_length=10)
    kind = models.CharField(max_length=20)
    community = models.CharField(max_length=60, blank=True)
    audience = models.CharField(max_length=10, choices=Audience.choices)
    #: Whose community stand this row answers to: the community's slug, with its protocols when it has
    #: any (``valley#all:3,5``). Opaque to everything but the policy.
    group = models.CharField(max_length=200, blank=True)
    # The stands this row serves: its own rung and every higher one that has no projection of its own.
    # Columns and not a list, so that every database can filter and index them.
    serves_public = models.BooleanField(default=False)
    serves_registered = models.BooleanField(default=False)
    serves_educators = models.BooleanField(default=False)
    serves_granted = models.BooleanField(default=False)
    serves_community = models.BooleanField(default=False)
    #: A stub tells that something exists and can be asked for, no more.
    stub = models.BooleanField(default=False)
    version = models.CharField(max_length=32, default="")
    #: The payload's form. While any row has an older one the site is closed (``archive/remake_publications.py``).
    schema = models.PositiveSmallIntegerField(default=current_schema)
    payload = models.JSONField()
    sort_key = models.CharField(max_length=120, blank=True)
    title = models.JSONField(default=dict)
    year_from = models.IntegerField(null=True)
    year_to = models.IntegerField(null=True)
    revision = models.PositiveIntegerField(default=0)
    consent_version = models.PositiveIntegerField(default=0)
    #: Consent's end, compared with the clock on every read.
    not_after = models.DateTimeField(null=True)
    fiction = models.BooleanField(default=False)
    first_published_at = models.DateTimeField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["public_id", "audience", "group"], name="one_publication_per_rung")
        ]
        indexes = [
            models.Index(fields=["kind", "sort_key"]),
            models.Index(fields=["not_after"]),
            models.Index(fields=["schema"]),
            models.Index(fields=["kind", "serves_public", "sort_key"]),
            models.Index(fields=["kind", "-published_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.public_id} for {self.audience}"

    @property
    def stands(self) -> list[str]:
        """The stands this row serves, from the ground up."""
        return [stand for stand in LADDER if getattr(self, f"serves_{stand}")]


class PublicationLink(models.Model):
    """What a publication can be listed by: collection, language, named entities, external ids."""

    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="links")
    relation = models.CharField(max_length=20)
    target = models.CharField(max_length=500)

    class Meta:
        indexes = [models.Index(fields=["relation", "target"])]

    def __str__(self) -> str:
        return f"{self.relation} {self.target}"


class PublishedFile(models.Model):
    """A public derivative of one publication; served only through the media route."""

    #: The derivative's own id; the same file may belong to publications on several rungs.
    uuid = models.UUIDField(db_index=True)
    publication = models.ForeignKey(Publication, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=200)
    media_type = models.CharField(max_length=100)
    bytes = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["publication", "uuid"], name="one_file_per_publication")]

    def __str__(self) -> str:
        return str(self.uuid)


class Tombstone(models.Model):
    """What was withdrawn: shown, without a title, to those who could have seen it."""

    public_id = models.CharField(max_length=10, unique=True)
    kind = models.CharField(max_length=20)
    community = models.CharField(max_length=60, blank=True)
    group = models.CharField(max_length=200, blank=True)
    #: Stands from which it could be seen before.
    stands = models.JSONField(default=list)
    text = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name = _("tombstone")

    def __str__(self) -> str:
        return self.public_id


class Moved(models.Model):
    """A public id whose record was merged into another: its permanent address leads to ``target``."""

    public_id = models.CharField(max_length=10, unique=True)
    target = models.CharField(max_length=10, db_index=True)

    def __str__(self) -> str:
        return f"{self.public_id}→{self.target}"


class PublicClock(models.Model):
    """One row whose version changes with every change of the public side; lists are cached against it."""

    version = models.CharField(max_length=32)
    #: The earliest ``not_after`` of any publication: no list may be served from a cache after it.
    not_after = models.DateTimeField(null=True)
    #: Publications of an older form are being made again: the site is closed until all are.
    remaking = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.version


class AccessRequest(models.Model):
    """A reader asks for something that is on request; a community answers for a while."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting")
        APPROVED = "approved", _("approved")
        REJECTED = "rejected", _("not granted")
        EXPIRED = "expired", _("expired")

    public_id = models.CharField(max_length=10, db_index=True)
    community = models.CharField(max_length=60, db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="access_requests")
    purpose = models.TextField(_("purpose"), max_length=2000)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        verbose_name = _("access request")
        constraints = [
            models.UniqueConstraint(
                fields=["public_id", "user"],
                condition=models.Q(state="pending"),
                name="one_pending_request_per_reader",
            )
        ]

    def __str__(self) -> str:
        return f"{self.public_id} {self.state}"

    @classmethod
    def end_all(cls, public_id: str, now: datetime) -> int:
        """End what was granted of one work, and what was asked for; returns how many that were."""
        live = cls.objects.filter(public_id=public_id, state__in=[cls.State.PENDING, cls.State.APPROVED])
        return live.update(state=cls.State.EXPIRED, expires_at=now)


class ReaderReport(models.Model):
    """“I found a mistake” or “this is my family”, from a reader to the community or the editors."""

    class Kind(models.TextChoices):
        MISTAKE = "mistake", _("I found a mistake")
        FAMILY = "family", _("this is my family")
        HARM = "harm", _("this could endanger somebody")
        OTHER = "other", _("something else")

    public_id = models.CharField(max_length=10, blank=True, db_index=True)
    community = models.CharField(max_length=60, blank=True, db_index=True)
    anchor = models.CharField(max_length=40, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    message = models.TextField(max_length=5000)
    contact = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    handled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at"]
        verbose_name = _("report from a reader")
        verbose_name_plural = _("reports from readers")

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"
