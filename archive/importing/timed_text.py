"""What caption formats share: times, identities in file names, checks of one cue against the next, inline tags."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from archive.importing.anchors import with_anchors
from archive.importing.formats import ReadingOptions
from archive.importing.marked_text import MarkedText
from archive.importing.parsed import ParsedCue, ParsedTrack, ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.safe_text import storable, without_tricks
from archive.values.languages import normalise_tag

#: Hours may have more than two digits and be left out; a comma or a full stop before the milliseconds.
_TIME = re.compile(r"^(?:(\d{2,5}):)?([0-5]\d):([0-5]\d)[.,](\d{3})$")

#: What our own exports call a file: work, track, language.
_OWN_NAME = re.compile(
    r"^cairn-(?P<work>[0-9a-hjkmnp-tv-z]{10})(?:\.(?P<track>t[0-9]{1,6}))?(?:\.(?P<language>[A-Za-z0-9-]+))?$"
)
_LANGUAGE_SUFFIX = re.compile(r"^(?P<stem>.+)\.(?P<language>[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)$")

_TAG = re.compile(r"<([^<>]*)>")
_EMPHASIS = {"i": "italic", "b": "bold", "u": "underline"}
#: Tags of WebVTT that carry no words; what they mean is not kept.
_SILENT = frozenset({"c", "ruby", "rt"})
_TIMESTAMP = re.compile(r"^[\d:.]+$")


def milliseconds(text: str) -> int | None:
    """Return a time in milliseconds, None when ``text`` is no time; ``99:99:99.999`` is none."""
    found = _TIME.match(text.strip())
    if not found:
        return None
    hours, minutes, seconds, rest = (int(part or 0) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + rest


def timestamp(time_ms: int, decimal: str = ".") -> str:
    """Return milliseconds as ``hh:mm:ss.ttt``; ``decimal`` is a comma in SubRip."""
    seconds, rest = divmod(time_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}{decimal}{rest:03d}"


def checked_times(
    start: str, end: str, previous_ms: int, file: str, place: str, problems: list[Problem]
) -> tuple[int, int] | None:
    """Return start and end in milliseconds, or None with the reason in ``problems``."""
    times = []
    for value in (start, end):
        time = milliseconds(value)
        if time is None:
            problems.append(problem("time-invalid", file, place, value=value.strip()))
            return None
        times.append(time)
    first, last = times
    if last < first:
        problems.append(problem("time-backwards", file, place, start=start.strip(), end=end.strip()))
        return None
    if first < previous_ms:
        problems.append(problem("time-order", file, place, start=start.strip(), previous=timestamp(previous_ms)))
    return first, last


@dataclass(frozen=True, slots=True)
class Voice:
    """What one speaker says in a cue."""

    speaker: str
    text: MarkedText


def read_payload(lines: Iterable[str], file: str, place: str, problems: list[Problem]) -> list[Voice]:
    """Read the lines of a cue: tags become marks, speakers or nothing, never markup; entities become characters."""
    voices = [Voice("", MarkedText())]
    open_marks: list[tuple[str, MarkedText, int]] = []
    ignored: dict[str, None] = {}
    for number, line in enumerate(lines):
        if number and voices[-1].text.length:
            voices[-1].text.point("line")
            voices[-1].text.space()
        at = 0
        for tag in _TAG.finditer(line):
            voices[-1].text.append(html.unescape(line[at : tag.start()]))
            at = tag.end()
            _read_tag(tag[1], voices, open_marks, ignored)
        voices[-1].text.append(html.unescape(line[at:]))
    for _name, text, mark in open_marks:
        text.close(mark)
    if ignored:
        problems.append(problem("tag-ignored", file, place, names=", ".join(ignored)))
    return [voice for voice in voices if voice.text.length]


def _read_tag(
    content: str, voices: list[Voice], open_marks: list[tuple[str, MarkedText, int]], ignored: dict[str, None]
) -> None:
    head, _, annotation = content.replace("\t", " ").partition(" ")
    name = head.split(".", 1)[0].lower()
    if name == "v":
        speaker, _removed = without_tricks(html.unescape(annotation))
        voices.append(Voice(speaker, MarkedText()))
    elif name == "/v":
        voices.append(Voice("", MarkedText()))
    elif name in _EMPHASIS:
        text = voices[-1].text
        open_marks.append((name, text, text.open("emphasis", data={"rend": _EMPHASIS[name]})))
    elif name == "lang":
        text = voices[-1].text
        tag = normalise_tag(annotation)
        data = {"lang": tag.tag} | ({"declared": annotation} if tag.changed else {})
        open_marks.append((name, text, text.open("foreign", data=data)))
    elif name.startswith("/"):
        for index in range(len(open_marks) - 1, -1, -1):
            if open_marks[index][0] == name[1:]:
                _name, text, mark = open_marks.pop(index)
                text.close(mark)
                break
    elif name not in _SILENT and not _TIMESTAMP.match(name):
        ignored[name] = None


def cues_of(voices: list[Voice], anchor: str, times: tuple[int, int], place: str) -> list[ParsedCue]:
    """Return a cue for each voice; the anchor goes to the first."""
    cues = []
    for number, voice in enumerate(voices):
        text, marks = voice.text.finish()
        cues.append(
            ParsedCue(
                text=text,
                id="" if number else anchor,
                start_ms=times[0],
                end_ms=times[1],
                speaker=voice.speaker,
                marks=marks,
                kind="cue",
                place=place,
            )
        )
    return cues


def clean_text(text: str, file: str, problems: list[Problem]) -> str:
    """Return the text with line feeds only and without control characters, which are reported."""
    plain, removed = storable(text.replace("\r\n", "\n").replace("\r", "\n"))
    if removed:
        problems.append(problem("control-characters", file, "", count=removed))
    return plain


def timed_work(
    name: str,
    format_name: str,
    cues: list[ParsedCue],
    problems: list[Problem],
    options: ReadingOptions,
    *,
    language: str = "",
    kind: str = "transcript",
    identity: str = "",
) -> ParsedWork:
    """Return the work of a caption file: the testimony it transcribes, or one track of a work of ours.

    ``identity`` is ``public id / track`` when the file says so itself.

    :raises RefusedError: when no cue is left.
    """
    if not cues:
        raise RefusedError(problem("no-cues", name))
    cues = sorted(cues, key=lambda cue: cue.start_ms or 0)
    stem = PurePosixPath(name).stem
    own = _OWN_NAME.match(stem)
    if not identity and own:
        identity = f"{own['work']}/{own['track'] or ''}"
    work, _, track_id = identity.partition("/")
    suffix = _LANGUAGE_SUFFIX.match(stem)
    declared = language or (own["language"] if own else None) or options.language
    if not declared and suffix and normalise_tag(suffix["language"]).valid:
        declared, stem = suffix["language"], suffix["stem"]
    tag = normalise_tag(declared)
    if declared and not tag.valid:
        problems.append(problem("language-unknown", name, "", declared=declared))
    elif declared and tag.changed:
        problems.append(problem("language-normalised", name, "", declared=declared, language=tag.tag))
    elif not declared and not work:
        problems.append(problem("language-missing", name, "", language="und", where="—"))
    key = f"cairn-{work}" if work else name
    track = ParsedTrack(
        id=track_id or ("" if work else "t1"),
        kind=kind,
        language=tag.tag,
        declared_language=declared,
        is_original=kind == "transcript",
        cues=tuple(cues),
    )
    title, removed = without_tricks(stem.replace("_", " "))
    if removed:
        problems.append(problem("hidden-characters", name, "", found=" ".join(removed), name=title))
    return ParsedWork(
        key=key,
        file=name,
        format=format_name,
        kind="testimony" if options.kind == "auto" else options.kind,
        title={tag.tag: title},
        original_language=tag.tag,
        languages=(tag.tag,),
        tracks=with_anchors(key, [track]),
        partial=bool(work),
        problems=tuple(problems),
    )
