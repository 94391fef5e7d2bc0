"""To the letter: compares what the archive holds with the source, by another reading of the XML than the importer's.

The importer walks lxml's tree with a table of elements. This reads the same bytes with the standard library's
ElementTree and knows only four things: what divides paragraphs, that notes stand apart, that page and line breaks
are no characters, and that comments are none either. Where both agree on every character, neither has lost one.
"""

from __future__ import annotations

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from archive.importing.readers.tei import PLACEHOLDERS
from archive.importing.xml_reading import guard_xml

_TEI = "{http://www.tei-c.org/ns/1.0}"

#: What divides one paragraph from the next, wherever it stands.
_DIVIDING = frozenset(
    _TEI + name
    for name in (
        "p",
        "head",
        "item",
        "cell",
        "list",
        "table",
        "row",
        "closer",
        "opener",
        "signed",
        "div",
        "ab",
        "l",
        "lg",
    )
)


@dataclass
class Comparison:
    """What one work's comparison found: how much was compared, and every difference."""

    paragraphs: int = 0
    characters: int = 0
    notes: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        """Whether no difference was found."""
        return not self.differences


def source_texts(content: bytes, name: str) -> list[tuple[str, list[str], list[str]]]:
    """Return type, paragraphs and notes of each original and translation of a TEI file, white space collapsed.

    A translation that is only a placeholder, and a division without words, is left out: the importer makes no
    track of it and reports it instead.
    """
    guard_xml(content, name)
    root = ET.fromstring(content)  # noqa: S314 - see above
    texts = []
    for division in root.iter(f"{_TEI}div"):
        kind = division.get("type")
        if kind not in ("original", "translation"):
            continue
        pieces: list[str] = []
        notes: list[str] = []
        _gather(division, pieces, notes)
        paragraphs = [text for part in "".join(pieces).split("\0") if (text := _collapsed(part))]
        if kind == "translation" and " ".join(paragraphs).casefold().rstrip(" .") in PLACEHOLDERS:
            continue
        if paragraphs:
            texts.append((kind, paragraphs, notes))
    return texts


def _gather(element: ET.Element, pieces: list[str], notes: list[str]) -> None:
    """Collect characters in order; a NUL, which XML cannot hold, divides paragraphs."""
    pieces.append(element.text or "")
    for child in element:
        if child.tag == f"{_TEI}note":
            text = _collapsed(" ".join(_with_breaks(child)))
            if text:
                notes.append(text)
        elif child.tag == f"{_TEI}lb":
            pieces.append(" ")
        elif child.tag in _DIVIDING:
            pieces.append("\0")
            _gather(child, pieces, notes)
            pieces.append("\0")
        else:
            _gather(child, pieces, notes)
        pieces.append(child.tail or "")


def _with_breaks(note: ET.Element) -> Iterable[str]:
    """Yield the text of a note, its paragraphs apart."""
    blocks = [child for child in note if child.tag == f"{_TEI}p"]
    if not blocks:
        yield "".join(note.itertext())
        return
    yield note.text or ""
    for child in note:
        yield "".join(child.itertext())
        yield child.tail or ""


def _collapsed(text: str) -> str:
    for character in "\t\r\n":
        text = text.replace(character, " ")
    return unicodedata.normalize("NFC", " ".join(word for word in text.split(" ") if word))


def held_texts(tracks: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str], list[str]]]:
    """Return the same of a record's tracks (canonical JSON)."""
    texts = []
    for track in tracks:
        kind = "original" if track["is_original"] else "translation"
        paragraphs: list[str] = []
        notes: list[str] = []
        for cue in track["cues"]:
            if cue["kind"] == "note":
                notes.append(cue["text"])
                continue
            if cue["text"]:
                paragraphs.append(cue["text"])
            notes += [mark["data"]["text"] for mark in cue["marks"] if mark["type"] == "note"]
        if paragraphs:
            texts.append((kind, paragraphs, notes))
    return texts


def compare(content: bytes, name: str, tracks: Sequence[Mapping[str, Any]]) -> Comparison:
    """Compare every paragraph and note of a TEI file with a record's tracks."""
    result = Comparison()
    source, held = source_texts(content, name), held_texts(tracks)
    if [kind for kind, _p, _n in source] != [kind for kind, _p, _n in held]:
        result.differences.append(
            f"{name}: {[k for k, _p, _n in source]} in the source, {[k for k, _p, _n in held]} held"
        )
        return result
    for (kind, wanted, wanted_notes), (_kind, found, found_notes) in zip(source, held, strict=True):
        result.paragraphs += len(wanted)
        result.characters += sum(map(len, wanted))
        result.notes += len(wanted_notes)
        result.differences += _differences(f"{name}, {kind}, paragraph", wanted, found)
        result.differences += _differences(f"{name}, {kind}, note", wanted_notes, found_notes)
    return result


def _differences(what: str, wanted: Sequence[str], found: Sequence[str]) -> Iterable[str]:
    if len(wanted) != len(found):
        yield f"{what}: {len(wanted)} in the source, {len(found)} held"
    for number, (one, other) in enumerate(zip(wanted, found, strict=False), start=1):
        if one != other:
            at = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
            here, there = one[at : at + 20], other[at : at + 20]
            yield f"{what} {number}, character {at + 1}: {here!r} in the source, {there!r} held"


def entities_in_source(content: bytes, name: str) -> tuple[int, int]:
    """Count the names marked in originals and translations with and without an identifier (notes apart)."""
    guard_xml(content, name)
    root = ET.fromstring(content)  # noqa: S314 - see above
    counts = [0, 0]
    for division in root.iter(f"{_TEI}div"):
        if division.get("type") in ("original", "translation"):
            _count(division, counts)
    return counts[0], counts[1]


def _count(element: ET.Element, counts: list[int]) -> None:
    for child in element:
        if child.tag == f"{_TEI}note":
            continue
        named = child.tag in (f"{_TEI}persName", f"{_TEI}placeName", f"{_TEI}orgName", f"{_TEI}term")
        if named and "".join(child.itertext()).strip():
            counts[0 if (child.get("ref") or "").strip() else 1] += 1
        _count(child, counts)
