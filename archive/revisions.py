"""Snapshots and revisions: what a record said at a moment, as canonical JSON with its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from archive.models import Record, Revision, TextTrack
from archive.record_types import record_type

if TYPE_CHECKING:
    from accounts.models import User

TRACK_FIELDS = (
    "kind",
    "language",
    "declared_language",
    "direction",
    "origin",
    "reviewed",
    "is_original",
    "label",
)


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8 (as RFC 8785 for what we store: no floats but coordinates)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256_of(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def track_as_dict(track: TextTrack) -> dict[str, Any]:
    """A track in the form of ``archive/values/text.py``."""
    return {"id": track.key, **{name: getattr(track, name) for name in TRACK_FIELDS}, "cues": track.cues}


def snapshot_of(record: Any) -> dict[str, Any]:
    """Everything a record of any kind says, as JSON: what a revision holds."""
    return record_type(record.kind).snapshot(record)


def new_revision(
    record: Record,
    snapshot: dict[str, Any],
    *,
    origin: str,
    author: User | None = None,
    reason: str = "",
    source_sha256: str = "",
) -> Revision:
    """Return the record's next revision, unsaved, and set the record's ``current_revision``.

    The caller saves both in one transaction; importers save many at once.
    """
    record.current_revision += 1
    return Revision(
        record_id=record.pk,
        number=record.current_revision,
        snapshot=snapshot,
        sha256=sha256_of(snapshot),
        origin=origin,
        author=author,
        reason=reason,
        source_sha256=source_sha256,
    )


def save_revision(record: Record, *, origin: str, author: User | None = None, reason: str = "") -> Revision | None:
    """Write a revision of the record as it stands now; None when nothing differs from the last one."""
    snapshot = snapshot_of(record)
    last = record.revisions.order_by("-number").first()
    if last is not None and last.sha256 == sha256_of(snapshot):
        return None
    revision = new_revision(record, snapshot, origin=origin, author=author, reason=reason)
    revision.save()
    Record.objects.filter(pk=record.pk).update(current_revision=record.current_revision)
    return revision


def keep_first(record: Record) -> None:
    """Write what a record says in the database as its first revision, if it has none: it is about to be changed.

    ``record`` is the object that is about to be saved; it learns the revision's number.
    """
    if record.current_revision:
        return
    (stored,) = record_type(record.kind).load([record.pk])
    revision = new_revision(stored, snapshot_of(stored), origin="edit", reason="as-it-was")
    revision.save()
    Record.objects.filter(pk=record.pk).update(current_revision=stored.current_revision)
    record.current_revision = stored.current_revision


def restore_snapshot(record: Any, snapshot: Mapping[str, Any]) -> None:
    """Set a saved record, and what hangs on it, to what a snapshot says."""
    record_type(record.kind).restore(record, snapshot)


def write_tracks(work: Record, tracks: Iterable[dict[str, Any]]) -> None:
    """Replace the tracks of a saved work."""
    work.tracks.all().delete()
    TextTrack.objects.bulk_create(
        TextTrack(
            record_id=work.pk,
            key=track["id"],
            position=position,
            cues=track["cues"],
            **{name: track[name] for name in TRACK_FIELDS if name in track},
        )
        for position, track in enumerate(tracks)
    )


def keys_of(public_ids: Iterable[str]) -> dict[str, int]:
    """Primary keys of records by public id; what is not there is left out."""
    return dict(Record.objects.filter(public_id__in=list(public_ids)).values_list("public_id", "pk"))
