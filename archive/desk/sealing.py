"""What is sealed stays unseen at the desk too, by everybody but a consent steward."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from archive.models import Record
from archive.policy import Viewer, may
from archive.seals import seals_of


def fields_kept_from(viewer: Viewer, record: Record) -> set[str]:
    """Form fields of a record whose values this viewer must not be shown."""
    return {
        field
        for seal in seals_of(record.kind)
        if seal.code in (record.sealed or []) and not may(viewer, "read", record, field=seal.code)
        for field in seal.fields
    }


def shown_title(record: Any, viewer: Viewer) -> str:
    """The title or name of a record as this viewer may see it at the desk."""
    if "name" in fields_kept_from(viewer, record):
        # Translators: stands for a person's name at the desk; the number is the record's public id.
        return _("sealed name (%(id)s)") % {"id": record.public_id}
    return str(record)
