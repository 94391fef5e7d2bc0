"""A cue's text with its marks as TEI inline elements; marks that overlap are cut so that elements nest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from lxml import etree

from archive.importing.safe_text import storable
from archive.importing.tei_text import TEI, TEI_ELEMENT, XML_LANG
from archive.values.public_id import is_public_id

Mark = Mapping[str, Any]

_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]*$")

#: Entries of ``data`` that are no attributes of the element.
_NO_ATTRIBUTE = frozenset({"tei", "lang", "declared", "source_ref", "source_key", "text", "marks", "first", "others"})


def fill(block: etree._Element, text: str, marks: Sequence[Mark]) -> None:
    """Write ``text`` with ``marks`` (offsets in code points) into an element."""
    writer = _Writer(block, text)
    for mark in _nested(marks, len(text)):
        writer.write_to(mark["start"])
        writer.open(mark)
    writer.write_to(len(text))
    writer.end()


class _Writer:
    """Writes characters and elements in order, closing each element where its mark ends."""

    def __init__(self, block: etree._Element, text: str) -> None:
        self.text = text
        self.at = 0
        #: Open elements with the offset at which each ends; the block itself ends last.
        self.stack: list[tuple[etree._Element, int]] = [(block, len(text) + 1)]

    def write_to(self, offset: int) -> None:
        """Write the characters up to ``offset``; elements that end on the way or there are closed."""
        while self.stack[-1][1] <= offset and len(self.stack) > 1:
            self._characters(self.stack[-1][1])
            self.stack.pop()
        self._characters(offset)

    def _characters(self, offset: int) -> None:
        piece = self.text[self.at : offset]
        self.at = max(self.at, offset)
        if not piece:
            return
        element = self.stack[-1][0]
        if len(element):
            element[-1].tail = (element[-1].tail or "") + piece
        else:
            element.text = (element.text or "") + piece

    def open(self, mark: Mark) -> None:
        """Begin the element of a mark; one without width is complete at once."""
        element = element_of(self.stack[-1][0], mark)
        if mark["end"] > mark["start"]:
            self.stack.append((element, mark["end"]))

    def end(self) -> None:
        """Finish what is left: readings that stand beside the one that is shown."""
        for element in self.stack[0][0].iter(f"{{{TEI}}}choice"):
            _finish_choice(element)


def _nested(marks: Sequence[Mark], length: int) -> list[Mark]:
    """Return the marks in the order in which their elements open, cut where they overlap."""
    result: list[Mark] = []
    waiting = [
        {**mark, "start": max(0, min(mark["start"], length)), "end": max(0, min(mark["end"], length))} for mark in marks
    ]
    waiting.sort(key=lambda mark: mark["start"])
    open_ends: list[int] = []
    while waiting:
        mark = waiting.pop(0)
        while open_ends and open_ends[-1] <= mark["start"]:
            open_ends.pop()
        if open_ends and mark["end"] > open_ends[-1]:
            cut = open_ends[-1]
            rest = {**mark, "start": cut}
            mark = {**mark, "end": cut}
            at = next((i for i, one in enumerate(waiting) if one["start"] >= cut), len(waiting))
            waiting.insert(at, rest)
        if mark["end"] > mark["start"]:
            open_ends.append(mark["end"])
        result.append(mark)
    return result


def reference(mark: Mark) -> str:
    """Return what ``@ref`` says of a mark: as the source wrote it, where that is known."""
    data = mark.get("data") or {}
    if data.get("source_ref"):
        return str(data["source_ref"])
    if mark.get("ref"):
        return str(mark["ref"])
    if data.get("source_key"):
        return f"#{data['source_key']}"
    key = str(mark.get("key") or "")
    return f"#cairn-{key}" if is_public_id(key) else f"#{key}" if key else ""


def element_of(parent: etree._Element, mark: Mark) -> etree._Element:
    """Append the element of a mark to ``parent``."""
    data = mark.get("data") or {}
    kind = str(mark["type"])
    if kind == "page":
        return _element(parent, "pb", {"n": str(data.get("n", "")), "facs": str(data.get("facs", ""))})
    if kind == "line":
        return _element(parent, str(data.get("tei") or "lb"), _attributes(data))
    if kind == "withheld":
        return _element(parent, "supplied", {"reason": "withheld"})
    if kind == "note":
        note = _element(parent, "note", _attributes(data))
        fill(note, storable(str(data.get("text", "")))[0], data.get("marks") or [])
        return note
    name = str(data.get("tei") or TEI_ELEMENT.get(kind, "seg"))
    element = _element(parent, name if _NAME.match(name) else "seg", _attributes(data))
    target = reference(mark)
    if target:
        element.set("target" if kind == "link" else "ref", storable(target)[0])
    if kind == "foreign" and data.get("lang"):
        element.set(XML_LANG, str(data.get("declared") or data["lang"]))
    if name == "choice":
        for one, text in {str(data.get("first", "abbr")): "", **(data.get("others") or {})}.items():
            _element(element, one if _NAME.match(one) else "seg", {}).text = storable(str(text))[0]
    return element


def _finish_choice(choice: etree._Element) -> None:
    """Put the words that were written into a choice into the reading that is shown, which is its first."""
    readings = list(choice)
    if not readings:
        return
    shown = readings[0]
    shown.text = (shown.text or "") + (choice.text or "")
    choice.text = None
    for reading in readings:
        if reading.tail:
            shown.text = (shown.text or "") + reading.tail
            reading.tail = None


def _attributes(data: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in data.items()
        if name not in _NO_ATTRIBUTE and _NAME.match(name) and isinstance(value, (str, int))
    }


def _element(parent: etree._Element, name: str, attributes: dict[str, str]) -> etree._Element:
    clean = {attribute: storable(value)[0] for attribute, value in attributes.items()}
    return etree.SubElement(parent, f"{{{TEI}}}{name}", clean)
