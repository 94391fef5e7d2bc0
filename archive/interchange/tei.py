"""TEI P5 in the dialect of the EHRI editions: what `archive.importing.readers.tei` reads, written back.

Every passage bears its anchor as ``xml:id`` and its alignment group in ``@corresp``, so that an export that comes
back is recognised passage by passage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _
from lxml import etree

from archive.importing.safe_text import storable
from archive.importing.tei_text import TEI, XML_ID, XML_LANG
from archive.interchange.forms import Export
from archive.interchange.passages import Payload, name_of, texts_of, tracks_of
from archive.interchange.tei_marks import fill
from archive.values.languages import display_name, normalise_tag

_RESPONSIBILITY = {
    "editor": "Edited by",
    "translator": "Translated by",
    "transcriber": "Transcribed by",
    "interviewer": "Interviewed by",
    "narrator": "Narrated by",
    "addressee": "Addressed to",
}
_ENTITY = {"person": "persName", "place": "placeName", "organisation": "orgName", "concept": "term"}

#: The elements that make a cue of each kind, from the outside in.
_BLOCKS: dict[str, tuple[str, ...]] = {
    "head": ("head",),
    "list-item": ("list", "item"),
    "cell": ("table", "row", "cell"),
    "line": ("lg", "l"),
    "closer": ("closer", "signed"),
    "salute": ("opener", "salute"),
    "dateline": ("opener", "dateline"),
    "byline": ("byline",),
    "note": ("note",),
    "cue": ("u",),
}


def write_tei(payload: Payload, language: str = "") -> bytes | None:
    """Return the work as TEI; a language (BCP 47) leaves out translations into others."""
    root = etree.Element(f"{{{TEI}}}TEI", nsmap={None: TEI})
    root.set(XML_ID, f"cairn-{payload['id']}")
    tracks = [
        track
        for track in tracks_of(payload)
        if track["kind"] in ("transcript", "translation")
        and (not language or track.get("is_original") or language in (track["language"], f"track:{track['id']}"))
    ]
    speakers = _speakers(tracks)
    _header(root, payload, tracks, speakers)
    body = _add(_add(root, "text"), "body")
    times = sorted(
        {cue[name] for t in tracks for cue in t["cues"] for name in ("start_ms", "end_ms") if cue.get(name) is not None}
    )
    if times:
        line = _add(root.find(f"{{{TEI}}}text"), "timeline", unit="ms")
        line.getparent().insert(0, line)
        for time in times:
            _add(line, "when", interval=str(time)).set(XML_ID, f"T{time}")
    transcription = _add(body, "div", type="transcription")
    pages = _Pages(payload.get("facsimiles") or [])
    if not tracks and pages.order:
        # Nothing is transcribed yet; the pages are there all the same.
        pages.rest(_add(transcription, "div", type="original"))
    for number, track in enumerate(tracks):
        _division(transcription, track, pages, speakers, last=number == len(tracks) - 1)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="utf-8"))


def _add(parent: etree._Element, name: str, text: str = "", **attributes: str) -> etree._Element:
    clean = {attribute: storable(value)[0] for attribute, value in attributes.items()}
    element = etree.SubElement(parent, f"{{{TEI}}}{name}", clean)
    if text:
        element.text = storable(text)[0]
    return element


# --- header -------------------------------------------------------------------------------------


def _header(
    root: etree._Element, payload: Payload, tracks: Sequence[Mapping[str, Any]], speakers: Mapping[str, str]
) -> None:
    header = _add(root, "teiHeader")
    file = _add(header, "fileDesc")
    _titles(_add(file, "titleStmt"), payload)
    publication = _add(file, "publicationStmt")
    facts = payload.get("source_facts") or {}
    _add(_add(publication, "authority"), "ref", str(facts.get("publisher") or "Cairn"))
    licence = payload.get("licence") or {}
    if licence.get("uri") or licence.get("label"):
        availability = _add(publication, "availability")
        _add(availability, "licence", licence.get("label", ""), target=licence.get("uri", ""))
    provenance = payload.get("provenance") or {}
    if provenance.get("edition"):
        _add(_add(file, "seriesStmt"), "title", provenance["edition"])
    _source(_add(file, "sourceDesc"), provenance)
    if payload.get("fiction"):
        _add(
            _add(_add(header, "encodingDesc"), "projectDesc"),
            "p",
            "Fiction: sample content, no real person speaks here.",
        )
    profile = _add(header, "profileDesc")
    _creation(profile, payload)
    words = facts.get("keywords") or []
    if words:
        keywords = _add(_add(profile, "textClass"), "keywords")
        for word in words:
            _add(keywords, "term", word)
    usage = _add(profile, "langUsage")
    for tag in dict.fromkeys([payload["original_language"], *(t["language"] for t in tracks if t.get("is_original"))]):
        if tag != "und":
            _add(usage, "language", display_name(tag, "en"), ident=tag)
    for tag, text in texts_of(payload.get("abstract")).items():
        abstract = _add(profile, "abstract")
        abstract.set(XML_LANG, tag)
        for paragraph in text.split("\n\n"):
            _add(abstract, "p", paragraph)
    if speakers:
        people = _add(_add(profile, "particDesc"), "listPerson")
        for name, key in speakers.items():
            person = _add(people, "person")
            person.set(XML_ID, key)
            _add(person, "persName", name)


def _titles(statement: etree._Element, payload: Payload) -> None:
    for tag, text in texts_of(payload.get("title")).items():
        _add(statement, "title", text).set(XML_LANG, tag)
    for one in payload.get("contributors") or []:
        name = name_of(one.get("name"))
        if not name:
            continue
        if one["role"] == "author":
            _add(statement, "author", name)
            continue
        responsible = _add(statement, "respStmt")
        _add(responsible, "resp", _RESPONSIBILITY.get(one["role"], one["role"]))
        _add(responsible, "name", name)


def _source(source: etree._Element, provenance: Mapping[str, Any]) -> None:
    identifier = _add(_add(source, "msDesc"), "msIdentifier")
    if provenance.get("institution"):
        held = _add(_add(identifier, "institution"), "orgName", provenance["institution"])
        if provenance.get("institution_uri"):
            held.set("ref", provenance["institution_uri"])
    if provenance.get("collection") or provenance.get("collection_uri"):
        collection = _add(identifier, "collection", provenance.get("collection", ""))
        if provenance.get("collection_uri"):
            collection.set("ref", provenance["collection_uri"])
    if provenance.get("reference"):
        _add(identifier, "idno", provenance["reference"])
    if provenance.get("source_statement"):
        _add(source, "bibl", provenance["source_statement"])


def _creation(profile: etree._Element, payload: Payload) -> None:
    creation = _add(profile, "creation")
    date = (payload.get("date") or {}).get("edtf", "")
    written = str((payload.get("source_facts") or {}).get("date_as_written", ""))
    if date or written:
        element = _add(creation, "origDate", written or date)
        start, _slash, end = date.partition("/")
        if end:
            for name, value in (("notBefore", start), ("notAfter", end)):
                if value != "..":
                    element.set(name, value)
        elif date:
            element.set("when", date)
    place = payload.get("place")
    if place:
        known = next((e["authority"] for e in payload.get("entities") or [] if e["id"] == place["id"]), "")
        _add(creation, "origPlace", name_of(place["name"]), ref=known or f"#cairn-{place['id']}")
    for entity in payload.get("entities") or []:
        if not entity.get("mentions") and entity["kind"] in _ENTITY:
            ref = entity.get("authority") or f"#cairn-{entity['id']}"
            _add(creation, _ENTITY[entity["kind"]], name_of(entity["name"]), ref=ref)


def _speakers(tracks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    names = dict.fromkeys(str(cue["speaker"]) for track in tracks for cue in track["cues"] if cue.get("speaker"))
    return {name: f"speaker-{number}" for number, name in enumerate(names, start=1)}


# --- text ---------------------------------------------------------------------------------------


class _Pages:
    """Writes page breaks between blocks: those before a cue, and pages on which no paragraph starts."""

    def __init__(self, facsimiles: Sequence[Mapping[str, Any]]) -> None:
        self.images = {str(one["page"]): str(one.get("label", "")) for one in facsimiles}
        self.order = list(self.images)
        self.written: set[str] = set()

    def inline(self, label: str) -> None:
        """Note a break that stands inside a paragraph."""
        self.written.add(label)

    def before(self, division: etree._Element, label: str) -> None:
        """Write the break to ``label``, and before it breaks of pages that nothing else will name."""
        if label in self.order:
            last = max((self.order.index(one) for one in self.written if one in self.order), default=-1)
            for skipped in self.order[last + 1 : self.order.index(label)]:
                self._write(division, skipped)
        self._write(division, label)

    def rest(self, division: etree._Element) -> None:
        """Write the breaks of pages at the end on which nothing starts."""
        for label in self.order:
            if label not in self.written:
                self._write(division, label)

    def _write(self, division: etree._Element, label: str) -> None:
        self.written.add(label)
        _add(division, "pb", n=label, facs=self.images.get(label, ""))


def _division(
    parent: etree._Element, track: Mapping[str, Any], pages: _Pages, speakers: Mapping[str, str], *, last: bool
) -> None:
    division = _add(parent, "div", type="original" if track.get("is_original") else "translation")
    declared = str(track.get("declared_language") or "")
    division.set(XML_LANG, declared if normalise_tag(declared).tag == track["language"] else track["language"])
    page = ""
    for cue in track["cues"]:
        starts = [mark for mark in cue["marks"] if mark["type"] == "page"]
        opens_inside = bool(starts) and starts[0]["start"] == 0 and str(starts[0]["data"].get("n", "")) == cue["page"]
        if cue["page"] and cue["page"] != page and not opens_inside:
            pages.before(division, cue["page"])
        page = cue["page"] or page
        for mark in starts:
            page = str(mark["data"].get("n", ""))
            pages.inline(page)
        _cue(division, cue, speakers)
    if last:
        pages.rest(division)


def _cue(division: etree._Element, cue: Mapping[str, Any], speakers: Mapping[str, str]) -> None:
    timed = cue.get("start_ms") is not None or bool(cue.get("speaker"))
    names = ("u",) if timed else _BLOCKS.get(cue.get("kind", "p"), ("p",))
    parent = division
    previous = division[-1] if len(division) else None
    for name in names[:-1]:
        # Items of one list, and cells of one table, stay together.
        reuse = previous is not None and previous.tag == f"{{{TEI}}}{name}" and name in ("list", "lg")
        parent = previous if reuse and previous is not None else _add(parent, name)
        previous = None
    block = _add(parent, names[-1])
    block.set(XML_ID, str(cue["id"]))
    if cue.get("group"):
        block.set("corresp", f"#{cue['group']}")
    for attribute, value in (("start", cue.get("start_ms")), ("end", cue.get("end_ms"))):
        if value is not None:
            block.set(attribute, f"#T{value}")
    if cue.get("speaker"):
        block.set("who", f"#{speakers[str(cue['speaker'])]}")
    fill(block, storable(str(cue["text"]))[0], cue["marks"])
    if cue.get("paratext"):
        _add(_add(block, "incident"), "desc", str(cue["paratext"]))


EXPORT = Export(
    _("Edition (TEI)"),
    "application/tei+xml; charset=utf-8",
    "xml",
    write_tei,
    lambda payload: bool(payload.get("rows")),
)
