"""Writing many rows at little cost: for imports and publishing, where Django's ``bulk_create`` is a fifth of the work.

``bulk_create`` composes one statement from an expression for every value of every row. Here each kind of row has one
short statement, prepared once by the database, and a value goes through its field only where the field changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import connection, models

_Converter = Callable[[Any], Any]

#: Fields that hand values of exactly this type to the database as they are.
_AS_IS: tuple[tuple[type[models.Field[Any, Any]], type], ...] = (
    (models.CharField, str),
    (models.TextField, str),
    (models.IntegerField, int),
    (models.BooleanField, bool),
)


def insert_rows(model: type[models.Model], rows: Sequence[models.Model]) -> list[int]:
    """Insert new objects into the table of ``model`` (not into those it inherits from); returns their primary keys.

    Keys that the database gives are set on objects of exactly this model. No signals are sent and ``save`` is not
    called; ``auto_now`` and defaults hold.
    """
    if not rows:
        return []
    key: Any = model._meta.pk
    given = not isinstance(key, models.AutoField) or key.value_from_object(rows[0]) is not None
    fields = [field for field in model._meta.local_concrete_fields if given or not field.primary_key]
    statement = _statement(model, fields)
    values = _values_of(fields, rows)
    if given:
        with connection.cursor() as cursor:
            cursor.executemany(statement, list(values))
        keys = [key.value_from_object(row) for row in rows]
    else:
        statement += f" RETURNING {connection.ops.quote_name(key.column)}"
        keys = []
        with connection.cursor() as cursor:
            for one in values:
                cursor.execute(statement, one)
                # All of it: a statement that is not read to its end would stand in the way of the commit.
                keys.append(cursor.fetchall()[0][0])
    for row, pk in zip(rows, keys, strict=True):
        if type(row) is model:
            row.pk = pk
            row._state.adding, row._state.db = False, connection.alias
    return keys


def insert_values(model: type[models.Model], names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows given as values of the attributes ``names``; every other column must have a default in the database.

    For tables of plain columns (links, identifiers) that need neither objects nor their keys.
    """
    by_name = {field.attname: field for field in model._meta.local_concrete_fields}
    fields = [by_name[name] for name in names]
    converters = [_converter(field) for field in fields]
    values = [[convert(value) for convert, value in zip(converters, row, strict=True)] for row in rows]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(_statement(model, fields), values)


def _statement(model: type[models.Model], fields: Sequence[Any]) -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    # Names of tables and columns come from the models alone.
    return f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 - names of our models


def _values_of(fields: Sequence[Any], rows: Iterable[models.Model]) -> Iterator[list[Any]]:
    """The values of each row as the database takes them."""
    names = [field.attname for field in fields]
    set_on_save = [
        field for field in fields if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    ]
    plain = [(_plain_type(field), _converter(field)) for field in fields]
    for row in rows:
        for field in set_on_save:
            field.pre_save(row, True)
        # The state of a new object holds all its fields: no descriptor needs to be asked.
        state = row.__dict__
        yield [
            value
            if (value := state[name] if name in state else getattr(row, name)) is None or type(value) is kind
            else convert(value)
            for name, (kind, convert) in zip(names, plain, strict=True)
        ]


def _plain_type(field: Any) -> type | None:
    # A key to another table takes what that table's key takes.
    target = field.target_field if field.remote_field is not None else field
    return next((plain for kind, plain in _AS_IS if isinstance(target, kind)), None)


def _converter(field: Any) -> _Converter:
    as_is = _plain_type(field)
    save = field.get_db_prep_save
    is_json = isinstance(field, models.JSONField)
    empty: dict[type, Any] = {}

    def convert(value: Any) -> Any:
        if value is None or type(value) is as_is:
            return value
        if is_json and not value and type(value) in (dict, list):
            # Most JSON columns of most rows are empty.
            if type(value) not in empty:
                empty[type(value)] = save(value, connection)
            return empty[type(value)]
        return save(value, connection)

    return convert
