"""Writing the custody log: one chain per instance, appended to inside the transaction that it speaks of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from archive import audit
from archive.chains import end_of
from archive.models.custody import CustodyEvent
from archive.vault import custody, ledger_file
from archive.vault.durable import FOLDER_MODE, Syncer, write_file
from archive.vault.ledger_lines import Head


@dataclass(frozen=True)
class Happening:
    """What happened to an original or a record. ``event_type`` is a PREMIS code, ``detail`` holds no names or texts."""

    event_type: str
    agent: str
    tool: str = ""
    outcome: str = "success"
    record_uuid: UUID | None = None
    asset_uuid: UUID | None = None
    object_sha512: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def append(happenings: Iterable[Happening], *, at: datetime | None = None) -> list[CustodyEvent]:
    """Append events to the chain. Call it inside the transaction that makes them true.

    Raises ``RuntimeError`` outside a transaction.
    """
    sequence, previous = end_of(CustodyEvent)
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    events = []
    for happening in happenings:
        sequence += 1
        event = CustodyEvent(
            sequence=sequence,
            uuid=uuid4(),
            event_type=happening.event_type,
            at=moment,
            agent=happening.agent,
            tool=happening.tool,
            outcome=happening.outcome,
            record_uuid=happening.record_uuid,
            asset_uuid=happening.asset_uuid,
            object_sha512=happening.object_sha512,
            detail=dict(happening.detail),
            previous_hash=previous,
        )
        event.own_hash = previous = custody.hash_of(as_facts(event))
        events.append(event)
    return CustodyEvent.objects.bulk_create(events)


def as_facts(event: CustodyEvent) -> dict[str, Any]:
    """An event as the JSON values that its hash covers, with its own hash."""
    return {
        "sequence": event.sequence,
        "previous_hash": event.previous_hash,
        "uuid": str(event.uuid),
        "event_type": event.event_type,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "agent": event.agent,
        "tool": event.tool,
        "outcome": event.outcome,
        "record_uuid": str(event.record_uuid) if event.record_uuid else None,
        "asset_uuid": str(event.asset_uuid) if event.asset_uuid else None,
        "object_sha512": event.object_sha512,
        "detail": event.detail,
        "own_hash": event.own_hash,
    }


def facts() -> Iterator[dict[str, Any]]:
    """The whole chain, oldest first, a thousand rows at a time."""
    for event in CustodyEvent.objects.order_by("sequence").iterator(chunk_size=1000):
        yield as_facts(event)


def head() -> dict[str, Any]:
    """The newest event's number, hash and time, and the audit trail's: what is published, so that nobody can rewrite
    the past."""
    event = CustodyEvent.objects.order_by("-sequence").first()
    newest = {"sequence": 0, "hash": custody.GENESIS, "at": None}
    if event is not None:
        newest = {"sequence": event.sequence, "hash": event.own_hash, "at": as_facts(event)["at"]}
    return {**newest, "audit": audit.head()}


def published_heads_path() -> Path:
    """The file of all heads that were ever published, for anchoring elsewhere (one JSON line each)."""
    return Path(settings.CAIRN_DATA) / "custody" / "heads.jsonl"


def publish_head() -> dict[str, Any]:
    """Append the current head to the file of published heads, if it is a new one, and return it.

    Beside it stands the head of the withdrawal ledger: what is kept outside the house speaks for both.
    """
    current = head()
    reading = ledger_file.read()
    if reading.instance:
        current["ledger"] = reading.head.as_facts()
    path = published_heads_path()
    heads = published_heads()
    if (current["sequence"] or current["audit"]["sequence"] or reading.instance) and heads[-1:] != [current]:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in [*heads, current])
        syncer = Syncer()
        write_file(fresh, text.encode("ascii"), syncer, 0o600)
        fresh.replace(path)
        syncer.folder(path.parent)
    return current


def published_heads() -> list[dict[str, Any]]:
    """Every head that was published, oldest first."""
    path = published_heads_path()
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("ascii").splitlines() if line]


def published_ledger_heads() -> list[Head]:
    """Every head of the withdrawal ledger that was published; none where the file cannot be read."""
    try:
        return [Head.of(line["ledger"]) for line in published_heads() if "ledger" in line]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def faults() -> Iterator[custody.Break]:
    """Check the chain in the database, also against every head that was ever published."""
    heads = [(line["sequence"], line["hash"]) for line in published_heads() if line["sequence"]]
    yield from custody.broken_links_and_heads(facts(), heads)


def audit_faults() -> Iterator[custody.Break]:
    """The same for the audit trail, whose head is published in the same line."""
    heads = [line["audit"] for line in published_heads() if "audit" in line]
    yield from custody.broken_links_and_heads(
        audit.facts(), [(one["sequence"], one["hash"]) for one in heads if one["sequence"]]
    )


def note(*happenings: Happening) -> list[CustodyEvent]:
    """Append events that speak of no other change, in a transaction of their own."""
    with transaction.atomic():
        return append(happenings)
