"""The real editions: every defect named, every paragraph to the letter, every text back from its own export."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from archive.importing.fidelity import compare, entities_in_source
from archive.importing.formats import ReadingOptions, sources_in
from archive.importing.parsed import ParsedWork
from archive.importing.problems import Problem
from archive.importing.readers.table import READER as TABLE
from archive.importing.readers.tei import READER as TEI
from archive.importing.readers.tei import read_work
from archive.importing.reading import Source
from archive.importing.snapshots import snapshot_from
from archive.importing.vocabulary import read_vocabulary
from archive.importing.xml_reading import parse_xml
from archive.interchange.passages import payload_of
from archive.interchange.tei import write_tei
from tests.conftest import SHARED

EDITIONS = ("early_testimonies", "begrentze_flucht_uzravit_hranice")


@pytest.fixture(scope="module")
def editions(archive_samples) -> list[tuple[Source, ParsedWork]]:
    sources = [s for folder in EDITIONS for s in sources_in(archive_samples / "ehri-editions" / folder)]
    found = [(source, work) for source in sources for work in TEI.works(source, ReadingOptions())]
    return [(source, work) for source, work in found if isinstance(work, ParsedWork)]


@pytest.fixture(scope="module")
def defects() -> dict:
    path = SHARED / "data" / "expected_defects.json"
    if not path.is_file():
        pytest.skip("shared/data/expected_defects.json is not beside this checkout.")
    return json.loads(path.read_text("utf-8"))


#: What expected_defects.json calls a defect, and the code under which the report names it.
NAMED = {
    "translation_is_only_a_placeholder": "translation-placeholder",
    "translation_empty": "translation-empty",
    "original_empty": "original-empty",
    "original_without_language": "language-missing",
    "page_break_sequences_differ": "pages-differ",
}


@pytest.mark.parametrize("defect", NAMED)
def test_the_report_names_every_file_with_a_defect(editions, defects, defect):
    named = {work.file for _source, work in editions for one in work.problems if one.code == NAMED[defect]}
    assert named == set(defects["ehri-editions"][defect])
    for _source, work in editions:
        for one in work.problems:
            assert one.file == work.file and one.reason and one.remedy
            assert one.place or one.code in ("entities-without-authority", "facsimiles-not-supplied")


def test_every_language_tag_to_normalise_is_named(editions, defects):
    named = defaultdict(set)
    for _source, work in editions:
        for one in work.problems:
            if one.code == "language-normalised":
                named[dict(one.values)["declared"]].add(work.file)
    assert named == {tag: set(files) for tag, files in defects["ehri-editions"]["language_tags_to_normalise"].items()}


def test_files_languages_and_facsimiles(editions, defects):
    wanted = defects["ehri-editions"]
    assert len(editions) == wanted["files"]
    originals = {t.language for _s, work in editions for t in work.tracks if t.is_original} - {"und"}
    assert sorted(originals) == wanted["declared_original_languages"]
    for _source, work in editions:
        said = any(one.code == "facsimiles-not-supplied" for one in work.problems)
        assert said == bool(work.facsimiles)


def test_every_paragraph_is_held_to_the_letter(editions):
    paragraphs = characters = notes = 0
    for source, work in editions:
        found = compare(source.content, source.name, work.as_tracks())
        assert found.same, found.differences[:3]
        paragraphs, characters, notes = (
            paragraphs + found.paragraphs,
            characters + found.characters,
            notes + found.notes,
        )
    assert (paragraphs, notes) == (7037, 425)
    assert characters > 2_300_000


def test_the_check_to_the_letter_goes_red(editions):
    source, work = editions[0]
    tracks = work.as_tracks()
    cue = tracks[0]["cues"][2]
    cue["text"] = cue["text"][:-1]
    assert not compare(source.content, source.name, tracks).same


def test_entities_with_and_without_authority_are_counted_alike(editions):
    in_source, held = [0, 0], [0, 0]
    for source, work in editions:
        named, anonymous = entities_in_source(source.content, source.name)
        in_source = [in_source[0] + named, in_source[1] + anonymous]
        for track in work.tracks:
            for cue in track.cues:
                for mark in cue.marks:
                    entity = mark.type in ("person", "place", "organisation", "term")
                    if entity and cue.kind != "note" and mark.end > mark.start:
                        held[0 if mark.ref or mark.key else 1] += 1
    assert held == in_source
    assert in_source[0] > 43_000 and in_source[1] > 0


def test_every_edition_comes_back_from_its_own_export(editions):
    for _source, work in editions:
        said = snapshot_from(work, [], place=None, collection="c", rights=None)
        export = write_tei(payload_of(said, public_id="0123456789"))
        assert export is not None
        again = read_work(parse_xml(export, "export.xml"), "export.xml", ReadingOptions(kind=work.kind))
        back = snapshot_from(again, [], place=None, collection="c", rights=None)
        for snapshot in (said, back):
            snapshot.pop("source_facts")
            for track in snapshot["tracks"]:
                track.pop("declared_language")
        assert back == said, work.file


def test_the_narratives_of_the_formerly_enslaved(archive_samples, defects):
    found = list(TABLE.works(Source(archive_samples / "wpa" / "people.csv", "people.csv"), ReadingOptions()))
    works = [one for one in found if isinstance(one, ParsedWork)]
    problems = [one for one in found if isinstance(one, Problem)] + [one for w in works for one in w.problems]
    wanted = defects["wpa"]
    assert len(works) == wanted["rows"] == len({work.key for work in works})
    by_code = defaultdict(list)
    for one in problems:
        by_code[one.code].append(one)
        assert one.file and one.reason and one.remedy
    assert [dict(one.values)["name"] for one in by_code["text-without-row"]] == wanted["texts_without_row"]
    assert {dict(one.values)["name"] for one in by_code["text-shared"]} == set(wanted["claimed_by_two_rows"])
    assert [one.place.split(": ")[1] for one in by_code["date-invalid"]] == wanted["dates_that_are_no_date"]
    assert len(by_code["date-imprecise"]) == wanted["dates_of_lower_precision"]
    assert set(by_code) == {"text-without-row", "text-shared", "row-key-doubled", "date-invalid", "date-imprecise"}
    held_back = [work.key for work in works if work.hold_back]
    assert len(held_back) == 2 and all("davis-william" in key for key in held_back)
    texts = archive_samples / "wpa" / "wpa-texts"
    for work in works[::40]:
        source = (texts / work.originals[0][0]).read_text("utf-8-sig")
        held = " ".join(cue.text for cue in work.tracks[0].cues)
        assert held.split() == source.split(), work.key


@pytest.mark.parametrize(("name", "concepts", "tags"), [("ehri/ehri_terms_2023.ttl", 554, {"iw", "sh"})])
def test_the_ehri_terms(archive_samples, name, concepts, tags):
    vocabulary = read_vocabulary(Source(archive_samples / "vocab" / name, name))
    assert len(vocabulary.concepts) == concepts
    assert {dict(one.values)["declared"] for one in vocabulary.problems} == tags
    assert vocabulary.concepts[0].uri.startswith("https://portal.ehri-project.eu/keywords/ehri_terms-")


@pytest.mark.slow
def test_the_unesco_thesaurus(archive_samples):
    vocabulary = read_vocabulary(Source(archive_samples / "vocab" / "unesco-thesaurus.ttl", "unesco.ttl"))
    assert len(vocabulary.concepts) == 4485 and not vocabulary.problems
    assert {tag for one in vocabulary.concepts for tag in one.preferred} == {"en", "fr", "es", "ru", "ar"}
