"""People, places, organisations, events, concepts and sources at the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from archive.desk.fields import CslField, IdentifiersField, LinesField, RecordField, save_identifiers, taken_identifier
from archive.desk.forms import RecordForm
from archive.desk.merge_screen import MergeScreen
from archive.desk.sealable import SealableForm
from archive.desk.sealing import shown_title
from archive.desk.views import RecordEditView
from archive.desk.viewsets import RecordChooserViewSet, RecordViewSet
from archive.models import Concept, Event, Organisation, Person, Place, RecordKind, Source
from archive.values.language_map import from_texts, original_text
from archive.values.uncertain_date import parse_date

NAME_TYPES = ("real", "birth", "married", "pseudonym", "former", "variant")
AUTHORITY_FIELDS = ["community", "name", "note", "date_from", "date_to"]


class AuthorityForm(SealableForm):
    language_maps = ("name", "note", "public_name", "scope_note")
    long_texts = ("note", "scope_note")
    dates = ("date_from", "date_to")

    other_names = LinesField(
        ["text", "language", "type", "from", "to"],
        checks={"language": "language", "type": NAME_TYPES, "from": "date", "to": "date"},
        label=gettext_lazy("Other names"),
        help_text=gettext_lazy(
            "One a line: name | language | real, birth, married, pseudonym, former or variant | from | to"
        ),
    )
    external_ids = IdentifiersField(
        label=gettext_lazy("Identifiers elsewhere"),
        help_text=gettext_lazy("One address a line: EHRI, GeoNames, Wikidata, VIAF …"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and "external_ids" in self.fields:
            self.initial["external_ids"] = "\n".join(self.instance.external_ids.values_list("uri", flat=True))
        if "other_names" in self.fields:
            self.initial["other_names"] = self.instance.other_names

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        try:
            first, last = parse_date(cleaned.get("date_from", "")), parse_date(cleaned.get("date_to", ""))
        except ValueError:
            return cleaned
        if first.earliest and last.latest and last.latest < first.earliest:
            self.add_error("date_to", _("This is before the first date."))
        if taken := taken_identifier(cleaned.get("external_ids", []), self._owner(cleaned), self.instance):
            self.add_error(
                "external_ids",
                _("%(uri)s belongs to another record. Merge the two if they are the same.") % {"uri": taken},
            )
        return cleaned

    def _owner(self, cleaned: dict[str, Any]) -> str:
        community = cleaned.get("community") or self.instance.community
        return community.slug if community else ""

    def after_save(self, record: Any, user: Any) -> None:
        if "external_ids" in self.fields:
            save_identifiers(self.cleaned_data["external_ids"], self._owner(self.cleaned_data), record)
        super().after_save(record, user)

    def save(self, commit: bool = True) -> Any:
        if "other_names" in self.fields:
            self.instance.other_names = self.cleaned_data["other_names"]
        return super().save(commit)


class PersonForm(AuthorityForm):
    class Meta:
        model = Person
        fields = [*AUTHORITY_FIELDS, "living", "name_policy", "public_name"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if not self.instance.pk and not cleaned.get("community") and "community" not in self.errors:
            self.add_error("community", _("A person always belongs to the community that describes her."))
        shown = original_text(cleaned.get("public_name"))
        if cleaned.get("name_policy") in ("first", "initials", "pseudonym") and not shown:
            self.add_error("public_name", _("Write the name to be shown; until then none is."))
        return cleaned


class PlaceForm(AuthorityForm):
    parent = RecordField([RecordKind.PLACE], label=gettext_lazy("Part of"), required=False)

    class Meta:
        model = Place
        fields = [*AUTHORITY_FIELDS, "parent", "place_type", "country_code", "latitude", "longitude", "precision"]
        help_texts = {
            "precision": gettext_lazy(
                "The public sees the middle of a grid cell of this size, never the exact place, and external ids only "
                "of a place that is shown exactly."
            )
        }

    def clean_country_code(self) -> str:
        code = self.cleaned_data["country_code"].strip().upper()
        if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
            raise forms.ValidationError(_("Two letters (ISO 3166-1), such as AM or RW."))
        return code

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for name, most in (("latitude", 90), ("longitude", 180)):
            value = cleaned.get(name)
            if value is not None and not -most <= value <= most:
                self.add_error(name, _("Degrees between %(low)d and %(high)d.") % {"low": -most, "high": most})
        if (cleaned.get("latitude") is None) != (cleaned.get("longitude") is None) and not self.errors:
            self.add_error("longitude", _("Give both latitude and longitude, or neither."))
        parent = cleaned.get("parent")
        seen = set()
        while parent is not None and parent.pk not in seen:
            if parent.pk == self.instance.pk:
                self.add_error("parent", _("A place cannot lie within itself."))
                break
            seen.add(parent.pk)
            parent = parent.parent
        return cleaned


class OrganisationForm(AuthorityForm):
    class Meta:
        model = Organisation
        fields = [*AUTHORITY_FIELDS, "organisation_type"]


class EventForm(AuthorityForm):
    casualty_estimates = LinesField(
        ["low", "high", "method", "source"],
        label=gettext_lazy("Estimates of casualties"),
        help_text=gettext_lazy("One a line: lowest | highest | method | source. Never one number without its source."),
    )
    legal_findings = LinesField(
        ["body", "date", "document", "finding"],
        checks={"date": "date"},
        label=gettext_lazy("Legal findings"),
        help_text=gettext_lazy("One a line: court or body | date | document | finding (in English)"),
    )

    class Meta:
        model = Event
        fields = [*AUTHORITY_FIELDS, "event_type"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["casualty_estimates"] = self.instance.casualty_estimates
        self.initial["legal_findings"] = [
            {**one, "finding": original_text(one.get("finding"))} for one in self.instance.legal_findings
        ]

    def clean_casualty_estimates(self) -> list[dict[str, Any]]:
        for one in self.cleaned_data["casualty_estimates"]:
            numbers = [one.get("low", ""), one.get("high", "")]
            if not all(n.replace(" ", "").isdecimal() and len(n) <= 15 for n in numbers) or not one.get("source"):
                raise forms.ValidationError(_("Each line needs a lowest and a highest number, a method and a source."))
            one["low"], one["high"] = (int(n.replace(" ", "")) for n in numbers)
            if one["low"] > one["high"]:
                raise forms.ValidationError(_("The lowest number is above the highest."))
        return list(self.cleaned_data["casualty_estimates"])

    def clean_legal_findings(self) -> list[dict[str, Any]]:
        known = {original_text(one.get("finding")): one.get("finding") for one in self.instance.legal_findings}
        return [
            {**one, "finding": known.get(one.get("finding", "")) or from_texts({"en": one.get("finding", "")}, "en")}
            for one in self.cleaned_data["legal_findings"]
        ]

    def save(self, commit: bool = True) -> Any:
        for name in ("casualty_estimates", "legal_findings"):
            if name in self.fields:
                setattr(self.instance, name, self.cleaned_data[name])
        return super().save(commit)


class ConceptForm(AuthorityForm):
    class Meta:
        model = Concept
        fields = ["community", "scheme", "name", "notation", "scope_note"]


class SourceForm(RecordForm):
    csl = CslField(label=gettext_lazy("CSL JSON"))

    class Meta:
        model = Source
        fields = ["community", "csl"]
        field_classes = {"csl": CslField}


def merge_beside(view: RecordEditView) -> dict[str, Any]:
    """The way to the merging screen, or to the record into which this one was merged."""
    namespace = view.edit_url_name.partition(":")[0]
    record = view.object
    if record.merged_into_id:
        target = view.only_visible(type(record).objects.filter(pk=record.merged_into_id)).first()
        if target is None:
            return {}
        address = reverse(f"{namespace}:edit", args=[target.pk])
        return {"merged_into": {"url": address, "title": shown_title(target, view.viewer)}}
    if view.may("merge", record):
        return {"merge_url": reverse(f"{namespace}:merge", args=[record.pk])}
    return {}


class AuthorityEditView(RecordEditView):
    beside = staticmethod(merge_beside)


class AuthorityViewSet(RecordViewSet):
    edit_view_class = AuthorityEditView
    list_filter = ["community", "hidden"]

    def further_urls(self, key: str) -> list[URLPattern]:
        screen = self.construct_view(MergeScreen, namespace=self.url_namespace)
        return [*super().further_urls(key), path(f"<{key}:pk>/merge/", screen, name="merge")]


class PersonViewSet(AuthorityViewSet):
    model, form_class, icon, name = Person, PersonForm, "user", "people-records"
    list_filter = ["community", "name_policy", "living"]
    menu_label = gettext_lazy("People")


class PlaceViewSet(AuthorityViewSet):
    model, form_class, icon, name = Place, PlaceForm, "site", "places"
    list_filter = ["community", "country_code", "precision"]


class OrganisationViewSet(AuthorityViewSet):
    model, form_class, icon, name = Organisation, OrganisationForm, "group", "organisations"


class EventViewSet(AuthorityViewSet):
    model, form_class, icon, name = Event, EventForm, "date", "events"
    list_filter = ["community", "event_type"]


class ConceptViewSet(AuthorityViewSet):
    model, form_class, icon, name = Concept, ConceptForm, "tag", "concepts"
    list_filter = ["scheme"]


class SourceViewSet(RecordViewSet):
    model, form_class, icon, name = Source, SourceForm, "doc-full-inverse", "sources"
    list_filter = ["community"]


def _chooser(kind_model: Any, chooser_icon: str) -> RecordChooserViewSet:
    name = f"{kind_model.__name__.lower()}-chooser"
    return RecordChooserViewSet(name, model=kind_model, icon=chooser_icon)


def viewsets() -> list[Any]:
    """Screens of authorities, made once policies are registered."""
    return [
        PersonViewSet(),
        PlaceViewSet(),
        OrganisationViewSet(),
        EventViewSet(),
        ConceptViewSet(),
        SourceViewSet(),
    ]


def choosers() -> list[Any]:
    """Choosers of authorities."""
    return [
        _chooser(Person, "user"),
        _chooser(Place, "site"),
        _chooser(Organisation, "group"),
        _chooser(Event, "date"),
        _chooser(Concept, "tag"),
        _chooser(Source, "doc-full-inverse"),
    ]
