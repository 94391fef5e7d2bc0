"""Plain text: paragraphs between blank lines; a form feed begins a new page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from archive.importing.anchors import with_anchors
from archive.importing.formats import ReadingOptions
from archive.importing.marked_text import MarkedText
from archive.importing.parsed import ParsedCue, ParsedTrack, ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import Source, decode
from archive.importing.safe_text import BIDI_CONTROLS, ZERO_WIDTH, storable, without_tricks
from archive.values.languages import normalise_tag

_BLANK = re.compile(r"\n[ \t]*\n\s*")
_HIDDEN = BIDI_CONTROLS | ZERO_WIDTH


class _PlaintextReader:
    name = "text"
    label = "plain text"
    extensions: tuple[str, ...] = (".txt", ".text")

    def recognises(self, head: bytes) -> bool:
        return False

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        problems: list[Problem] = []
        text = decode(source.read(), source.name, options.encoding)
        cues = read_paragraphs(text, source.name, problems)
        if not cues:
            raise RefusedError(problem("no-text", source.name))
        language = normalise_tag(options.language)
        if not language.valid:
            problems.append(problem("language-missing", source.name, "", language="und", where="—"))
        title, removed = without_tricks(PurePosixPath(source.name).stem.replace("_", " "))
        if removed:
            problems.append(problem("hidden-characters", source.name, "", found=" ".join(removed), name=title))
        track = ParsedTrack(
            id="t1",
            kind="transcript",
            language=language.tag,
            declared_language=options.language,
            is_original=True,
            cues=tuple(cues),
        )
        yield ParsedWork(
            key=source.name,
            file=source.name,
            format=self.name,
            kind="document" if options.kind == "auto" else options.kind,
            title={language.tag: title},
            original_language=language.tag,
            languages=(language.tag,),
            tracks=with_anchors(source.name, [track]),
            problems=tuple(problems),
        )


READER = _PlaintextReader()


def read_paragraphs(text: str, file: str, problems: list[Problem]) -> list[ParsedCue]:
    """Return a cue for each paragraph, white space collapsed; pages are numbered where form feeds mark them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    pages = text.split("\f") if "\f" in text else [text]
    cues: list[ParsedCue] = []
    line = 1
    for number, page in enumerate(pages, start=1):
        at = 0
        while at < len(page):
            found = _BLANK.search(page, at)
            end = found.start() if found else len(page)
            paragraph, removed = storable(page[at:end])
            place = str(line + page.count("\n", 0, at))
            if removed:
                problems.append(problem("control-characters", file, place, count=removed))
            if not _HIDDEN.isdisjoint(paragraph):
                hidden = " ".join(sorted({f"U+{ord(one):04X}" for one in paragraph if one in _HIDDEN}))
                problems.append(problem("hidden-characters-in-text", file, place, found=hidden))
            built = MarkedText()
            built.append(paragraph)
            plain, _marks = built.finish()
            if plain:
                cues.append(ParsedCue(plain, page=str(number) if len(pages) > 1 else "", place=place))
            at = found.end() if found else len(page)
        line += page.count("\n")
    return cues
