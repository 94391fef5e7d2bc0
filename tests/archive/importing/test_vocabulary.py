from __future__ import annotations

import json

import pytest

from archive.importing.problems import RefusedError
from archive.importing.reading import Source
from archive.importing.vocabulary import read_vocabulary
from archive.importing.vocabulary_records import ImportVocabulary
from archive.models import Concept, ConceptScheme, ExternalId, Place

_HEAD = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix e: <http://example.org/v/> .\n"

VALLEY = (
    _HEAD
    + """
e:scheme a skos:ConceptScheme; skos:prefLabel "Valley terms"@en .
e:river a skos:Concept; skos:prefLabel "River"@en, "folyó"@hu, "נהר"@iw;
  skos:altLabel "stream"@en; skos:narrower e:ford .
e:ford a skos:Concept; skos:prefLabel "Ford"@eng; skos:related e:mill; skos:scopeNote "Where one can cross."@en .
e:mill a skos:Concept; skos:prefLabel "Mill"@en .
"""
)


def source(folder, text: str, name: str = "v.ttl") -> Source:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return Source(path, name)


def test_labels_links_and_tags(tmp_path):
    vocabulary = read_vocabulary(source(tmp_path, VALLEY))
    by_uri = {one.uri.rsplit("/", 1)[1]: one for one in vocabulary.concepts}
    assert by_uri["river"].preferred == {"en": "River", "hu": "folyó", "he": "נהר"}
    assert by_uri["ford"].broader == ("http://example.org/v/river",)
    assert by_uri["mill"].related == ("http://example.org/v/ford",)
    assert by_uri["ford"].scope_note == {"en": "Where one can cross."}
    assert {dict(p.values)["declared"] for p in vocabulary.problems} == {"iw", "eng"}


def test_cycles_and_double_labels_are_refused_by_name_and_the_rest_stands(tmp_path):
    text = (
        VALLEY
        + 'e:a a skos:Concept; skos:prefLabel "A"@en, "A2"@en; skos:broader e:b .'
        + "e:b a skos:Concept; skos:broader e:a ."
        + 'e:c a skos:Concept; skos:prefLabel "C"@en; skos:broader e:a .'
    )
    vocabulary = read_vocabulary(source(tmp_path, text))
    assert {p.code for p in vocabulary.problems if p.severity == "refused"} == {
        "broader-cycle",
        "two-preferred-labels",
        "label-missing",
    }
    assert {one.uri.rsplit("/", 1)[1] for one in vocabulary.concepts} == {"river", "ford", "mill", "c"}
    assert "link-to-nowhere" in {p.code for p in vocabulary.problems}


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("v.ttl", "this is no turtle", "vocabulary-broken"),
        ("v.ttl", _HEAD, "no-concepts"),
        ("v.rdf", '<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x "y">]><r>&x;</r>', "has-dtd"),
        ("v.jsonld", '{"@context": "http://169.254.169.254/latest", "@id": "x"}', "vocabulary-broken"),
        ("v.jsonld", '{"@context": [{"@import": "http://127.0.0.1/x"}]}', "vocabulary-broken"),
        ("v.jsonld", "[" * 5000, "vocabulary-broken"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path, name, text, code):
    with pytest.raises(RefusedError) as refused:
        read_vocabulary(source(tmp_path, text, name))
    assert refused.value.problem.code == code and refused.value.problem.remedy


def test_json_ld(tmp_path):
    document = {
        "@context": {"skos": "http://www.w3.org/2004/02/skos/core#"},
        "@id": "http://example.org/v/mill",
        "@type": "skos:Concept",
        "skos:prefLabel": {"@value": "Mill", "@language": "en"},
    }
    vocabulary = read_vocabulary(source(tmp_path, json.dumps(document), "v.jsonld"))
    assert [one.preferred for one in vocabulary.concepts] == [{"en": "Mill"}]


@pytest.mark.django_db
def test_concepts_are_made_once_and_changed_labels_arrive(tmp_path, site):
    report = ImportVocabulary(source(tmp_path, VALLEY), "valley").execute()
    assert report.counts["created"] == 3
    ford = Concept.objects.get(name__values__en__text="Ford")
    assert [str(one) for one in ford.broader.all()] == ["River"] and [str(one) for one in ford.related.all()] == [
        "Mill"
    ]
    assert ford.community is None and ConceptScheme.objects.get().title["values"]["en"]["text"] == "Valley terms"
    assert ImportVocabulary(source(tmp_path, VALLEY), "valley").execute().counts["unchanged"] == 3
    changed = VALLEY.replace('"Ford"@eng', '"Crossing"@en').replace("; skos:related e:mill", "")
    assert ImportVocabulary(source(tmp_path, changed), "valley").execute().counts["updated"] == 1
    ford.refresh_from_db()
    assert str(ford) == "Crossing" and not ford.related.exists()
    assert Concept.objects.count() == 3


@pytest.mark.django_db
def test_a_place_that_texts_made_gets_its_name_and_stays_a_place(tmp_path, site):
    place = Place.objects.create(name={"original": "hu", "values": {"hu": {"text": "gázló"}}})
    ExternalId.objects.create(record_id=place.pk, uri="http://example.org/v/ford")
    report = ImportVocabulary(source(tmp_path, VALLEY), "valley").execute()
    assert (report.counts["created"], report.counts["updated"]) == (2, 1)
    place.refresh_from_db()
    assert str(place) == "Ford" and Concept.objects.count() == 2
