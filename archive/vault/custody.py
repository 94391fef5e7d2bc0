"""The custody log as a chain of hashes: pure functions, and the SQL that makes its table append-only.

Each event's hash covers its canonical JSON, which names the hash of the event before. Whoever changes, drops or
inserts an event breaks every hash after it; whoever cuts off the end is found out by the head that was published.
``tools/verify_custody.py`` checks the same with nothing but Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archive.vault.inventory import canonical_json

#: The hash "before" the first event.
GENESIS = "0" * 64
#: What an event's hash covers, beside ``sequence`` and ``previous_hash``.
FIELDS = (
    "uuid",
    "event_type",
    "at",
    "agent",
    "tool",
    "outcome",
    "record_uuid",
    "asset_uuid",
    "object_sha512",
    "detail",
)


@dataclass(frozen=True)
class Break:
    """A place where the chain does not hold."""

    sequence: int
    message: str


def hash_of(event: Mapping[str, Any]) -> str:
    """sha256 over the canonical JSON of an event without its own hash.

    ``event`` maps ``sequence``, ``previous_hash`` and :data:`FIELDS` to JSON values: times as ISO 8601 in UTC with
    microseconds and ``+00:00``, identifiers as text or null.
    """
    body = {name: event[name] for name in ("sequence", "previous_hash", *FIELDS)}
    return hashlib.sha256(canonical_json(body)).hexdigest()


def broken_links(events: Iterable[Mapping[str, Any]], *, head: str | None = None) -> Iterator[Break]:
    """Walk a whole chain in order and name every place where it does not hold; ``head`` is the hash published last."""
    previous, expected, seen = GENESIS, 1, GENESIS if head is None else ""
    for event in events:
        sequence = event["sequence"]
        if sequence != expected:
            yield Break(sequence, f"event {expected} is missing or out of order")
        if event["previous_hash"] != previous:
            yield Break(sequence, "it does not follow the event before")
        if event["own_hash"] != hash_of(event):
            yield Break(sequence, "it was changed after it was written")
        previous, expected = event["own_hash"], sequence + 1
        if head is not None and previous == head:
            seen = head
    if head is not None and seen != head and head != GENESIS:
        yield Break(expected - 1, "the published head is not in this chain: its end was cut off or rewritten")


#: Tables that no statement may change: {table} is the table's name. One statement each.
SQLITE_TRIGGERS = (
    """CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
       BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
    """CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
       BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
)
SQLITE_TRIGGERS_REVERSED = ("DROP TRIGGER IF EXISTS {table}_no_update", "DROP TRIGGER IF EXISTS {table}_no_delete")
POSTGRESQL_TRIGGERS = (
    """CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$""",
    """CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table}
       FOR EACH ROW EXECUTE FUNCTION {table}_refuse()""",
    """CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
       FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()""",
)
POSTGRESQL_TRIGGERS_REVERSED = (
    "DROP TRIGGER IF EXISTS {table}_no_change ON {table}",
    "DROP TRIGGER IF EXISTS {table}_no_truncate ON {table}",
    "DROP FUNCTION IF EXISTS {table}_refuse()",
)


def append_only_statements(table: str, vendor: str, *, reverse: bool = False) -> tuple[str, ...]:
    """The statements that make ``table`` append-only (or ordinary again) on a database of ``vendor``.

    Raises ``KeyError`` for a database that the archive does not run on.
    """
    statements = {
        ("sqlite", False): SQLITE_TRIGGERS,
        ("sqlite", True): SQLITE_TRIGGERS_REVERSED,
        ("postgresql", False): POSTGRESQL_TRIGGERS,
        ("postgresql", True): POSTGRESQL_TRIGGERS_REVERSED,
    }[vendor, reverse]
    return tuple(statement.format(table=table) for statement in statements)
