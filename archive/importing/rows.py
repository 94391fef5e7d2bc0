"""Writing many records of one kind with few statements.

Django's ``bulk_create`` refuses models that inherit a table from another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archive.bulk_rows import insert_rows
from archive.models import Record
from archive.models.record import sort_key


def insert_records(records: Sequence[Any]) -> None:
    """Insert new records, all of one concrete kind; afterwards each has its primary key.

    ``Model.save`` is not called: sort keys are set here, signals are not sent.
    """
    if not records:
        return
    for record in records:
        record.sort_key = sort_key(record.sort_text())
    # A record of a kind bears every attribute of its base row: no second object is made for it.
    for record, pk in zip(records, insert_rows(Record, records), strict=True):
        record.id = record.record_ptr_id = pk
        record._state.adding = False
    insert_rows(type(records[0]), records)
