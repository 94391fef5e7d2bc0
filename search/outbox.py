"""Keeping the index in step with the publications, without ever showing what was withdrawn.

Whoever publishes or withdraws calls :func:`put` or :func:`remove` inside the transaction that does it (and
holds the lock of the work, so that numbers follow commits). From that commit on the work is in no answer;
right after it the same process applies what the transaction changed to the engine, all in one step; what fails is
applied later by :func:`apply_pending`. A request waits for a busy engine :data:`REQUEST_PATIENCE` in all, however
much it changed: a person who withdraws must not wait for an index that hides the work already.

A ``put`` means "make the index hold what is published now": it reads the publications when it is applied, and the
engine refuses a change that is older than one it has applied, so a late ``put`` never brings a removed work back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Min

from search import engines, sources
from search.engines.base import Patience, SearchBusy, patience, set_patience
from search.models import OutboxEntry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a round of :func:`apply_pending` did, in works."""

    applied: int
    failed: int


#: Works that the engine is given at once.
_TOGETHER = 50
#: Seconds that one request waits for the engine, all its changes together; the rest is the job's.
REQUEST_PATIENCE = 1.0


@dataclass
class _Changed:
    """Works that one transaction changed, in order; those of a savepoint that was rolled back have no entry."""

    works: dict[str, None] = field(default_factory=dict)
    settled: bool = False


_changed: ContextVar[_Changed | None] = ContextVar("search_outbox_changed", default=None)

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
    changed = _changed.get()
    if changed is None or changed.settled:
        _changed.set(changed := _Changed())
    changed.works[work] = None
    # Each time: the hook of an earlier change goes when its savepoint is rolled back.
    transaction.on_commit(partial(_after_commit, changed))


def _after_commit(changed: _Changed) -> None:
    """Apply what a transaction changed; the first of its hooks does it for all. Never raises."""
    if changed.settled:
        return
    changed.settled = True
    _apply(list(changed.works))


def a_request_begins(**_arguments: Any) -> None:
    """From here on somebody waits for an answer."""
    set_patience(Patience(REQUEST_PATIENCE))


def a_request_ended(**_arguments: Any) -> None:
    """What this thread does now, nobody waits for."""
    set_patience(None)


def unapplied() -> frozenset[str]:
    """Works that no query may show."""
    return frozenset(OutboxEntry.objects.order_by().values_list("work", flat=True).distinct())


def _apply(works: Sequence[str]) -> int:
    """Apply the pending changes of works; how many were applied. What fails stays pending. Never raises."""
    applied = 0
    for start in range(0, len(works), _TOGETHER):
        part = works[start : start + _TOGETHER]
        try:
            applied += _apply_part(part)
        except SearchBusy as error:
            # Whoever holds the engine would keep each of the others waiting as long.
            _note_failure(works[start:], error)
            break
    return applied


def _apply_part(part: Sequence[str]) -> int:
    shared = patience()
    if shared is not None and shared.over:
        raise SearchBusy("This request has waited for the search index as long as it may.")
    try:
        _apply_together(part)
    except SearchBusy:
        raise
    except Exception as error:  # noqa: BLE001 - the publication stands whatever fails here; the job tries again
        if len(part) > 1:
            # One of them is at fault: alone, each says so for itself.
            return sum(_apply_part([work]) for work in part)
        _note_failure(part, error)
        return 0
    return len(part)


def _note_failure(works: Sequence[str], error: Exception) -> None:
    # The class alone: a message could hold words of the text.
    failure = type(error).__name__
    logger.warning("Search index: changes were not applied (%s); they will be tried again.", failure)
    for start in range(0, len(works), _TOGETHER):
        waiting = OutboxEntry.objects.filter(work__in=works[start : start + _TOGETHER])
        waiting.update(attempts=F("attempts") + 1, last_failure=failure)


def apply_pending(limit: int = 1_000) -> Applied:
    """Apply pending changes, the oldest works first; what the retrying job calls."""
    rows = OutboxEntry.objects.order_by().values("work").annotate(first=Min("pk")).order_by("first")
    works = [row["work"] for row in rows[:limit]]
    applied = _apply(works)
    return Applied(applied=applied, failed=len(works) - applied)


def apply_all_pending() -> Applied:
    """Apply pending changes until none is left or one cannot be applied; what a command does at its end."""
    applied = 0
    while True:
        round_ = apply_pending()
        applied += round_.applied
        if round_.failed or not round_.applied:
            return Applied(applied=applied, failed=round_.failed)


def _apply_together(works: Sequence[str]) -> None:
    """Apply the changes of some works in one transaction of the engine; all or none."""
    entries = list(OutboxEntry.objects.filter(work__in=works).order_by("id"))
    last = {entry.work: entry for entry in entries}
    engines.current().replace_many(
        (work, () if entry.operation == OutboxEntry.Operation.REMOVE else sources.documents_of(work), entry.pk)
        for work, entry in last.items()
    )
    # By their keys: an entry that came meanwhile stays.
    OutboxEntry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
