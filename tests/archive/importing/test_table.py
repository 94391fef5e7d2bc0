from __future__ import annotations

from pathlib import Path

import pytest

from archive.importing.formats import ReadingOptions, choose_reader
from archive.importing.mapping import SHIPPED, fill, load_mapping
from archive.importing.parsed import ParsedWork
from archive.importing.problems import Problem, RefusedError
from archive.importing.readers.table import READER
from archive.importing.reading import Source
from archive.interchange.csv_table import COLUMNS


def read(folder: Path, text: str, **options: str):
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    found = list(READER.works(Source(path, "table.csv"), ReadingOptions(**options)))
    works = [one for one in found if isinstance(one, ParsedWork)]
    return works, [one for one in found if isinstance(one, Problem)] + [p for work in works for p in work.problems]


def test_a_plain_table_needs_no_mapping(tmp_path):
    (tmp_path / "ana.txt").write_text("Erster Absatz.\n\nZweiter\nAbsatz.", encoding="utf-8")
    works, problems = read(tmp_path, "id,title,file,language,narrator,place\n7,Ana,ana.txt,de,Ana K.,Graz\n")
    (work,) = works
    assert (work.key, work.title, work.original_language) == ("7", {"de": "Ana"}, "de")
    assert [cue.text for cue in work.tracks[0].cues] == ["Erster Absatz.", "Zweiter Absatz."]
    assert [(c.role, c.name) for c in work.contributors] == [("narrator", "Ana K.")]
    assert [name for name, _content in work.originals] == ["ana.txt", "row.json"]
    assert not problems


def test_every_table_but_our_own_is_one_with_a_mapping(tmp_path):
    for name, text, reader in (
        ("a.csv", "id,title\n", "csv"),
        ("b.tsv", "id\ttitle\n", "csv"),
        ("c.csv", ",".join(COLUMNS) + "\r\n", "passages"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert choose_reader(Source(tmp_path / name, name)).name == reader


def test_rows_that_cannot_be_taken_are_named_and_the_others_stand(tmp_path):
    (tmp_path / "a.txt").write_text("A.", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("Łódź".encode("cp1250"))
    works, problems = read(
        tmp_path,
        "id,title,file,language\n1,One,a.txt,en\n2,Two,gone.txt,en\n3,Three,../secret.txt,en\n4,Four,latin.txt,pl\n"
        "5,too,few\n,No key,a.txt,en\n",
    )
    assert [work.key for work in works] == ["1"]
    refused = {(p.code, p.place.split(":")[0]) for p in problems if p.severity == "refused"}
    assert refused == {
        ("text-missing", "row 3"),
        ("leaves-folder", "row 4"),
        ("wrong-encoding", "row 5"),
        ("row-broken", "row 6"),
        ("row-without-key", "row 7"),
    }


def test_a_text_two_rows_claim_holds_both_back(tmp_path):
    (tmp_path / "a.txt").write_text("A.", encoding="utf-8")
    works, problems = read(tmp_path, "id,title,file,language\n1,One,a.txt,en\n2,Two,a.txt,en\n")
    assert [work.hold_back for work in works] == ["text-shared", "text-shared"]
    assert {p.code for p in problems} == {"text-shared"}


@pytest.mark.parametrize(
    ("name", "code"),
    [("Bir\u200bkenau", "hidden-characters"), ("B\u0456rkenau", "mixed-scripts"), ("\u202egpj", "hidden-characters")],
)
def test_tricks_in_names_are_named(tmp_path, name, code):
    works, problems = read(tmp_path, f"name\n{name}\n")
    assert code in {p.code for p in problems}
    (title,) = works[0].title.values()
    assert not set(title) & {"\u200b", "\u202e"}
    assert ("\u0456" in title) == (code == "mixed-scripts")


def test_composed_and_decomposed_names_are_one(tmp_path):
    works, _ = read(tmp_path, "name\nDąbrowa Górnicza\nDa\u0328browa Go\u0301rnicza\n")
    assert works[0].title == works[1].title


def test_formulas_are_text(tmp_path):
    works, _ = read(tmp_path, 'name,place\n"=HYPERLINK(""http://127.0.0.1/x"")","@SUM(1)"\n')
    assert list(works[0].title.values()) == ['=HYPERLINK("http://127.0.0.1/x")']
    assert works[0].place and works[0].place.name == "@SUM(1)"


@pytest.mark.parametrize("columns", ["a,b\n1,2\n", "\n", "x"])
def test_a_table_that_says_nothing_of_itself_is_refused(tmp_path, columns):
    with pytest.raises(RefusedError) as refused:
        read(tmp_path, columns)
    assert refused.value.problem.code in ("mapping-needed", "table-broken")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[record", "Expected"),
        ("[record]\nkey='a'", "title"),
        ("[record]\nkey=1\ntitle={en='x'}", "text"),
        ("x=1", "record"),
    ],
)
def test_a_bad_mapping_is_refused_with_its_reason(tmp_path, text, why):
    path = tmp_path / "map.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RefusedError) as refused:
        load_mapping(str(path))
    assert refused.value.problem.code == "mapping-invalid" and why in refused.value.problem.reason


def test_the_shipped_mappings_load():
    assert [load_mapping(path.stem).name for path in sorted(SHIPPED.glob("*.toml"))] == ["wpa"]


def test_templates_leave_no_orphaned_commas():
    assert fill("{city}, {state}", {"city": "", "state": "AL"}) == "AL"
    assert fill("{city}, {state}", {"city": "Eufaula", "state": ""}) == "Eufaula"
