"""Reading TEI lists of names: who and what the texts of an edition mean by its keys.

Reference: TEI P5, *Names, Dates, People, and Places* (https://tei-c.org/release/doc/tei-p5-doc/en/html/ND.html).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from archive.importing.authorities import normal_uri
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import MAX_VOCABULARY_BYTES, Source
from archive.importing.safe_text import without_tricks
from archive.importing.xml_reading import parse_xml
from archive.values.languages import normalise_tag

_TEI = "{http://www.tei-c.org/ns/1.0}"
_XML = "{http://www.w3.org/XML/1998/namespace}"
#: The elements that describe somebody or something, the kind of record, and the elements that name it.
_ENTRIES = {
    "person": ("person", ("persName", "name")),
    "place": ("place", ("placeName", "name")),
    "org": ("organisation", ("orgName", "name")),
}


@dataclass(frozen=True)
class ListedName:
    """One entry of a list. ``uri`` is its public identifier, ``key`` what the edition calls it."""

    kind: str
    key: str
    uri: str
    #: The first name in each language, the language of the file's first name first.
    names: dict[str, str]
    #: Further names as (language, name).
    variants: tuple[tuple[str, str], ...] = ()
    note: dict[str, str] = field(default_factory=dict)
    #: Degrees north and east (WGS 84).
    point: tuple[float, float] | None = None


@dataclass(frozen=True)
class NameList:
    """The entries of a file that can be used, and what is wrong with the others."""

    entries: tuple[ListedName, ...]
    problems: tuple[Problem, ...]


def is_name_list(source: Source) -> bool:
    """Whether a file is TEI and not RDF, by its beginning."""
    head = source.read(MAX_VOCABULARY_BYTES)[:4096]
    return b"<TEI" in head or b":TEI" in head


def read_name_list(source: Source) -> NameList:
    """Read the lists of persons, places and organisations of a TEI file.

    :raises RefusedError: when the file is no sound XML, gives two entries one key, or lists nobody and nothing; single
        entries are refused in ``problems`` and left out.
    """
    root = parse_xml(source.read(MAX_VOCABULARY_BYTES), source.name)
    problems: list[Problem] = []
    entries: list[ListedName] = []
    found = False
    for element in root.iter(*(_TEI + tag for tag in _ENTRIES)):
        parent = element.getparent()
        # Publishers and holders in the header are no entries.
        if parent is None or not etree.QName(parent).localname.startswith("list"):
            continue
        found = True
        key = element.get(_XML + "id", "")
        entry = _entry(element, key, source.name, problems)
        if entry is not None:
            entries.append(entry)
    if not found:
        raise RefusedError(problem("no-names", source.name))
    return NameList(tuple(entries), tuple(problems))


def _entry(element: etree._Element, key: str, file: str, problems: list[Problem]) -> ListedName | None:
    kind, tags = _ENTRIES[etree.QName(element).localname]
    place = key or f"{element.sourceline}"
    uri = next(_uris(element), "")
    names: dict[str, str] = {}
    variants: list[tuple[str, str]] = []
    for named in element.iterchildren(*(_TEI + tag for tag in tags)):
        text, tag = _text(named), _language(named)
        if text and tag not in names:
            names[tag] = text
        elif text and text != names[tag]:
            variants.append((tag, text))
    if not names or not (uri or key):
        problems.append(problem("name-missing" if not names else "entry-nameless", file, place))
        return None
    note: dict[str, str] = {}
    for one in element.iterchildren(_TEI + "note"):
        text, tag = _text(one), _language(one)
        if text:
            note[tag] = f"{note[tag]} {text}" if tag in note else text
    point = None
    written = next((_text(geo) for geo in element.iter(_TEI + "geo")), "")
    if written and kind == "place":
        point = _point(written)
        if point is None:
            problems.append(problem("coordinates-broken", file, place, found=written[:60]))
    return ListedName(kind, key, uri, names, tuple(variants), note, point)


def _uris(element: etree._Element) -> Iterator[str]:
    """Yield the identifiers of an entry, those of public schemes first; what only describes it is none."""
    written = [one.text or "" for one in element.iterchildren(_TEI + "idno")]
    written += [
        link.get("target", "")
        for link in element.iterfind(f"{_TEI}linkGrp/{_TEI}link")
        if link.get("type", "normal") == "normal"
    ]
    known = [normal_uri(without_tricks(one)[0]) for one in written if one.strip().startswith(("http://", "https://"))]
    yield from (uri for scheme, uri in known if scheme != "uri")
    yield from (uri for scheme, uri in known if scheme == "uri" and "wikipedia.org" not in uri)


def _point(written: str) -> tuple[float, float] | None:
    parts = written.replace(",", " ").split()
    try:
        latitude, longitude = (float(part) for part in parts)
    except ValueError:
        return None
    # Also false for what is no number.
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _text(element: etree._Element) -> str:
    return without_tricks(" ".join(str(element.xpath("string()")).split()))[0]


def _language(element: etree._Element) -> str:
    declared = next((one for one in element.xpath("ancestor-or-self::*/@xml:lang")[::-1]), "")
    return normalise_tag(str(declared)).tag
