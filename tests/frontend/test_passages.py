"""Passages as HTML: every mark as a reader meets it, and no input that breaks out or crosses elements."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.utils.translation import override
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.projection.redaction import WITHHELD
from archive.templatetags import passages
from archive.templatetags.passages import NAMING_MARKS, _Writer, clock, marked_text, reading
from tests.frontend.fixtures import TEACHER_AR, audio_testimony, hebrew_document, hungarian_document, mark

WORDS = {name: name for name in ("note", "page", "withheld", "unclear", "gap", "passage")}
VOID = {"br", "wbr"}


class Outline(HTMLParser):
    """Reads HTML strictly: every start tag must be closed in order; collects text, elements and attributes."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.crossed = False
        self.links_inside_links = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links_inside_links |= tag == "a" and "a" in self.open
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.crossed |= not self.open or self.open.pop() != tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def sound(self) -> bool:
        return not self.crossed and not self.open and not self.links_inside_links


def writer(**links: str) -> _Writer:
    return _Writer(language="en", links=links, words=WORDS)


KINDS = [
    *NAMING_MARKS,
    "date",
    "page",
    "note",
    "emphasis",
    "foreign",
    "unclear",
    "gap",
    "deleted",
    "added",
    "link",
    "line",
    "<b>",
    "withheld",
]
hostile = st.text(alphabet=st.sampled_from("ab<>&\"'/= \u202eש\u0301é;\n\x00"), max_size=24)
marks = st.fixed_dictionaries(
    {
        "start": st.integers(-2, 30),
        "end": st.integers(-2, 30),
        "type": st.sampled_from(KINDS),
        "ref": st.one_of(hostile, st.sampled_from(["https://example.org/a", "javascript:alert(1)", "known"])),
        "key": hostile,
        "data": st.one_of(
            st.none(), st.dictionaries(st.sampled_from(["n", "text", "when", "lang", "language", "reason"]), hostile)
        ),
    }
)


@settings(max_examples=400, deadline=None)
@given(text=hostile, given_marks=st.lists(marks, max_size=7))
def test_no_combination_of_marks_breaks_out(text: str, given_marks: list[dict[str, Any]]) -> None:
    html = marked_text(text, given_marks, writer(known="/en/people/pers0n00ki/"), page="1")
    read = Outline(html)
    assert read.sound, html
    allowed = {"a", "bdi", "em", "del", "ins", "i", "time", "span", "sup"}
    for tag, attributes in read.elements:
        assert tag in allowed
        assert set(attributes) <= {"class", "href", "rel", "lang", "dir", "datetime", "id", "role"}
        assert (attributes.get("href") or "/").startswith(("/en/", "https://", "#note-", "/"))
    # Every character a reader should see is there, unless something was withheld.
    if not any(entry["type"] in ("withheld", "gap") for entry in given_marks):
        shown = "".join(read.text)
        position = 0
        for character in text.replace("\x00", "").replace("\r", "\n"):
            found = shown.find(character, position) if character != "\x00" else position
            assert found >= 0, (text, html)
            position = found


spans = st.tuples(st.integers(0, 12), st.integers(0, 12), st.sampled_from(KINDS)).map(
    lambda one: {
        "start": min(one[:2]),
        "end": max(one[:2]),
        "type": one[2],
        "ref": "known",
        "key": "",
        "data": {"text": "n", "n": "4"},
    }
)


@settings(max_examples=400, deadline=None)
@given(text=st.text(alphabet="ab<& ", min_size=12, max_size=14), given_marks=st.lists(spans, max_size=6))
def test_the_short_way_through_marks_that_nest_says_the_same(text: str, given_marks: list[dict[str, Any]]) -> None:
    in_order = sorted(given_marks, key=lambda one: (one["start"], -one["end"]))
    short, general = writer(known="/en/people/pers0n00ki/"), writer(known="/en/people/pers0n00ki/")
    html = marked_text(text, in_order, short, page="1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passages, "_nested", lambda *_arguments: None)
        assert marked_text(text, in_order, general, page="1") == html
    assert short.notes == general.notes


def test_what_was_withheld_is_seen_to_be_withheld() -> None:
    text = f"Tanítónk, {WITHHELD}, felírta a nevünket."
    html = marked_text(text, [mark(text, WITHHELD, "withheld")], writer())
    assert html == 'Tanítónk, <span class="withheld">withheld</span>, felírta a nevünket.'
    instead = "Tanítónk, egy <öreg> úr, felírta a nevünket."
    html = marked_text(instead, [mark(instead, "egy <öreg> úr", "withheld")], writer())
    assert '<span class="withheld">egy &lt;öreg&gt; úr<span class="visually-hidden"> (withheld)</span></span>' in html


def test_a_name_under_a_withholding_mark_leads_nowhere() -> None:
    found = mark(TEACHER_AR, "الأستاذ […]", "person", key="teacher")
    hidden = mark(TEACHER_AR, "[…]", "withheld")
    html = marked_text(TEACHER_AR, [found, hidden], writer(teacher="/en/people/teacher000/"))
    assert "teacher000" not in html
    assert Outline(html).sound


def test_overlapping_marks_are_closed_and_opened_again() -> None:
    text = "Apám azt mondta"
    html = marked_text(
        text, [{"start": 0, "end": 8, "type": "emphasis"}, {"start": 5, "end": 15, "type": "added"}], writer()
    )
    assert html == "<em>Apám <ins>azt</ins></em><ins> mondta</ins>"


def test_a_link_inside_a_link_shows_as_text() -> None:
    text = "Kertész Ilona, Dal"
    both = [mark(text, text, "link", ref="https://example.org/x"), mark(text, "Dal", "place", ref="dal")]
    html = marked_text(text, both, writer(dal="/en/places/p1acedal00/"))
    assert html.count("<a ") == 1
    assert "<bdi>Dal</bdi>" in html


def test_names_link_to_their_pages_and_others_only_stand_apart() -> None:
    text = "Dal és Orsha"
    found = [
        mark(text, "Dal", "place", ref="https://example.org/place/dal"),
        mark(text, "Orsha", "place", ref="nowhere"),
    ]
    html = marked_text(text, found, writer(**{"https://example.org/place/dal": "/hu/places/p1acedal00/"}))
    assert html == '<a class="entity" href="/hu/places/p1acedal00/"><bdi>Dal</bdi></a> és <bdi>Orsha</bdi>'


def test_dangerous_addresses_are_not_linked() -> None:
    for ref in ("javascript:alert(1)", "data:text/html,x", "//evil", 'https://x" onclick="y'):
        assert "<a" not in marked_text("x", [{"start": 0, "end": 1, "type": "link", "ref": ref}], writer())


def test_clock_is_exact() -> None:
    assert [clock(ms) for ms in (0, 59_999, 372_000, 3_972_000, -5)] == ["00:00", "00:59", "06:12", "1:06:12", "00:00"]


def test_companion_follows_the_reader_and_the_choice() -> None:
    work = audio_testimony()
    with override("en"):
        assert reading(work).companion["language"] == "en"  # type: ignore[index]
        assert reading(work, "fr").companion["language"] == "fr"  # type: ignore[index]
        assert reading(work, "fr-CA").companion["language"] == "fr"  # type: ignore[index]
        assert reading(work, "ar").companion is None
        assert reading(work, "xx-not a tag<script>").companion["language"] == "en"  # type: ignore[index]
    with override("ar"):
        assert reading(work).companion is None
    with override("ru"):
        assert reading(work).companion["language"] == "en"  # type: ignore[index]


def test_rows_carry_language_direction_anchor_and_time() -> None:
    with override("en"):
        rows = str(reading(audio_testimony()).rows)
    assert '<div class="row" data-start="9" data-end="21">' in rows
    assert '<p id="p-sam0001a" lang="ar" dir="rtl">كنّا ننزل' in rows
    assert '<p id="p-sam0001e" lang="en" dir="ltr">We went down' in rows
    assert rows.count('<span class="withheld">withheld</span>') == 2
    assert Outline(rows).sound


def test_groups_of_several_paragraphs_stand_in_one_row_with_page_labels_and_notes() -> None:
    with override("hu"):
        assert reading(hungarian_document()).companion is None
    with override("en"):
        shown = reading(hungarian_document())
    rows = str(shown.rows)
    assert rows.count('class="row"') == 5
    assert '<p id="p-0002t10" lang="hu"' in rows and '<p id="p-0002t11" lang="hu"' in rows
    assert [label for label in ("Page 1", "Page 2", "Page 3") if label in rows] == ["Page 1", "Page 2", "Page 3"]
    assert rows.count("page-label") == 3
    assert '<time datetime="1947-05-03">' in rows
    assert 'id="noteref-1"' in rows and 'id="note-1"' in shown.notes
    assert Outline(rows).sound and Outline(str(shown.notes)).sound


def test_yiddish_reads_from_right_to_left() -> None:
    with override("en"):
        assert 'lang="yi" dir="rtl"' in reading(hebrew_document()).rows


@pytest.mark.parametrize("work", [{}, {"tracks": [], "rows": []}, {"tracks": None, "rows": None, "entities": None}])
def test_a_work_without_words_is_an_empty_reading(work: dict[str, Any]) -> None:
    with override("en"):
        shown = reading(work)
    assert shown.rows == "" and shown.original is None and shown.companions == ()
