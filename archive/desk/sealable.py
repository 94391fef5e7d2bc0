"""Forms of records that can be sealed field by field."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Manager
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from archive.desk.fields import RecordField
from archive.desk.forms import CheckboxList, RecordForm
from archive.desk.sealing import fields_kept_from, shown_title
from archive.models import Record
from archive.naming import public_face, rebuild_naming
from archive.policy import may
from archive.seals import seals_of
from archive.values.languages import display_name

#: What a consent steward may change in a record that she does not edit.
STEWARDS_FIELDS = ("seen", "sealed", "sensitivity_cleared")


def as_text(value: Any) -> str:
    """A stored value as a person reads it; a list has a line for each of its texts."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Manager):
        return "\n".join(str(one) for one in value.all())
    if isinstance(value, dict):
        texts = ((tag, entry.get("text", "")) for tag, entry in value.get("values", {}).items())
        return "\n".join(f"{text} ({display_name(tag, get_language() or 'en')})" for tag, text in texts if text)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)


class SealableForm(RecordForm):
    """A form whose record may have sealed fields: they are not in the form of anybody but a steward.

    Only a steward may change what is sealed. What is saved reaches every publication that names the record.
    """

    sealed = CheckboxList(label=gettext_lazy("Sealed"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._only_shown: dict[str, forms.Field] = {}
        record = self.instance
        self._face_before = public_face(record) if record.pk else None
        for name, field in list(self.fields.items()):
            if isinstance(field, RecordField):
                field.bind_viewer(self.viewer)
                field.initial = field.prepare_value(getattr(record, f"{name}_id", None)) if record.pk else ""
                self.initial[name] = field.initial
        kept = fields_kept_from(self.viewer, record) if record.pk else set()
        for name in kept & set(self.fields):
            del self.fields[name]
        if record.pk and not may(self.viewer, "edit", record):
            self._show_only()
        codes = [(seal.code, seal.label) for seal in seals_of(record.kind)]
        steward = bool(record.pk) and bool(may(self.viewer, "read_sealed", record))
        if codes and steward:
            self.fields["sealed"].choices = codes
            self.fields["sealed"].initial = record.sealed
        else:
            del self.fields["sealed"]
        if "sensitivity_cleared" in self.fields and not (record.pk and may(self.viewer, "consent", record)):
            # Opening sexual violence or sacred matter to everybody is for consent stewards.
            del self.fields["sensitivity_cleared"]

    def _show_only(self) -> None:
        """For a steward who does not edit: she changes only what is hers to change, and reads the rest."""
        for name in [name for name in self.fields if name not in STEWARDS_FIELDS]:
            self._only_shown[name] = self.fields.pop(name)

    @property
    def read_only(self) -> list[tuple[Any, str]]:
        """Label and value of what is shown and not changed here."""
        return [(field.label, self._in_words(name, field)) for name, field in self._only_shown.items()]

    def _in_words(self, name: str, field: forms.Field) -> str:
        """A value as the field would show it: another record by its name, a code by its label."""
        value = self.initial.get(name, getattr(self.instance, name, ""))
        if isinstance(field, forms.ModelChoiceField):
            chosen = field.queryset.filter(pk=value).first() if value and field.queryset is not None else None
            return shown_title(chosen, self.viewer) if isinstance(chosen, Record) else as_text(chosen)
        if isinstance(field, (forms.ChoiceField, forms.MultipleChoiceField)):
            labels = dict(field.choices)  # type: ignore[arg-type]
            codes = value if isinstance(value, list) else [value] if value else []
            return ", ".join(str(labels.get(code, code)) for code in codes)
        if name == "original_language" and value:
            return display_name(str(value), get_language() or "en")
        return as_text(field.prepare_value(value))

    def save(self, commit: bool = True) -> Any:
        if "sealed" in self.fields:
            self.instance.sealed = self.cleaned_data["sealed"]
        return super().save(commit)

    def after_save(self, record: Any, user: Any) -> None:
        if self._face_before is not None and public_face(record) != self._face_before:
            rebuild_naming(record)
