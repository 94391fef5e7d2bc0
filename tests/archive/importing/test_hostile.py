"""What wants to do harm is refused or made harmless, by name; the expectations come with the cases."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from archive.importing.formats import ReadingOptions, choose_reader, sources_in
from archive.importing.options import ImportOptions
from archive.importing.parsed import ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.report import Report, ReportItem, problem_lines
from archive.importing.run import ImportWorks
from archive.importing.safe_text import mixed_scripts, shown, storable, without_tricks
from archive.importing.vocabulary import read_vocabulary
from tests.conftest import SHARED


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    tool = SHARED / "tools" / "make_hostile.py"
    if not tool.is_file():
        pytest.skip("shared/tools/make_hostile.py is not beside this checkout.")
    folder = tmp_path_factory.mktemp("hostile")
    subprocess.run([sys.executable, tool, folder], check=True, capture_output=True)
    return folder


def read(folder: Path, name: str) -> tuple[list[ParsedWork], list[Problem]]:
    source = next(one for one in sources_in(folder) if one.name == name)
    try:
        found = list(choose_reader(source).works(source, ReadingOptions()))
    except RefusedError as refused:
        return [], [refused.problem]
    works = [one for one in found if isinstance(one, ParsedWork)]
    return works, [one for one in found if isinstance(one, Problem)] + [p for work in works for p in work.problems]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("tei-xxe.xml", "has-dtd"),
        ("tei-billion-laughs.xml", "has-dtd"),
        ("tei-deep-nesting.xml", "too-deep"),
        ("srt-windows1256.srt", "wrong-encoding"),
        ("png-bomb-30000x30000.png", "unknown-format"),
        ("zip-slip.zip", "unknown-format"),
        ("tar-symlink.tar", "unknown-format"),
        ("pdf-js.pdf", "unknown-format"),
        ("svg-script.svg", "unknown-format"),
    ],
)
def test_refused_with_a_named_reason(hostile, name, code):
    works, problems = read(hostile, name)
    assert not works and [one.code for one in problems] == [code]
    assert "root:" not in json.dumps([one.as_dict() for one in problems])


def test_a_caption_file_with_scripts_is_plain_text(hostile):
    (work,), problems = read(hostile, "vtt-script.vtt")
    assert [cue.text for cue in work.tracks[0].cues] == ["Hello alert(1)"]
    assert len([one for one in problems if one.severity == "refused"]) == 2


def test_a_cycle_in_a_vocabulary_is_named(hostile):
    (source,) = [one for one in sources_in(hostile) if one.name == "skos-cycle.ttl"]
    vocabulary = read_vocabulary(source)
    assert not vocabulary.concepts
    assert {one.code for one in vocabulary.problems} == {"broader-cycle", "two-preferred-labels", "label-missing"}


def test_a_name_that_runs_backwards_is_shown_safely(hostile):
    (source,) = [one for one in sources_in(hostile) if "gpj" in one.name]
    report = Report(items=[ReportItem(source.name, "refused", problems=(problem("empty-file", source.name),))])
    told = "\n".join(report.lines()) + json.dumps(report.as_dict(), ensure_ascii=False)
    assert "\u202e" not in told and "\\u{202E}gpj.exe" in told


@pytest.mark.django_db
@pytest.mark.usefixtures("vault")
def test_the_whole_folder_at_once_takes_nothing_down(hostile, edition):
    sources = [*sources_in(hostile), *sources_in(edition)]
    report = ImportWorks(sources, ImportOptions("valley", "mixed")).execute()
    assert report.exit_code == 1
    by_source = {item.source: item.outcome for item in report.items}
    assert by_source["valley.xml"] == "created"
    assert by_source["tei-xxe.xml"] == by_source["tei-deep-nesting.xml"] == "refused"
    assert "internal" not in {one.code for one in report.all_problems()}
    for line in problem_lines(report.all_problems()):
        assert line.isprintable()


def test_links_and_pipes_are_left_alone(tmp_path):
    import os

    (tmp_path / "real.txt").write_text("Text.", encoding="utf-8")
    (tmp_path / "link.txt").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe.txt")
    assert [one.name for one in sources_in(tmp_path)] == ["real.txt"]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("a\u202eb", "a\\u{202E}b"), ("a\x1b[31m", "a\\u{001B}[31m"), ("a\nb", "a\\u{000A}b"), ("שלום", "שלום")],
)
def test_shown_text_is_harmless(text, escaped):
    assert shown(text) == escaped


def test_joiners_stay_where_a_script_spells_with_them():
    assert without_tricks("می\u200cخواهم") == ("می\u200cخواهم", [])
    assert without_tricks("Bir\u200ckenau") == ("Birkenau", ["U+200C"])


def test_mixed_alphabets_in_one_word_are_seen_and_mixed_lines_are_not():
    assert mixed_scripts("B\u0456rkenau") == ("Cyrillic", "Latin")
    assert mixed_scripts("Birkenau Биркенау") == ()


def test_control_characters_are_counted():
    assert storable("a\x00b\tc\n\x07") == ("ab\tc\n", 2)
