"""Dates, texts and highlights in the reader's language."""

from __future__ import annotations

import json

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from archive.templatetags.site_language import bcp47, direction, language_name, own_language_name
from archive.templatetags.type_words import type_label
from archive.templatetags.wording import (
    duration,
    json_block,
    only_marks,
    plain,
    scope_answers,
    size,
    uncertain_date,
    worded,
)
from tests.frontend.fixtures import language_map
from tests.frontend.test_passages import Outline


@pytest.mark.parametrize(
    ("edtf", "said"),
    [
        ("1947", "1947"),
        ("1947-05", "May 1947"),
        ("1947-05-03", "3 May 1947"),
        ("1947-05-03~", "around 3 May 1947"),
        ("1943?", "1943 (uncertain)"),
        ("1943%", "around 1943 (uncertain)"),
        ("194X", "the 1940s"),
        ("19XX", "1900 to 1999"),
        ("1943-XX", "1943"),
        ("1943-21", "spring 1943"),
        ("1942/1944-03", "1942 – March 1944"),
        ("1912/..", "from 1912"),
        ("../1944", "until 1944"),
        ("", ""),
        ("1943-02-31", "1943-02-31"),
        ("no date", "no date"),
    ],
)
def test_uncertain_dates_in_english(edtf: str, said: str) -> None:
    with override("en"):
        assert uncertain_date(edtf) == said
        assert uncertain_date({"edtf": edtf}) == said


def test_dates_follow_the_reader() -> None:
    with override("ru"):
        assert uncertain_date("1947-05-03").replace("\u202f", " ") == "3 мая 1947 г."
    with override("hy"):
        assert "1947" in uncertain_date("1947-05-03")
    with override("rw"):
        assert "1947" in uncertain_date("1947-05")


def test_texts_are_chosen_and_marked_with_language_and_direction() -> None:
    title = language_map("hu", hu="A <völgy>", ar="الوادي")
    with override("ar"):
        assert worded(title) == '<bdi lang="ar" dir="rtl">الوادي</bdi>'
    with override("ru"):
        assert worded(title) == '<bdi lang="hu" dir="ltr">A &lt;völgy&gt;</bdi>'
        assert plain(title) == "A <völgy>"
    assert worded("Samira <K.>") == '<bdi dir="auto">Samira &lt;K.&gt;</bdi>'
    assert plain(None) == ""


def test_languages_have_names_and_directions() -> None:
    assert bcp47("zh-hans") == "zh-Hans"
    assert bcp47("<script>") == "und"
    assert [direction(tag) for tag in ("ar", "yi", "yi-Latn", "hy")] == ["rtl", "rtl", "ltr", "ltr"]
    assert own_language_name("rw") == "Ikinyarwanda"
    with override("ru"):
        assert language_name("hy") == "армянский"


@given(st.text(alphabet=st.sampled_from("ab<>&mark/\"'; "), max_size=60))
def test_highlights_let_nothing_but_marks_through(html: str) -> None:
    read = Outline(only_marks(html))
    assert read.sound
    assert {tag for tag, _ in read.elements} <= {"mark"}
    assert all(not attributes for _, attributes in read.elements)


def test_highlights_keep_marks_and_escape_once() -> None:
    assert only_marks("a <mark>b</mark> &amp; &lt;i&gt; <i>") == "a <mark>b</mark> &amp; &lt;i&gt; &lt;i&gt;"
    assert only_marks("<mark>a<mark>b") == "<mark>ab</mark>"


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3)))
def test_data_blocks_cannot_be_ended_early(value: object) -> None:
    text = json_block({"value": value})
    assert "<" not in text and ">" not in text
    assert json.loads(text) == {"value": value}


def test_scopes_of_consent_are_said_in_order() -> None:
    with override("en"):
        given = {"machine": "no", "public-web": "yes", "press": "ask", "preserve": "yes"}
        said = scope_answers({"consent": {"scopes": given}})
    assert [(code, answer) for _, code, answer in said] == [("yes", "yes"), ("ask", "ask first"), ("no", "no")]


def test_lengths_and_weights() -> None:
    with override("en"):
        assert [duration(ms) for ms in (5_000, 60_000, 2_463_000, None)] == [
            "5 seconds",
            "1 minute",
            "41 minutes",
            "0 seconds",
        ]
        assert [size(octets) for octets in (10, 1_312_000, 18_400, 12_000_000_000)] == [
            "10 B",
            "1.3 MB",
            "18 kB",
            "12 GB",
        ]


@pytest.mark.parametrize(
    ("language", "written", "said"),
    [("fr", "Town", "ville"), ("ar", "mosque", "مسجد"), ("ru", "trial", "судебный процесс"), ("hy", "ferry", "ferry")],
)
def test_what_a_place_or_an_event_is_stands_in_the_readers_language(language, written, said):
    with override(language):
        assert type_label(written) == said
