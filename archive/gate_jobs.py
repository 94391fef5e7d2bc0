"""Work the gate leaves to jobs: opening embargoes when due, deleting what has run out, proving absence."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from archive import audit
from archive.gate import Gate
from archive.models import Publication, Record, Revision, WithdrawalCase
from archive.record_types import gated_kinds, load_gated, record_type
from search import outbox
from search import service as search

#: Seconds between two looks at the clock; late by at most this and the sweep's own delay, never early.
EVERY_SECONDS = 30


def open_due(context: Any) -> None:
    """Publish what an embargo held back until now."""
    due = list(_opening().values_list("pk", flat=True))
    for work in load_gated(due):
        with transaction.atomic():
            # What is wanted is asked again under lock: somebody may have taken it back since the list was read.
            opened = Gate().refresh([work]).get(work.public_id)
            if opened is not None and opened.allowed:
                audit.note("open-embargo", work, None)


def delete_expired(context: Any) -> None:
    """Delete publications whose consent has ended; no reader has seen them since that moment."""
    public_ids = list(_expired().values_list("public_id", flat=True).distinct())
    works = Record.objects.filter(public_id__in=public_ids, kind__in=gated_kinds()).values_list("pk", flat=True)
    for work in load_gated(list(works)):
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
    said = WithdrawalCase.objects.get(pk=context.input["case"]).said
    search.prove_absence(public_id, dict.fromkeys([*said, *texts_of(public_id)]))
    with context.commit():
        case = WithdrawalCase.objects.select_for_update().get(pk=context.input["case"])
        case.said = []
        case.proven_absent_at = timezone.now()
        case.done = [
            *case.done,
            {"action": "proven-absent", "at": case.proven_absent_at.isoformat(), "outcome": "done"},
        ]
        case.save(update_fields=["proven_absent_at", "done", "said"])


def texts_of(public_id: str) -> list[str]:
    """Everything a record ever said, from the record side: the proof looks for each of these in the index's file.

    Of every revision, published or not, as its kind says which texts these are; and of what hangs on it.
    """
    record = Record.objects.get(public_id=public_id)
    entry = record_type(record.kind)
    texts = dict.fromkeys(entry.words_beside(record))
    for snapshot in Revision.objects.filter(record_id=record.pk).values_list("snapshot", flat=True).iterator():
        texts |= dict.fromkeys(entry.words(snapshot))
    return [text for text in texts if text.strip()]


def apply_outbox(context: Any) -> None:
    """Apply what the requests could not: a changed work stays hidden from search until this has happened."""
    outbox.apply_all_pending(context.cancelled)


def something_opens() -> bool:
    return _opening().exists()


def _opening() -> QuerySet[Record]:
    return Record.objects.filter(kind__in=gated_kinds(), wanted_public=True, opens_at__lte=timezone.now())


def something_expired() -> bool:
    return _expired().exists()


def _expired() -> QuerySet[Publication]:
    return Publication.objects.filter(not_after__lte=timezone.now())


def something_waits() -> bool:
    return outbox.something_waits()
