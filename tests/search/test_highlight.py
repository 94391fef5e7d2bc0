"""Marks stand on the words that matched, and nothing in a text becomes HTML."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import highlight
from search.engines.base import Alternative, Condition
from search.highlight import Wanted, marked, spans

ATTACKS = [
    "<script>alert(1)</script> bread",
    "<mark onmouseover=alert(1)>bread</mark>",
    'bread"><img src=x onerror=alert(1)>',
    "<b<bread>r>ead</b>",
    "&lt;script&gt; bread &amp; ' water",
    "</mark><svg/onload=alert(1)> bread",
    "<!-- bread --><style>*{}</style>",
]


def wanted(*alternatives: tuple[str, ...], prefix: bool = False) -> Wanted:
    return Wanted.of([Condition(tuple(Alternative(terms, prefix) for terms in alternatives))])


def plain(marked_html: str) -> str:
    return html.unescape(re.sub("</?mark>", "", marked_html))


@pytest.mark.parametrize("text", ATTACKS)
def test_no_text_becomes_html(text: str) -> None:
    shown = marked(text, "en", wanted(("bread",), ("script",), ("mark",), ("svg",), ("b",)))
    assert "<" not in re.sub("</?mark>", "", shown)
    assert plain(shown) == text


@pytest.mark.parametrize("text", ATTACKS)
def test_the_test_above_can_fail(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlight.html, "escape", lambda piece: piece)
    shown = marked(text, "en", wanted(("bread",)))
    assert "<" in re.sub("</?mark>", "", shown) or plain(shown) != text


@given(st.text(max_size=200), st.sampled_from(["en", "ar", "km", "zh", "he"]))
def test_marking_changes_no_character(text: str, language: str) -> None:
    from search.analysis import analyser

    terms = tuple((token.term,) for token in list(analyser(language).tokens(text))[::2])
    shown = marked(text, language, wanted(*terms) if terms else wanted(("x",)))
    assert plain(shown) == html.unescape(html.escape(text))
    assert shown.count("<mark>") == shown.count("</mark>") >= (1 if terms else 0)


def test_the_word_as_written_is_marked() -> None:
    assert marked("W Łodzi było zimno.", "pl", wanted(("lodz",))) == "W <mark>Łodzi</mark> było zimno."
    assert marked("في الحَرْبِ", "ar", wanted(("حرب",))) == "في <mark>الحَرْبِ</mark>"
    assert marked("南京大屠杀", "zh", wanted(("大屠", "屠杀"))) == "南京<mark>大屠杀</mark>"


def test_a_phrase_is_marked_only_where_its_words_follow_each_other() -> None:
    text = "winter came, and in the hunger winter the winter of hunger"
    assert spans(text, "und", wanted(("winter", "of", "hunger"))) == [(text.index("winter of"), len(text))]


def test_a_beginning_marks_whole_words() -> None:
    assert marked("testimony testify rest", "und", wanted(("testi",), prefix=True)) == (
        "<mark>testimony</mark> <mark>testify</mark> rest"
    )


def test_excluded_words_are_not_marked() -> None:
    conditions = [Condition((Alternative(("a",)),)), Condition((Alternative(("b",)),), excluded=True)]
    assert marked("a b", "und", Wanted.of(conditions)) == "<mark>a</mark> b"


def test_a_long_passage_is_cut_around_the_match() -> None:
    text = "word " * 500 + "candle " + "more " * 500
    shown = marked(text, "und", wanted(("candle",)))
    assert "<mark>candle</mark>" in shown
    assert shown.startswith("… ") and shown.endswith(" …")
    assert len(plain(shown)) <= highlight.LONGEST + 10
