"""Proof that a removed work's words have left the embedded index's file.

Deleting a row from FTS5 only marks its terms as deleted until segments merge, and SQLite keeps old pages in
the write-ahead log. So: delete (with ``secure_delete``), merge everything (``optimize``), copy the log back
and truncate it, then look, in the vocabulary, in the tables and in the raw bytes of every file.
"""

from __future__ import annotations

import itertools
import re
import sqlite3
import time
from collections.abc import Iterable

import regex

from search.analysis import analyser
from search.engines.base import AbsenceProof, patience
from search.engines.fts5_store import ORDINAL_BITS, Store, clean, sql

_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]{4,}")
#: Shorter than this, in bytes, and it may stand in the file by chance.
_LEAST_BYTES = 6
#: Words of one text that are looked for, of those as written and of those as indexed.
_EACH = 3
#: Characters of a text that is looked for as a whole; more would lie on several pages of the file.
_PHRASE = 48
#: Letters and digits in UTF-8: a word lies within one such run of bytes.
_RUN = re.compile(rb"[0-9A-Za-z\x80-\xff]{%d,}" % _LEAST_BYTES)
#: Seconds to wait for readers that hold the old log.
_PATIENCE = 10.0
_CHUNK = 1 << 24
#: Merges all segments, so that terms of deleted rows are written no more.
OPTIMIZE = "INSERT INTO fts_@ (fts_@) VALUES ('optimize')"


def prove(store: Store, work: str, texts: Iterable[str]) -> AbsenceProof:
    """See :meth:`search.engines.base.Engine.prove_absence`."""
    said = dict.fromkeys(clean(text) for text in texts)
    with store.writing() as (connection, epoch):
        for text, terms in _rows(connection, epoch, work):
            said |= {text: None, terms: None}
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
    # Reading a large file takes a while: others may write meanwhile. What was found is looked at again without them.
    with store.reading() as (connection, epoch):
        telling = _telling(store, connection, said)
    scanned, found = _scan(store, telling)
    with store.reading() as (connection, epoch):
        suspects = [word for word in found if not _said_by_others(store, connection, word)]
    if suspects:
        _truncate_log(store)
        with store.writing() as (connection, epoch):
            _scanned, found = _scan(store, suspects)
            left = {word: files for word, files in found.items() if not _said_by_others(store, connection, word)}
        if left:
            files = sorted({file for names in left.values() for file in names})
            problems.append(f"{len(left)} words of the work are still in {', '.join(files)}")
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


def _telling(store: Store, connection: sqlite3.Connection, texts: Iterable[str]) -> list[str]:
    """Of every text the longest words that no other row has; finding one of these means that something was left.

    Where others have each of its words the text itself is looked for, unless others have that too.
    """
    numbers = list(store.sets(connection))
    alone: dict[str, None] = {}
    others: set[str] = set()

    def is_alone(word: str) -> bool:
        if word in alone:
            return True
        if word not in others:
            # A quick test by terms; what it lets through, such as a part of a longer word, _said_by_others explains.
            if not any(_is_term(connection, number, word) for number in numbers):
                alone[word] = None
                return True
            others.add(word)
        return False

    for text in texts:
        told = 0
        for form in dict.fromkeys((text, analyser("und").terms(text))):
            words = {word for word in _WORD.findall(form) if len(word.encode()) >= _LEAST_BYTES}
            longest = sorted(words, key=lambda word: (-len(word), word))
            told += sum(1 for _word in itertools.islice(filter(is_alone, longest), _EACH))
        phrase = text[:_PHRASE].strip()
        if not told and len(phrase.encode()) >= _LEAST_BYTES:
            is_alone(phrase)
    return list(alone)


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
            # Columns stand in the file without a sign between them: one's end and the next one's start make words.
            "SELECT 1 FROM passage_@ WHERE instr(key || text || terms || anchor, :word) LIMIT 1",
            # The names of our own tables and columns stand in the file as well.
            "SELECT 1 FROM sqlite_master WHERE instr(sql, :word) LIMIT 1",
            "SELECT 1 FROM profile_@ "
            "WHERE instr(work || grp || stands || type || language || title || facets, :word) LIMIT 1",
        )
    )


def _scan(store: Store, words: list[str]) -> tuple[int, dict[str, list[str]]]:
    """Bytes read, and the files in which each word's bytes stand."""
    letters = {word: word.encode() for word in words}
    alone = [word for word in words if _RUN.fullmatch(letters[word])]
    phrases = [word for word in words if not _RUN.fullmatch(letters[word])]
    overlap = max(map(len, letters.values()), default=0)
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
                # Most of a file says the same words again: thousands of them are sought in each run once.
                runs = b"\n".join(set(_RUN.findall(block)))
                for place, sought in ((runs, alone), (block, phrases)):
                    for word in sought:
                        if letters[word] in place and path.name not in found.get(word, ()):
                            found.setdefault(word, []).append(path.name)
                tail = block[-overlap:] if overlap else b""
    return scanned, found
