"""A vocabulary that is taken out says the same when it is brought in again."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, RDF, SKOS

from archive.importing.reading import Source
from archive.importing.vocabulary import read_vocabulary
from archive.importing.vocabulary_records import ImportVocabulary
from archive.interchange.skos import export_skos, vocabulary_graph
from archive.models import Concept, ConceptScheme

pytestmark = pytest.mark.django_db

VALLEY = """@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix e: <http://example.org/v/> .
@prefix dcterms: <http://purl.org/dc/terms/> .
e:scheme a skos:ConceptScheme; skos:prefLabel "Valley terms"@en;
  dcterms:license <https://creativecommons.org/licenses/by/4.0/> .
e:river a skos:Concept; skos:prefLabel "River"@en, "folyó"@hu, "נהר"@he; skos:notation "1.2";
  skos:altLabel "stream"@en, "brook"@en; skos:hiddenLabel "rivver"@en .
e:ford a skos:Concept; skos:prefLabel "Ford"@en; skos:broader e:river; skos:related e:mill;
  skos:scopeNote "Where “one” can cross & wade."@en .
e:mill a skos:Concept; skos:prefLabel "Mill"@en .
"""


@pytest.fixture
def scheme(tmp_path):
    path = tmp_path / "valley.ttl"
    path.write_text(VALLEY, encoding="utf-8")
    ImportVocabulary(Source(path, path.name), "valley").execute()
    return ConceptScheme.objects.get(slug="valley")


@pytest.mark.parametrize(("form", "ending"), [("turtle", "ttl"), ("xml", "rdf"), ("json-ld", "jsonld")])
def test_what_goes_out_comes_in_unchanged(scheme, tmp_path, form, ending):
    path = tmp_path / f"out.{ending}"
    path.write_bytes(export_skos(scheme, form))
    before = read_vocabulary(Source(tmp_path / "valley.ttl", "valley.ttl"))
    again = read_vocabulary(Source(path, path.name))
    assert again == before
    report = ImportVocabulary(Source(path, path.name), "valley").execute()
    assert report.counts["unchanged"] == 3
    assert report.counts["updated"] == report.counts["created"] == 0


def test_every_form_says_the_same(scheme):
    graphs = [Graph().parse(data=export_skos(scheme, form), format=form) for form in ("turtle", "xml", "json-ld")]
    assert set(graphs[0]) == set(graphs[1]) == set(graphs[2])
    ford = URIRef("http://example.org/v/ford")
    assert (ford, SKOS.broader, URIRef("http://example.org/v/river")) in graphs[0]
    assert (ford, SKOS.inScheme, URIRef("http://example.org/v/scheme")) in graphs[0]
    licence = URIRef("https://creativecommons.org/licenses/by/4.0/")
    assert (URIRef("http://example.org/v/scheme"), DCTERMS.license, licence) in graphs[0]


def test_a_concept_of_ours_without_an_address_gets_one_that_is_known_again(scheme, tmp_path):
    made = Concept.objects.create(
        scheme=scheme,
        name={"original": "und", "values": {"und": {"text": "Weir", "origin": "human", "reviewed": True}}},
    )
    node = URIRef(f"urn:x-cairn:{made.public_id}")
    graph = vocabulary_graph(scheme)
    assert (node, RDF.type, SKOS.Concept) in graph
    assert (node, SKOS.prefLabel, Literal("Weir")) in graph
    path = tmp_path / "out.ttl"
    path.write_bytes(export_skos(scheme, "turtle"))
    report = ImportVocabulary(Source(path, path.name), "valley").execute()
    assert (report.counts["created"], Concept.objects.filter(scheme=scheme).count()) == (0, 4)


def test_the_command_writes_a_file_and_names_what_is_wrong(scheme, tmp_path):
    out = tmp_path / "valley.rdf"
    call_command("export_vocabulary", scheme="valley", format="xml", out=out, verbosity=0)
    assert out.read_bytes() == export_skos(scheme, "xml")
    with pytest.raises(CommandError, match="valley"):
        call_command("export_vocabulary", scheme="vale", out=out)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_vocabulary", scheme="valley", out=tmp_path / "nowhere" / "x.ttl")
    with pytest.raises(ValueError, match="json-ld"):
        export_skos(scheme, "n3")
