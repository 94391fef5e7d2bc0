"""What leaves the archive: harmless, and able to come back."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from archive.importing.formats import ReadingOptions
from archive.importing.readers.srt import read_srt
from archive.importing.readers.tei import read_work
from archive.importing.readers.webvtt import read_webvtt
from archive.importing.tei_text import TEI, XML_ID
from archive.importing.xml_reading import parse_xml
from archive.interchange import EXPORTS
from archive.interchange.csv_table import COLUMNS, FORMULA_STARTS, neutralised
from archive.values.text import rows_of

_NS = {"t": TEI}


def cue(anchor: str, text: str, **more) -> dict:
    plain: dict[str, Any] = {
        "group": "",
        "page": "",
        "start_ms": None,
        "end_ms": None,
        "speaker": "",
        "marks": [],
        "kind": "p",
    }
    return {"id": anchor, "text": text, "paratext": "", "public_text": None, **plain, **more}


def payload(*cues: dict, **more) -> dict:
    tracks: Any = [
        {
            "id": "t1",
            "kind": "transcript",
            "language": "hy",
            "declared_language": "hy",
            "direction": "ltr",
            "origin": "human",
            "reviewed": True,
            "is_original": True,
            "label": "",
            "cues": list(cues),
        }
    ]
    return {
        "id": "0123456789",
        "kind": "testimony",
        "title": {"original": "hy", "values": {"hy": {"text": "Գետը"}, "en": {"text": "The river"}}},
        "abstract": {},
        "original_language": "hy",
        "tracks": [{k: v for k, v in track.items() if k != "cues"} for track in tracks],
        "rows": rows_of(tracks),
        "licence": {"uri": "https://creativecommons.org/licenses/by/4.0/", "label": "CC BY", "download": True},
        "provenance": {"institution": "Archive of the Valley", "edition": "Voices"},
        "contributors": [{"role": "editor", "name": "Ilka", "id": None}],
        "entities": [],
        "facsimiles": [],
        "date": {"edtf": "1946-05"},
        "place": None,
        "source_facts": {},
        **more,
    }


TIMED = payload(
    cue("p-00000001", "Մենք գիտեինք <որ> & գետը", start_ms=0, end_ms=1500, speaker="Անահիտ"),
    cue("p-00000002", "--> կփրկի մեզ", start_ms=1500, end_ms=3_661_001, paratext="laughs"),
    cue("p-00000003", "without a time"),
)


def test_every_form_is_offered_where_it_fits():
    assert list(EXPORTS) == ["tei", "webvtt", "srt", "csv", "json"]
    untimed = payload(cue("p-00000001", "a"))
    assert [name for name, one in EXPORTS.items() if one.fits(untimed)] == ["tei", "csv", "json"]
    assert EXPORTS["webvtt"].write(untimed, "") is None
    assert all(one.fits(TIMED) for one in EXPORTS.values())


def test_webvtt_comes_back_with_times_speakers_and_anchors():
    text = EXPORTS["webvtt"].write(TIMED, "").decode()
    problems: list = []
    cues, fields = read_webvtt(text, "x.vtt", problems)
    assert not problems
    assert fields == {"kind": "transcript", "language": "hy", "x-cairn": "0123456789/t1"}
    assert [(c.id, c.text, c.speaker, c.start_ms, c.end_ms) for c in cues] == [
        ("p-00000001", "Մենք գիտեինք <որ> & գետը", "Անահիտ", 0, 1500),
        ("p-00000002", "--> կփրկի մեզ", "", 1500, 3_661_001),
    ]
    assert EXPORTS["webvtt"].write(TIMED, "track:t1").decode() == text
    assert EXPORTS["webvtt"].write(TIMED, "track:t9") is None


def test_subrip_comes_back_with_its_times():
    cues = read_srt(EXPORTS["srt"].write(TIMED, "hy").decode(), "x.srt", [])
    assert [(c.start_ms, c.end_ms) for c in cues] == [(0, 1500), (1500, 3_661_001)]
    assert cues[0].text == "Մենք գիտեինք ‹որ› & գետը"


def test_tei_holds_times_speakers_and_sounds():
    work = read_work(parse_xml(EXPORTS["tei"].write(TIMED, ""), "x"), "x", ReadingOptions())
    assert work.key == "cairn-0123456789"
    first, second, third = work.tracks[0].cues
    assert (first.id, first.start_ms, first.end_ms, first.speaker) == ("p-00000001", 0, 1500, "Անահիտ")
    assert (second.text, second.paratext) == ("--> կփրկի մեզ", "laughs")
    assert (third.text, third.start_ms) == ("without a time", None)
    assert work.title == {"hy": "Գետը", "en": "The river"}
    assert (work.date, work.licence_uri, work.institution) == (
        "1946-05",
        "https://creativecommons.org/licenses/by/4.0/",
        "Archive of the Valley",
    )


def test_a_redacted_passage_stays_redacted_in_every_form():
    withheld = cue(
        "p-00000001",
        "[withheld]",
        start_ms=0,
        end_ms=1,
        marks=[{"start": 0, "end": 10, "type": "withheld", "ref": "", "key": "", "data": {}}],
    )
    for form in EXPORTS.values():
        content = form.write(payload(withheld), "")
        assert content is not None and b"[withheld]" in content


def test_fiction_is_labelled_in_the_texts():
    fiction = {**TIMED, "fiction": True}
    for form in ("tei", "webvtt", "json"):
        assert b"iction" in EXPORTS[form].write(fiction, "")


def test_json_is_the_payload():
    assert json.loads(EXPORTS["json"].write(TIMED, "")) == json.loads(json.dumps(TIMED))


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_no_cell_is_a_formula(start):
    content = EXPORTS["csv"].write(payload(cue("p-00000001", f"{start}SUM(1)", speaker="=cmd|' /C calc'!A0")), "")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert tuple(rows[0]) == COLUMNS
    assert all(not cell.startswith(FORMULA_STARTS) for row in rows[1:] for cell in row)


@given(st.text(max_size=40))
def test_a_neutralised_cell_comes_back(cell):
    written = neutralised(cell)
    assert not written.startswith(FORMULA_STARTS)
    assert (written[1:] if written.startswith("'") else written) == cell


marks = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(0, 30), st.sampled_from(["person", "emphasis", "note", "page", "term", "gap"])
    ),
    max_size=8,
)


@given(marks)
def test_marks_that_overlap_still_make_well_formed_tei_with_every_character(spans):
    text = "abcdefghijklmnopqrstuvwxyz0123"
    made = [
        {
            "start": min(a, b),
            "end": min(a, b) if kind in ("note", "page", "gap") else max(a, b),
            "type": kind,
            "ref": "",
            "key": "",
            "data": {"text": "n"} if kind == "note" else {"n": "1"} if kind == "page" else {},
        }
        for a, b, kind in spans
    ]
    content = EXPORTS["tei"].write(payload(cue("p-00000001", text, marks=made)), "")
    root = etree.fromstring(content)
    block = root.find(f".//*[@{XML_ID}='p-00000001']")
    for note in block.findall("t:note", _NS) + block.findall(".//t:note", _NS):
        note.text = ""
    assert "".join(block.itertext()) == text
    work = read_work(parse_xml(content, "x"), "x", ReadingOptions())
    assert work.tracks[0].cues[0].text == text


@given(st.text(max_size=60))
def test_no_text_breaks_a_form(text):
    hostile = payload(cue("p-00000001", text, speaker=text, page=text[:5], start_ms=0, end_ms=1))
    hostile["title"] = {"original": "hy", "values": {"hy": {"text": text}}}
    for form in EXPORTS.values():
        form.write(hostile, "")
    etree.fromstring(EXPORTS["tei"].write(hostile, ""))
