"""What acts decide on, read under lock: whether a record is withdrawn, hidden, wanted in public, reviewed.

An act is handed a record that was read before its transaction began. Another act may have committed since: a
withdrawal that a publication, a review or a form does not know of would be undone by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archive.models import Record

#: Columns of ``Record`` that acts change, beside those that forms change.
STANDING = ("state", "hidden", "wanted_public", "opens_at", "current_revision", "reviewed_revision", "merged_into_id")
#: Keys in one question; SQLite takes a limited number of parameters.
_PART = 500


def read_standing_anew(records: Sequence[Any]) -> None:
    """Lock the rows of ``records`` and take over what other acts have made of them; inside a transaction only."""
    by_key = {record.pk: record for record in records}
    keys = sorted(by_key)
    for start in range(0, len(keys), _PART):
        rows = Record.objects.select_for_update().filter(pk__in=keys[start : start + _PART]).order_by("pk")
        for pk, *values in rows.values_list("pk", *STANDING):
            for name, value in zip(STANDING, values, strict=True):
                setattr(by_key[pk], name, value)
