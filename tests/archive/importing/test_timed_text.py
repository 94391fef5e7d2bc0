from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archive.importing.formats import ReadingOptions, choose_reader, readers
from archive.importing.problems import RefusedError
from archive.importing.readers.srt import read_srt
from archive.importing.readers.webvtt import read_webvtt
from archive.importing.reading import Source, decode
from archive.importing.timed_text import milliseconds, timestamp


def vtt(text: str):
    problems: list = []
    cues, fields = read_webvtt(text, "a.vtt", problems)
    return cues, fields, problems


def test_speakers_tags_and_entities():
    cues, fields, problems = vtt(
        "WEBVTT\nKind: captions\nLanguage: hy\n\nNOTE a remark\n\nid1\n00:01.000 --> 00:02.500 align:start\n"
        "<v.loud Անահիտ>Մենք &lt;<i>գիտեինք</i>&gt;\nոր <lang en>river</lang>\n"
    )
    (cue,) = cues
    assert fields == {"kind": "captions", "language": "hy"}
    assert (cue.speaker, cue.text) == ("Անահիտ", "Մենք <գիտեինք> որ river")
    assert (cue.start_ms, cue.end_ms) == (1000, 2500)
    assert [(m.type, cue.text[m.start : m.end]) for m in cue.marks] == [
        ("emphasis", "գիտեինք"),
        ("line", ""),
        ("foreign", "river"),
    ]
    assert not problems


def test_two_voices_in_one_cue_are_two_cues():
    cues, _f, _p = vtt("WEBVTT\n\n00:00.000 --> 00:02.000\n<v Ana>Yes</v> <v Ben>No\n")
    assert [(c.speaker, c.text, c.start_ms) for c in cues] == [("Ana", "Yes", 0), ("Ben", "No", 0)]


def test_broken_cues_are_named_and_the_others_stand():
    cues, _fields, problems = vtt(
        'WEBVTT\n\n00:00.000 --> 00:02.000\n<v Witness"><img src=x onerror=alert(1)>Hello <script>alert(1)</script>\n\n'
        "00:05.000 --> 00:01.000\nend before start\n\n99:99:99.999 --> bad\nbad time\n"
    )
    assert [cue.text for cue in cues] == ["Hello alert(1)"]
    assert [(p.code, p.place) for p in problems if p.severity == "refused"] == [
        ("time-backwards", "6 (cue 2)"),
        ("time-invalid", "9 (cue 3)"),
    ]


def test_times_that_go_back_are_sorted_and_reported():
    cues, _fields, problems = vtt("WEBVTT\n\n00:05.000 --> 00:06.000\nb\n\n00:01.000 --> 00:02.000\na\n")
    assert [p.code for p in problems] == ["time-order"]
    assert [cue.text for cue in cues] == ["b", "a"]


def test_what_is_no_webvtt_is_refused():
    with pytest.raises(RefusedError) as refused:
        vtt("WEBVTTX\n")
    assert refused.value.problem.code == "not-webvtt"


def test_subrip():
    problems: list = []
    cues = read_srt(
        "1\r\n00:00:01,000 --> 00:00:03,000\r\n{\\an8}<i>Le fleuve</i>\r\nnous sauvera\r\n\r\nlost words\r\n\r\n"
        "3\r\n00:00:04,000 --> 00:00:03,000\r\nno\r\n4\r\n00:01:00.500 --> 00:01:02,000\r\nfin\r\n",
        "a.srt",
        problems,
    )
    assert [(c.start_ms, c.text) for c in cues] == [(1000, "Le fleuve nous sauvera"), (60500, "fin")]
    assert [p.code for p in problems] == ["cue-without-time", "time-backwards"]


def test_a_wrong_encoding_is_named_and_never_stored():
    content = "1\r\n00:00:01,000 --> 00:00:03,000\r\nشهادة ناج من الإبادة\r\n".encode("cp1256")
    with pytest.raises(RefusedError) as refused:
        decode(content, "a.srt")
    problem = refused.value.problem
    assert (problem.code, problem.place) == ("wrong-encoding", "3:1")
    assert dict(problem.values)["guess"] == "windows-1256"
    assert decode(content, "a.srt", "windows-1256").endswith("الإبادة\r\n")


@pytest.mark.parametrize(("name", "language", "title"), [("Anna.hu.vtt", "hu", "Anna"), ("a_b.vtt", "und", "a b")])
def test_the_language_may_stand_in_the_name(tmp_path, name, language, title):
    path = tmp_path / name
    path.write_text("WEBVTT\n\n00:00.000 --> 00:01.000\nSzia\n", encoding="utf-8")
    (work,) = readers()["webvtt"].works(Source(path, name), ReadingOptions())
    assert (work.original_language, work.title) == (language, {language: title})


def test_real_files_of_other_programs_are_read_or_refused(archive_samples):
    seen = 0
    for path in sorted((archive_samples / "webvtt").rglob("*.*")):
        if path.suffix not in (".vtt", ".srt"):
            continue
        try:
            for work in choose_reader(Source(path, path.name)).works(Source(path, path.name), ReadingOptions()):
                assert work.tracks[0].cues
        except RefusedError as refused:
            assert refused.problem.reason and refused.problem.remedy
        seen += 1
    assert seen > 20


@given(st.integers(0, 10**9))
def test_times_come_back(time_ms):
    assert milliseconds(timestamp(time_ms)) == time_ms
    assert milliseconds(timestamp(time_ms, ",")) == time_ms


@given(st.text(max_size=300))
def test_arbitrary_text_never_raises_anything_else(text):
    for reader in (lambda: read_webvtt("WEBVTT\n\n" + text, "x", []), lambda: read_srt(text, "x", [])):
        try:
            reader()
        except RefusedError as refused:
            assert refused.problem.code


@given(st.binary(max_size=200))
@example(b'"')
def test_arbitrary_files_never_raise_anything_else(content):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.vtt"
        path.write_bytes(content or b" ")
        for name, reader in readers().items():
            try:
                list(reader.works(Source(path, f"x.{name}"), ReadingOptions()))
            except RefusedError as refused:
                assert refused.problem.reason
