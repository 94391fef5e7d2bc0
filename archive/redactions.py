"""Redactions between the record side and the projection: rows as facts, and what is public of a work now."""

from __future__ import annotations

from typing import Any

from archive.models import Redaction
from archive.projection.reach import RedactionRule
from archive.revisions import snapshot_of


def rule_of(redaction: Redaction) -> RedactionRule:
    """The facts of one redaction; its decisions are best prefetched."""
    decisions = list(redaction.decisions.all()) if redaction.pk else []
    return RedactionRule(
        at=redaction.at,
        hidden_up_to=redaction.hidden_up_to,
        anchor=redaction.anchor,
        words=redaction.words,
        start=redaction.start,
        end=redaction.end,
        start_ms=redaction.start_ms,
        end_ms=redaction.end_ms,
        replacement=redaction.replacement,
        free=frozenset((one.about, one.key, one.said_sha256) for one in decisions if not one.hidden),
        hidden_too=frozenset((one.about, one.key) for one in decisions if one.hidden),
    )


def read_in_public(work: Any) -> dict[str, Any]:
    """The snapshot that redactions act on for readers: the reviewed one, before any review what stands now."""
    reviewed = work.revisions.filter(number=work.reviewed_revision).first() if work.reviewed_revision else None
    return dict(reviewed.snapshot) if reviewed is not None else snapshot_of(work)
