"""Forms of records that can be sealed field by field."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy

from archive.desk.fields import RecordField
from archive.desk.forms import CheckboxList, RecordForm
from archive.desk.sealing import fields_kept_from
from archive.naming import public_face, rebuild_naming
from archive.policy import may
from archive.seals import seals_of

#: What a consent steward may change in a record that she does not edit.
STEWARDS_FIELDS = ("seen", "sealed", "sensitivity_cleared")


def as_text(value: Any) -> str:
    """A stored value as a person reads it."""
    if isinstance(value, dict) and "values" in value:
        return " · ".join(f"{entry['text']} ({tag})" for tag, entry in value["values"].items())
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return "" if value is None else str(value)


class SealableForm(RecordForm):
    """A form whose record may have sealed fields: they are not in the form of anybody but a steward.

    Only a steward may change what is sealed. What is saved reaches every publication that names the record.
    """

    sealed = CheckboxList(label=gettext_lazy("Sealed"))

    #: Label and value of what is shown and not changed here.
    read_only: list[tuple[Any, str]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.read_only = []
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
        """For a steward who does not edit: the values to read, and only what is hers to change."""
        for name in [name for name in self.fields if name not in STEWARDS_FIELDS]:
            field = self.fields.pop(name)
            value = field.prepare_value(self.initial.get(name, getattr(self.instance, name, "")))
            self.read_only.append((field.label, as_text(value)))

    def save(self, commit: bool = True) -> Any:
        if "sealed" in self.fields:
            self.instance.sealed = self.cleaned_data["sealed"]
        return super().save(commit)

    def after_save(self, record: Any, user: Any) -> None:
        if self._face_before is not None and public_face(record) != self._face_before:
            rebuild_naming(record)
