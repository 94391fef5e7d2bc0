"""A vocabulary as SKOS, in Turtle, RDF/XML or JSON-LD: what `import_vocabulary` reads, anybody can take away.

Reference: SKOS (https://www.w3.org/TR/skos-reference/).
"""

from __future__ import annotations

from typing import Any

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, RDF, SKOS

from archive.importing.authorities import OWN_CONCEPT, normal_uri
from archive.models import Concept, ConceptScheme

#: Names of the forms, as `export_vocabulary` takes them, and their media types.
FORMATS = {"turtle": "text/turtle", "xml": "application/rdf+xml", "json-ld": "application/ld+json"}


def vocabulary_graph(scheme: ConceptScheme) -> Graph:
    """Return the scheme and its concepts as a graph: labels, notes, notations, links, exact matches."""
    graph = Graph()
    graph.bind("skos", SKOS)
    graph.bind("dcterms", DCTERMS)
    here = URIRef(scheme.uri or f"{OWN_CONCEPT}scheme:{scheme.slug}")
    graph.add((here, RDF.type, SKOS.ConceptScheme))
    _texts(graph, here, SKOS.prefLabel, scheme.title)
    if scheme.licence:
        graph.add((here, DCTERMS.license, _reference(scheme.licence)))
    concepts = list(
        Concept.objects.filter(scheme=scheme, merged_into=None)
        .order_by("pk")
        .prefetch_related("external_ids", "broader", "related")
    )
    names = {concept.pk: _names(concept) for concept in concepts}
    for concept in concepts:
        node, *others = names[concept.pk]
        graph.add((node, RDF.type, SKOS.Concept))
        graph.add((node, SKOS.inScheme, here))
        _texts(graph, node, SKOS.prefLabel, concept.name)
        _texts(graph, node, SKOS.scopeNote, concept.scope_note)
        for predicate, kind in ((SKOS.altLabel, "alt"), (SKOS.hiddenLabel, "hidden")):
            for tag, labels in (concept.labels or {}).get(kind, {}).items():
                for label in labels:
                    graph.add((node, predicate, _literal(label, tag)))
        if concept.notation:
            graph.add((node, SKOS.notation, Literal(concept.notation)))
        for other in others:
            graph.add((node, SKOS.exactMatch, other))
        for predicate, linked in ((SKOS.broader, concept.broader), (SKOS.related, concept.related)):
            for target in linked.all():
                # What was merged away or stands in another scheme is not described here.
                if target.pk in names:
                    graph.add((node, predicate, names[target.pk][0]))
    return graph


def export_skos(scheme: ConceptScheme, form: str) -> bytes:
    """Return the scheme in one of `FORMATS`, UTF-8.

    :raises ValueError: for a form that is none of them.
    """
    if form not in FORMATS:
        raise ValueError(f"“{form}” is none of {', '.join(FORMATS)}.")
    options: dict[str, Any] = {"auto_compact": True, "sort_keys": True} if form == "json-ld" else {}
    return vocabulary_graph(scheme).serialize(format=form, encoding="utf-8", **options)


def _names(concept: Concept) -> list[URIRef]:
    found = sorted({normal_uri(external.uri)[1] for external in concept.external_ids.all()})
    return [URIRef(uri) for uri in found] or [URIRef(f"{OWN_CONCEPT}{concept.public_id}")]


def _texts(graph: Graph, node: URIRef, predicate: URIRef, texts: dict[str, Any] | None) -> None:
    for tag, entry in ((texts or {}).get("values") or {}).items():
        if entry.get("text"):
            graph.add((node, predicate, _literal(entry["text"], tag)))


def _literal(text: str, tag: str) -> Literal:
    return Literal(text, lang=tag if tag and tag != "und" else None)


def _reference(text: str) -> URIRef | Literal:
    return URIRef(text) if text.startswith(("http://", "https://")) and " " not in text else Literal(text)
