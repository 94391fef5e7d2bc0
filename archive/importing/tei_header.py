"""What a TEI header tells about a work: titles, archive, date, place, languages, licence, editors, subjects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from archive.importing.authorities import normal_uri
from archive.importing.parsed import ParsedContributor, ParsedEntity, ParsedPlace
from archive.importing.problems import Problem, problem
from archive.importing.safe_text import collapsed, mixed_scripts, without_tricks
from archive.importing.tei_text import TEI, XML_LANG, language_problem, local_name
from archive.values.languages import normalise_tag

_NS = {"t": TEI}

#: The part of ISO 8601 that is EDTF level 0 and that @when may hold.
_ISO_DATE = re.compile(r"^-?\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$")

_ENTITY_ELEMENTS = {"persName": "person", "placeName": "place", "orgName": "organisation", "term": "concept"}


@dataclass
class Header:
    """The facts of one header; texts by normalised language tag."""

    title: dict[str, str] = field(default_factory=dict)
    abstract: dict[str, str] = field(default_factory=dict)
    languages: list[str] = field(default_factory=list)
    date: str = ""
    date_as_written: str = ""
    place: ParsedPlace | None = None
    contributors: list[ParsedContributor] = field(default_factory=list)
    entities: list[ParsedEntity] = field(default_factory=list)
    institution: str = ""
    institution_uri: str = ""
    collection: str = ""
    collection_uri: str = ""
    reference: str = ""
    source_statement: str = ""
    edition: str = ""
    licence_uri: str = ""
    licence_label: str = ""
    keywords: list[str] = field(default_factory=list)
    details: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_header(header: etree._Element, file: str) -> Header:
    """Read a ``teiHeader``; what is odd in it is in the header's ``problems``."""
    facts = Header()
    _languages(header, facts, file)
    _titles(header, facts, file)
    _responsible(header, facts)
    _archive(header, facts, file)
    _creation(header, facts, file)
    abstract = header.find("t:profileDesc/t:abstract", _NS)
    if abstract is not None:
        text = "\n\n".join(part for block in _blocks(abstract) if (part := _text(block)))
        if text:
            # The abstract rarely names its language: it is then that of the edition's own titles.
            tag = _tag(abstract, facts, file) or _edition_language(facts)
            facts.abstract[tag] = text
    for term in header.iterfind("t:profileDesc/t:textClass/t:keywords/t:term", _NS):
        facts.keywords.append(_text(term))
    for category in header.iterfind("t:profileDesc/t:textClass/t:catRef", _NS):
        facts.keywords.append(category.get("target", ""))
    facts.keywords = [word for word in dict.fromkeys(facts.keywords) if word]
    return facts


def _titles(header: etree._Element, facts: Header, file: str) -> None:
    for element in header.iterfind("t:fileDesc/t:titleStmt/t:title", _NS):
        text = _name(_text(element), file, element, facts)
        if not text:
            continue
        tag = _tag(element, facts, file) or (facts.languages[0] if facts.languages else "und")
        facts.title.setdefault(tag, text)
    facts.edition = "; ".join(
        text for one in header.iterfind("t:fileDesc/t:seriesStmt/t:title", _NS) if (text := _text(one))
    )


def _languages(header: etree._Element, facts: Header, file: str) -> None:
    for element in header.iterfind("t:profileDesc/t:langUsage/t:language", _NS):
        declared = element.get("ident", "")
        if not declared:
            continue
        tag = normalise_tag(declared)
        if tag.changed or not tag.valid:
            facts.problems.append(language_problem(file, str(element.sourceline), declared))
        if tag.valid and tag.tag not in facts.languages:
            facts.languages.append(tag.tag)


def _responsible(header: etree._Element, facts: Header) -> None:
    statement = header.find("t:fileDesc/t:titleStmt", _NS)
    if statement is None:
        return
    whole = {"author": "author", "editor": "editor", "principal": "publisher", "funder": "funder"}
    for element in statement:
        kind = local_name(element)
        if kind in whole and (name := _text(element)):
            facts.contributors.append(ParsedContributor(whole[kind], name))
        elif kind == "respStmt":
            role = _role(_text(element.find("t:resp", _NS)).lower())
            for named in element:
                if local_name(named) in ("persName", "orgName", "name") and (name := _text(named)):
                    facts.contributors.append(ParsedContributor(role, name, reference_of(named)[0]))


def _role(statement: str) -> str:
    for word, role in (
        ("edit", "editor"),
        ("transl", "translator"),
        ("transcri", "transcriber"),
        ("interview", "interviewer"),
        ("narrat", "narrator"),
        ("address", "addressee"),
    ):
        if word in statement:
            return role
    return "contributor"


def _archive(header: etree._Element, facts: Header, file: str) -> None:
    identifier = header.find("t:fileDesc/t:sourceDesc/t:msDesc/t:msIdentifier", _NS)
    if identifier is not None:
        institution = identifier.find("t:institution", _NS)
        if institution is not None:
            named = institution.find("t:orgName", _NS)
            named = institution if named is None else named
            facts.institution = _name(_text(named), file, named, facts)
            facts.institution_uri = normal_uri(named.get("ref") or institution.get("ref") or "")[1]
            address = institution.find("t:address", _NS)
            if address is not None:
                parts = (_text(part) for part in address if isinstance(part.tag, str))
                facts.details["institution_address"] = ", ".join(part for part in parts if part)
        collection = identifier.find("t:collection", _NS)
        facts.collection = _text(collection)
        facts.collection_uri = collection.get("ref", "") if collection is not None else ""
        facts.reference = " ".join(text for one in identifier.iterfind("t:idno", _NS) if (text := _text(one)))
    facts.source_statement = " ".join(
        text for one in header.iterfind("t:fileDesc/t:sourceDesc/t:bibl", _NS) if (text := _text(one))
    )
    licence = header.find("t:fileDesc/t:publicationStmt/t:availability/t:licence", _NS)
    if licence is not None:
        facts.licence_uri = licence.get("target", "").strip()
        facts.licence_label = _text(licence)
    if not facts.licence_uri and not facts.licence_label:
        facts.problems.append(problem("licence-missing", file, _line(header)))
    for authority in header.iterfind("t:fileDesc/t:publicationStmt/*", _NS):
        if local_name(authority) in ("authority", "publisher") and _text(authority):
            facts.details.setdefault("publisher", _text(authority))


def _creation(header: etree._Element, facts: Header, file: str) -> None:
    creation = header.find("t:profileDesc/t:creation", _NS)
    if creation is None:
        return
    for element in creation.iter("{*}origDate", "{*}date"):
        facts.date_as_written = facts.date_as_written or _text(element)
        date = _edtf(element)
        if date is None:
            value = element.get("when") or element.get("from") or _text(element)
            facts.problems.append(problem("date-invalid", file, _line(element), value=value))
        elif date and not facts.date:
            facts.date = date
    place = creation.find("t:origPlace", _NS)
    if place is not None and _text(place):
        facts.place = ParsedPlace(_name(_text(place), file, place, facts), *reference_of(place))
    language = facts.languages[0] if facts.languages else "und"
    for element in creation.iter():
        kind = _ENTITY_ELEMENTS.get(local_name(element))
        name = _text(element) if kind else ""
        if not kind or not name:
            continue
        uri, key = reference_of(element)
        facts.entities.append(ParsedEntity(kind, _name(name, file, element, facts), language, uri, key))


def reference_of(element: etree._Element) -> tuple[str, str]:
    """Return the public identifier and the edition's own key that ``@ref`` names; one of them is empty."""
    raw = (element.get("ref") or "").strip()
    if raw.startswith("#"):
        return "", raw[1:]
    return (normal_uri(raw)[1] if raw else ""), ""


def _edtf(element: etree._Element) -> str | None:
    """Return the EDTF of a date's attributes, "" when it has none, None when one is no date."""
    when = (element.get("when") or "").strip()
    if when:
        return when if _ISO_DATE.match(when) else None
    start = (element.get("from") or element.get("notBefore") or "").strip()
    end = (element.get("to") or element.get("notAfter") or "").strip()
    if not start and not end:
        return ""
    if any(part and not _ISO_DATE.match(part) for part in (start, end)):
        return None
    return f"{start or '..'}/{end or '..'}"


def _edition_language(facts: Header) -> str:
    for tag in ("en", *facts.title):
        if tag in facts.title:
            return tag
    return "und"


def _blocks(element: etree._Element) -> Iterator[etree._Element]:
    blocks = [child for child in element if local_name(child) in ("p", "ab", "head", "list")]
    return iter(blocks or [element])


def _tag(element: etree._Element, facts: Header, file: str) -> str:
    declared = element.get(XML_LANG, "")
    if not declared:
        return ""
    tag = normalise_tag(declared)
    if tag.changed or not tag.valid:
        facts.problems.append(language_problem(file, str(element.sourceline), declared))
    return tag.tag


def _name(text: str, file: str, element: etree._Element, facts: Header) -> str:
    """Return a name or title without hidden characters, and report tricks in it."""
    if text.isascii():
        return text
    name, removed = without_tricks(text)
    if removed:
        facts.problems.append(
            problem("hidden-characters", file, _line(element), found=" ".join(sorted(set(removed))), name=name)
        )
    if scripts := mixed_scripts(name):
        facts.problems.append(problem("mixed-scripts", file, _line(element), name=name, scripts=" + ".join(scripts)))
    return name


def _text(element: etree._Element | None) -> str:
    """Return the text of an element without comments, processing instructions and notes."""
    if element is None:
        return ""
    pieces: list[str] = []
    _gather(element, pieces)
    return collapsed("".join(pieces))


def _gather(element: etree._Element, pieces: list[str]) -> None:
    pieces.append(element.text or "")
    for child in element:
        if isinstance(child.tag, str) and local_name(child) != "note":
            _gather(child, pieces)
        pieces.append(child.tail or "")


def _line(element: etree._Element) -> str:
    return str(element.sourceline or "")
