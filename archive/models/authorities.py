"""Authorities: the persons, places, organisations, events, concepts and sources that works refer to."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from archive.models.record import Record, RecordKind
from archive.values.language_map import choose, original_text
from archive.values.uncertain_date import parse_date


class ExternalId(models.Model):
    """What a scheme outside (EHRI, GeoNames, Wikidata, VIAF) calls a record.

    ``owner`` is the community's slug for records that belong to one and empty for the platform's, so
    that two communities may each hold their own record of the same person and never meet on it.
    """

    record = models.ForeignKey(Record, on_delete=models.CASCADE, related_name="external_ids")
    uri = models.CharField(_("URI"), max_length=500)
    owner = models.CharField(max_length=60, default="", blank=True)

    class Meta:
        verbose_name = _("external identifier")
        constraints = [models.UniqueConstraint(fields=["uri", "owner"], name="one_record_per_uri_and_owner")]

    def __str__(self) -> str:
        return self.uri


class Authority(Record):
    """What every authority has: a language map of its name, other names, a note, its dates."""

    record_ptr = models.OneToOneField(
        Record, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_%(class)s"
    )
    name = models.JSONField(_("name"), default=dict)
    #: ``[{"text", "language", "type": "real|birth|married|pseudonym|former|variant", "from", "to"}]``
    other_names = models.JSONField(_("other names"), default=list, blank=True)
    note = models.JSONField(_("note"), default=dict, blank=True)
    date_from = models.CharField(_("from (EDTF)"), max_length=60, blank=True)
    date_to = models.CharField(_("to (EDTF)"), max_length=60, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return choose(self.name, ()).text or self.public_id

    def sort_text(self) -> str:
        return original_text(self.name)


class Person(Authority):
    """A person, always owned by the community that described her."""

    KIND = RecordKind.PERSON

    class NamePolicy(models.TextChoices):
        FULL = "full", _("full name")
        FIRST = "first", _("first name only")
        INITIALS = "initials", _("initials")
        PSEUDONYM = "pseudonym", _("pseudonym")
        WITHHELD = "withheld", _("withheld")

    living = models.BooleanField(_("living"), null=True, blank=True)
    name_policy = models.CharField(
        _("public name"), max_length=10, choices=NamePolicy.choices, default=NamePolicy.WITHHELD
    )
    #: Shown instead of the name where the policy says first name, initials or pseudonym.
    public_name = models.JSONField(_("name shown"), default=dict, blank=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")


class Place(Authority):
    """A place; its exact geometry is protected, its public precision is a fixed grid, never jitter."""

    KIND = RecordKind.PLACE

    class Precision(models.TextChoices):
        EXACT = "exact", _("exact")
        KM1 = "1km", _("1 km")
        KM10 = "10km", _("10 km")
        KM100 = "100km", _("100 km")
        COUNTRY = "country", _("country only")

    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="parts")
    place_type = models.CharField(_("type"), max_length=40, blank=True)
    latitude = models.FloatField(_("latitude"), null=True, blank=True)
    longitude = models.FloatField(_("longitude"), null=True, blank=True)
    country_code = models.CharField(_("country"), max_length=2, blank=True)
    precision = models.CharField(
        _("public precision"), max_length=10, choices=Precision.choices, default=Precision.KM10
    )

    class Meta:
        verbose_name = _("place")


class Organisation(Authority):
    KIND = RecordKind.ORGANISATION
    organisation_type = models.CharField(_("type"), max_length=40, blank=True)

    class Meta:
        verbose_name = _("organisation")


class Event(Authority):
    """A genocide, massacre, deportation, law, trial, destruction or commemoration."""

    KIND = RecordKind.EVENT

    class Type(models.TextChoices):
        GENOCIDE = "genocide", _("genocide")
        MASSACRE = "massacre", _("massacre")
        DEPORTATION = "deportation", _("deportation")
        LAW = "law", _("law")
        TRIAL = "trial", _("trial")
        DESTRUCTION = "destruction", _("destruction")
        COMMEMORATION = "commemoration", _("commemoration")
        OTHER = "other", _("other")

    event_type = models.CharField(_("type"), max_length=20, choices=Type.choices, default=Type.OTHER)
    places = models.ManyToManyField(Place, blank=True, related_name="events")
    #: ``[{"low", "high", "method", "source"}]``: ranges with their source, never one number.
    casualty_estimates = models.JSONField(_("casualty estimates"), default=list, blank=True)
    #: ``[{"body", "date", "document", "finding": i18n}]``
    legal_findings = models.JSONField(_("legal findings"), default=list, blank=True)

    class Meta:
        verbose_name = _("event")

    def years(self) -> tuple[int | None, int | None]:
        """First and last year, read from the EDTF dates."""
        return (parse_date(self.date_from).years[0], parse_date(self.date_to or self.date_from).years[1])


class ConceptScheme(models.Model):
    """A vocabulary: the EHRI terms, the UNESCO thesaurus, the risk factors of the UN framework."""

    slug = models.SlugField(unique=True, max_length=60)
    title = models.JSONField(_("title"), default=dict)
    uri = models.CharField(max_length=500, blank=True)
    licence = models.CharField(max_length=200, blank=True)
    #: Name of the batch that last loaded it.
    loaded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("vocabulary")
        verbose_name_plural = _("vocabularies")

    def __str__(self) -> str:
        return choose(self.title, ()).text or self.slug


class Concept(Authority):
    """A SKOS concept; ``name`` holds its preferred labels."""

    KIND = RecordKind.CONCEPT
    scheme = models.ForeignKey(ConceptScheme, on_delete=models.CASCADE, related_name="concepts")
    notation = models.CharField(max_length=60, blank=True)
    #: ``{"alt": {tag: [label…]}, "hidden": {tag: [label…]}}``
    labels = models.JSONField(_("other labels"), default=dict, blank=True)
    scope_note = models.JSONField(_("scope note"), default=dict, blank=True)
    broader = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="narrower")
    related = models.ManyToManyField("self", symmetrical=True, blank=True)

    class Meta:
        verbose_name = _("concept")


class TermUsage(models.Model):
    """Whether a word for a thing is preferred, contested or to be avoided, per language, and why."""

    class Advice(models.TextChoices):
        PREFERRED = "preferred", _("preferred")
        CONTESTED = "contested", _("contested")
        AVOID = "avoid", _("avoid")

    concept = models.ForeignKey(Concept, on_delete=models.CASCADE, related_name="usages")
    language = models.CharField(max_length=35)
    term = models.CharField(max_length=200)
    advice = models.CharField(max_length=10, choices=Advice.choices)
    reason = models.TextField()

    class Meta:
        verbose_name = _("advice on a term")
        verbose_name_plural = _("advice on terms")

    def __str__(self) -> str:
        return self.term


class Source(Record):
    """A published source, kept as CSL JSON (https://citeproc-js.readthedocs.io/en/latest/csl-json/markup.html)."""

    KIND = RecordKind.SOURCE
    record_ptr = models.OneToOneField(
        Record, on_delete=models.CASCADE, parent_link=True, primary_key=True, related_name="as_%(class)s"
    )
    csl = models.JSONField(_("CSL JSON"), default=dict)

    class Meta:
        verbose_name = _("source")

    def __str__(self) -> str:
        return self.title()

    def title(self) -> str:
        data: dict[str, Any] = self.csl or {}
        return str(data.get("title") or self.public_id)

    def sort_text(self) -> str:
        return self.title()
