"""Reading SKOS vocabularies: Turtle, RDF/XML, JSON-LD; what a concept cannot be is refused by name.

Reference: SKOS (https://www.w3.org/TR/skos-reference/), integrity conditions S14 (one preferred label a language)
and S27 (hierarchy without contradiction).
"""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DC, DCTERMS, RDF, RDFS, SKOS
from rdflib.term import Node

from archive.importing.authorities import normal_uri
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import MAX_VOCABULARY_BYTES, Source, decode
from archive.importing.safe_text import shown, without_tricks
from archive.importing.xml_reading import guard_xml
from archive.values.languages import normalise_tag

#: Relative addresses are read against this and not against the path of the file, which would enter the archive.
_BASE = "urn:x-vocabulary:"


@dataclass(frozen=True)
class ParsedConcept:
    """A concept with its labels by normalised language tag and its links by address."""

    uri: str
    preferred: dict[str, str]
    alternative: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, list[str]] = field(default_factory=dict)
    scope_note: dict[str, str] = field(default_factory=dict)
    notation: str = ""
    broader: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParsedVocabulary:
    """A scheme and its concepts, each after those that are broader where the file orders them so."""

    uri: str
    title: dict[str, str]
    licence: str
    concepts: tuple[ParsedConcept, ...]
    problems: tuple[Problem, ...]


def read_vocabulary(source: Source) -> ParsedVocabulary:
    """Read a SKOS file.

    :raises RefusedError: when it cannot be read as RDF or holds no concept; single concepts are refused in
        ``problems`` and left out.
    """
    content = source.read(MAX_VOCABULARY_BYTES)
    graph = _graph(content, source)
    # Sorted: reports and imports of one file are the same every time.
    uris = sorted({str(one) for one in graph.subjects(RDF.type, SKOS.Concept) if isinstance(one, URIRef)})
    if not uris:
        raise RefusedError(problem("no-concepts", source.name))
    problems: list[Problem] = []
    languages = _Languages(source.name)
    concepts: dict[str, ParsedConcept] = {}
    refused: set[str] = set()
    broader = {uri: _links(graph, uri, SKOS.broader, SKOS.narrower) for uri in uris}
    for path in _cycles(broader):
        refused.update(path)
        shown_path = " → ".join(shown(one, 80) for one in (*path, path[0]))
        problems.append(problem("broader-cycle", source.name, path[0], path=shown_path))
    for uri in uris:
        preferred, found = _preferred(graph, uri, source.name, languages)
        problems += found
        if found or uri in refused:
            refused.add(uri)
            continue
        concepts[uri] = ParsedConcept(
            uri=normal_uri(uri)[1],
            preferred=preferred,
            alternative=_labels(graph, uri, SKOS.altLabel, languages),
            hidden=_labels(graph, uri, SKOS.hiddenLabel, languages),
            scope_note={tag: " ".join(texts) for tag, texts in _labels(graph, uri, SKOS.scopeNote, languages).items()},
            notation=str(next(iter(sorted(map(str, graph.objects(URIRef(uri), SKOS.notation)))), ""))[:60],
        )
    linked = tuple(
        _linked(graph, uri, concept, broader[uri], concepts, source.name, problems) for uri, concept in concepts.items()
    )
    scheme = next((one for one in graph.subjects(RDF.type, SKOS.ConceptScheme)), None)
    return ParsedVocabulary(
        uri=str(scheme) if isinstance(scheme, URIRef) and not str(scheme).startswith(_BASE) else "",
        title=_title(graph, scheme),
        licence=str(next(iter(graph.objects(scheme, DCTERMS.license)), "")) if scheme is not None else "",
        concepts=linked,
        problems=(*languages.problems(), *problems),
    )


def _graph(content: bytes, source: Source) -> Graph:
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"<?xml") or b"<rdf:RDF" in head:
        guard_xml(content, source.name)
        formats = ["xml"]
    elif head.startswith((b"{", b"[")) and source.extension in (".json", ".jsonld"):
        _guard_json(content, source.name)
        formats = ["json-ld"]
    else:
        decode(content, source.name, "utf-8")
        formats = ["turtle"]
    graph = Graph()
    with _quiet():
        try:
            graph.parse(data=content, format=formats[0], publicID=_BASE)
        except Exception as error:
            why = shown(str(error).strip().split("\n")[0], 160) or type(error).__name__
            line = getattr(error, "lines", None)
            place = str(line + 1) if isinstance(line, int) else ""
            raise RefusedError(problem("vocabulary-broken", source.name, place, why=why)) from error
    return graph


def _guard_json(content: bytes, name: str) -> None:
    """Refuse JSON-LD that would make the parser fetch a context from somewhere."""
    try:
        document = json.loads(decode(content, name, "utf-8"))
        remote = any(_remote_contexts(document))
    except (json.JSONDecodeError, RecursionError) as error:
        place = f"{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise RefusedError(problem("vocabulary-broken", name, place, why=why)) from error
    if remote:
        raise RefusedError(problem("vocabulary-broken", name, "", why="it names a context elsewhere; write it out"))


def _remote_contexts(part: Any) -> Iterator[bool]:
    if isinstance(part, list):
        for one in part:
            yield from _remote_contexts(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in ("@context", "@import"):
                for one in value if isinstance(value, list) else [value]:
                    yield isinstance(one, str)
            yield from _remote_contexts(value)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep rdflib from logging tracebacks and literals of the file; what matters is in the report."""
    log = logging.getLogger("rdflib")
    before = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(before)


class _Languages:
    """Normalises tags and counts what had to be changed, so that a tag is reported once and not per label."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.changed: Counter[str] = Counter()

    def tag(self, literal: Literal) -> str:
        declared = literal.language or ""
        tag = normalise_tag(declared)
        if declared and (tag.changed or not tag.valid):
            self.changed[declared] += 1
        return tag.tag

    def problems(self) -> Iterator[Problem]:
        for declared, count in sorted(self.changed.items()):
            tag = normalise_tag(declared)
            place = f"{count} labels"
            if tag.valid:
                yield problem("language-normalised", self.file, place, declared=declared, language=tag.tag)
            else:
                yield problem("language-unknown", self.file, place, declared=declared)


def _literals(graph: Graph, uri: str, predicate: URIRef) -> list[Literal]:
    found = [one for one in graph.objects(URIRef(uri), predicate) if isinstance(one, Literal)]
    return sorted(found, key=lambda one: (one.language or "", str(one)))


def _preferred(graph: Graph, uri: str, file: str, languages: _Languages) -> tuple[dict[str, str], list[Problem]]:
    labels: dict[str, list[str]] = defaultdict(list)
    for literal in _literals(graph, uri, SKOS.prefLabel):
        text, _removed = without_tricks(str(literal))
        if text and text not in labels[tag := languages.tag(literal)]:
            labels[tag].append(text)
    problems = [
        problem("two-preferred-labels", file, uri, count=len(texts), language=tag, labels="; ".join(texts))
        for tag, texts in labels.items()
        # Labels of unknown language cannot contradict one another.
        if len(texts) > 1 and tag != "und"
    ]
    preferred = {tag: texts[0] for tag, texts in labels.items() if texts}
    if not preferred:
        problems.append(problem("label-missing", file, uri))
    return preferred, problems


def _labels(graph: Graph, uri: str, predicate: URIRef, languages: _Languages) -> dict[str, list[str]]:
    labels: dict[str, list[str]] = defaultdict(list)
    for literal in _literals(graph, uri, predicate):
        text, _removed = without_tricks(str(literal))
        tag = languages.tag(literal)
        if text and text not in labels[tag]:
            labels[tag].append(text)
    return dict(labels)


def _links(graph: Graph, uri: str, forward: URIRef, backward: URIRef | None = None) -> tuple[str, ...]:
    found = {str(one) for one in graph.objects(URIRef(uri), forward) if isinstance(one, URIRef)}
    if backward is not None:
        found |= {str(one) for one in graph.subjects(backward, URIRef(uri)) if isinstance(one, URIRef)}
    return tuple(sorted(found))


def _linked(
    graph: Graph,
    uri: str,
    concept: ParsedConcept,
    broader: Iterable[str],
    concepts: dict[str, ParsedConcept],
    file: str,
    problems: list[Problem],
) -> ParsedConcept:
    related = _links(graph, uri, SKOS.related, SKOS.related)
    missing = [one for one in (*broader, *related) if one not in concepts]
    if missing:
        problems.append(problem("link-to-nowhere", file, uri, count=len(missing)))
    return replace(
        concept,
        broader=tuple(concepts[one].uri for one in broader if one in concepts),
        related=tuple(concepts[one].uri for one in related if one in concepts and one != uri),
    )


def _cycles(broader: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """Yield each cycle of the hierarchy once (depth first, without recursion)."""
    done: set[str] = set()
    for root in broader:
        if root in done:
            continue
        path: list[str] = []
        on_path: dict[str, int] = {}
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            uri, leaving = stack.pop()
            if leaving:
                path.pop()
                del on_path[uri]
                done.add(uri)
                continue
            if uri in on_path:
                yield tuple(path[on_path[uri] :])
                continue
            if uri in done:
                continue
            on_path[uri] = len(path)
            path.append(uri)
            stack.append((uri, True))
            stack += [(one, False) for one in reversed(broader.get(uri, ()))]


def _title(graph: Graph, scheme: Node | None) -> dict[str, str]:
    if scheme is None:
        return {}
    titles: dict[str, str] = {}
    for predicate in (SKOS.prefLabel, DCTERMS.title, DC.title, RDFS.label):
        for literal in graph.objects(scheme, predicate):
            if isinstance(literal, Literal):
                titles.setdefault(normalise_tag(literal.language or "").tag, without_tricks(str(literal))[0])
    return titles
