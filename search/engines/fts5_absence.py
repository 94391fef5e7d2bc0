"""Proof that a removed work's words have left the embedded index's file.

Deleting a row from FTS5 only marks its terms as deleted until segments merge, and SQLite keeps old pages in
the write-ahead log. So: delete (with ``secure_delete``), merge everything (``optimize``), copy the log back
and truncate it, then look, in the vocabulary, in the tables and in the raw bytes of every file.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable

import regex

from search.analysis import analyser
from search.engines.base import AbsenceProof
from search.engines.fts5_store import ORDINAL_BITS, Store, sql

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]{4,}")
#: Seconds to wait for readers that hold the old log.
_PATIENCE = 10.0
_CHUNK = 1 << 22
#: Merges all segments, so that terms of deleted rows are written no more.
OPTIMIZE = "INSERT INTO fts_@ (fts_@) VALUES ('optimize')"


def prove(store: Store, work: str, texts: Iterable[str]) -> AbsenceProof:
    """See :meth:`search.engines.base.Engine.prove_absence`."""
    words: set[str] = set()
    for text in texts:
        words.update(_WORD.findall(text))
        words.update(term for term in analyser("und").terms(text).split(" ") if len(term) >= 4)
    with store.writing() as (connection, epoch):
        for text, terms in _rows(connection, epoch, work):
            words.update(_WORD.findall(text))
            words.update(term for term in terms.split(" ") if len(term) >= 4)
        for number in store.sets(connection):
            store.take_out(connection, number, work)
        store.note_change(connection, work)
    problems: list[str] = []
    with store.writing() as (connection, epoch):
        for number in store.sets(connection):
            connection.execute(sql(OPTIMIZE, number))
    if not _truncate_log(store):
        problems.append("a reader kept the write-ahead log from being emptied")
    with store.reading() as (connection, epoch):
        for number in store.sets(connection):
            rows = connection.execute(sql("SELECT count(*) FROM profile_@ WHERE work = ?", number), (work,)).fetchone()[
                0
            ]
            if rows:
                problems.append(f"{rows} profiles of the work are still in set {number}")
        unique = _without_remaining(store, connection, words)
    scanned, found = _scan(store, unique)
    problems += [f"a word of the work is still in {name}" for name in found]
    return AbsenceProof(work, len(unique), scanned, len(problems), tuple(problems))


def _rows(connection: sqlite3.Connection, epoch: int, work: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for (number,) in connection.execute(sql("SELECT id FROM profile_@ WHERE work = ?", epoch), (work,)).fetchall():
        rows += connection.execute(
            sql("SELECT text, terms FROM passage_@ WHERE id >= ? AND id < ?", epoch),
            (number << ORDINAL_BITS, (number + 1) << ORDINAL_BITS),
        ).fetchall()
    return rows


def _truncate_log(store: Store) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while True:
        busy, _pages, _moved = store.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def _without_remaining(store: Store, connection: sqlite3.Connection, words: set[str]) -> list[bytes]:
    """The words that no remaining row contains, not even inside another word, as bytes to look for."""
    left = {word.casefold() for word in words}
    for number in store.sets(connection):
        for columns in (
            "SELECT text, terms FROM passage_@",
            "SELECT title || ' ' || facets || ' ' || work || ' ' || grp, type || stands FROM profile_@",
        ):
            for text, terms in connection.execute(sql(columns, number)):
                if not left:
                    return []
                folded = text.casefold()
                left = {word for word in left if word not in folded and word not in terms}
    unique = {word for word in words if word.casefold() in left}
    return sorted(word.encode() for word in unique)


def _scan(store: Store, words: list[bytes]) -> tuple[int, list[str]]:
    """Bytes read, and names of the files in which one of the words stands."""
    if not words:
        return 0, []
    # Longest first does not matter for yes or no; the overlap keeps a word across two chunks.
    pattern = regex.compile(b"|".join(map(regex.escape, words)))
    overlap = max(map(len, words))
    scanned = 0
    found: list[str] = []
    for suffix in ("", "-wal"):
        path = store.path.with_name(store.path.name + suffix)
        if not path.exists():
            continue
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                scanned += len(chunk)
                if pattern.search(tail + chunk):
                    found.append(path.name)
                    break
                tail = chunk[-overlap:]
    return scanned, found
