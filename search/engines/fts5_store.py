"""The file of the embedded engine: its tables, its transactions, its rows.

One SQLite file holds numbered sets of tables, ``passage_3``, ``profile_3``, ``fts_3``; ``meta`` says which set
answers. A rebuild fills the next set and changes the number, so the swap is one transaction and the file
stays. In the SQL of this module ``@`` stands for the number of a set.

A *profile* is what the rows of a work have in common (work, group, stands, language, type, title, facets,
years, times). A passage's id is ``profile << 20 | ordinal``: the full-text index alone tells of which
profile a hit is, and a query over a hundred thousand hits joins nothing (see ``fts5_catalogue``).

The full-text table has its rows' terms as external content. SQLite before 3.43 cannot delete from an index
without content; rows leave by their old terms, which ``passage`` keeps. Terms are made of letters, marks
and digits only, so the ``ascii`` tokenizer, for which every other character than an ASCII sign is part of a
word, splits them exactly at the spaces between them, whatever version of Unicode SQLite knows.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from search import analysis
from search.documents import SearchDocument
from search.engines.base import SearchBusy, SearchUnavailable, patience

ORDINAL_BITS = 20
MOST_PASSAGES = (1 << ORDINAL_BITS) - 1
#: Seconds a call waits for another's change where nobody said how long it may.
PATIENCE = 20.0
_KEPT_CHANGES = 20_000

_COMMON = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (sequence INTEGER PRIMARY KEY AUTOINCREMENT, work TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS applied (work TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
"""
_SET = (
    """CREATE TABLE passage_@ (id INTEGER PRIMARY KEY, key TEXT NOT NULL, text TEXT NOT NULL, terms TEXT NOT NULL,
       anchor TEXT NOT NULL, start_ms INTEGER, end_ms INTEGER)""",
    """CREATE TABLE profile_@ (id INTEGER PRIMARY KEY, work TEXT NOT NULL, grp TEXT NOT NULL, stands TEXT NOT NULL,
       type TEXT NOT NULL, language TEXT NOT NULL, title TEXT NOT NULL, facets TEXT NOT NULL,
       year_from INTEGER, year_to INTEGER, published_at REAL, not_after REAL)""",
    "CREATE INDEX profile_work_@ ON profile_@ (work)",
    "CREATE VIRTUAL TABLE fts_@ USING fts5 (terms, content=passage_@, content_rowid=id, tokenize='ascii')",
)
PROFILE_COLUMNS = "id, work, grp, stands, type, language, title, facets, year_from, year_to, published_at, not_after"

#: (id without profile bits, key, text, anchor, start_ms, end_ms); ordinal 0 is the title.
Row = tuple[int, str, str, str, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Rows of one work that share a profile; ``profile`` are its columns without the id."""

    profile: tuple[str | int | float | None, ...]
    language: str
    rows: list[Row]


def sql(statement: str, epoch: int) -> str:
    """``statement`` with the number of the set of tables it is meant for."""
    return statement.replace("@", str(int(epoch)))


def clean(text: str) -> str:
    """``text`` as SQLite can store it: lone surrogates and NUL, which some sources contain, become U+FFFD."""
    if text.isascii() and "\0" not in text:
        return text
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def shelve(work: str, documents: Iterable[SearchDocument]) -> list[Shelf]:
    """Sort the documents of one work into shelves; the title becomes a row of its own on each."""
    shelves: dict[tuple[object, ...], Shelf] = {}
    for document in documents:
        if document.work != work:
            raise ValueError(f"A document of work {document.work!r} was handed in as part of {work!r}.")
        shared = (
            document.group,
            document.stands,
            document.type,
            document.language,
            document.title,
            tuple(document.facets.items()),
            document.year_from,
            document.year_to,
            document.published_at,
            document.not_after,
        )
        shelf = shelves.get(shared)
        if shelf is None:
            shelf = shelves[shared] = Shelf(_profile(document), document.language, [])
            shelf.rows.append((0, document.key, clean(document.title), "", None, None))
        if document.text:
            if len(shelf.rows) > MOST_PASSAGES:
                raise ValueError(f"Work {work!r} has more than {MOST_PASSAGES} passages; split it.")
            shelf.rows.append(
                (
                    len(shelf.rows),
                    document.key,
                    clean(document.text),
                    document.anchor,
                    document.start_ms,
                    document.end_ms,
                )
            )
    return list(shelves.values())


def _profile(document: SearchDocument) -> tuple[str | int | float | None, ...]:
    facets = {name: sorted(set(values)) for name, values in sorted(document.facets.items()) if values}
    return (
        document.work,
        document.group,
        json.dumps(sorted(document.stands)),
        document.type,
        document.language,
        clean(document.title),
        json.dumps(facets, ensure_ascii=True),
        document.year_from,
        document.year_to,
        document.published_at.timestamp() if document.published_at else None,
        document.not_after.timestamp() if document.not_after else None,
    )


def analysed(shelves: Sequence[Shelf]) -> list[list[str]]:
    """The terms of every row of every shelf, in order."""
    return [[analysis.analyser(shelf.language).terms(row[2]) for row in shelf.rows] for shelf in shelves]


class Store:
    """The file: connections per thread and process, read and write transactions, the two kinds of change."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._local = threading.local()

    # --- connections ------------------------------------------------------------------------------

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened anew after a fork or when the file was replaced."""
        identity = self._identity()
        if identity is not None and getattr(self._local, "identity", None) == identity:
            kept: sqlite3.Connection = self._local.connection
            self._let_wait(kept)
            return kept
        try:
            with self._drawing_on_patience():
                connection = self._open()
        except sqlite3.Error as error:
            if _is_busy(error):
                raise _unavailable(error) from error
            raise SearchUnavailable(
                f"The search index cannot be opened ({type(error).__name__}). Run: manage.py rebuild_search"
            ) from error
        self._local.connection, self._local.identity = connection, self._identity()
        self._local.waits = None
        self._let_wait(connection)
        return connection

    def _let_wait(self, connection: sqlite3.Connection) -> None:
        """Let SQLite wait for locks as long as whoever asks has patience."""
        waits = _milliseconds()
        if self._local.waits != waits:
            connection.execute(f"PRAGMA busy_timeout={waits}")
            self._local.waits = waits

    @contextlib.contextmanager
    def _drawing_on_patience(self) -> Iterator[None]:
        """Take what this block waits for a lock off the patience of whoever asks."""
        shared = patience()
        started = time.monotonic()
        try:
            yield
        finally:
            if shared is not None:
                shared.left -= time.monotonic() - started

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = self._local.identity = None

    def _identity(self) -> tuple[int, int] | None:
        try:
            return os.getpid(), os.stat(self.path).st_ino
        except FileNotFoundError:
            return None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Made before SQLite does, so that nobody else on the machine can read it.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(self.path, timeout=_milliseconds() / 1000, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        # FULL: a removal must survive a power cut, because the outbox then believes it is done.
        connection.execute("PRAGMA synchronous=FULL")
        # Freed cells are overwritten with zeros: what was removed is not left in the file.
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA temp_store=MEMORY")
        # Pages are read from the mapped file, which all processes share; a cache is private to each thread.
        connection.execute("PRAGMA cache_size=-4000")
        connection.execute("PRAGMA mmap_size=1073741824")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'applied'").fetchone():
            connection.executescript(_COMMON)
        if not connection.execute("SELECT 1 FROM meta WHERE name = 'epoch'").fetchone():
            connection.execute("BEGIN IMMEDIATE")
            try:
                if not connection.execute("SELECT 1 FROM meta WHERE name = 'epoch'").fetchone():
                    self.set_meta(connection, "epoch", self.new_set(connection))
                connection.execute("COMMIT")
            except sqlite3.Error:
                connection.execute("ROLLBACK")
                raise
        return connection

    # --- transactions -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def reading(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        """One snapshot of the index: the connection and the number of the set that answers."""
        connection = self.connection()
        try:
            connection.execute("BEGIN")
            try:
                with self._drawing_on_patience():
                    epoch = self.epoch(connection)
                yield connection, epoch
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.DatabaseError as error:
            raise _unavailable(error) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[tuple[sqlite3.Connection, int]]:
        """A write transaction that takes its lock at once; all of it or nothing is kept."""
        connection = self.connection()
        try:
            with self._drawing_on_patience():
                connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection, self.epoch(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            raise _unavailable(error) from error

    @contextlib.contextmanager
    def less_durable(self) -> Iterator[None]:
        """Large, cheap commits in this thread: atomic, but lost in a power cut; for what is made again anyway."""
        connection = self.connection()
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=20000")
        connection.execute("PRAGMA cache_size=-64000")
        try:
            yield
        finally:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA wal_autocheckpoint=1000")
            connection.execute("PRAGMA cache_size=-4000")

    # --- facts about the file -----------------------------------------------------------------------

    @staticmethod
    def meta(connection: sqlite3.Connection, name: str) -> str | int | None:
        """A fact kept in the file, or None."""
        row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    @staticmethod
    def set_meta(connection: sqlite3.Connection, name: str, value: str | int) -> None:
        """Keep a fact in the file."""
        connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))

    def epoch(self, connection: sqlite3.Connection) -> int:
        """The number of the set that answers."""
        return int(self.meta(connection, "epoch") or 0)

    def version(self, connection: sqlite3.Connection) -> str:
        """The analyser's version with which the answering set was built."""
        return str(self.meta(connection, f"analyser_{self.epoch(connection)}") or "")

    def new_set(self, connection: sqlite3.Connection) -> int:
        """Create the next, empty set of tables (inside the caller's write transaction)."""
        number = int(self.meta(connection, "last_set") or 0) + 1
        self.set_meta(connection, "last_set", number)
        self.set_meta(connection, f"analyser_{number}", analysis.VERSION)
        for statement in _SET:
            connection.execute(sql(statement, number))
        return number

    def sets(self, connection: sqlite3.Connection) -> list[int]:
        """Numbers of all sets in the file, finished or not."""
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'profile_[0-9]*'")
        return sorted(int(name.removeprefix("profile_")) for (name,) in names)

    def drop_set(self, connection: sqlite3.Connection, number: int) -> None:
        """Drop a set (inside the caller's write transaction); ``secure_delete`` overwrites its pages."""
        for statement in (
            "DROP TABLE IF EXISTS fts_@",
            "DROP TABLE IF EXISTS passage_@",
            "DROP TABLE IF EXISTS profile_@",
        ):
            connection.execute(sql(statement, number))
        connection.execute("DELETE FROM meta WHERE name = ?", (f"analyser_{number}",))

    # --- rows -------------------------------------------------------------------------------------

    def put(
        self, connection: sqlite3.Connection, epoch: int, shelves: Sequence[Shelf], terms: Sequence[Sequence[str]]
    ) -> int:
        """Insert shelves with the terms of their rows; returns the number of passages, titles not counted."""
        profile = int(self.meta(connection, "last_profile") or 0)
        profiles: list[tuple[object, ...]] = []
        passages: list[tuple[object, ...]] = []
        titles = 0
        for shelf, row_terms in zip(shelves, terms, strict=True):
            profile += 1  # never used twice: a reader of an older snapshot must not meet another work behind it
            profiles.append((profile, *shelf.profile))
            base = profile << ORDINAL_BITS
            titles += 1
            passages.extend(
                (base | ordinal, key, text, found, anchor, start, end)
                for (ordinal, key, text, anchor, start, end), found in zip(shelf.rows, row_terms, strict=True)
            )
        self.set_meta(connection, "last_profile", profile)
        connection.executemany(
            sql(f"INSERT INTO profile_@ ({PROFILE_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", epoch),  # noqa: S608 - a constant
            profiles,
        )
        connection.executemany(sql("INSERT INTO passage_@ VALUES (?,?,?,?,?,?,?)", epoch), passages)
        connection.executemany(
            sql("INSERT INTO fts_@ (rowid, terms) VALUES (?,?)", epoch), [(row[0], row[3]) for row in passages]
        )
        return len(passages) - titles

    def take_out(self, connection: sqlite3.Connection, epoch: int, work: str) -> None:
        """Delete all rows of a work from a set."""
        numbers = connection.execute(sql("SELECT id FROM profile_@ WHERE work = ?", epoch), (work,)).fetchall()
        for (number,) in numbers:
            span = (number << ORDINAL_BITS, (number + 1) << ORDINAL_BITS)
            rows = connection.execute(
                sql("SELECT id, terms FROM passage_@ WHERE id >= ? AND id < ?", epoch), span
            ).fetchall()
            connection.executemany(sql("INSERT INTO fts_@ (fts_@, rowid, terms) VALUES ('delete', ?, ?)", epoch), rows)
            connection.execute(sql("DELETE FROM passage_@ WHERE id >= ? AND id < ?", epoch), span)
        connection.execute(sql("DELETE FROM profile_@ WHERE work = ?", epoch), (work,))

    def note_change(self, connection: sqlite3.Connection, work: str) -> None:
        """Tell other processes, and a rebuild under way, that a work's rows are new."""
        cursor = connection.execute("INSERT INTO change (work) VALUES (?)", (work,))
        connection.execute("DELETE FROM change WHERE sequence <= ?", ((cursor.lastrowid or 0) - _KEPT_CHANGES,))

    def last_change(self, connection: sqlite3.Connection) -> int:
        """Number of the newest change; the state of a set is known by it."""
        row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'change'").fetchone()
        return int(row[0]) if row else 0

    def accept(self, connection: sqlite3.Connection, work: str, sequence: int | None) -> bool:
        """Whether a change of ``work`` with this sequence is newer than what was applied; remembers it."""
        if sequence is None:
            return True
        row = connection.execute("SELECT sequence FROM applied WHERE work = ?", (work,)).fetchone()
        if row and row[0] >= sequence:
            return False
        connection.execute("INSERT OR REPLACE INTO applied (work, sequence) VALUES (?, ?)", (work, sequence))
        return True


def _milliseconds() -> int:
    """How long SQLite may wait now."""
    shared = patience()
    return int(max(0.0, PATIENCE if shared is None else shared.left) * 1000)


def _is_busy(error: sqlite3.Error) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


def _unavailable(error: sqlite3.Error) -> SearchUnavailable:
    if _is_busy(error):
        return SearchBusy("The search index is busy with another change. Try again in a moment.")
    return SearchUnavailable(
        f"The search index failed ({type(error).__name__}). Run: manage.py rebuild_search --verify"
    )
