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
from search.engines.base import AbsenceProof, patience
from search.engines.fts5_store import ORDINAL_BITS, Store, sql

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]{4,}")
#: Seconds to wait for readers that hold the old log.
_PATIENCE = 10.0
_CHUNK = 1 << 22
#: Words looked for; the longest say most, and a work of ten thousand words would take hours.
_MOST_WORDS = 200
#: Merges all segments, so that terms of deleted rows are written no more.
OPTIMIZE = "INSERT INTO fts_@ (fts_@) VALUES ('optimize')"


def prove(store: Store, work: str, texts: Iterable[str]) -> AbsenceProof:
    """See :meth:`search.engines.base.Engine.prove_absence`."""
    words: set[str] = set()
    for text in texts:
        words.update(_WORD.findall(text))
        words.update(_WORD.findall(analyser("und").terms(text)))
    with store.writing() as (connection, epoch):
        for text, terms in _rows(connection, epoch, work):
            words.update(_WORD.findall(text))
            words.update(_WORD.findall(terms))
        for number in store.sets(connection):
            store.take_out(connection, number, work)
        store.note_change(connection, work)
    problems: list[str] = []
    with store.writing() as (connection, epoch):
        for number in store.sets(connection):
            connection.execute(sql(OPTIMIZE, number))
    if not _truncate_log(store):
        problems.append("a reader kept the write-ahead log from being emptied")
    with store.writing() as (connection, epoch):  # FTS5 takes its own check for a write
        for number in store.sets(connection):
            (rows,) = connection.execute(
                sql("SELECT count(*) FROM profile_@ WHERE work = ?", number), (work,)
            ).fetchone()
            if rows:
                problems.append(f"{rows} profiles of the work are still in set {number}")
            if not _agrees_with_its_rows(connection, number):
                problems.append(f"the full-text index of set {number} holds more than its rows")
        telling = _telling(store, connection, words)
        scanned, found = _scan(store, telling)
        for word, files in found.items():
            if not _said_by_others(store, connection, word):
                problems.append(f"a word of the work is still in {', '.join(files)}")
    return AbsenceProof(work, len(telling), scanned, len(problems), tuple(problems))


def _agrees_with_its_rows(connection: sqlite3.Connection, number: int) -> bool:
    """Whether the index lists the terms of the rows that are left and nothing else; needs no word of the work."""
    try:
        connection.execute(sql("INSERT INTO fts_@ (fts_@, rank) VALUES ('integrity-check', 1)", number))
    except sqlite3.DatabaseError:
        return False
    return True


def _rows(connection: sqlite3.Connection, epoch: int, work: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for (number,) in connection.execute(sql("SELECT id FROM profile_@ WHERE work = ?", epoch), (work,)).fetchall():
        rows += connection.execute(
            sql("SELECT text, terms FROM passage_@ WHERE id >= ? AND id < ?", epoch),
            (number << ORDINAL_BITS, (number + 1) << ORDINAL_BITS),
        ).fetchall()
    return rows


def _truncate_log(store: Store) -> bool:
    shared = patience()
    deadline = time.monotonic() + (_PATIENCE if shared is None else max(0.0, shared.left))
    while True:
        busy, _pages, _moved = store.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)


def _telling(store: Store, connection: sqlite3.Connection, words: set[str]) -> list[str]:
    """The longest of the words that no other row has as a word: finding one of these means something was left."""
    alone: list[str] = []
    for word in sorted(words, key=lambda word: (-len(word), word)):
        if len(alone) == _MOST_WORDS:
            break
        # A quick test by terms; what it lets through, such as a part of a longer word, _said_by_others explains.
        if not any(_is_term(connection, number, word) for number in store.sets(connection)):
            alone.append(word)
    return alone


def _is_term(connection: sqlite3.Connection, number: int, word: str) -> bool:
    expression = analyser("und").terms(word)
    if not expression:
        return True
    return (
        connection.execute(
            sql("SELECT 1 FROM fts_@ WHERE fts_@ MATCH ? LIMIT 1", number), (f'"{expression}"',)
        ).fetchone()
        is not None
    )


def _said_by_others(store: Store, connection: sqlite3.Connection, word: str) -> bool:
    """Whether a remaining row holds these letters, alone or inside another word."""
    return any(
        connection.execute(sql(statement, number), {"word": word}).fetchone()
        for number in store.sets(connection)
        for statement in (
            "SELECT 1 FROM passage_@ WHERE instr(text, :word) OR instr(terms, :word) OR instr(key, :word) LIMIT 1",
            # The names of our own tables and columns stand in the file as well.
            "SELECT 1 FROM sqlite_master WHERE instr(sql, :word) LIMIT 1",
            "SELECT 1 FROM profile_@ WHERE instr(title || work || grp || type || stands || facets, :word) LIMIT 1",
        )
    )


def _scan(store: Store, words: list[str]) -> tuple[int, dict[str, list[str]]]:
    """Bytes read, and the files in which each word's bytes stand."""
    wanted = {word: word.encode() for word in words}
    overlap = max(map(len, wanted.values()), default=0)
    scanned = 0
    found: dict[str, list[str]] = {}
    for suffix in ("", "-wal"):
        path = store.path.with_name(store.path.name + suffix)
        if not path.exists():
            continue
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                scanned += len(chunk)
                block = tail + chunk
                for word, letters in wanted.items():
                    if letters in block and path.name not in found.get(word, ()):
                        found.setdefault(word, []).append(path.name)
                tail = chunk[-overlap:]
    return scanned, found
