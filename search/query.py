"""The query language of the search box, read without ever refusing.

``words`` must all occur in a passage, ``"words in quotes"`` occur in this order, ``-word`` must not occur,
``beginning*`` finds every word that begins so, ``field:value`` keeps to a type, language, period or facet of the
works (an event, a place …), ``year:1942..1944`` to years. What is not understood is said in ``Query.notes`` and
searched for as plain words, never dropped in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

#: Names a reader may write before the colon, as the names under which every row carries the values, whatever its
#: source; those of a source's own facets come from ``search.sources``.
OWN_FIELDS = {"type": "type", "language": "language", "lang": "language", "period": "period"}
#: The one field whose value is a span.
YEAR = "year"
LONGEST_QUERY = 1_000
MOST_CLAUSES = 24
SHORTEST_BEGINNING = 2


class Kind(StrEnum):
    """How a clause is matched."""

    WORD = "word"
    PHRASE = "phrase"
    BEGINNING = "beginning"


class Problem(StrEnum):
    """Why a part of a query did not work as typed; the service turns these into sentences."""

    TOO_LONG = "too-long"
    TOO_MANY = "too-many"
    UNKNOWN_FIELD = "unknown-field"
    EMPTY_FIELD = "empty-field"
    BAD_YEAR = "bad-year"
    SHORT_BEGINNING = "short-beginning"
    NO_LETTERS = "no-letters"
    OPERATOR = "operator"
    #: Not the reader's doing: her words occur, but not together.
    APART = "apart"


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that must, or (``excluded``) must not, occur in a passage."""

    kind: Kind
    text: str
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """``field:value``: kept to, or with ``excluded`` left out."""

    field: str
    value: str
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class YearRange:
    """Years a passage is about, both ends included; None is open."""

    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class Note:
    """A part of the query that was not understood as typed."""

    problem: Problem
    fragment: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A query as understood."""

    clauses: tuple[Clause, ...] = ()
    filters: tuple[FieldFilter, ...] = ()
    years: YearRange | None = None
    notes: tuple[Note, ...] = ()


_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
_MINUSES = "-−–"
# A quotation mark opens a phrase only where a word could begin, so that Hebrew צה"ל stays one word.
_PART = re.compile(
    rf'(?P<minus>[{_MINUSES}]?)(?:(?P<field>[A-Za-z]+):(?!//))?(?:"(?P<quoted>.*?)(?:"(?=[\s)]|$)|$)|(?P<bare>\S*))',
    re.DOTALL,
)
_GAP = re.compile(r"[\s()]+")
_YEARS = re.compile(r"(?P<first>\d{1,4})?(?:(?P<range>\.\.|-|–)(?P<last>\d{1,4})?)?")
_SURROGATES = re.compile("[\ud800-\udfff\x00]")
_OPERATORS = frozenset({"OR", "NOT"})


def parse(text: str, fields: Mapping[str, str] = OWN_FIELDS) -> Query:
    """Read a query; any string gives a :class:`Query`, none raises.

    ``fields``: names before a colon and the facets they mean; any other name is taken as a word.
    """
    notes: list[Note] = []
    text = _SURROGATES.sub(" ", text).translate(_QUOTES)
    if len(text) > LONGEST_QUERY:
        notes.append(Note(Problem.TOO_LONG))
        text = text[:LONGEST_QUERY]
    clauses: list[Clause] = []
    filters: list[FieldFilter] = []
    years: YearRange | None = None
    place = 0
    while place < len(text):
        if gap := _GAP.match(text, place):
            place = gap.end()
            continue
        part = _PART.match(text, place)
        if part is None or part.end() == place:  # the pattern takes at least one character; never loop
            place += 1
            continue
        place = part.end()
        if len(clauses) + len(filters) >= MOST_CLAUSES:
            notes.append(Note(Problem.TOO_MANY, text[part.start() :].strip()[:60]))
            break
        name = (part["field"] or "").lower()
        if name == YEAR:
            years = _year_range(part, notes) or years
        elif name in fields:
            _add_filter(part, fields[name], filters, notes)
        else:
            _add_clause(part, clauses, notes)
    return Query(tuple(clauses), tuple(filters), years, tuple(notes))


def _value(part: re.Match[str]) -> str:
    return (part["quoted"] if part["quoted"] is not None else part["bare"] or "").strip()


def _add_filter(part: re.Match[str], name: str, filters: list[FieldFilter], notes: list[Note]) -> None:
    value = _value(part).rstrip(",;)")
    if value:
        filters.append(FieldFilter(name, value, excluded=bool(part["minus"])))
    else:
        notes.append(Note(Problem.EMPTY_FIELD, part.group()))


def _year_range(part: re.Match[str], notes: list[Note]) -> YearRange | None:
    found = _YEARS.fullmatch(_value(part))
    if found is None or part["minus"] or not (found["first"] or found["last"]):
        notes.append(Note(Problem.BAD_YEAR, part.group()))
        return None
    first = int(found["first"]) if found["first"] else None
    last = int(found["last"]) if found["last"] else None
    if not found["range"]:
        return YearRange(first, first)
    if first is not None and last is not None and first > last:
        first, last = last, first
    return YearRange(first, last)


def _add_clause(part: re.Match[str], clauses: list[Clause], notes: list[Note]) -> None:
    value = _value(part)
    excluded = bool(part["minus"])
    name = part["field"] or ""
    if name:
        notes.append(Note(Problem.UNKNOWN_FIELD, name))
        value = f"{name} {value}".strip()
    if part["quoted"] is None and not name and not excluded:
        if value == "AND":
            return
        if value in _OPERATORS:
            notes.append(Note(Problem.OPERATOR, value))
            return
    if not any(character.isalnum() for character in value):
        if value or excluded:
            notes.append(Note(Problem.NO_LETTERS, part.group()))
        return
    if part["quoted"] is not None:
        clauses.append(Clause(Kind.PHRASE, value, excluded))
    elif value.endswith("*"):
        beginning = value.rstrip("*")
        if sum(character.isalnum() for character in beginning) < SHORTEST_BEGINNING and beginning.isascii():
            notes.append(Note(Problem.SHORT_BEGINNING, value))
            clauses.append(Clause(Kind.WORD, beginning, excluded))
        else:
            clauses.append(Clause(Kind.BEGINNING, beginning, excluded))
    else:
        clauses.append(Clause(Kind.WORD, value, excluded))
