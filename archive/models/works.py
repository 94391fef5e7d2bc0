"""Works: the testimonies and documents people entrusted to us, and the collections they lie in."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.authorities import Person, Place
from archive.models.publication import Audience
from archive.models.record import Record, RecordKind
from archive.values.language_map import choose, original_text


class Collection(Record):
    KIND = RecordKind.COLLECTION
    record_ptr = models.OneToOneField(
        Record, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_%(class)s"
    )
    slug = models.SlugField(_("short name"), max_length=80)
    title = models.JSONField(_("title"), default=dict)
    abstract = models.JSONField(_("description"), default=dict, blank=True)
    licence_uri = models.CharField(_("licence (URI)"), max_length=300, blank=True)
    #: How the edition this collection comes from wants to be named.
    edition = models.TextField(_("published edition"), blank=True)

    class Meta:
        verbose_name = _("collection")

    def __str__(self) -> str:
        return choose(self.title, ()).text or self.slug

    def sort_text(self) -> str:
        return original_text(self.title)


class Work(Record):
    """What testimonies and documents share."""

    record_ptr = models.OneToOneField(
        Record, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_%(class)s"
    )
    collection = models.ForeignKey(
        Collection, on_delete=models.PROTECT, related_name="%(class)s_set", verbose_name=_("collection")
    )
    title = models.JSONField(_("title"), default=dict)
    abstract = models.JSONField(_("abstract"), default=dict, blank=True)
    original_language = models.CharField(_("language of the original"), max_length=35, default="und")
    #: BCP 47 tags of the original and of every translation.
    languages = models.JSONField(_("languages"), default=list, blank=True)
    date = models.CharField(_("date (EDTF)"), max_length=60, blank=True)
    place = models.ForeignKey(
        Place, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("place")
    )
    sensitivity = models.JSONField(_("sensitivity"), default=list, blank=True)
    #: Sexual violence and sacred matter are not for the open web unless a steward says so here.
    sensitivity_cleared = models.BooleanField(_("may be open despite its sensitivity"), default=False)
    minimum_age = models.PositiveSmallIntegerField(_("minimum age"), default=0)
    institution = models.CharField(_("held by"), max_length=300, blank=True)
    institution_uri = models.CharField(max_length=500, blank=True)
    archival_collection = models.CharField(_("archival collection"), max_length=500, blank=True)
    archival_collection_uri = models.CharField(max_length=500, blank=True)
    reference = models.CharField(_("archival reference"), max_length=500, blank=True)
    source_statement = models.TextField(_("statement of source"), blank=True)
    edition = models.TextField(_("published edition"), blank=True)
    licence_uri = models.CharField(_("licence (URI)"), max_length=300, blank=True)
    licence_label = models.CharField(_("licence"), max_length=200, blank=True)
    download_allowed = models.BooleanField(_("text may be downloaded"), default=False)
    #: ``[{"page", "label"}]``: facsimiles named by the edition, whether or not we hold them.
    facsimiles = models.JSONField(_("facsimiles"), default=list, blank=True)
    #: ``[{"source", "method", "corroboration", "assessed_by"}]``
    verification = models.JSONField(_("verification"), default=list, blank=True)
    #: Sample content only: labelled as fiction on every page and in every export.
    fiction = models.BooleanField(default=False, editable=False)
    #: Facts of the source that no field of ours holds, kept so that an export can give them back.
    source_facts = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return choose(self.title, ()).text or self.public_id

    def sort_text(self) -> str:
        return original_text(self.title)


class Testimony(Work):
    KIND = RecordKind.TESTIMONY
    #: ``[{"type", "date": EDTF, "place": public id, "anchor"}]``
    life_events = models.JSONField(_("life events"), default=list, blank=True)

    class Meta:
        verbose_name = _("testimony")
        verbose_name_plural = _("testimonies")


class Document(Work):
    KIND = RecordKind.DOCUMENT

    class Standpoint(models.TextChoices):
        VICTIM = "victim", _("victim")
        PERPETRATOR = "perpetrator", _("perpetrator")
        BYSTANDER = "bystander", _("bystander")
        RESCUER = "rescuer", _("rescuer")
        THIRD_PARTY = "third-party", _("third party")

    document_type = models.CharField(_("type of document"), max_length=40, blank=True)
    standpoint = models.CharField(_("creator’s standpoint"), max_length=20, choices=Standpoint.choices, blank=True)

    class Meta:
        verbose_name = _("document")


class Contribution(models.Model):
    """Who did what in a work, and how she is named in public."""

    class Role(models.TextChoices):
        NARRATOR = "narrator", _("narrator")
        AUTHOR = "author", _("author")
        INTERVIEWER = "interviewer", _("interviewer")
        TRANSLATOR = "translator", _("translator")
        TRANSCRIBER = "transcriber", _("transcriber")
        EDITOR = "editor", _("editor")
        ADDRESSEE = "addressee", _("addressee")

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="contributions")
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="contributed_to")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    #: The name in public; empty means: as the person's own name policy says.
    credited_as = models.CharField(_("credited as"), max_length=300, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        verbose_name = _("contribution")

    def __str__(self) -> str:
        return self.role


class EntityLink(models.Model):
    """A work names an authority, at these anchors."""

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="entity_links")
    target = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="named_in")
    #: subject, mentioned, about, life-event, risk-factor
    relation = models.CharField(max_length=20, default="mentioned")
    anchors = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = _("named entity")
        constraints = [models.UniqueConstraint(fields=["record", "target", "relation"], name="one_link_per_entity")]

    def __str__(self) -> str:
        return f"{self.record_id}→{self.target_id}"


class Clip(Record):
    """A passage of a testimony with the context a listener needs.

    In public it is part of its work's publication: it lives and dies with it and reaches nobody whom the work does not.
    """

    KIND = RecordKind.CLIP
    #: On request there is the work; a clip is never asked for by itself.
    AUDIENCES = [choice for choice in Audience.choices if choice[0] != Audience.GRANTED]
    record_ptr = models.OneToOneField(
        Record, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_%(class)s"
    )
    work = models.ForeignKey(Record, on_delete=models.PROTECT, related_name="clips", verbose_name=_("testimony"))
    title = models.JSONField(_("title"), default=dict)
    context = models.JSONField(_("context note"))
    first_anchor = models.CharField(_("from passage"), max_length=40, blank=True)
    last_anchor = models.CharField(_("to passage"), max_length=40, blank=True)
    start_ms = models.PositiveIntegerField(_("from (ms)"), null=True, blank=True)
    end_ms = models.PositiveIntegerField(_("to (ms)"), null=True, blank=True)
    #: The lowest rung on which it is shown; empty: it stays at the desk.
    audience = models.CharField(_("shown to"), max_length=10, choices=AUDIENCES, blank=True)

    class Meta:
        verbose_name = _("clip")

    def __str__(self) -> str:
        return choose(self.title, ()).text or self.public_id

    def sort_text(self) -> str:
        return original_text(self.title)


class Review(models.Model):
    """Somebody read a revision of a record and passed it, or did not."""

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="reviews")
    revision = models.PositiveIntegerField()
    passed = models.BooleanField()
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    note = models.TextField(blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]
        verbose_name = _("review")

    def __str__(self) -> str:
        return f"{self.record_id} r{self.revision}"
