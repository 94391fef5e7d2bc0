"""Words of the embedded index: completions while typing, and corrections of what found nothing.

The vocabulary of the index is no respecter of persons: it also holds words of rows that this viewer may not
see. So a term of it is only a candidate; what is shown is read from a passage the viewer sees, spelt as
there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from itertools import pairwise

from search.analysis import analyser
from search.engines.base import View
from search.engines.fts5_catalogue import Catalogue
from search.engines.fts5_store import ORDINAL_BITS, sql
from search.languages.folding import fold, plain

#: Rows looked at for those that the viewer may see, and passages read of these, per candidate.
_ROWS = 2_000
_PASSAGES = 25
_CANDIDATES = 20
#: A shorter stem says too little about a misspelt word.
_SHORTEST_STEM = 4
_LAST_CHARACTER = "\U0010ffff"


def distance(first: str, second: str, most: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) between two words, or ``most + 1`` when more.

    Optimal string alignment, Damerau's four errors: F. Damerau, "A technique for computer detection and
    correction of spelling errors", CACM 7 (1964).
    """
    if abs(len(first) - len(second)) > most:
        return most + 1
    before_last: list[int] = []
    last = list(range(len(second) + 1))
    for row, left in enumerate(first, 1):
        current = [row]
        for column, right in enumerate(second, 1):
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (left != right))
            if row > 1 and column > 1 and left == second[column - 2] and first[row - 2] == right:
                cost = min(cost, before_last[column - 2] + 1)
            current.append(cost)
        if min(current) > most:
            return most + 1
        before_last, last = last, current
    return min(last[-1], most + 1)


def corrections(
    connection: sqlite3.Connection, epoch: int, catalogue: Catalogue, word: str, view: View, limit: int
) -> list[str]:
    """See :meth:`search.engines.base.Engine.corrections`."""
    typed = fold(plain(word).lower())
    most = 0 if len(typed) < 4 else 1 if len(typed) < 6 else 2
    if not most:
        return []
    targets = {typed} | {analyser(language).terms(word) for language in catalogue.languages}
    candidates = sorted(set(_near(connection, epoch, typed, targets, most)))[:_CANDIDATES]
    found: dict[str, tuple[int, int]] = {}
    for _distance, frequency, term in candidates:
        for spelt in _spellings(connection, epoch, catalogue, term, view):
            apart = distance(typed, fold(plain(spelt).lower()), most)
            if 0 < apart <= most:
                found[spelt] = min(found.get(spelt, (apart, frequency)), (apart, frequency))
    return sorted(found, key=lambda spelt: (*found[spelt], spelt))[:limit]


def _near(
    connection: sqlite3.Connection, epoch: int, typed: str, targets: Iterable[str], most: int
) -> Iterator[tuple[int, int, str]]:
    """(distance, -frequency, term) of the vocabulary's terms near any target, or near the beginning of ``typed``.

    The vocabulary holds stems, and a slip in the ending hides the stem: "liberatoin" is far from "liber", but
    begins with it. Terms that begin with one of a target's first two letters are tried. Of ``most + 1`` parts
    of a target at least one survives ``most`` edits unchanged, which a substring test finds faster than any
    distance.
    """
    wanted = [target for target in dict.fromkeys(targets) if target and " " not in target]
    parts = {target: _parts(target, most + 1) for target in wanted}
    longest = max(map(len, wanted), default=0) + most
    for initial in sorted({letter for target in wanted for letter in target[:2]}):
        rows = connection.execute(
            f"SELECT term, doc FROM {_vocabulary(connection, epoch)}"  # noqa: S608 - name made of a number
            " WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?",
            (initial, initial + _LAST_CHARACTER, min(_SHORTEST_STEM, len(typed) - most), longest),
        ).fetchall()
        for term, documents in rows:
            if len(term) < len(typed) and typed.startswith(term):
                yield 0 if len(typed) - len(term) <= most else most, -documents, term
                continue
            for target in wanted:
                if any(part in term for part in parts[target]) and (apart := distance(target, term, most)) <= most:
                    yield apart, -documents, term
                    break


def _parts(word: str, count: int) -> list[str]:
    edges = [len(word) * part // count for part in range(count + 1)]
    return [word[start:end] for start, end in pairwise(edges) if start < end]


def suggest(
    connection: sqlite3.Connection, epoch: int, catalogue: Catalogue, beginning: str, view: View, limit: int
) -> list[str]:
    """See :meth:`search.engines.base.Engine.suggest`."""
    typed = fold(plain(beginning.strip()).lower())
    if len(typed) < 2:
        return []
    titles: dict[str, None] = {}
    for profile in catalogue.visible(list(catalogue.profiles.values()), view):
        folded = fold(profile.title.lower())
        if folded.startswith(typed) or f" {typed}" in folded:
            titles[profile.title] = None
            if len(titles) >= limit:
                break
    suggestions = dict.fromkeys(sorted(titles)[: max(limit // 2, limit - 4)])
    if " " not in typed:
        rows = connection.execute(
            f"SELECT term, doc FROM {_vocabulary(connection, epoch)} WHERE term >= ? AND term < ?",  # noqa: S608 - name made of a number
            (typed, typed + _LAST_CHARACTER),
        ).fetchall()
        rows.sort(key=lambda row: (-row[1], row[0]))
        for term, _documents in rows[:_CANDIDATES]:
            if len(suggestions) >= limit:
                break
            for spelt in _spellings(connection, epoch, catalogue, term, view, 1)[:1]:
                suggestions[spelt] = None
    return list(suggestions)[:limit]


def _vocabulary(connection: sqlite3.Connection, epoch: int) -> str:
    """Name of this connection's view on the terms of a set."""
    name = sql("vocabulary_@", epoch)
    connection.execute(
        sql("CREATE VIRTUAL TABLE IF NOT EXISTS temp.vocabulary_@ USING fts5vocab (main, fts_@, row)", epoch)
    )
    return f"temp.{name}"


def _spellings(
    connection: sqlite3.Connection, epoch: int, catalogue: Catalogue, term: str, view: View, most: int = _PASSAGES
) -> list[str]:
    """The words behind a term as passages visible to the viewer spell them; empty when she sees none."""
    rows = connection.execute(sql("SELECT rowid FROM fts_@ WHERE fts_@ MATCH ? LIMIT ?", epoch), (f'"{term}"', _ROWS))
    spellings: dict[str, None] = {}
    passages = 0
    for (row,) in rows:
        profile = catalogue.profiles.get(row >> ORDINAL_BITS)
        if profile is None or not catalogue.visible([profile], view):
            continue
        stored = connection.execute(sql("SELECT text FROM passage_@ WHERE id = ?", epoch), (row,)).fetchone()
        text = stored[0] if stored else ""
        for token in analyser(profile.language).tokens(text):
            if token.term == term:
                spellings[text[token.start : token.end].lower()] = None
        passages += 1
        if passages == most:
            break
    return list(spellings)
