"""Work the gate leaves to jobs: opening embargoes when due, deleting what has run out, proving absence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from archive import audit
from archive.gate import Gate
from archive.models import WORK_KINDS, Clip, Document, Publication, Record, Revision, Testimony, WithdrawalCase
from search import outbox
from search import service as search

#: Seconds between two looks at the clock; late by at most this and the sweep's own delay, never early.
EVERY_SECONDS = 30


class NotAWork(LookupError):
    """A key that belongs to no testimony and no document. Whoever asked has to know what to do with it instead."""


def works_by_pk(keys: Sequence[int]) -> list[Any]:
    """Testimonies and documents by primary key, in the order asked for, with what the gate needs of them loaded.

    :raises NotAWork: when a key is of another kind of record, or of none: to leave one out in silence would leave
        open what somebody wants closed.
    """
    found: dict[int, Any] = {}
    for model in (Testimony, Document):
        found |= {work.pk: work for work in model.objects.filter(pk__in=keys).select_related("community", "collection")}
    if unknown := sorted(set(keys) - found.keys()):
        raise NotAWork(f"No testimony and no document has the key {', '.join(map(str, unknown))}.")
    return [found[key] for key in dict.fromkeys(keys)]


def open_due(context: Any) -> None:
    """Publish what an embargo held back until now."""
    due = list(_opening().values_list("pk", flat=True))
    for work in works_by_pk(due):
        with transaction.atomic():
            # What is wanted is asked again under lock: somebody may have taken it back since the list was read.
            opened = Gate().refresh([work]).get(work.public_id)
            if opened is not None and opened.allowed:
                audit.note("open-embargo", work, None)


def delete_expired(context: Any) -> None:
    """Delete publications whose consent has ended; no reader has seen them since that moment."""
    public_ids = list(_expired().values_list("public_id", flat=True).distinct())
    works = Record.objects.filter(public_id__in=public_ids, kind__in=WORK_KINDS).values_list("pk", flat=True)
    for work in works_by_pk(list(works)):
        with transaction.atomic():
            # Consent is asked again under lock: somebody may have renewed it since the list was read.
            gate = Gate()
            shown = gate.refresh([work]).get(work.public_id)
            if shown is None or not shown.allowed:
                gate.close([work])
                audit.note("consent-expired", work, None)
    # What was named by them alone is gone by now; what else names it may end later.
    with transaction.atomic():
        Gate().refresh_companions(_expired().filter(public_id__in=public_ids).values_list("public_id", flat=True))


def prove_absence(context: Any) -> None:
    """After a withdrawal: the deleted words have left the index's file, and no publication is left."""
    public_id = context.input["public_id"]
    if Publication.objects.filter(public_id=public_id).exists():
        raise RuntimeError("A withdrawn work still has a publication.")
    search.prove_absence(public_id, texts_of(public_id))
    with context.commit():
        case = WithdrawalCase.objects.select_for_update().get(pk=context.input["case"])
        case.proven_absent_at = timezone.now()
        case.done = [
            *case.done,
            {"action": "proven-absent", "at": case.proven_absent_at.isoformat(), "outcome": "done"},
        ]
        case.save(update_fields=["proven_absent_at", "done"])


def texts_of(public_id: str) -> list[str]:
    """Everything a work ever said, from the record side: the proof looks for each of these in the index's file.

    Of every revision, published or not: title, abstract, segments, credited names, passages; and of every clip.
    """
    texts: dict[str, None] = {}
    for clip in Clip.objects.filter(work__public_id=public_id):
        texts |= dict.fromkeys((*_values(clip.title), *_values(clip.context)))
    for snapshot in Revision.objects.filter(record__public_id=public_id).values_list("snapshot", flat=True).iterator():
        parts = [snapshot.get("title"), snapshot.get("abstract")]
        for segment in snapshot.get("segments", []):
            parts += [segment["title"], segment["synopsis"]]
        for part in parts:
            texts |= dict.fromkeys(_values(part))
        texts |= dict.fromkeys(one["credited_as"] for one in snapshot.get("contributions", []))
        for track in snapshot.get("tracks", []):
            for cue in track["cues"]:
                texts |= dict.fromkeys((cue["text"], cue.get("public_text") or ""))
    return [text for text in texts if text.strip()]


def _values(texts: dict[str, Any] | None) -> list[str]:
    """The texts of a language map."""
    return [entry["text"] for entry in (texts or {}).get("values", {}).values()]


def apply_outbox(context: Any) -> None:
    """Apply what the requests could not: a changed work stays hidden from search until this has happened."""
    outbox.apply_all_pending(context.cancelled)


def something_opens() -> bool:
    return _opening().exists()


def _opening() -> QuerySet[Record]:
    return Record.objects.filter(kind__in=WORK_KINDS, wanted_public=True, opens_at__lte=timezone.now())


def something_expired() -> bool:
    return _expired().exists()


def _expired() -> QuerySet[Publication]:
    return Publication.objects.filter(not_after__lte=timezone.now())


def something_waits() -> bool:
    return outbox.something_waits()
