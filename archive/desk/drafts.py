"""Drafts of transcripts: what somebody is changing is kept on the server until she saves or gives it up."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from archive.models import Record, Revision, TranscriptDraft
from archive.revisions import track_as_dict
from archive.values.text import Track
from archive.values.text_changes import three_way

#: How long after her last keystroke a person counts as being at it.
AT_IT = timedelta(minutes=10)


@dataclass
class Desk:
    """The texts of a work as one person is changing them."""

    draft: TranscriptDraft
    tracks: list[Track]

    def track(self, key: str) -> Track | None:
        return next((track for track in self.tracks if track["id"] == key), None)

    @property
    def changed(self) -> bool:
        return bool(self.draft.tracks)


def open_desk(work: Record, user: Any) -> Desk:
    """The texts as this person left them; her row also tells others that she is at it."""
    draft, _created = TranscriptDraft.objects.get_or_create(
        record_id=work.pk, user=user, defaults={"base_revision": work.current_revision}
    )
    if not draft.tracks and draft.base_revision != work.current_revision:
        draft.base_revision = work.current_revision
        draft.save(update_fields=["base_revision", "updated_at"])
    tracks = [copy.deepcopy(track_as_dict(row)) for row in work.tracks.order_by("position", "id")]
    merged: list[Any] = [draft.tracks.get(track["id"], track) for track in tracks]
    there = {track["id"] for track in tracks}
    merged += [track for key, track in draft.tracks.items() if key not in there]
    return Desk(draft, merged)


def store(desk: Desk, work: Record, changed: Iterable[str]) -> None:
    """Keep the tracks called ``changed`` in the draft."""
    keys = set(changed)
    desk.draft.tracks = {**desk.draft.tracks, **{t["id"]: t for t in desk.tracks if t["id"] in keys}}
    desk.draft.counter += 1
    desk.draft.save()


def differing(desk: Desk, work: Record, keys: Iterable[str]) -> list[str]:
    """Of these tracks, those that differ from what is saved."""
    saved = {row.key: row.cues for row in work.tracks.all()}
    return [t["id"] for t in desk.tracks if t["id"] in set(keys) and t["cues"] != saved.get(t["id"])]


def others_at_it(work: Record, user: Any) -> list[TranscriptDraft]:
    """Other people who changed something here in the last minutes, or have unsaved changes from today."""
    now = timezone.now()
    rows = TranscriptDraft.objects.filter(record_id=work.pk, updated_at__gt=now - timedelta(days=1))
    return [
        row
        for row in rows.exclude(user=user).select_related("user").order_by("-updated_at")
        if row.tracks or row.updated_at > now - AT_IT
    ]


def give_up(work: Record, user: Any) -> None:
    """Forget the draft."""
    TranscriptDraft.objects.filter(record_id=work.pk, user=user).delete()


def rebase(desk: Desk, work: Record) -> dict[str, str]:
    """Put the draft over what somebody else saved since; returns what both changed, as the other saved it."""
    with transaction.atomic():
        base = Revision.objects.filter(record_id=work.pk, number=desk.draft.base_revision).first()
        base_tracks = {t["id"]: t["cues"] for t in (base.snapshot["tracks"] if base else [])}
        theirs = {row.key: row.cues for row in work.tracks.all()}
        conflicts: dict[str, str] = {}
        for key, track in desk.draft.tracks.items():
            if key not in theirs:
                continue
            merged = three_way(base_tracks.get(key, []), track["cues"], theirs[key])
            track["cues"] = merged.cues
            conflicts |= merged.conflicts
        desk.draft.base_revision = work.current_revision
        desk.draft.conflicts = conflicts
        desk.draft.counter += 1
        desk.draft.save()
    return conflicts
