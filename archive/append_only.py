"""What is written once, in the database itself: triggers that refuse every change, whoever asks for it.

They hold against the archive's own mistakes and against statements sent through it. Whoever owns the database can
drop them; the chains of hashes (:mod:`archive.vault.custody`) and the heads that were published are for that case.

A row that is guarded never goes: what is erased or taken back stays as a shell, of which only the columns named in
``erasable`` become empty, and only once its record is erased. Whatever deletes a record with a history is refused.
SQLite forgets the triggers of a table that a migration has to make anew: such a migration installs them again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: A row's record is erased: from then on its words may go.
_ERASED = "EXISTS (SELECT 1 FROM archive_record WHERE archive_record.id = OLD.record_id AND state = 'erased')"


@dataclass(frozen=True)
class Guarded:
    """A table that is written once.

    ``columns``: all of them. ``keys``: sets of columns that are unique together. ``erasable``: columns that an erasure
    empties, each with what is left (as SQL); such a table has a column ``record_id``.
    """

    table: str
    columns: Sequence[str] = ()
    keys: Sequence[Sequence[str]] = (("id",),)
    erasable: Mapping[str, str] = field(default_factory=dict)


def guarded(model: Any, erasable: Mapping[str, str] | None = None) -> Guarded:
    """The table of a model (as a migration knows it), with all its columns and all that is unique in it."""
    meta = model._meta
    fields = meta.local_concrete_fields
    together = [tuple(one.fields) for one in meta.constraints if getattr(one, "fields", ())]
    together += [tuple(names) for names in meta.unique_together]
    keys = [(one.column,) for one in fields if one.unique]
    keys += [tuple(meta.get_field(name).column for name in names) for names in together]
    return Guarded(meta.db_table, tuple(one.column for one in fields), tuple(keys), erasable or {})


def statements(guard: Guarded, vendor: str, *, reverse: bool = False) -> tuple[str, ...]:
    """The statements that make a table append-only, or ordinary again, on a database of ``vendor``.

    :raises KeyError: for a database that the archive does not run on.
    """
    make, drop = {"sqlite": (_sqlite, _SQLITE_DROP), "postgresql": (_postgresql, _POSTGRESQL_DROP)}[vendor]
    return tuple(one.format(table=guard.table) for one in drop) if reverse else make(guard)


_SQLITE_DROP = (
    "DROP TRIGGER IF EXISTS {table}_no_update",
    "DROP TRIGGER IF EXISTS {table}_no_delete",
    "DROP TRIGGER IF EXISTS {table}_no_replace",
)


def _sqlite(guard: Guarded) -> tuple[str, ...]:
    table = guard.table
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    unless = ""
    if guard.erasable:
        same = [f"NEW.{name} IS OLD.{name}" for name in guard.columns if name not in guard.erasable]
        same += [f"(NEW.{name} IS OLD.{name} OR NEW.{name} = {empty})" for name, empty in guard.erasable.items()]
        unless = f"WHEN NOT ({' AND '.join(same)} AND {_ERASED})"
    # REPLACE deletes what stands in its way, and fires no trigger for that but on connections that ask for it
    # (“recursive_triggers”, as ours do): it is refused before.
    there = [
        f"EXISTS (SELECT 1 FROM {table} WHERE {' AND '.join(f'{name} = NEW.{name}' for name in names)})"  # noqa: S608
        for names in guard.keys
    ]
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {unless} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {' OR '.join(there)} {refuse}",
    )


_POSTGRESQL_DROP = (
    "DROP TRIGGER IF EXISTS {table}_no_change ON {table}",
    "DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}",
    "DROP FUNCTION IF EXISTS {table}_refuse()",
)


def _postgresql(guard: Guarded) -> tuple[str, ...]:
    table = guard.table
    unless = ""
    if guard.erasable:
        others = "ARRAY[" + ", ".join(f"'{name}'" for name in guard.erasable) + "]"
        same = [f"to_jsonb(NEW) - {others} = to_jsonb(OLD) - {others}"]
        same += [f"(NEW.{name} = OLD.{name} OR NEW.{name} = {empty})" for name, empty in guard.erasable.items()]
        unless = f"IF TG_OP = 'UPDATE' THEN IF {' AND '.join(same)} AND {_ERASED} THEN RETURN NEW; END IF; END IF;"
    return (
        f"CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN {unless} RAISE EXCEPTION '{table} is append-only'; END $$",
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()",
        f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()",
    )
