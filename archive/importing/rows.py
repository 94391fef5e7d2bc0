"""Writing many records of one kind with few statements.

Django's ``bulk_create`` refuses models that inherit a table from another. Here the base rows are made with it and
the rows of the kind by the same compiler call that ``Model.save`` ends in.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    base_fields = [field for field in Record._meta.concrete_fields if not field.primary_key]
    bases = []
    for record in records:
        record.sort_key = sort_key(record.sort_text())
        bases.append(Record(**{field.attname: getattr(record, field.attname) for field in base_fields}))
    Record.objects.bulk_create(bases)
    for record, base in zip(records, bases, strict=True):
        record.pk = record.id = base.pk
        record.record_ptr_id = base.pk
        record.created_at, record.updated_at = base.created_at, base.updated_at
        record._state.adding = False
    fields = model._meta.local_concrete_fields
    size = connection.ops.bulk_batch_size(fields, list(records)) or len(records)
    for start in range(0, len(records), size):
        model._base_manager._insert(list(records[start : start + size]), fields=fields, using=connection.alias)
