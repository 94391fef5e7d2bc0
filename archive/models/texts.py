"""Texts of a work: tracks with their cues, the oral-history index, redactions.

Cues are a JSON list in their track and not rows: a track is always read, edited, versioned and
published as a whole, and an edition of a hundred paragraphs is then one row to write. The form of a
cue and its marks is documented in ``archive/values/text.py``.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.publication import Audience
from archive.models.record import Record


class TextTrack(models.Model):
    class Kind(models.TextChoices):
        TRANSCRIPT = "transcript", _("transcript")
        TRANSLATION = "translation", _("translation")
        CAPTIONS = "captions", _("captions")
        SUBTITLES = "subtitles", _("subtitles")
        DESCRIPTIONS = "descriptions", _("descriptions")
        CHAPTERS = "chapters", _("chapters")

    class Origin(models.TextChoices):
        HUMAN = "human", _("made by a person")
        MACHINE = "machine", _("made by a machine")
        CORRECTED = "corrected", _("made by a machine, corrected by a person")

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="tracks")
    #: Short and stable within the work; anchors of cues are unique over all tracks of a work.
    key = models.CharField(max_length=20)
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    language = models.CharField(_("language"), max_length=35)
    declared_language = models.CharField(max_length=60, blank=True, editable=False)
    direction = models.CharField(max_length=3, default="ltr", choices=[("ltr", "ltr"), ("rtl", "rtl")])
    origin = models.CharField(_("origin"), max_length=10, choices=Origin.choices, default=Origin.HUMAN)
    reviewed = models.BooleanField(_("reviewed"), default=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    is_original = models.BooleanField(_("the narrator’s own words"), default=False)
    label = models.CharField(_("label"), max_length=200, blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    cues = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("text")
        constraints = [models.UniqueConstraint(fields=["record", "key"], name="track_key_unique_in_work")]

    def __str__(self) -> str:
        return f"{self.kind} {self.language}"


class IndexSegment(models.Model):
    """A span of a testimony described for finding: the oral-history index."""

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="segments")
    key = models.CharField(max_length=20)
    anchor = models.CharField(_("passage"), max_length=40, blank=True)
    start_ms = models.PositiveIntegerField(_("from (ms)"), null=True, blank=True)
    end_ms = models.PositiveIntegerField(_("to (ms)"), null=True, blank=True)
    title = models.JSONField(_("title"), default=dict)
    synopsis = models.JSONField(_("synopsis"), default=dict, blank=True)
    sensitivity = models.JSONField(_("sensitivity"), default=list, blank=True)
    entities = models.ManyToManyField(Record, blank=True, related_name="+")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("index segment")
        constraints = [models.UniqueConstraint(fields=["record", "key"], name="segment_key_unique_in_work")]

    def __str__(self) -> str:
        return self.key


class Redaction(models.Model):
    """A span that must not leave the record side; acts on text, captions, audio, translations and search."""

    class Mode(models.TextChoices):
        REMOVE = "remove", _("remove")
        MUTE = "mute", _("mute")
        BLUR = "blur", _("blur")
        PSEUDONYMISE = "pseudonymise", _("pseudonymise")
        GENERALISE = "generalise", _("generalise")

    #: Names it in the withdrawal ledger, also in a database that an older backup brought back.
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="redactions")
    #: The cue it was marked in; its aligned cues in other tracks are withheld whole until marked themselves.
    anchor = models.CharField(_("passage"), max_length=40, blank=True)
    start = models.PositiveIntegerField(_("from character"), null=True, blank=True)
    end = models.PositiveIntegerField(_("to character"), null=True, blank=True)
    start_ms = models.PositiveIntegerField(_("from (ms)"), null=True, blank=True)
    end_ms = models.PositiveIntegerField(_("to (ms)"), null=True, blank=True)
    #: The words to hide, wherever they stand in the passage. With them a redaction holds for every revision:
    #: offsets count in one text only, and the public may still be shown the text before the last edit.
    words = models.TextField(_("words"), blank=True, max_length=2000)
    mode = models.CharField(_("how"), max_length=15, choices=Mode.choices)
    replacement = models.CharField(_("shown instead"), max_length=200, blank=True)
    #: The highest rung that does not see the span; *community* hides it from everybody.
    hidden_up_to = models.CharField(
        _("hidden up to"), max_length=10, choices=Audience.choices, default=Audience.COMMUNITY
    )
    reason = models.CharField(_("reason"), max_length=60)
    authorised_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("redaction")

    def __str__(self) -> str:
        return f"{self.mode} {self.anchor}"


class RedactionDecision(models.Model):
    """What was decided of one thing beside the text under one redaction.

    A steward declares it free of what the redaction hides, so that it may be shown; or it is hidden with it though
    the redaction does not reach there. Whatever nobody decided on follows the reach of the redaction.
    """

    class About(models.TextChoices):
        MEDIA = "media", _("recording or picture")
        SEGMENT = "segment", _("part of the index")
        CLIP = "clip", _("clip")
        ENTITY = "entity", _("named entity")

    redaction = models.ForeignKey(Redaction, on_delete=models.CASCADE, related_name="decisions")
    about = models.CharField(max_length=10, choices=About.choices)
    #: The asset's uuid, the segment's key, the public id of a clip or an authority.
    key = models.CharField(max_length=40)
    #: False: it is free of what the redaction hides.
    hidden = models.BooleanField()
    #: What a segment or a clip said when it was declared free: the declaration holds for those words alone.
    said_sha256 = models.CharField(max_length=64, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("decision on what a redaction hides")
        constraints = [models.UniqueConstraint(fields=["redaction", "about", "key"], name="one_decision_per_thing")]

    def __str__(self) -> str:
        return f"{self.redaction_id} {self.about}"


class TranscriptDraft(models.Model):
    """What one person is changing in the texts of a work and has not saved; also the sign that she is at it.

    ``tracks`` holds the whole cues of each track she changed, by the track's key. ``base_revision`` is the
    revision she began from; ``conflicts`` what somebody else saved since of passages that she changed too.
    """

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="drafts")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    tracks = models.JSONField(default=dict, blank=True)
    base_revision = models.PositiveIntegerField()
    #: ``{anchor: the text as somebody else saved it}``
    conflicts = models.JSONField(default=dict, blank=True)
    #: Grows with every store, so that two windows of one person cannot overwrite each other unnoticed.
    counter = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("draft of a transcript")
        constraints = [models.UniqueConstraint(fields=["record", "user"], name="one_draft_per_person")]

    def __str__(self) -> str:
        return f"{self.record_id} {self.user_id}"
