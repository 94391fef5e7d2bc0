"""TEI lists of names: the entries are fiction, as are the two villages."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from archive.importing.name_list_records import ImportNames
from archive.importing.name_lists import read_name_list
from archive.importing.problems import RefusedError
from archive.importing.reading import Source
from archive.models import Community, ExternalId, Organisation, Person, Place
from archive.revisions import save_revision
from archive.values.language_map import from_texts

LIST = """<?xml version="1.0" encoding="UTF-8"?>
<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt><title>Names</title>
<principal><affiliation><orgName>Nobody’s archive</orgName></affiliation></principal></titleStmt></fileDesc></teiHeader>
<text><body>
<listPlace>
  <place xml:id="dolina"><placeName xml:lang="pl">Dolina</placeName><placeName xml:lang="yi">דאָלינע</placeName>
    <placeName xml:lang="pl">Dolinka</placeName>
    <location><geo>49.5 24.25</geo></location><note xml:lang="en"><p>A village<!-- x --> by the river.</p></note>
    <linkGrp><link target="https://en.wikipedia.org/wiki/Dolina" type="normal"/>
      <link target="http://www.geonames.org/999999901/dolina.html" type="normal"/></linkGrp></place>
  <place xml:id="nowhere"><placeName>Nowhere</placeName><location><geo>149.5 24</geo></location></place>
  <place xml:id="empty"/>
</listPlace>
<listPerson><person xml:id="smith_anna"><persName xml:lang="de">Schmidt, Anna</persName></person></listPerson>
<listOrg><org xml:id="mill"><orgName xml:lang="en">Mill guild</orgName><idno>https://www.wikidata.org/wiki/Q999999902</idno></org></listOrg>
</body></text></TEI>
"""
DOLINA = "https://www.geonames.org/999999901"


@pytest.fixture
def names(tmp_path) -> Source:
    path = tmp_path / "names.xml"
    path.write_text(LIST, encoding="utf-8")
    return Source(path, path.name)


@pytest.fixture
def community(db) -> Community:
    return Community.objects.create(slug="valley", name=from_texts({"en": "Valley"}, "en"))


def test_entries_are_read_and_what_is_wrong_is_named(names):
    read = read_name_list(names)
    by_key = {one.key: one for one in read.entries}
    assert set(by_key) == {"dolina", "nowhere", "smith_anna", "mill"}
    dolina = by_key["dolina"]
    assert (dolina.uri, dolina.point) == (DOLINA, (49.5, 24.25))
    assert dolina.names == {"pl": "Dolina", "yi": "דאָלינע"}
    assert dolina.variants == (("pl", "Dolinka"),)
    assert dolina.note == {"en": "A village by the river."}
    assert by_key["nowhere"].point is None
    assert {(one.code, one.place) for one in read.problems} == {
        ("coordinates-broken", "nowhere"),
        ("name-missing", "empty"),
    }


def test_a_name_read_off_a_text_gives_way_and_stays_a_variant(names, community):
    place = Place.objects.create(name=from_texts({"cs": "Doliny"}, ""))
    ExternalId.objects.create(record=place, uri=DOLINA)
    person = Person.objects.create(community=community, identity="smith_anna", name=from_texts({"de": "Anna"}, ""))
    report = ImportNames(names, community).execute()
    assert (report.counts["updated"], report.counts["created"], report.counts["refused"]) == (2, 2, 1)
    place.refresh_from_db()
    assert (place.latitude, place.longitude, place.name["original"]) == (49.5, 24.25, "pl")
    assert {(one["language"], one["text"]) for one in place.other_names} == {("pl", "Dolinka"), ("cs", "Doliny")}
    person.refresh_from_db()
    assert person.name["values"]["de"]["text"] == "Schmidt, Anna"
    mill = Organisation.objects.get()
    assert mill.community is None
    assert mill.external_ids.get().uri == "https://www.wikidata.org/entity/Q999999902"
    assert Place.objects.get(identity="nowhere").community == community
    again = ImportNames(names, community).execute()
    assert (again.counts["updated"], again.counts["created"], again.counts["unchanged"]) == (0, 0, 4)


def test_what_a_vocabulary_or_a_person_has_named_keeps_its_names(names, community):
    place = Place.objects.create(name=from_texts({"en": "The Dale", "pl": "Stara Dolina"}, "en"))
    ExternalId.objects.create(record=place, uri=DOLINA)
    guild = Organisation.objects.create(name=from_texts({"en": "Guild"}, "en"))
    save_revision(guild, origin="edit")
    ExternalId.objects.create(record=guild, uri="https://www.wikidata.org/entity/Q999999902")
    ImportNames(names, community).execute()
    place.refresh_from_db()
    guild.refresh_from_db()
    assert {tag: one["text"] for tag, one in place.name["values"].items()} == {
        "en": "The Dale",
        "pl": "Dolina",
        "yi": "דאָלינע",
    }
    assert place.name["original"] == "en"
    assert guild.name["values"]["en"]["text"] == "Guild"


def test_new_persons_are_withheld_and_need_a_community(names, community, db):
    ImportNames(names, community).execute()
    assert Person.objects.get().name_policy == Person.NamePolicy.WITHHELD
    report = ImportNames(names).execute()
    assert Person.objects.count() == 1
    assert {one.place for one in report.problems if one.code == "community-needed"} == {"smith_anna", "nowhere"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('<!DOCTYPE TEI [<!ENTITY a "b">]><TEI xmlns="http://www.tei-c.org/ns/1.0"/>', "has-dtd"),
        ('<TEI xmlns="http://www.tei-c.org/ns/1.0"><text/></TEI>', "no-names"),
        ('<TEI xmlns="http://www.tei-c.org/ns/1.0"><text>', "not-well-formed"),
    ],
)
def test_hostile_and_wrong_files_are_refused(tmp_path, text, code):
    path = tmp_path / "x.xml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RefusedError) as refused:
        read_name_list(Source(path, path.name))
    assert refused.value.problem.code == code


def test_the_command_tells_lists_from_vocabularies(names, community):
    with pytest.raises(SystemExit):
        call_command("import_vocabulary", names.path, community="valley", verbosity=0)
    assert Place.objects.filter(external_ids__uri=DOLINA).exists()
    with pytest.raises(CommandError, match="vale"):
        call_command("import_vocabulary", names.path, community="vale", verbosity=0)


@pytest.mark.django_db
def test_the_lists_of_the_sample_editions(archive_samples):
    community = Community.objects.create(slug="valley", name=from_texts({"en": "Valley"}, "en"))
    folder = archive_samples / "ehri-editions" / "indexes"
    counts = {}
    for name in ("organizations", "persons", "places"):
        path = folder / f"EHRI_index_{name}.xml"
        report = ImportNames(Source(path, path.name), community).execute()
        counts[name] = len(report.items)
        assert report.counts["refused"] == 0, report.problems
        again = ImportNames(Source(path, path.name), community).execute()
        assert again.counts["unchanged"] == len(report.items)
    assert counts == {"organizations": 127, "persons": 1074, "places": 720}
    assert Place.objects.filter(latitude__isnull=False).count() > 600
