"""What is sealed stays unseen at the desk too, by everybody but a consent steward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from archive.models import Record, RecordKind
from archive.policy import Viewer, may

#: What can be sealed of each kind: the code in ``Record.sealed``, what it is called, the form fields behind it.
SEALS: Mapping[str, tuple[tuple[str, Any, tuple[str, ...]], ...]] = {
    RecordKind.PERSON: (
        ("real_name", gettext_lazy("the real name"), ("name", "other_names", "external_ids")),
        ("note", gettext_lazy("the note"), ("note",)),
        ("dates", gettext_lazy("the dates"), ("date_from", "date_to")),
    ),
    RecordKind.PLACE: (
        ("exact_place", gettext_lazy("the exact place"), ("latitude", "longitude")),
        ("note", gettext_lazy("the note"), ("note",)),
    ),
    RecordKind.ORGANISATION: (("note", gettext_lazy("the note"), ("note",)),),
    RecordKind.EVENT: (("note", gettext_lazy("the note"), ("note",)),),
}
_OF_WORKS = (
    ("real_name", gettext_lazy("the real name of who speaks or writes"), ("contributions",)),
    ("exact_place", gettext_lazy("the place"), ("place",)),
    ("date", gettext_lazy("the date"), ("date",)),
    ("abstract", gettext_lazy("the abstract"), ("abstract",)),
)


def seals_of(kind: str) -> tuple[tuple[str, Any, tuple[str, ...]], ...]:
    """What can be sealed of a kind."""
    return _OF_WORKS if kind in (RecordKind.TESTIMONY, RecordKind.DOCUMENT) else SEALS.get(kind, ())


def fields_kept_from(viewer: Viewer, record: Record) -> set[str]:
    """Form fields of a record whose values this viewer must not be shown."""
    return {
        field
        for code, _label, fields in seals_of(record.kind)
        if code in (record.sealed or []) and not may(viewer, "read", record, field=code)
        for field in fields
    }


def shown_title(record: Any, viewer: Viewer) -> str:
    """The title or name of a record as this viewer may see it at the desk."""
    if "name" in fields_kept_from(viewer, record):
        # Translators: stands for a person's name at the desk; the number is the record's public id.
        return _("sealed name (%(id)s)") % {"id": record.public_id}
    return str(record)
