from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from archive.importing.formats import ReadingOptions
from archive.importing.problems import RefusedError
from archive.importing.readers.tei import read_work
from archive.importing.xml_reading import MAX_DEPTH, parse_xml
from tests.archive.importing.conftest import EDITION


def read(xml: str, **options: str):
    return read_work(parse_xml(xml.encode(), "f.xml"), "f.xml", ReadingOptions(**options))


def body(inner: str) -> str:
    """A work whose body holds ``inner``."""
    return f'<TEI xmlns="http://www.tei-c.org/ns/1.0" xml:id="X"><text xml:lang="en"><body>{inner}</body></text></TEI>'


def codes(work) -> list[str]:
    return [problem.code for problem in work.problems]


def test_every_fact_of_the_header_is_read():
    work = read(EDITION)
    assert work.key == "VALLEY-001_HU_EN"
    assert work.kind == "testimony"
    assert work.title == {"hu": "A malom éjszakája", "en": "The night of the mill"}
    assert work.abstract == {"en": "How a family hid in a mill."}
    assert (work.date, work.date_as_written) == ("1946-05", "May 1946")
    assert work.place and (work.place.name, work.place.uri) == ("Malomvölgy", "https://www.geonames.org/1234567")
    assert (work.institution, work.collection, work.reference) == ("Archive of the Valley", "Mill papers", "7")
    assert work.licence_uri == "http://creativecommons.org/licenses/by/4.0/"
    assert [(one.role, one.name) for one in work.contributors] == [("editor", "Ilka Vadász")]
    assert work.edition == "Voices of the Valley"
    assert work.facsimiles == (("1", "mill_1.jpg"), ("2", "mill_2.jpg"))


def test_a_paragraph_belongs_to_the_page_on_which_it_starts_and_the_break_stays_inside():
    original, translation = read(EDITION).tracks
    assert [cue.page for cue in original.cues] == ["1", "1", "2"]
    second = original.cues[1]
    assert second.text == "Hallottuk a vizet egész éjjel."
    page, note = second.marks
    assert (page.type, page.start, page.end, page.data) == ("page", 9, 9, {"n": "2", "facs": "mill_2.jpg"})
    assert (note.type, second.text[: note.start], note.data["text"]) == ("note", "Hallottuk a vizet", "A patak vize.")
    assert [a.group for a in original.cues] == [b.group for b in translation.cues]
    assert len({cue.id for track in (original, translation) for cue in track.cues}) == 6


def test_entities_keep_their_identifiers_and_their_mentions():
    work = read(EDITION)
    by_name = {entity.uri or entity.key: entity for entity in work.entities}
    place = by_name["https://www.geonames.org/1234567"]
    assert (place.kind, place.name, place.language) == ("place", "malomban", "hu")
    assert set(place.mentions) == {work.tracks[0].cues[0].id, work.tracks[1].cues[0].id}
    assert by_name["valley_ilka"].kind == "person"
    assert by_name["https://example.org/terms/hiding"].mentions == ()


def test_language_tags_are_normalised_and_the_declared_one_is_kept_and_reported():
    work = read(EDITION)
    mark = work.tracks[0].cues[2].marks[0]
    assert mark.data == {"lang": "yi", "declared": "yid"}
    (problem,) = [one for one in work.problems if one.code == "language-normalised"]
    assert problem.place == "31" and dict(problem.values) == {"declared": "yid", "language": "yi"}


@pytest.mark.parametrize("text", ["No translation is available.", "no translation is available"])
def test_a_placeholder_is_no_translation(text):
    work = read(body(f'<div type="original"><p>Szó.</p></div><div type="translation"><p>{text}</p></div>'))
    assert len(work.tracks) == 1
    assert "translation-placeholder" in codes(work)


def test_nothing_of_an_unusual_text_is_lost():
    work = read(
        body(
            "<head>Title</head>loose words<list><head>L</head><item>one</item><item>two <list><item>deep</item></list>"
            " after</item></list><table><row><cell>a</cell><cell>b</cell></row></table><lg><l>x</l><l>y</l></lg>"
            "<p>before<q>said <persName>so</persName></q><strange>odd</strange> end</p>"
            "<closer>yours<signed>N. N.</signed></closer><note>apart</note>"
        )
    )
    assert [(cue.kind, cue.text) for cue in work.tracks[0].cues] == [
        ("head", "Title"),
        ("p", "loose words"),
        ("head", "L"),
        ("list-item", "one"),
        ("list-item", "two"),
        ("list-item", "deep"),
        ("p", "after"),
        ("cell", "a"),
        ("cell", "b"),
        ("line", "x"),
        ("line", "y"),
        ("p", "beforesaid soodd end"),
        ("p", "yours"),
        ("closer", "N. N."),
        ("note", "apart"),
    ]
    assert "element-kept-as-text" in codes(work)


def test_white_space_is_collapsed_and_marks_never_begin_or_end_on_a_blank():
    work = read(body("<p>\n a  <hi rend='b'> b\t c </hi>\n d<lb/>e\u00a0 f </p>"))
    (cue,) = work.tracks[0].cues
    assert cue.text == "a b c d e\u00a0 f"
    mark = cue.marks[0]
    assert cue.text[mark.start : mark.end] == "b c" and mark.data == {"rend": "b"}


def test_offsets_count_normalised_characters():
    work = read(body("<p>Da\u0328browa <placeName ref='http://x/1'>Go\u0301rnicza</placeName></p>"))
    (cue,) = work.tracks[0].cues
    assert cue.text == "Dąbrowa Górnicza"
    assert cue.text[cue.marks[0].start : cue.marks[0].end] == "Górnicza"


def test_tricks_in_a_name_are_removed_and_named():
    title = "<title xml:lang='en'>Bir\u200bkenau \u202egpj</title>"
    header = f"<teiHeader><fileDesc><titleStmt>{title}</titleStmt></fileDesc></teiHeader>"
    work = read(body("<p>a</p>").replace("<text", header + "<text"))
    assert work.title == {"en": "Birkenau gpj"}
    (problem,) = [one for one in work.problems if one.code == "hidden-characters"]
    assert "U+200B U+202E" in problem.reason


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"<TEI xmlns='http://www.tei-c.org/ns/1.0'>\n<text><p></text></TEI>", "not-well-formed", "2:12"),
        (b"<?xml version='1.0' encoding='utf-8'?>\n<TEI>\xe5</TEI>", "wrong-encoding", "2:6"),
        (b"<?xml version='1.0' encoding='klingon'?><TEI/>", "unknown-encoding", "1:1"),
        (b"<!DOCTYPE TEI [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><TEI>&x;</TEI>", "has-dtd", "1:15"),
        (b"<TEI>&undefined;</TEI>", "not-well-formed", "1:6"),
        (b"<d>" * 20_000 + b"</d>" * 20_000, "too-deep", f"1:{3 * MAX_DEPTH + 1}"),
    ],
)
def test_hostile_xml_is_refused_with_its_place(content, code, place):
    with pytest.raises(RefusedError) as refused:
        parse_xml(content, "bad.xml")
    assert (refused.value.problem.code, refused.value.problem.place) == (code, place)
    assert refused.value.problem.reason and refused.value.problem.remedy


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_else(content):
    try:
        root = parse_xml(content, "x.xml")
    except RefusedError:
        return
    assert root is not None


_words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn")), min_size=1, max_size=20)


@given(
    st.lists(st.tuples(_words, st.sampled_from(["", "hi", "term", "q", "persName", "foreign"])), min_size=1, max_size=8)
)
def test_every_character_of_a_paragraph_arrives(parts):
    paragraph = etree.Element("{http://www.tei-c.org/ns/1.0}p")
    paragraph.text = "§"
    for words, name in parts:
        child = etree.SubElement(paragraph, f"{{http://www.tei-c.org/ns/1.0}}{name or 'hi'}")
        child.text = words
    work = read(body(etree.tostring(paragraph, encoding="unicode")))
    import unicodedata

    source = "§" + "".join(words for words, _name in parts)
    collapsed = " ".join(word for word in source.replace("\n", " ").split(" ") if word)
    assert work.tracks[0].cues[0].text == unicodedata.normalize("NFC", collapsed)
    for mark in work.tracks[0].cues[0].marks:
        assert 0 <= mark.start <= mark.end <= len(work.tracks[0].cues[0].text)
