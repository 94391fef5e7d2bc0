"""The text of a TEI division as cues with marks: nothing of it is lost, whatever elements it uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from archive.importing.authorities import normal_uri
from archive.importing.marked_text import MarkedText
from archive.importing.parsed import ParsedCue, ParsedMark
from archive.importing.problems import Problem, problem
from archive.importing.safe_text import BIDI_CONTROLS, ZERO_WIDTH
from archive.values.languages import normalise_tag

TEI = "http://www.tei-c.org/ns/1.0"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"

#: Elements that are one paragraph each, and the kind of cue they make.
_BLOCKS = {
    "p": "p",
    "ab": "p",
    "head": "head",
    "label": "head",
    "item": "list-item",
    "cell": "cell",
    "l": "line",
    "signed": "closer",
    "salute": "salute",
    "dateline": "dateline",
    "byline": "byline",
    "trailer": "closer",
    "epigraph": "p",
    "postscript": "p",
    "speaker": "head",
    "stage": "note",
    "docTitle": "head",
    "docAuthor": "byline",
    "docDate": "dateline",
    "argument": "p",
    "address": "p",
    "u": "cue",
}

#: Elements that only hold others; stray text in them is reported and becomes a paragraph.
_FRAMES = frozenset(
    {"body", "front", "back", "text", "group", "div", "div1", "div2", "div3", "div4", "div5", "div6", "div7", "list"}
    | {"table", "row", "lg", "sp", "opener", "closer", "quote", "cit", "floatingText", "titlePage", "figure"}
    | {"listBibl", "docImprint", "titlePart"}
)

#: Inline elements and the mark each makes.
_INLINE = {
    "persName": "person",
    "placeName": "place",
    "orgName": "organisation",
    "term": "term",
    "date": "date",
    "time": "date",
    "settlement": "place",
    "country": "place",
    "region": "place",
    "geogName": "place",
    "hi": "emphasis",
    "emph": "emphasis",
    "foreign": "foreign",
    "unclear": "unclear",
    "supplied": "added",
    "add": "added",
    "del": "deleted",
    "ref": "link",
    "q": "quote",
    "said": "quote",
    "distinct": "emphasis",
    "abbr": "other",
    "expan": "other",
    "title": "emphasis",
}
_POINTS = {"gap": "gap", "space": "gap", "milestone": "line", "anchor": "line", "graphic": "gap"}
_RS_TYPES = {"person": "person", "place": "place", "org": "organisation", "organisation": "organisation"}

#: The element each mark means when it names none in ``data["tei"]``; what our own export writes.
TEI_ELEMENT = {
    "person": "persName",
    "place": "placeName",
    "organisation": "orgName",
    "term": "term",
    "date": "date",
    "emphasis": "hi",
    "foreign": "foreign",
    "unclear": "unclear",
    "added": "add",
    "deleted": "del",
    "link": "ref",
    "quote": "q",
    "gap": "gap",
}

#: What is heard or seen beside words; kept as the cue's paratext.
_SOUNDS = frozenset({"incident", "vocal", "kinesic"})

_HIDDEN = BIDI_CONTROLS | ZERO_WIDTH


@dataclass
class DivisionReader:
    """Walks one division and gathers its cues; ``page`` may be handed on from one division to the next."""

    file: str
    cues: list[ParsedCue] = field(default_factory=list)
    #: Labels of all page breaks in their order, and the image each names.
    pages: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    page: str = ""
    #: Milliseconds of each point of the file's time line, by its xml:id; names of its speakers likewise.
    times: Mapping[str, int] = field(default_factory=dict)
    speakers: Mapping[str, str] = field(default_factory=dict)
    _utterance: tuple[int | None, int | None, str] = (None, None, "")
    _paratext: str = ""
    _text: MarkedText | None = None
    _kind: str = "p"
    _anchor: str = ""
    _group: str = ""
    _start_page: str = ""
    _line: int = 0
    _fresh: bool = True
    _unknown: Counter[str] = field(default_factory=Counter)
    _lines: dict[str, int] = field(default_factory=dict)

    def read(self, division: etree._Element) -> None:
        """Read a division; call it again to continue with another."""
        self._walk(division, frame=True)
        self._flush()
        for name, count in self._unknown.items():
            self.problems.append(
                problem("element-kept-as-text", self.file, str(self._lines[name]), name=name, count=count)
            )
        self._unknown.clear()

    def _walk(self, element: etree._Element, *, frame: bool) -> None:
        self._words(element.text, element, stray=frame)
        for child in element:
            if isinstance(child.tag, str):
                self._element(child)
            self._words(child.tail, child, stray=frame)

    def _words(self, text: str | None, element: etree._Element, *, stray: bool) -> None:
        if not text:
            return
        if self._text is None:
            if not text.strip(" \t\r\n"):
                return
            self._begin("p", element)
            if stray:
                self.problems.append(problem("text-outside-paragraph", self.file, str(element.sourceline)))
        assert self._text is not None  # noqa: S101 - narrows the type: `_begin` has just set it
        self._text.append(text)
        if self._fresh and self._text.length:
            self._fresh = False
            self._start_page = self.page
        if not text.isascii() and not _HIDDEN.isdisjoint(text):
            found = " ".join(sorted({f"U+{ord(character):04X}" for character in text if character in _HIDDEN}))
            self.problems.append(problem("hidden-characters-in-text", self.file, str(element.sourceline), found=found))

    def _element(self, element: etree._Element) -> None:
        name = local_name(element)
        if name in _INLINE or name == "rs" or name == "name":
            self._inline(element, name)
        elif name == "pb":
            self._page_break(element)
        elif name == "note":
            self._note(element)
        elif name in _BLOCKS:
            self._flush()
            self._begin(_BLOCKS[name], element)
            self._walk(element, frame=False)
            self._flush()
        elif name in _FRAMES:
            self._flush()
            self._walk(element, frame=True)
            self._flush()
        elif name in ("lb", "cb"):
            self._line_break(element)
        elif name in _POINTS:
            self._ensure(element).point(_POINTS[name], data=_rest(element, name))
        elif name == "choice":
            self._choice(element)
        elif name in _SOUNDS:
            self._paratext = " ".join(filter(None, (self._paratext, " ".join("".join(element.itertext()).split()))))
        elif name in ("teiHeader", "fw", "timeline"):
            return
        else:
            self._other(element, name)

    def _inline(self, element: etree._Element, name: str) -> None:
        if name in ("rs", "name"):
            kind = _RS_TYPES.get(element.get("type", ""), "other")
        else:
            kind = _INLINE[name]
        text = self._ensure(element)
        ref, key, data = _facts(element, name, kind)
        if kind == "foreign" and element.get(XML_LANG):
            _foreign_language(element, data, self.file, self.problems)
        mark = text.open(kind, ref, key, data)
        self._walk(element, frame=False)
        # Where a block inside the element ended the cue, the mark covers what came before it.
        text.close(mark)

    def _other(self, element: etree._Element, name: str) -> None:
        self._unknown[name] += 1
        self._lines.setdefault(name, element.sourceline or 0)
        text = self._ensure(element)
        mark = text.open("other", data=_rest(element, name))
        self._walk(element, frame=False)
        text.close(mark)

    def _choice(self, element: etree._Element) -> None:
        """Of abbreviation and expansion, or error and correction, the first stands: what the source shows."""
        first = next((child for child in element if isinstance(child.tag, str)), None)
        if first is None:
            return
        others = {
            local_name(child): "".join(child.itertext())
            for child in element
            if isinstance(child.tag, str) and child is not first
        }
        text = self._ensure(element)
        mark = text.open("other", data={"tei": "choice", "first": local_name(first), "others": others})
        self._walk(first, frame=False)
        text.close(mark)

    def _page_break(self, element: etree._Element) -> None:
        label = element.get("n", "").strip()
        image = element.get("facs", "").strip()
        self.page = label
        self.pages.append((label, image))
        if self._text is not None:
            self._text.point("page", data={"n": label, "facs": image})

    def _line_break(self, element: etree._Element) -> None:
        if self._text is None:
            return
        joined = element.get("break") == "no"
        self._text.point("line", data={"break": "no"} if joined else {})
        if not joined:
            self._text.space()

    def _note(self, element: etree._Element) -> None:
        text, marks = _flat(element, self.file, self.problems)
        if not text:
            return
        if self._text is None:
            # A note between paragraphs is a cue of its own, marked as such.
            anchor = element.get(XML_ID, "")
            group = element.get("corresp", "").removeprefix("#") if anchor else ""
            self.cues.append(
                ParsedCue(
                    text,
                    id=anchor,
                    group=group,
                    page=self.page,
                    kind="note",
                    marks=marks,
                    place=str(element.sourceline),
                )
            )
            return
        data = _rest(element, "note")
        del data["tei"]
        data["text"] = text
        if marks:
            data["marks"] = [mark.as_dict() for mark in marks]
        self._text.point("note", data=data)

    def _ensure(self, element: etree._Element) -> MarkedText:
        if self._text is None:
            self._begin("p", element)
        assert self._text is not None  # noqa: S101 - narrows the type: `_begin` has just set it
        return self._text

    def _begin(self, kind: str, element: etree._Element) -> None:
        self._text = MarkedText()
        self._kind = kind
        self._anchor = element.get(XML_ID, "") if local_name(element) in _BLOCKS else ""
        self._group = element.get("corresp", "").removeprefix("#") if self._anchor else ""
        self._line = element.sourceline or 0
        self._fresh = True
        self._start_page = self.page
        self._paratext = ""
        self._utterance = (None, None, "")
        if self.times or self.speakers:
            start, end, who = (element.get(name, "").removeprefix("#") for name in ("start", "end", "who"))
            self._utterance = (self.times.get(start), self.times.get(end), self.speakers.get(who, ""))

    def _flush(self) -> None:
        if self._text is None:
            return
        text, marks = self._text.finish()
        self._text = None
        if not text and not any(mark.type in ("note", "gap") for mark in marks):
            return
        self.cues.append(
            ParsedCue(
                id=self._anchor,
                group=self._group,
                text=text,
                page=self._start_page if text else self.page,
                marks=marks,
                kind=self._kind,
                start_ms=self._utterance[0],
                end_ms=self._utterance[1],
                speaker=self._utterance[2],
                paratext=self._paratext,
                place=str(self._line),
            )
        )


def _flat(element: etree._Element, file: str, problems: list[Problem]) -> tuple[str, tuple[ParsedMark, ...]]:
    """Return the text and marks of a note; its paragraphs are joined by blanks."""
    whole = MarkedText()

    def walk(part: etree._Element) -> None:
        whole.append(part.text or "")
        for child in part:
            if isinstance(child.tag, str):
                name = local_name(child)
                kind = _INLINE.get(name)
                if name in _BLOCKS:
                    whole.space()
                    walk(child)
                    whole.space()
                elif name == "lb":
                    whole.space()
                elif kind is not None:
                    ref, key, data = _facts(child, name, kind)
                    if kind == "foreign" and child.get(XML_LANG):
                        _foreign_language(child, data, file, problems)
                    mark = whole.open(kind, ref, key, data)
                    walk(child)
                    whole.close(mark)
                else:
                    walk(child)
            whole.append(child.tail or "")

    walk(element)
    return whole.finish()


def _foreign_language(element: etree._Element, data: dict[str, Any], file: str, problems: list[Problem]) -> None:
    declared = element.get(XML_LANG, "")
    tag = normalise_tag(declared)
    data["lang"] = tag.tag
    if tag.changed or not tag.valid:
        data["declared"] = declared
        problems.append(language_problem(file, str(element.sourceline), declared))


def language_problem(file: str, place: str, declared: str) -> Problem:
    """Return the finding for a declared language that had to be normalised or is none."""
    tag = normalise_tag(declared)
    if not tag.valid:
        return problem("language-unknown", file, place, declared=declared)
    return problem("language-normalised", file, place, declared=declared, language=tag.tag)


def time_line(root: etree._Element) -> dict[str, int]:
    """Return the points of a file's time lines in milliseconds, by their ``xml:id``."""
    points: dict[str, int] = {}
    for line in root.iter(f"{{{TEI}}}timeline"):
        factor = {"ms": 1, "s": 1000}.get(line.get("unit", ""), 0)
        for point in line.iter(f"{{{TEI}}}when"):
            try:
                points[point.get(XML_ID, "")] = round(float(point.get("interval", "")) * factor)
            except (ValueError, OverflowError):
                continue
    return points if points else {}


def speakers_of(root: etree._Element) -> dict[str, str]:
    """Return the names of the people who speak, by their ``xml:id``."""
    return {
        person.get(XML_ID, ""): " ".join("".join(person.itertext()).split())
        for person in root.iterfind(f".//{{{TEI}}}particDesc//{{{TEI}}}person")
    }


def local_name(element: etree._Element) -> str:
    """Return the name of an element without its namespace ("" for comments and processing instructions)."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _facts(element: etree._Element, name: str, kind: str) -> tuple[str, str, dict[str, Any]]:
    """Return external identifier, local key and further data of an inline element."""
    data = _rest(element, name, drop=("ref", "target"))
    if TEI_ELEMENT.get(kind) == name:
        del data["tei"]
    raw = (element.get("ref") or (element.get("target") if kind == "link" else "") or "").strip()
    if not raw:
        return "", "", data
    if raw.startswith("#"):
        return "", raw[1:], data
    uri = normal_uri(raw)[1] if kind != "link" else raw
    if uri != raw:
        data["source_ref"] = raw
    return uri, "", data


def _rest(element: etree._Element, name: str, drop: tuple[str, ...] = ()) -> dict[str, Any]:
    data: dict[str, Any] = {"tei": name}
    for attribute, value in element.attrib.items():
        plain = str(attribute)
        if plain[0] == "{":
            plain = plain.rpartition("}")[2]
        if plain not in drop and plain != "lang" and plain != "id":
            data[plain] = str(value)
    return data
