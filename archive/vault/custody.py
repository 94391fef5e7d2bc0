"""The custody log and the audit trail as chains of hashes: pure functions.

Each event's hash covers its canonical JSON, which names the hash of the event before. Whoever changes, drops or
inserts an event breaks every hash after it; whoever cuts off the end is found out by the head that was published.
``tools/verify_custody.py`` checks the same with nothing but Python.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archive.append_only import Guarded, statements
from archive.vault.inventory import canonical_json

#: The hash "before" the first event.
GENESIS = "0" * 64


@dataclass(frozen=True)
class Break:
    """A place where the chain does not hold."""

    sequence: int
    message: str


def hash_of(event: Mapping[str, Any]) -> str:
    """sha256 over the canonical JSON of an event without its own hash.

    ``event`` maps ``sequence``, ``previous_hash`` and what happened to JSON values: times as ISO 8601 in UTC with
    microseconds and ``+00:00``, identifiers as text or null.
    """
    body = {name: value for name, value in event.items() if name != "own_hash"}
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


def broken_links_and_heads(
    events: Iterable[Mapping[str, Any]], published: Iterable[tuple[int, str]]
) -> Iterator[Break]:
    """The same, against every head (number and hash) that was ever published."""
    wanted = dict(published)
    hashes: dict[int, str] = {}

    def remembered() -> Iterator[Mapping[str, Any]]:
        for event in events:
            if event["sequence"] in wanted:
                hashes[event["sequence"]] = event["own_hash"]
            yield event

    yield from broken_links(remembered())
    for sequence, own_hash in sorted(wanted.items()):
        if hashes.get(sequence) != own_hash:
            yield Break(sequence, "it is not the event whose hash was published")


def append_only_statements(table: str, vendor: str, *, reverse: bool = False) -> tuple[str, ...]:
    """What the first migration of these tables asks for; :mod:`archive.append_only` says more."""
    return statements(Guarded(table), vendor, reverse=reverse)
