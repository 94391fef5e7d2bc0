"""WebVTT (https://www.w3.org/TR/webvtt1/), read forgivingly: a broken cue is left out by name, the others stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archive.importing.anchors import ANCHOR
from archive.importing.formats import ReadingOptions
from archive.importing.parsed import ParsedCue, ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import Source, decode
from archive.importing.timed_text import checked_times, clean_text, cues_of, read_payload, timed_work

_HEADER = re.compile(r"^WEBVTT(?:[ \t\n]|$)")
_TIMING = re.compile(r"^\s*(\S+)\s*-->\s*(\S+)(?:\s+(.*))?$")
_FIELD = re.compile(r"^(Kind|Language|X-Cairn)\s*:\s*(.+)$", re.IGNORECASE)
_OWN = re.compile(r"^[0-9a-hjkmnp-tv-z]{10}/[a-z0-9]{1,12}$")
_KINDS = frozenset({"captions", "subtitles", "descriptions", "chapters", "transcript", "translation"})


class _WebvttReader:
    name = "webvtt"
    label = "WebVTT"
    extensions: tuple[str, ...] = (".vtt",)

    def recognises(self, head: bytes) -> bool:
        return head.removeprefix(b"\xef\xbb\xbf").startswith(b"WEBVTT")

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        text = decode(source.read(), source.name, options.encoding)
        problems: list[Problem] = []
        cues, fields = read_webvtt(text, source.name, problems)
        kind = fields.get("kind", "transcript")
        identity = fields.get("x-cairn", "")
        yield timed_work(
            source.name,
            self.name,
            cues,
            problems,
            options,
            language=fields.get("language", ""),
            kind=kind if kind in _KINDS else "transcript",
            identity=identity if _OWN.match(identity) else "",
        )


READER = _WebvttReader()


def read_webvtt(text: str, file: str, problems: list[Problem]) -> tuple[list[ParsedCue], dict[str, str]]:
    """Read the text of a WebVTT file into cues (anchors only where the file brings ours) and its header fields.

    What is wrong with single cues goes into ``problems``.

    :raises RefusedError: when the first line is not ``WEBVTT``.
    """
    text = clean_text(text, file, problems)
    if not _HEADER.match(text):
        raise RefusedError(problem("not-webvtt", file, "1:1"))
    lines = text.split("\n")
    fields: dict[str, str] = {}
    at = 1
    while at < len(lines) and lines[at].strip() and "-->" not in lines[at]:
        if found := _FIELD.match(lines[at]):
            fields[found[1].lower()] = found[2].strip()
        at += 1
    cues: list[ParsedCue] = []
    number = previous = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        block, at, first = _block(lines, at)
        if block[0].startswith(("NOTE", "STYLE", "REGION")) and "-->" not in block[0]:
            continue
        number += 1
        place = f"{first + 1} (cue {number})"
        anchor = ""
        if "-->" not in block[0]:
            anchor, block = block[0].strip(), block[1:]
        timing = _TIMING.match(block[0]) if block else None
        if timing is None:
            if block and "-->" in block[0]:
                problems.append(problem("time-invalid", file, place, value=block[0].strip()))
            else:
                problems.append(problem("cue-without-time", file, place))
            continue
        times = checked_times(timing[1], timing[2], previous, file, place, problems)
        if times is None:
            continue
        voices = read_payload(block[1:], file, place, problems)
        if not voices:
            problems.append(problem("cue-without-text", file, place))
            continue
        previous = times[0]
        cues += cues_of(voices, anchor if ANCHOR.match(anchor) else "", times, place)
    return cues, fields


def _block(lines: list[str], at: int) -> tuple[list[str], int, int]:
    """Return the lines of a block, the index after it and its first index; a second timing line ends a block."""
    first = at
    seen_timing = False
    while at < len(lines) and lines[at].strip():
        if "-->" in lines[at]:
            if seen_timing:
                break
            seen_timing = True
        at += 1
    return lines[first:at], at, first
