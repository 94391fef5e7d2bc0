"""Forms of records: every save is a revision, and two people who edit at once are told."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.forms.models import WagtailAdminModelForm

from archive import audit
from archive.desk.fields import no_date
from archive.desk.language_map import LanguageMapField
from archive.gate import Gate
from archive.models import Community, ConceptScheme, Record, Unfinished
from archive.policy import ROLE_ACTIONS, Viewer, visible
from archive.record_types import record_type
from archive.revisions import keep_first, save_revision
from archive.standing import read_standing_anew
from archive.values.addresses import web_address
from archive.values.uncertain_date import parse_date
from archive.vault import ledger
from archive.vault.narrowings import of_state, state_of_record


class EdtfField(forms.CharField):
    """An uncertain date; what is no EDTF is said beside the field with examples."""

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        try:
            return parse_date(text).edtf
        except ValueError as error:
            raise ValidationError(no_date(text), code="invalid") from error


class WebAddressField(forms.CharField):
    """An address that a page may lead to: of the web, never one that a browser would run."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.TextInput(attrs={"dir": "ltr", "inputmode": "url"}))
        super().__init__(**kwargs)

    def clean(self, value: Any) -> str:
        written = super().clean(value)
        if written and not web_address(written):
            raise ValidationError(
                # Translators: beside a field for the address of a licence.
                _("“%(uri)s” is no address on the web: begin with https:// or http://.") % {"uri": written[:80]}
            )
        return web_address(written)


class RecordForm(WagtailAdminModelForm):
    """Base of all record forms.

    Keyword ``viewer`` narrows every choice of another record to what she may read. The hidden field
    ``seen`` holds the revision (or time) the form was made from: saving over somebody else's later save
    is refused with both texts kept.
    """

    #: What was sent; replaced by a copy that knows the other save when two people meet.
    data: Any
    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    #: Names of JSON fields that are language maps, and those of them that are long.
    language_maps: tuple[str, ...] = ()
    long_texts: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Every form with a model asks its own ``field_for``: a forgotten line would show raw JSON to an editor."""
        super().__init_subclass__(**kwargs)
        if "Meta" in vars(cls):
            cls.Meta.formfield_callback = cls.field_for

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any) -> None:
        self.viewer = viewer
        super().__init__(*args, **kwargs)
        self._shown_before = state_of_record(self.instance) if self.instance.pk else None
        self._narrow_choices()
        if self.instance.pk:
            self.fields["seen"].initial = self.instance.updated_at.isoformat()
            # A record never changes hands by a form.
            self.fields.pop("community", None)

    @classmethod
    def field_for(cls, db_field: models.Field, **kwargs: Any) -> forms.Field | None:
        """The form field of a model field: language maps and dates have their own."""
        if db_field.name in cls.language_maps:
            return LanguageMapField(
                label=capfirst(db_field.verbose_name),
                required=not db_field.blank,
                multiline=db_field.name in cls.long_texts,
                help_text=db_field.help_text,
            )
        if db_field.name in cls.dates:
            return EdtfField(label=capfirst(db_field.verbose_name), required=not db_field.blank, max_length=60)
        if db_field.name.endswith("_uri"):
            # A page may lead there, whatever model it stands in.
            return WebAddressField(
                label=capfirst(db_field.verbose_name), required=not db_field.blank, max_length=db_field.max_length
            )
        return db_field.formfield(**kwargs)

    def _narrow_choices(self) -> None:
        for name, field in self.fields.items():
            if not isinstance(field, forms.ModelChoiceField) or field.queryset is None:
                continue
            if name == "community":
                field.queryset = communities_in_which(self.viewer, "create")
                field.required = not self.viewer.operator
                if field.queryset.count() == 1:
                    field.initial = field.queryset.first()
            elif field.queryset.model is not ConceptScheme:
                # Vocabularies are published by others and belong to everybody.
                field.queryset = visible(field.queryset, self.viewer)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.instance.pk and cleaned.get("seen"):
            current = type(self.instance)._base_manager.values_list("updated_at", flat=True).get(pk=self.instance.pk)
            if current.isoformat() != cleaned["seen"]:
                raise ValidationError(
                    _(
                        "Somebody else saved this record while you were editing. Your text is still in the form below: "
                        "open the record in another window, compare, and save again to put yours over it."
                    ),
                    code="edited-meanwhile",
                )
        return cleaned

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and self.has_error("__all__", "edited-meanwhile"):
            # Saving a second time is a decision: the form now knows the other save.
            data = self.data.copy()
            data[self.add_prefix("seen")] = (
                type(self.instance)
                ._base_manager.values_list("updated_at", flat=True)
                .get(pk=self.instance.pk)
                .isoformat()
            )
            self.data = data

    def save_record(self, *, user: Any, created: bool) -> Record:
        """Save the record with its links, write a revision and the trail. Called inside a transaction."""
        if created:
            self.instance.created_by = user
        else:
            # The form read the record before this transaction; saving must not undo what others did since.
            read_standing_anew([self.instance])
            keep_first(self.instance)
        record: Record = self.save()
        self.after_save(record, user)
        if self._shown_before is not None:
            if not record_type(record.kind).gated:
                Unfinished.finish(record, Unfinished.What.NAME, user)
            ledger.tell(*of_state("restrict", record, self._shown_before, state_of_record(record)))
        save_revision(record, origin="edit", author=user)
        if record_type(record.kind).gated and self._shown_before not in (None, state_of_record(record)):
            # Seals and what holds readers off act at once, as consent does; the gate knows what waits for a review.
            Gate().refresh([record])
        audit.note("create" if created else "edit", record, user)
        return record

    def after_save(self, record: Any, user: Any) -> None:
        """What a kind must do besides (rebuild publications of an authority, inline rows)."""


def communities_in_which(viewer: Viewer, action: str) -> models.QuerySet[Community]:
    """Communities in which the viewer's roles include ``action``."""
    slugs = [slug for slug, roles in viewer.roles.items() if any(action in ROLE_ACTIONS[role] for role in roles)]
    return Community.objects.filter(slug__in=slugs)


class CheckboxList(forms.MultipleChoiceField):
    """Several codes of a closed list, stored as a JSON list."""

    widget = forms.CheckboxSelectMultiple
    default_error_messages = {"invalid_choice": gettext_lazy("%(value)s is not one of the choices.")}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("required", False)
        super().__init__(**kwargs)
