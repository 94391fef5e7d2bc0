"""The audit trail: who used which power over what. Codes and opaque ids only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archive.models import AuditEvent, Record

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
    AuditEvent.objects.bulk_create(
        AuditEvent(
            action=action,
            subject=record.public_id,
            community=record.community.slug if record.community_id and record.community else "",
            actor=actor_of(user),
            outcome=outcome,
            detail=detail,
        )
        for record in records
    )
