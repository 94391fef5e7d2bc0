"""Building the embedded index anew, beside the one that answers.

Works are read, analysed (in child processes when asked to) and inserted in batches, each its own
transaction, so that other writers get their turn. The swap is one transaction: works changed meanwhile are
read again, the number of the answering set changes, the old set is dropped.
"""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

from search import analysis
from search.engines.base import DocumentsOf, RebuildOvertaken, RebuildReport, SearchUnavailable
from search.engines.fts5_store import Shelf, Store, analysed, shelve, sql

#: Rows per batch: large enough that pickling and commits do not count, small enough for other writers.
BATCH = 6_000

Texts = list[tuple[str, list[str]]]


def rebuild(store: Store, works: Iterable[str], documents_of: DocumentsOf, processes: int) -> RebuildReport:
    """See :meth:`search.engines.base.Engine.rebuild`."""
    started = time.monotonic()
    number, since = _begin(store)
    # Until the swap nobody reads the new set, so its batches need not reach the disk one by one.
    with store.less_durable():
        works_done, passages = _fill(store, number, works, documents_of, processes)
    _swap(store, number, since, documents_of)
    return RebuildReport(works_done, passages, time.monotonic() - started)


def _fill(
    store: Store, number: int, works: Iterable[str], documents_of: DocumentsOf, processes: int
) -> tuple[int, int]:
    works_done = passages = 0
    for shelves, terms in _analysed_batches(_batches(works, documents_of), processes):
        with store.writing() as (connection, _epoch):
            _still_ours(store, connection, number)
            passages += store.put(connection, number, shelves, terms)
        works_done += len({shelf.profile[0] for shelf in shelves})
    with store.writing() as (connection, _epoch):
        _still_ours(store, connection, number)
        connection.execute(sql("INSERT INTO fts_@ (fts_@) VALUES ('optimize')", number))
    return works_done, passages


def _begin(store: Store) -> tuple[int, int]:
    try:
        with store.writing() as (connection, _epoch):
            return store.new_set(connection), store.last_change(connection)
    except SearchUnavailable as error:
        if not isinstance(error.__cause__, sqlite3.DatabaseError) or isinstance(
            error.__cause__, sqlite3.OperationalError
        ):
            raise
    # A damaged file holds nothing that the publications do not: start a new one. Other processes notice the
    # new inode and reopen.
    store.close()
    for suffix in ("", "-wal", "-shm"):
        store.path.with_name(store.path.name + suffix).unlink(missing_ok=True)
    with store.writing() as (connection, _epoch):
        return store.new_set(connection), store.last_change(connection)


def _still_ours(store: Store, connection: sqlite3.Connection, number: int) -> None:
    if number not in store.sets(connection):
        raise RebuildOvertaken("Another rebuild of the search index finished first; its result stands.")


def _batches(works: Iterable[str], documents_of: DocumentsOf) -> Iterator[list[Shelf]]:
    batch: list[Shelf] = []
    size = 0
    for work in works:
        shelves = shelve(work, documents_of(work))
        batch += shelves
        size += sum(len(shelf.rows) for shelf in shelves)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _terms_of(texts: Texts) -> list[list[str]]:
    return [[analysis.analyser(language).terms(text) for text in rows] for language, rows in texts]


def _analysed_batches(batches: Iterator[list[Shelf]], processes: int) -> Iterator[tuple[list[Shelf], list[list[str]]]]:
    if processes < 1:
        yield from ((batch, analysed(batch)) for batch in batches)
        return
    # "spawn": a fork would copy open database connections and the locks of other threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting: deque[tuple[list[Shelf], Future[list[list[str]]]]] = deque()
        for batch in batches:
            waiting.append((batch, pool.submit(_terms_of, _texts(batch))))
            if len(waiting) > processes + 1:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())


def _texts(batch: list[Shelf]) -> Texts:
    return [(shelf.language, [row[2] for row in shelf.rows]) for shelf in batch]


def _finished(batch: list[Shelf], future: Future[list[list[str]]]) -> tuple[list[Shelf], list[list[str]]]:
    return batch, future.result()


def _swap(store: Store, number: int, since: int, documents_of: DocumentsOf) -> None:
    with store.writing() as (connection, old):
        _still_ours(store, connection, number)
        changed = {
            work for (work,) in connection.execute("SELECT work FROM change WHERE sequence > ?", (since,)).fetchall()
        }
        for work in sorted(changed):
            store.take_out(connection, number, work)
            if shelves := shelve(work, documents_of(work)):
                store.put(connection, number, shelves, analysed(shelves))
        store.set_meta(connection, "epoch", number)
        # Sequences from before count from the main database as it was; after a restore it may count anew.
        connection.execute("CREATE TEMP TABLE IF NOT EXISTS kept (work TEXT PRIMARY KEY)")
        connection.execute("DELETE FROM temp.kept")
        connection.executemany("INSERT INTO temp.kept VALUES (?)", [(work,) for work in changed])
        connection.execute("DELETE FROM applied WHERE work NOT IN (SELECT work FROM temp.kept)")
        for other in store.sets(connection):
            if other < number or other == old:
                store.drop_set(connection, other)
        connection.execute("ANALYZE")
    store.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
