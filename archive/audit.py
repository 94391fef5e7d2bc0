"""The audit trail: who used which power over what, as a chain of hashes. Codes and opaque ids only."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.db import transaction

from archive.chains import end_of
from archive.models import AuditEvent, Record
from archive.vault import custody

if TYPE_CHECKING:
    from accounts.models import User


def actor_of(user: User | None) -> str:
    """How a user is written in trails: by key, never by name."""
    return f"user:{user.pk}" if user is not None else "system"


def note(action: str, record: Record, user: User | None, *, outcome: str = "done", **detail: Any) -> None:
    """Write one event about one record."""
    note_all(action, [record], user, outcome=outcome, **detail)


def note_all(
    action: str, records: Iterable[Record], user: User | None, *, outcome: str = "done", **detail: Any
) -> None:
    """Write one event about each record, in one statement."""
    subjects = [
        (record.public_id, record.community.slug if record.community_id and record.community else "")
        for record in records
    ]
    _append(action, subjects, actor_of(user), outcome, detail)


def note_about(
    action: str, subject: str, user: User | None, *, community: str = "", actor: str = "", **detail: Any
) -> None:
    """Write one event about something that is no record: ``subject`` is an opaque key.

    :param actor: who it was, where it was not a user.
    """
    _append(action, [(subject, community)], actor or actor_of(user), "done", detail)


def _append(
    action: str, subjects: Sequence[tuple[str, str]], actor: str, outcome: str, detail: Mapping[str, Any]
) -> None:
    if not subjects:
        return
    moment = datetime.now(UTC)
    # As the database will give it back: the hash must hold for what is read.
    stored = json.loads(json.dumps(detail))
    events = []
    with transaction.atomic():
        sequence, previous = end_of(AuditEvent)
        for subject, community in subjects:
            sequence += 1
            event = AuditEvent(
                sequence=sequence,
                at=moment,
                action=action,
                subject=subject,
                community=community,
                actor=actor,
                outcome=str(outcome),
                detail=stored,
                previous_hash=previous,
            )
            event.own_hash = previous = custody.hash_of(as_facts(event))
            events.append(event)
        AuditEvent.objects.bulk_create(events)


def as_facts(event: AuditEvent) -> dict[str, Any]:
    """An event as the JSON values that its hash covers, with its own hash."""
    return {
        "sequence": event.sequence,
        "previous_hash": event.previous_hash,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "action": event.action,
        "subject": event.subject,
        "community": event.community,
        "actor": event.actor,
        "outcome": event.outcome,
        "detail": event.detail,
        "own_hash": event.own_hash,
    }


def facts() -> Iterator[dict[str, Any]]:
    """The whole trail, oldest first, a thousand rows at a time."""
    for event in AuditEvent.objects.order_by("sequence").iterator(chunk_size=1000):
        yield as_facts(event)


def head() -> dict[str, Any]:
    """Number and hash of the newest event; published beside the custody log's."""
    event = AuditEvent.objects.order_by("-sequence").values_list("sequence", "own_hash").first()
    sequence, own_hash = event or (0, custody.GENESIS)
    return {"sequence": sequence, "hash": own_hash}
