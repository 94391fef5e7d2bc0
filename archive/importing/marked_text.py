"""Building one cue's text and marks from pieces that arrive in order, white space collapsed as they come."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from archive.importing.parsed import ParsedMark

_XML_SPACE = " \t\r\n"


class MarkedText:
    """Text under construction: append pieces, open and close marks; `finish` gives NFC text and exact offsets."""

    __slots__ = ("_blank", "_length", "_marks", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        #: A blank is owed: it is written before the next visible character, so none stands at the ends.
        self._blank = False
        self._marks: list[list[Any]] = []

    @property
    def length(self) -> int:
        """Characters written so far (an owed blank is not)."""
        return self._length

    def append(self, piece: str) -> None:
        """Append text; runs of XML white space become one blank."""
        words = _split(piece)
        if not words:
            if piece:
                self._blank = self._length > 0
            return
        text = " ".join(words)
        if self._length and (self._blank or piece[0] in _XML_SPACE):
            text = " " + text
        self._pieces.append(text)
        self._length += len(text)
        self._blank = piece[-1] in _XML_SPACE

    def space(self) -> None:
        """Owe a blank, as a line break does."""
        self._blank = self._length > 0

    def open(self, type: str, ref: str = "", key: str = "", data: dict[str, Any] | None = None) -> int:
        """Open a mark here; returns what `close` wants."""
        self._marks.append([self._length, -1, type, ref, key, data or {}])
        return len(self._marks) - 1

    def close(self, mark: int) -> None:
        """Close a mark here."""
        self._marks[mark][1] = self._length

    def point(self, type: str, ref: str = "", key: str = "", data: dict[str, Any] | None = None) -> None:
        """Set a mark without width here; after an owed blank, so that it stands before the next word."""
        self._marks.append([self._length, self._length, type, ref, key, data or {}])
        # A blank before a page break or a note belongs in front of what follows, not to the mark.

    def finish(self) -> tuple[str, tuple[ParsedMark, ...]]:
        """Return the text and its marks in order of their start; marks never begin or end on a blank."""
        text = "".join(self._pieces)
        offsets = None
        if not unicodedata.is_normalized("NFC", text):
            raw, text = text, unicodedata.normalize("NFC", text)
            offsets = {at: len(unicodedata.normalize("NFC", raw[:at])) for mark in self._marks for at in mark[:2]}
        limit = len(text)
        marks = []
        for start, end, type_, ref, key, data in self._marks:
            if offsets is not None:
                start, end = offsets[start], offsets[end]
            start, end = min(start, limit), min(end, limit)
            if end > start:
                while start < end and text[start] == " ":
                    start += 1
                while end > start and text[end - 1] == " ":
                    end -= 1
            marks.append(ParsedMark(start, end, type_, ref, key, data))
        # Stable: of two marks with one start, the outer one (opened first) stays first.
        marks.sort(key=lambda mark: mark.start)
        return text, tuple(marks)


#: White space of `str.split` that is no white space of XML: a no-break space is typography.
_EXOTIC = re.compile("[\x0b\x0c\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")


def _split(piece: str) -> list[str]:
    if not _EXOTIC.search(piece):
        return piece.split()
    return [word for word in re.split("[ \t\r\n]+", piece) if word]
