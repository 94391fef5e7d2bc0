"""The triggers of append-only tables, lifted for a moment: to empty the tables, or to show what they are good for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as default


@contextmanager
def lifted(connection: Any = default) -> Iterator[None]:
    """A block in which the database refuses nothing; the triggers are there again after it."""
    if connection.vendor == "postgresql":
        # A table cannot be altered while its foreign keys wait to be checked.
        connection.check_constraints()
        tables = _rows(
            connection, "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%\\_no\\_change'"
        )
        before = [f"ALTER TABLE {table} DISABLE TRIGGER USER" for (table,) in tables]
        after = [f"ALTER TABLE {table} ENABLE TRIGGER USER" for (table,) in tables]
    else:
        triggers = _rows(
            connection,
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%is append-only%'",
        )
        before = [f"DROP TRIGGER {name}" for name, _sql in triggers]
        after = [sql for _name, sql in triggers]
    assert before, "No trigger is installed."
    _execute(connection, before)
    try:
        yield
    finally:
        if connection.vendor == "postgresql":
            connection.check_constraints()
        _execute(connection, after)


def _rows(connection: Any, question: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchall()


def _execute(connection: Any, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
