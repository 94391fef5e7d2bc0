"""Keeping the index in step with the publications, without ever showing what was withdrawn.

Whoever publishes or withdraws calls :func:`put` or :func:`remove` inside the transaction that does it (and
holds the lock of the work, so that numbers follow commits). From that commit on the work is in no answer;
right after it the same process applies what the transaction changed to each engine, all in one step; what fails is
applied later by :func:`apply_pending`. A request waits for busy engines :data:`REQUEST_PATIENCE` in all, however
much it changed: a person who withdraws must not wait for an index that hides the work already.

Every engine of ``SEARCH_URL`` has rows of its own: while one is away the others go on, and what it has not applied
stays hidden in it alone, so that it never answers with a withdrawn work when its turn comes.

A ``put`` means "make the index hold what is published now": it reads the publications when it is applied, and the
engine refuses a change that is older than one it has applied, so a late ``put`` never brings a removed work back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Min

from search import engines, sources
from search.engines import Address
from search.engines.base import Patience, SearchBusy, patience, set_patience
from search.models import OutboxEntry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done, in works: those that every engine has which owed them, and those that one still owes."""

    applied: int
    failed: int


#: Works that an engine is given at once.
_TOGETHER = 50
#: Works of one round; after it those that came meanwhile are seen too.
_ROUND = 1_000
#: Seconds that one request waits for engines, all its changes together; the rest is the job's.
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
    rows = [OutboxEntry(engine=one.label, work=work, operation=operation) for one in engines.configured()]
    waiting = _waiting.get()
    if waiting is not None:
        waiting += rows
        return
    OutboxEntry.objects.bulk_create(rows)
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
    for address in engines.configured():
        _apply(address, list(changed.works))


def a_request_begins(**_arguments: Any) -> None:
    """From here on somebody waits for an answer."""
    set_patience(Patience(REQUEST_PATIENCE))


def a_request_ended(**_arguments: Any) -> None:
    """What this thread does now, nobody waits for."""
    set_patience(None)


def unapplied(engine: str) -> frozenset[str]:
    """Works that no query of this engine (``Address.label``) may show."""
    return frozenset(OutboxEntry.objects.order_by().filter(engine=engine).values_list("work", flat=True).distinct())


def something_waits() -> bool:
    """Whether an engine of this instance has changes to apply; those of one that it had once wait for its return."""
    return OutboxEntry.objects.filter(engine__in=[address.label for address in engines.configured()]).exists()


def _apply(address: Address, works: Sequence[str]) -> set[str]:
    """Apply one engine's pending changes of works; those that were not applied stay pending. Never raises."""
    failed: set[str] = set()
    for start in range(0, len(works), _TOGETHER):
        part = works[start : start + _TOGETHER]
        try:
            failed |= _apply_part(address, part)
        except SearchBusy as error:
            # Whoever holds the engine would keep each of the others waiting as long.
            _note_failure(address, works[start:], error)
            failed.update(works[start:])
            break
    return failed


def _apply_part(address: Address, part: Sequence[str]) -> set[str]:
    shared = patience()
    if shared is not None and shared.over:
        raise SearchBusy("This request has waited for search engines as long as it may.")
    try:
        _apply_together(address, part)
    except SearchBusy:
        raise
    except Exception as error:  # noqa: BLE001 - the publication stands whatever fails here; the job tries again
        if len(part) > 1:
            # One of them is at fault: alone, each says so for itself.
            return {work for one in part for work in _apply_part(address, [one])}
        _note_failure(address, part, error)
        return set(part)
    return set()


def _note_failure(address: Address, works: Sequence[str], error: Exception) -> None:
    # The class alone: a message could hold words of the text.
    failure = type(error).__name__
    logger.warning("Search index %s: changes were not applied (%s); they will be tried again.", address.label, failure)
    for start in range(0, len(works), _TOGETHER):
        waiting = OutboxEntry.objects.filter(engine=address.label, work__in=works[start : start + _TOGETHER])
        waiting.update(attempts=F("attempts") + 1, last_failure=failure)


def apply_pending(limit: int = _ROUND) -> Applied:
    """Apply pending changes to each engine, the oldest works first, at most so many."""
    return _counted(_apply_oldest(address, limit) for address in engines.configured())


def apply_all_pending(cancelled: Callable[[], bool] = lambda: False) -> Applied:
    """Apply pending changes to each engine until it has none or takes none; the job, and commands at their end."""
    return _counted(_drain(address, cancelled) for address in engines.configured())


def _counted(outcomes: Iterable[tuple[set[str], set[str]]]) -> Applied:
    every_applied: set[str] = set()
    every_failed: set[str] = set()
    for applied, failed in outcomes:
        every_applied |= applied
        every_failed |= failed
    return Applied(applied=len(every_applied - every_failed), failed=len(every_failed))


def _drain(address: Address, cancelled: Callable[[], bool]) -> tuple[set[str], set[str]]:
    applied: set[str] = set()
    while True:
        round_applied, failed = _apply_oldest(address, _ROUND)
        applied |= round_applied
        if not round_applied or cancelled():
            return applied, failed


def _apply_oldest(address: Address, limit: int) -> tuple[set[str], set[str]]:
    """Works that this engine has now, and those that it still owes."""
    waiting = OutboxEntry.objects.order_by().filter(engine=address.label)
    rows = waiting.values("work").annotate(first=Min("pk")).order_by("first")
    works = [row["work"] for row in rows[:limit]]
    failed = _apply(address, works)
    return set(works) - failed, failed


def _apply_together(address: Address, works: Sequence[str]) -> None:
    """Apply an engine's changes of some works in one transaction of the engine; all or none."""
    entries = list(OutboxEntry.objects.filter(engine=address.label, work__in=works).order_by("id"))
    last = {entry.work: entry for entry in entries}
    address.open().replace_many(
        (work, () if entry.operation == OutboxEntry.Operation.REMOVE else sources.documents_of(work), entry.pk)
        for work, entry in last.items()
    )
    # By their keys: an entry that came meanwhile stays.
    OutboxEntry.objects.filter(pk__in=[entry.pk for entry in entries]).delete()
