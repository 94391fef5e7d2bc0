"""Keeping the index in step with the publications, without ever showing what was withdrawn.

Whoever publishes or withdraws calls :func:`put` or :func:`remove` inside the transaction that does it (and
holds the lock of the work, so that numbers follow commits). From that commit on the work is in no answer;
right after it the same process applies the change to the engine; what fails is applied later by
:func:`apply_pending`. A ``put`` means "make the index hold what is published now": it reads the
publications when it is applied, and the engine refuses a change that is older than one it has applied, so a
late ``put`` never brings a removed work back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from django.db import connection, transaction
from django.db.models import F, Min

from search import engines
from search.models import OutboxEntry
from search.wiring import wiring

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a round of :func:`apply_pending` did, in works."""

    applied: int
    failed: int


#: Works that :func:`apply_pending` gives the engine at once.
_TOGETHER = 50

#: While many works change and the index follows at the end: the rows to be written together.
_waiting: ContextVar[list[OutboxEntry] | None] = ContextVar("search_outbox_waits", default=None)


@contextmanager
def index_later() -> Iterator[None]:
    """Leave what changes inside to :func:`apply_pending`: an import publishes thousands and calls it once at its end.

    The works are in no answer until then; the retrying job does the same where nobody calls it. The rows are written
    together when the block ends, so it belongs inside the transaction that changes the publications.
    """
    rows: list[OutboxEntry] = []
    token = _waiting.set(rows)
    try:
        yield
    finally:
        _waiting.reset(token)
    if rows and not connection.in_atomic_block:
        raise transaction.TransactionManagementError("Changes for the search index belong to a transaction.")
    OutboxEntry.objects.bulk_create(rows)


def put(work: str) -> None:
    """The work's publications changed; inside the transaction that changes them."""
    _enqueue(work, OutboxEntry.Operation.PUT)


def remove(work: str) -> None:
    """The work is published no more; inside the transaction that says so."""
    _enqueue(work, OutboxEntry.Operation.REMOVE)


def _enqueue(work: str, operation: OutboxEntry.Operation) -> None:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "A change for the search index must be written in the transaction that changes the publication."
        )
    waiting = _waiting.get()
    if waiting is not None:
        waiting.append(OutboxEntry(work=work, operation=operation))
        return
    OutboxEntry.objects.create(work=work, operation=operation)
    transaction.on_commit(partial(apply, work))


def unapplied() -> frozenset[str]:
    """Works that no query may show."""
    return frozenset(OutboxEntry.objects.order_by().values_list("work", flat=True).distinct())


def apply(work: str) -> bool:
    """Apply the pending change of a work; False when it failed and stays pending. Never raises."""
    try:
        _apply(work)
    except Exception as error:  # noqa: BLE001 - the publication stands whatever fails here; the job tries again
        # The class alone: a message could hold words of the text.
        failure = type(error).__name__
        logger.warning("Search index: a change was not applied (%s); it will be tried again.", failure)
        OutboxEntry.objects.filter(work=work).update(attempts=F("attempts") + 1, last_failure=failure)
        return False
    return True


def _apply(work: str) -> None:
    last = OutboxEntry.objects.filter(work=work).order_by("-id").first()
    if last is None:
        return
    engine = engines.current()
    if last.operation == OutboxEntry.Operation.REMOVE:
        engine.remove(work, last.pk)
    else:
        engine.replace(work, wiring().documents_of(work), last.pk)
    OutboxEntry.objects.filter(work=work, pk__lte=last.pk).delete()


def apply_pending(limit: int = 1_000) -> Applied:
    """Apply pending changes, the oldest works first; what the retrying job calls."""
    rows = OutboxEntry.objects.order_by().values("work").annotate(first=Min("pk")).order_by("first")
    works = [row["work"] for row in rows[:limit]]
    applied = 0
    for start in range(0, len(works), _TOGETHER):
        part = works[start : start + _TOGETHER]
        try:
            _apply_together(part)
            applied += len(part)
        except Exception:  # noqa: BLE001 - one of them is at fault: alone, each says so for itself
            applied += sum(apply(work) for work in part)
    return Applied(applied=applied, failed=len(works) - applied)


def apply_all_pending() -> Applied:
    """Apply pending changes until none is left or one cannot be applied; what a command does at its end."""
    applied = 0
    while True:
        round_ = apply_pending()
        applied += round_.applied
        if round_.failed or not round_.applied:
            return Applied(applied=applied, failed=round_.failed)


def _apply_together(works: list[str]) -> None:
    """Apply the changes of some works in one transaction of the engine; all or none."""
    entries = list(OutboxEntry.objects.filter(work__in=works).order_by("id"))
    last = {entry.work: entry for entry in entries}
    documents_of = wiring().documents_of
    engines.current().replace_many(
        (work, () if entry.operation == OutboxEntry.Operation.REMOVE else documents_of(work), entry.pk)
        for work, entry in last.items()
    )
    # By their keys: an entry that came meanwhile stays.
    OutboxEntry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
