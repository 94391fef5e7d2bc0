"""SubRip: numbered cues with ``hh:mm:ss,ttt --> hh:mm:ss,ttt`` and lines of text. There is no specification."""

from __future__ import annotations

import re
from collections.abc import Iterator

from archive.importing.formats import ReadingOptions
from archive.importing.parsed import ParsedCue, ParsedWork
from archive.importing.problems import Problem, problem
from archive.importing.reading import Source, decode
from archive.importing.timed_text import checked_times, clean_text, cues_of, read_payload, timed_work

_TIMING = re.compile(r"^\s*(\S+)\s*-->\s*(\S+)(?:\s.*)?$")
_RECOGNISED = re.compile(rb"^\s*\d+\s*\r?\n\s*\d+:\d\d:\d\d[,.]\d+\s*-->")
#: Positions of the SubStation Alpha family that some programs write into SubRip, like {\an8}.
_OVERRIDE = re.compile(r"\{\\[^{}]*\}")


class _SrtReader:
    name = "srt"
    label = "SubRip"
    extensions: tuple[str, ...] = (".srt",)

    def recognises(self, head: bytes) -> bool:
        return bool(_RECOGNISED.match(head.removeprefix(b"\xef\xbb\xbf")))

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        text = decode(source.read(), source.name, options.encoding)
        problems: list[Problem] = []
        cues = read_srt(text, source.name, problems)
        yield timed_work(source.name, self.name, cues, problems, options)


READER = _SrtReader()


def read_srt(text: str, file: str, problems: list[Problem]) -> list[ParsedCue]:
    """Read the text of a SubRip file into cues without anchors; what is wrong with a cue goes into ``problems``."""
    lines = clean_text(text, file, problems).split("\n")
    cues: list[ParsedCue] = []
    previous = 0
    for number, (first, block) in enumerate(_blocks(lines), start=1):
        place = f"{first + 1} (cue {number})"
        if block[0].strip().isdecimal() and len(block) > 1 and "-->" in block[1]:
            block = block[1:]
        if "-->" not in block[0]:
            problems.append(problem("cue-without-time", file, place))
            continue
        timing = _TIMING.match(block[0])
        if timing is None:
            problems.append(problem("time-invalid", file, place, value=block[0].strip()))
            continue
        times = checked_times(timing[1], timing[2], previous, file, place, problems)
        if times is None:
            continue
        voices = read_payload((_OVERRIDE.sub("", line) for line in block[1:]), file, place, problems)
        if not voices:
            problems.append(problem("cue-without-text", file, place))
            continue
        previous = times[0]
        cues += cues_of(voices, "", times, place)
    return cues


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the blocks between blank lines; a number followed by a timing line begins one even without a blank line."""
    block: list[str] = []
    first = 0
    for index, line in enumerate(lines):
        begins = line.strip().isdecimal() and index + 1 < len(lines) and "-->" in lines[index + 1]
        if block and (not line.strip() or begins):
            yield first, block
            block = []
        if line.strip():
            if not block:
                first = index
            block.append(line)
    if block:
        yield first, block
