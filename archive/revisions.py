"""Snapshots and revisions: what a record said at a moment, as canonical JSON with its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from archive.models import (
    Contribution,
    EntityLink,
    IndexSegment,
    Record,
    Revision,
    TextTrack,
)

if TYPE_CHECKING:
    from accounts.models import User

#: Fields of a work that a snapshot holds besides its texts and links.
WORK_FIELDS = (
    "title",
    "abstract",
    "original_language",
    "languages",
    "date",
    "sensitivity",
    "minimum_age",
    "institution",
    "institution_uri",
    "archival_collection",
    "archival_collection_uri",
    "reference",
    "source_statement",
    "edition",
    "licence_uri",
    "licence_label",
    "download_allowed",
    "facsimiles",
    "verification",
    "fiction",
    "source_facts",
)
KIND_FIELDS = {"testimony": ("life_events",), "document": ("document_type", "standpoint")}
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


def snapshot_of(work: Any) -> dict[str, Any]:
    """Read a work with everything that its texts and links say, as JSON."""
    fields = (*WORK_FIELDS, *KIND_FIELDS.get(work.kind, ()))
    return {
        "kind": work.kind,
        **{name: getattr(work, name) for name in fields},
        "place": work.place.public_id if work.place_id else None,
        "collection": work.collection.public_id,
        "tracks": [track_as_dict(track) for track in work.tracks.order_by("position", "id")],
        "segments": [
            {
                "id": s.key,
                "anchor": s.anchor,
                "start_ms": s.start_ms,
                "end_ms": s.end_ms,
                "title": s.title,
                "synopsis": s.synopsis,
                "sensitivity": s.sensitivity,
            }
            for s in work.segments.order_by("position", "id")
        ],
        "contributions": [
            {"role": c.role, "credited_as": c.credited_as, "person": c.person.public_id if c.person else None}
            for c in work.contributions.select_related("person")
        ],
        "links": [
            {"target": link.target.public_id, "relation": link.relation, "anchors": link.anchors}
            for link in work.entity_links.select_related("target").order_by("relation", "id")
        ],
    }


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


def restore_snapshot(work: Any, snapshot: dict[str, Any]) -> None:
    """Set a saved work, its tracks, segments, contributions and links to what a snapshot says."""
    held = [name for name in (*WORK_FIELDS, *KIND_FIELDS.get(work.kind, ())) if name in snapshot]
    for name in held:
        setattr(work, name, snapshot[name])
    place = Record.objects.filter(public_id=snapshot.get("place") or "").first()
    work.place_id = place.pk if place else None
    # Only what a snapshot holds: the rest of the row (withdrawn, hidden, wanted) may have changed meanwhile.
    work.save(update_fields=[*held, "place", "sort_key", "updated_at"])
    write_tracks(work, snapshot.get("tracks", []))
    work.segments.all().delete()
    IndexSegment.objects.bulk_create(
        IndexSegment(
            record_id=work.pk,
            key=s["id"],
            position=position,
            **{k: s.get(k) for k in ("anchor", "start_ms", "end_ms", "title", "synopsis", "sensitivity")},
        )
        for position, s in enumerate(snapshot.get("segments", []))
    )
    ids = _keys_of([c["person"] for c in snapshot.get("contributions", []) if c["person"]])
    work.contributions.all().delete()
    Contribution.objects.bulk_create(
        Contribution(
            record_id=work.pk,
            role=c["role"],
            credited_as=c["credited_as"],
            person_id=ids.get(c["person"] or ""),
            position=position,
        )
        for position, c in enumerate(snapshot.get("contributions", []))
    )
    ids = _keys_of([link["target"] for link in snapshot.get("links", [])])
    work.entity_links.all().delete()
    EntityLink.objects.bulk_create(
        EntityLink(record_id=work.pk, target_id=ids[link["target"]], relation=link["relation"], anchors=link["anchors"])
        for link in snapshot.get("links", [])
        if link["target"] in ids
    )


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


def _keys_of(public_ids: Iterable[str]) -> dict[str, int]:
    return dict(Record.objects.filter(public_id__in=list(public_ids)).values_list("public_id", "pk"))
