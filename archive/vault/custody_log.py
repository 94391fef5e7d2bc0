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
from django.db import connection, transaction

from archive.models.custody import CustodyEvent
from archive.vault import custody, ledger_file
from archive.vault.durable import FOLDER_MODE, Syncer, write_file
from archive.vault.ledger_lines import Head

#: One number for all of us: the chain has one end, and PostgreSQL lets several transactions append at once.
_CHAIN_LOCK = 0x6361_6972_6E


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
    if not connection.in_atomic_block:
        raise RuntimeError("A custody event belongs to the transaction that it speaks of.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CHAIN_LOCK])
    last = CustodyEvent.objects.order_by("-sequence").values_list("sequence", "own_hash").first()
    sequence, previous = last or (0, custody.GENESIS)
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
    """The newest event's number, hash and time: what is published, so that nobody can rewrite the past."""
    event = CustodyEvent.objects.order_by("-sequence").first()
    if event is None:
        return {"sequence": 0, "hash": custody.GENESIS, "at": None}
    return {"sequence": event.sequence, "hash": event.own_hash, "at": as_facts(event)["at"]}


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
    facts = (current["hash"], current.get("ledger"))
    if (current["sequence"] or reading.instance) and (
        not heads or (heads[-1]["hash"], heads[-1].get("ledger")) != facts
    ):
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        text = "".join(json.dumps(line, sort_keys=True) + "\n" for line in [*heads, current])
        syncer = Syncer()
        write_file(fresh, text.encode("ascii"), syncer, 0o640)
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
    hashes: dict[int, str] = {}
    published = {line["sequence"]: line["hash"] for line in published_heads() if line["sequence"]}

    def remembered() -> Iterator[dict[str, Any]]:
        for event in facts():
            if event["sequence"] in published:
                hashes[event["sequence"]] = event["own_hash"]
            yield event

    yield from custody.broken_links(remembered())
    for sequence, own_hash in sorted(published.items()):
        if hashes.get(sequence) != own_hash:
            yield custody.Break(sequence, "it is not the event whose hash was published")


def note(*happenings: Happening) -> list[CustodyEvent]:
    """Append events that speak of no other change, in a transaction of their own."""
    with transaction.atomic():
        return append(happenings)
