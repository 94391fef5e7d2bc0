"""The embedded engine: SQLite FTS5 in a file of its own.

A query costs one pass of the full-text index for ids and BM25 ranks and then work in memory (see
``fts5_catalogue``); texts are read for the passages of one page only. A work ranks by its best visible
passage (BM25, Robertson & Zaragoza, "The Probabilistic Relevance Framework", 2009), the same for everyone;
equal works stand newest first.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from search import analysis
from search.documents import SearchDocument
from search.engines import fts5_absence, fts5_rebuild, fts5_words
from search.engines.base import (
    AbsenceProof,
    Alternative,
    Condition,
    DocumentsOf,
    Engine,
    EngineAnswer,
    EngineQuery,
    Passage,
    RebuildReport,
    Stats,
    View,
    WorkHit,
)
from search.engines.fts5_catalogue import Catalogue, Catalogues, Profile
from search.engines.fts5_store import ORDINAL_BITS, Shelf, Store, analysed, shelve, sql

_ORDINAL_MASK = (1 << ORDINAL_BITS) - 1
#: How often a query starts anew when another process changed the index under it.
_ATTEMPTS = 3


def match_expression(conditions: Sequence[Condition], joined: str = "AND") -> str:
    """Conditions in FTS5's query syntax; every term is quoted, so nothing typed is ever syntax.

    Empty when no condition is positive: FTS5 has no pure negation. ``joined`` is AND or OR.
    """
    wanted = [_any_of(condition) for condition in conditions if not condition.excluded]
    unwanted = [_any_of(condition) for condition in conditions if condition.excluded]
    if not wanted:
        return ""
    expression = f" {joined} ".join(wanted)
    return f"({expression}) NOT ({' OR '.join(unwanted)})" if unwanted else expression


@dataclass(frozen=True, slots=True)
class Ask:
    """One expression for FTS5, and the languages whose passages it speaks of (None: all)."""

    expression: str
    languages: frozenset[str] | None


def asks(conditions: Sequence[Condition], languages: Iterable[str], joined: str = "AND") -> list[Ask]:
    """What FTS5 is asked: one expression for all languages that make the same terms of what was typed.

    Most do, so there are few; the languages of two expressions never overlap, and neither do their rows.
    """
    if all(a.languages is None for condition in conditions for a in condition.alternatives):
        expression = match_expression(conditions, joined)
        return [Ask(expression, None)] if expression else []
    alike: dict[tuple[Condition, ...], set[str]] = {}
    for language in languages:
        narrowed = []
        for condition in conditions:
            kept = tuple(a for a in condition.alternatives if a.holds_in(language))
            if kept:
                narrowed.append(Condition(kept, condition.excluded))
            elif not condition.excluded and joined == "AND":
                break
        else:
            alike.setdefault(tuple(narrowed), set()).add(language)
    found = [Ask(match_expression(list(same), joined), frozenset(tags)) for same, tags in alike.items()]
    return [ask for ask in found if ask.expression]


def _any_of(condition: Condition) -> str:
    return "(" + " OR ".join(_phrase(alternative) for alternative in condition.alternatives) + ")"


def _phrase(alternative: Alternative) -> str:
    quoted = " ".join(alternative.terms).replace('"', '""')
    return f'"{quoted}" *' if alternative.prefix else f'"{quoted}"'


class Fts5Engine(Engine):
    """See the module; one object serves all threads of a process."""

    name = "fts5"

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self._catalogues = Catalogues(self.store)

    def exists(self) -> bool:
        return self.store.path.exists()

    # --- writing ----------------------------------------------------------------------------------

    def replace(self, work: str, documents: Iterable[SearchDocument], sequence: int | None = None) -> bool:
        shelves = shelve(work, documents)
        terms = analysed(shelves)
        with self.store.writing() as (connection, epoch):
            return self._replace(connection, epoch, work, shelves, terms, sequence)

    def replace_many(self, changes: Iterable[tuple[str, Iterable[SearchDocument], int | None]]) -> None:
        # Texts are analysed before the transaction, so that other writers wait for the writing alone.
        ready = [(work, shelves := shelve(work, rows), analysed(shelves), number) for work, rows, number in changes]
        with self.store.writing() as (connection, epoch):
            for work, shelves, terms, number in ready:
                self._replace(connection, epoch, work, shelves, terms, number)

    def _replace(
        self,
        connection: sqlite3.Connection,
        epoch: int,
        work: str,
        shelves: Sequence[Shelf],
        terms: Sequence[Sequence[str]],
        sequence: int | None,
    ) -> bool:
        if not self.store.accept(connection, work, sequence):
            return False
        self.store.take_out(connection, epoch, work)
        if shelves:
            self.store.put(connection, epoch, shelves, terms)
        self.store.note_change(connection, work)
        return True

    def rebuild(self, works: Iterable[str], documents_of: DocumentsOf, *, processes: int = 0) -> RebuildReport:
        return fts5_rebuild.rebuild(self.store, works, documents_of, processes)

    def prove_absence(self, work: str, texts: Iterable[str] = ()) -> AbsenceProof:
        return fts5_absence.prove(self.store, work, texts)

    # --- reading ----------------------------------------------------------------------------------

    def search(self, query: EngineQuery, view: View) -> EngineAnswer:
        for _attempt in range(_ATTEMPTS):
            with self.store.reading() as (connection, epoch):
                catalogue = self._catalogues.at(connection, epoch)
                answer, complete = self._answer(connection, epoch, catalogue, query, view)
            if complete:
                break
        return answer

    def _answer(
        self, connection: sqlite3.Connection, epoch: int, catalogue: Catalogue, query: EngineQuery, view: View
    ) -> tuple[EngineAnswer, bool]:
        """The answer, and whether the catalogue knew every profile that was hit."""
        asked = asks(query.conditions, catalogue.languages, "OR" if query.across else "AND")
        expression = any(not condition.excluded for condition in query.conditions)
        ranked: list[tuple[int, float]] = []
        best: dict[int, float] = {}
        complete = True
        if expression:
            found = []
            for ask in asked:
                rows = connection.execute(
                    sql("SELECT rowid, rank FROM fts_@ WHERE fts_@ MATCH ?", epoch), (ask.expression,)
                ).fetchall()
                here: dict[int, float] = {}
                get = here.get
                for row, rank in rows:
                    number = row >> ORDINAL_BITS
                    if rank < get(number, 1.0):
                        here[number] = rank
                known = [profile for number in here if (profile := catalogue.profiles.get(number)) is not None]
                complete = complete and len(known) == len(here)
                if ask.languages is not None:
                    known = [profile for profile in known if profile.language in ask.languages]
                    kept = {profile.number for profile in known}
                    here = {number: rank for number, rank in here.items() if number in kept}
                    rows = [row for row in rows if row[0] >> ORDINAL_BITS in kept]
                found += known
                best.update(here)
                ranked += rows
        else:
            found = list(catalogue.profiles.values())
        visible = catalogue.visible(found, view)
        if query.conditions and not expression:
            visible = self._without_excluded(connection, epoch, catalogue, query, view, visible)
        if query.across:
            having_all = self._with_all(connection, epoch, catalogue, query, view)
            visible = [profile for profile in visible if profile.work in having_all]
        selection = catalogue.select(visible, query.filters)
        of_work: dict[str, list[Profile]] = {}
        for profile in selection.profiles:
            of_work.setdefault(profile.work, []).append(profile)
        page = self._page(of_work, best, query)
        works = self._works(connection, epoch, [(work, of_work[work]) for work in page], ranked, best, query.passages)
        return EngineAnswer(len(of_work), tuple(works), catalogue.facets(selection)), complete

    @staticmethod
    def _page(of_work: dict[str, list[Profile]], best: dict[int, float], query: EngineQuery) -> list[str]:
        def order(work: str) -> tuple[float, float, str]:
            first, *others = of_work[work]
            rank, published_at = best.get(first.number, 0.0), first.published_at
            for profile in others:
                rank = min(rank, best.get(profile.number, 0.0))
                published_at = max(published_at, profile.published_at)
            return rank, -published_at, work

        return heapq.nsmallest(query.offset + query.limit, of_work, key=order)[query.offset :]

    @staticmethod
    def _without_excluded(
        connection: sqlite3.Connection,
        epoch: int,
        catalogue: Catalogue,
        query: EngineQuery,
        view: View,
        visible: list[Profile],
    ) -> list[Profile]:
        """Leave out works with an excluded word in a passage this viewer sees; unseen ones must not tell."""
        unwanted = asks(
            [replace(condition, excluded=False) for condition in query.conditions], catalogue.languages, "OR"
        )
        hit = catalogue.visible(_profiles_with(connection, epoch, catalogue, unwanted), view)
        works = {profile.work for profile in hit}
        return [profile for profile in visible if profile.work not in works]

    @staticmethod
    def _with_all(
        connection: sqlite3.Connection, epoch: int, catalogue: Catalogue, query: EngineQuery, view: View
    ) -> set[str]:
        """Works in which every wanted condition holds in some visible passage that passes the filters."""
        excluded = [condition for condition in query.conditions if condition.excluded]
        found: list[set[str]] = []
        for condition in query.conditions:
            if not condition.excluded:
                asked = asks([condition, *excluded], catalogue.languages)
                visible = catalogue.visible(_profiles_with(connection, epoch, catalogue, asked), view)
                found.append({profile.work for profile in catalogue.select(visible, query.filters).profiles})
        return set.intersection(*found) if found else set()

    @staticmethod
    def _works(
        connection: sqlite3.Connection,
        epoch: int,
        page: list[tuple[str, list[Profile]]],
        ranked: list[tuple[int, float]],
        best: dict[int, float],
        passages: int,
    ) -> list[WorkHit]:
        home = {profile.number: work for work, profiles in page for profile in profiles}
        rows_of: dict[str, list[tuple[float, int]]] = {work: [] for work, _profiles in page}
        for row, rank in ranked:
            if (owner := home.get(row >> ORDINAL_BITS)) is not None:
                rows_of[owner].append((rank, row))
        hits: list[WorkHit] = []
        read = sql("SELECT key, text, anchor, start_ms, end_ms FROM passage_@ WHERE id = ?", epoch)
        for work, profiles in page:
            languages = {profile.number: profile.language for profile in profiles}
            shown: list[Passage] = []
            told: set[tuple[str, str]] = set()
            # One more than asked for: the same title may be hit in several languages.
            for _rank, row in heapq.nsmallest(passages + len(profiles), rows_of[work]):
                stored = connection.execute(read, (row,)).fetchone()
                if stored is None or (stored[1], stored[2]) in told or len(shown) == passages:
                    continue
                told.add((stored[1], stored[2]))
                key, text, anchor, start, end = stored
                language = languages[row >> ORDINAL_BITS]
                shown.append(Passage(key, text, language, anchor, start, end, is_title=not row & _ORDINAL_MASK))
            lead = min(profiles, key=lambda profile: (best.get(profile.number, 0.0), profile.number))
            hits.append(
                WorkHit(
                    work,
                    lead.type,
                    lead.title,
                    lead.language,
                    tuple(shown),
                    len(rows_of[work]),
                    lead_key(connection, epoch, lead),
                )
            )
        return hits

    def suggest(self, beginning: str, view: View, limit: int = 8) -> list[str]:
        with self.store.reading() as (connection, epoch):
            return fts5_words.suggest(connection, epoch, self._catalogues.at(connection, epoch), beginning, view, limit)

    def corrections(self, word: str, view: View, limit: int = 3) -> list[str]:
        with self.store.reading() as (connection, epoch):
            return fts5_words.corrections(connection, epoch, self._catalogues.at(connection, epoch), word, view, limit)

    def values(self, field: str, view: View) -> set[str]:
        with self.store.reading() as (connection, epoch):
            catalogue = self._catalogues.at(connection, epoch)
            return catalogue.values(field, catalogue.visible(list(catalogue.profiles.values()), view))

    def languages(self) -> tuple[str, ...]:
        with self.store.reading() as (connection, epoch):
            counted = self._catalogues.at(connection, epoch).languages
            return tuple(sorted(language for language, count in counted.items() if count > 0))

    def works(self) -> set[str]:
        with self.store.reading() as (connection, epoch):
            return {work for (work,) in connection.execute(sql("SELECT DISTINCT work FROM profile_@", epoch))}

    def keys_of(self, work: str) -> set[str]:
        with self.store.reading() as (connection, epoch):
            return {
                key
                for (number,) in connection.execute(
                    sql("SELECT id FROM profile_@ WHERE work = ?", epoch), (work,)
                ).fetchall()
                for (key,) in connection.execute(
                    sql("SELECT key FROM passage_@ WHERE id >= ? AND id < ?", epoch),
                    (number << ORDINAL_BITS, (number + 1) << ORDINAL_BITS),
                )
            }

    def stats(self) -> Stats:
        with self.store.reading() as (connection, epoch):
            works = connection.execute(sql("SELECT count(DISTINCT work) FROM profile_@", epoch)).fetchone()[0]
            profiles = connection.execute(sql("SELECT count(*) FROM profile_@", epoch)).fetchone()[0]
            rows = connection.execute(sql("SELECT count(*) FROM fts_@_docsize", epoch)).fetchone()[0]
            return Stats(works, rows - profiles, self.store.version(connection), self.store.last_change(connection))

    def verify(self) -> list[str]:
        problems: list[str] = []
        with self.store.writing() as (connection, epoch):
            problems += [
                f"SQLite: {row}" for (row,) in connection.execute("PRAGMA quick_check(5)").fetchall() if row != "ok"
            ]
            try:
                connection.execute(sql("INSERT INTO fts_@ (fts_@, rank) VALUES ('integrity-check', 1)", epoch))
            except sqlite3.DatabaseError:
                problems.append("The full-text index does not agree with the stored passages.")
            orphans = connection.execute(
                sql("SELECT count(*) FROM passage_@ WHERE (id >> 20) NOT IN (SELECT id FROM profile_@)", epoch)
            ).fetchone()[0]
            if orphans:
                problems.append(f"{orphans} passages belong to no work.")
            if self.store.version(connection) != analysis.VERSION:
                problems.append("The index was built by another version of the text analysis.")
        return problems


def _profiles_with(
    connection: sqlite3.Connection, epoch: int, catalogue: Catalogue, asked: Iterable[Ask]
) -> list[Profile]:
    """Profiles, visible or not, of rows that match."""
    found: list[Profile] = []
    for ask in asked:
        rows = connection.execute(
            sql("SELECT rowid FROM fts_@ WHERE fts_@ MATCH ?", epoch), (ask.expression,)
        ).fetchall()
        for number in {row >> ORDINAL_BITS for (row,) in rows}:
            profile = catalogue.profiles.get(number)
            if profile is not None and (ask.languages is None or profile.language in ask.languages):
                found.append(profile)
    return found


def lead_key(connection: sqlite3.Connection, epoch: int, profile: Profile) -> str:
    """Key of the title row of a profile: what is asked of the publications for a work shown without passages."""
    row = connection.execute(
        sql("SELECT key FROM passage_@ WHERE id = ?", epoch), (profile.number << ORDINAL_BITS,)
    ).fetchone()
    return row[0] if row else ""
