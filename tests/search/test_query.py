"""What a reader types is understood, or she is told what was not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.query import OWN_FIELDS, Clause, FieldFilter, Kind, Problem, YearRange, parse


def test_words_phrases_exclusions_and_beginnings() -> None:
    query = parse('bread "winter of hunger" -ghetto testim*')
    assert query.clauses == (
        Clause(Kind.WORD, "bread"),
        Clause(Kind.PHRASE, "winter of hunger"),
        Clause(Kind.WORD, "ghetto", excluded=True),
        Clause(Kind.BEGINNING, "testim"),
    )
    assert query.notes == ()


@pytest.mark.parametrize(
    "text", ["„Warschauer Ghetto“", "«Warschauer Ghetto»", "“Warschauer Ghetto”", '"Warschauer Ghetto']
)
def test_quotation_marks_of_any_country(text: str) -> None:
    assert parse(text).clauses == (Clause(Kind.PHRASE, "Warschauer Ghetto"),)


def test_hebrew_gershayim_are_no_quotation_marks() -> None:
    assert parse('צה"ל ירושלים').clauses == (Clause(Kind.WORD, 'צה"ל'), Clause(Kind.WORD, "ירושלים"))


def test_fields() -> None:
    query = parse('type:testimony place:"Górna Dolina" -language:de lang:pl', {**OWN_FIELDS, "place": "place"})
    assert query.filters == (
        FieldFilter("type", "testimony"),
        FieldFilter("place", "Górna Dolina"),
        FieldFilter("language", "de", excluded=True),
        FieldFilter("language", "pl"),
    )


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("year:1942", YearRange(1942, 1942)),
        ("year:1942..1944", YearRange(1942, 1944)),
        ("year:1942-1944", YearRange(1942, 1944)),
        ("year:1944..1942", YearRange(1942, 1944)),
        ("year:..1944", YearRange(None, 1944)),
        ("year:1942..", YearRange(1942, None)),
    ],
)
def test_years(text: str, years: YearRange) -> None:
    assert parse(text).years == years
    assert parse(text).notes == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("year:soon", Problem.BAD_YEAR),
        ("year:19421944", Problem.BAD_YEAR),
        ("year:..", Problem.BAD_YEAR),
        ("year:", Problem.BAD_YEAR),
        ("colour:red", Problem.UNKNOWN_FIELD),
        ("period:", Problem.EMPTY_FIELD),
        ("a*", Problem.SHORT_BEGINNING),
        ("!!!", Problem.NO_LETTERS),
        ("bread OR water", Problem.OPERATOR),
        ("word " * 60, Problem.TOO_MANY),
        ("x" * 5_000, Problem.TOO_LONG),
    ],
)
def test_says_what_it_did_not_understand(text: str, problem: Problem) -> None:
    assert problem in {note.problem for note in parse(text).notes}


def test_an_unknown_field_is_searched_as_words() -> None:
    assert parse("colour:red").clauses == (Clause(Kind.WORD, "colour red"),)


def test_an_address_is_words_not_a_field() -> None:
    query = parse("https://example.org/a")
    assert query.filters == () and len(query.clauses) == 1


@given(st.text())
def test_any_input_gives_a_query(text: str) -> None:
    query = parse(text)
    assert all(any(letter.isalnum() for letter in clause.text) for clause in query.clauses)


@given(st.text(alphabet='ab:"*-.()year\u05d0\ud800\x00 ', max_size=60))
def test_any_mixture_of_its_signs_gives_a_query(text: str) -> None:
    query = parse(text)
    for clause in query.clauses:
        clause.text.encode()  # nothing that SQLite or a page could not take
