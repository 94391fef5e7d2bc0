"""The base row that gives consent, custody, publications, jobs and audit one key."""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.community import Community
from archive.values.public_id import new_public_id


class RecordKind(models.TextChoices):
    """The archive's own kinds. Other rooms have theirs: what there is at all, ``archive.record_types`` knows."""

    TESTIMONY = "testimony", _("testimony")
    DOCUMENT = "document", _("document")
    COLLECTION = "collection", _("collection")
    CLIP = "clip", _("clip")
    PERSON = "person", _("person")
    PLACE = "place", _("place")
    ORGANISATION = "organisation", _("organisation")
    EVENT = "event", _("event")
    CONCEPT = "concept", _("concept")
    SOURCE = "source", _("source")


class RecordState(models.TextChoices):
    """Where the work on a record stands. Whether it is public is not a state: publications say so."""

    DRAFT = "draft", _("draft")
    IN_REVIEW = "in-review", _("in review")
    REVIEWED = "reviewed", _("reviewed")
    WITHDRAWN = "withdrawn", _("withdrawn")
    ERASED = "erased", _("erased")


class Record(models.Model):
    """What every kind of record has: identity, owner, state, revision.

    A record without a community belongs to the platform (places, events, organisations, concepts and
    sources once a scheme or a publication attests them). Persons and works always have a community.
    """

    kind = models.CharField(max_length=20, editable=False)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    public_id = models.CharField(max_length=10, default=new_public_id, unique=True, editable=False)
    community = models.ForeignKey(
        Community, null=True, blank=True, on_delete=models.PROTECT, related_name="records", verbose_name=_("community")
    )
    state = models.CharField(_("state"), max_length=12, choices=RecordState.choices, default=RecordState.DRAFT)
    #: “Hide now”: closes the gate at once, whatever consent says, until somebody opens it again.
    hidden = models.BooleanField(_("hidden"), default=False)
    #: Somebody with the right asked for publication; the gate keeps asking itself until it is taken back.
    wanted_public = models.BooleanField(default=False, editable=False)
    #: When an embargo ends; the job that opens embargoes looks here.
    opens_at = models.DateTimeField(null=True, blank=True, editable=False, db_index=True)
    #: Names of fields that leave the record side in no publication ("real_name", "exact_place", …).
    sealed = models.JSONField(_("sealed fields"), default=list, blank=True)
    #: Sort key of the original title or name, so that lists sort in the database.
    sort_key = models.CharField(max_length=120, default="", blank=True, editable=False, db_index=True)
    #: What an importer calls this record; unique in community and collection.
    identity = models.CharField(max_length=255, default="", blank=True, editable=False)
    current_revision = models.PositiveIntegerField(default=0, editable=False)
    #: The revision that reviewers passed; the gate publishes this one and no later one.
    reviewed_revision = models.PositiveIntegerField(default=0, editable=False)
    #: A duplicate that was merged away; it stays as a row so that its address and its trail keep their meaning.
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged", editable=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    #: Set by every concrete kind.
    KIND: str | None = None

    class Meta:
        ordering = ["sort_key", "id"]
        indexes = [models.Index(fields=["kind", "community", "state"])]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.KIND is not None and not self.kind:
            self.kind = self.KIND

    def __str__(self) -> str:
        return self.public_id

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.sort_key = sort_key(self.sort_text())
        super().save(*args, **kwargs)

    def sort_text(self) -> str:
        """The text this record sorts by; kinds with a title or names override it."""
        return self.public_id


def folded(text: str) -> str:
    """The text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in decomposed if not unicodedata.combining(c)).strip()


def sort_key(text: str) -> str:
    """Return a case- and accent-folded key of at most 120 characters that plain byte order sorts well."""
    return folded(text)[:120]
