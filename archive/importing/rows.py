"""Writing many records of one kind with few statements.

Django's ``bulk_create`` refuses models that inherit a table from another. Here both rows are made by the compiler call
that ``Model.save`` ends in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

from archive.models import Record
from archive.models.record import sort_key


def insert_records(records: Sequence[Any]) -> None:
    """Insert new records, all of one concrete kind; afterwards each has its primary key.

    ``Model.save`` is not called: sort keys are set here, signals are not sent.
    """
    if not records:
        return
    model = type(records[0])
    for record in records:
        record.sort_key = sort_key(record.sort_text())
    base_fields = [field for field in Record._meta.local_concrete_fields if not field.primary_key]
    key = Record._meta.pk
    base_manager: Any = Record._base_manager
    for part in _parts(records, base_fields):
        # A record of a kind bears every attribute of its base row: no second object is made for it.
        rows = base_manager._insert(part, fields=base_fields, returning_fields=[key], using=connection.alias)
        for record, (pk,) in zip(part, rows, strict=True):
            record.id = record.record_ptr_id = pk
            record._state.adding = False
    fields = model._meta.local_concrete_fields
    for part in _parts(records, fields):
        model._base_manager._insert(part, fields=fields, using=connection.alias)


def _parts(records: Sequence[Any], fields: Sequence[Any]) -> Iterator[list[Any]]:
    size = connection.ops.bulk_batch_size(fields, list(records)) or len(records)
    for start in range(0, len(records), size):
        yield list(records[start : start + size])
