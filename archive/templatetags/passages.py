"""The words of a testimony or document as HTML: rows of passages, written in Python in one pass.

A page of two thousand passages as template nodes costs more than everything else on it together, so the rows are
joined here as strings. Everything that comes from a publication is escaped here and nowhere else; the property test
``tests/frontend/test_passages.py`` holds that no combination of marks yields unescaped input or crossed elements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext

from archive.public import kinds
from archive.public.addresses import page_url
from archive.templatetags.site_language import bcp47, direction, language_name
from archive.values.addresses import web_address
from archive.values.text import WITHHELD

register = template.Library()

#: Marks of a text that name something: what they name may have a page.
NAMING_MARKS = frozenset({"person", "place", "organisation", "event", "concept", "term"})
NAMES = frozenset({"person", "place", "organisation"})
_CALENDAR_DATE = re.compile(r"-?\d{4}(-\d{2}(-\d{2})?)?\Z", re.ASCII)
_PLAIN_ELEMENTS = {
    "emphasis": ("<em>", "</em>"),
    "deleted": ("<del>", "</del>"),
    "added": ("<ins>", "</ins>"),
}
_TRACKS_TO_READ = {"transcript": 0, "translation": 0, "captions": 1, "subtitles": 1}

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Companion:
    """A language in which the words can stand beside the original."""

    language: str
    direction: str
    name: str
    machine: bool
    reviewed: bool
    active: bool


@dataclass(frozen=True)
class Reading:
    """What a reading page shows: the rows as HTML, the notes, and the languages on offer."""

    original: Json | None
    companion: Json | None
    companions: tuple[Companion, ...]
    rows: SafeString
    notes: SafeString
    timed: bool


@dataclass
class _Writer:
    """State of one rendering: where entities link to, and the notes met so far."""

    language: str
    links: dict[str, str]
    words: dict[str, str]
    notes: list[str] = field(default_factory=list)
    #: Tags around an entity by (type, ref, key): the same names come again and again.
    entity_tags: dict[tuple[object, object, object], tuple[str, str, bool]] = field(default_factory=dict)


def clock(milliseconds: int) -> str:
    """``372000`` → ``06:12``; from one hour on ``1:06:12``. Always written left to right."""
    seconds = max(0, int(milliseconds)) // 1000
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def entity_links(entities: Iterable[Json]) -> dict[str, str]:
    """Escaped address of the page of each entity that has one, by every name by which a mark may refer to it."""
    links: dict[str, str] = {}
    for entity in entities:
        kind, public_id = str(entity.get("kind", "")), entity.get("id")
        if not public_id or kinds.known(kind) is None:
            continue
        address = escape(page_url(kind, str(public_id)))
        for reference in (entity.get("authority"), entity.get("key"), public_id):
            if reference:
                links.setdefault(str(reference), address)
    return links


def _opening(mark: Json, writer: _Writer, inside_link: bool) -> tuple[str, str, bool]:
    """Start tag, end tag and whether it is a link, for one mark that covers text; empty tags for what shows nothing."""
    kind = str(mark.get("type", ""))
    if kind in _PLAIN_ELEMENTS:
        return (*_PLAIN_ELEMENTS[kind], False)
    if kind in NAMING_MARKS:
        is_name = kind in NAMES
        before, after = ("<bdi>", "</bdi>") if is_name else ("", "")
        links = writer.links
        address = "" if inside_link else links.get(mark.get("ref") or "") or links.get(mark.get("key") or "")
        if not address:
            return before, after, False
        # Terms are many; they stay quieter than names.
        return f'<a class="{"entity" if is_name else "term"}" href="{address}">{before}', f"{after}</a>", True
    data = mark.get("data")
    data = data if isinstance(data, dict) else {}
    if kind == "date":
        when = str(data.get("when", ""))
        return (f'<time datetime="{when}">', "</time>", False) if _CALENDAR_DATE.match(when) else ("", "", False)
    if kind == "foreign":
        tag = bcp47(str(data.get("language") or data.get("lang") or mark.get("ref") or ""))
        return (
            ("<i>", "</i>", False)
            if tag == "und"
            else (f'<i lang="{escape(tag)}" dir="{direction(tag)}">', "</i>", False)
        )
    if kind == "unclear":
        return '<span class="unclear">', f'<span class="editorial">{writer.words["unclear"]}</span></span>', False
    if kind == "link":
        address = web_address(str(mark.get("ref", "")))
        if address and not inside_link:
            return f'<a class="outward" href="{escape(address)}" rel="noreferrer noopener nofollow">', "</a>", True
    return "", "", False


def _point(mark: Json, writer: _Writer, page: str) -> str:
    """What stands at one position of the text: a page number, a note's number, a gap."""
    kind = mark.get("type")
    data = mark.get("data")
    data = data if isinstance(data, dict) else {}
    if kind == "note":
        text = str(data.get("text", "")).strip()
        if not text:
            return ""
        writer.notes.append(text)
        number = len(writer.notes)
        return (
            f'<sup class="note-ref"><a id="noteref-{number}" href="#note-{number}" role="doc-noteref">'
            f'<span class="visually-hidden">{writer.words["note"]} </span>{number}</a></sup>'
        )
    if kind == "page":
        label = str(data.get("n", "")).strip()
        if not label or (label == page and mark.get("start") == 0):
            return ""
        return (
            f'<span class="page-break" role="doc-pagebreak"><span class="visually-hidden">'
            f"{writer.words['page']} </span>{escape(label)}</span>"
        )
    if kind == "gap":
        return f'<span class="editorial">[…<span class="visually-hidden">{writer.words["gap"]}</span>]</span>'
    if kind == "withheld":
        return f'<span class="withheld">{writer.words["withheld"]}</span>'
    return ""


def _withheld(instead: str, writer: _Writer) -> str:
    """What stands for withheld words: the projection's sign, or the words that the community gave to show instead."""
    if instead == WITHHELD:
        return f'<span class="withheld">{writer.words["withheld"]}</span>'
    return (
        f'<span class="withheld">{escape(instead, quote=False)}'
        f'<span class="visually-hidden"> ({writer.words["withheld"]})</span></span>'
    )


def _outermost_first(span: tuple[int, int, Json]) -> tuple[int, int]:
    return span[0], -span[1]


def _sound_marks(marks: Sequence[Json], length: int) -> tuple[list[tuple[int, int, Json]], dict[int, list[Json]]]:
    """Marks within the text, as spans in order of opening and as points by position; impossible offsets are dropped.

    A withholding mark swallows every other mark that touches its words: what they point to would tell the name.
    """
    spans: list[tuple[int, int, Json]] = []
    points: dict[int, list[Json]] = {}
    for mark in marks:
        start, end = mark.get("start"), mark.get("end")
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start <= end <= length:
            continue
        if start == end:
            points.setdefault(start, []).append(mark)
        elif mark.get("type") == "gap":
            # Words the edition puts where the source has a hole stay; the sign stands before them.
            points.setdefault(start, []).append(mark)
        else:
            spans.append((start, end, mark))
    hidden = [(start, end) for start, end, mark in spans if mark.get("type") == "withheld"]
    if hidden:
        spans = [
            span
            for span in spans
            if span[2].get("type") == "withheld" or not any(span[0] < end and start < span[1] for start, end in hidden)
        ]
        points = {at: found for at, found in points.items() if not any(start < at < end for start, end in hidden)}
    spans.sort(key=_outermost_first)
    return spans, points


def _nested(text: str, marks: Sequence[Json], writer: _Writer, page: str, harmless: bool) -> str | None:
    """The same as the general case below for marks that nest as elements do, in their order; None where they do not.

    Nearly all passages are so, and this takes half the time.
    """
    out: list[str] = []
    #: Open elements, outermost first: (end offset, end tag, is a link).
    stack: list[tuple[int, str, bool]] = []
    links = reached = opened = 0
    inner, length, noted = len(text), len(text), len(writer.notes)
    known = writer.entity_tags
    for mark in marks:
        start, end, kind = mark.get("start"), mark.get("end"), mark.get("type")
        if (
            not isinstance(start, int)
            or not isinstance(end, int)
            or not reached <= start <= end <= length
            or kind == "withheld"
            or kind == "gap"
        ):
            break
        while stack and inner <= start:
            until, end_tag, is_link = stack.pop()
            out += (text[reached:until] if harmless else escape(text[reached:until], quote=False), end_tag)
            reached = until
            links -= is_link
            inner, opened = stack[-1][0] if stack else length, 0
        if start > reached:
            out.append(text[reached:start] if harmless else escape(text[reached:start], quote=False))
            reached = start
            opened = 0
        if start == end:
            if opened:
                # A point stands before whatever opens at its position.
                break
            out.append(_point(mark, writer, page))
            continue
        if end > inner:
            break
        if kind in NAMING_MARKS and not links:
            name = (kind, mark.get("ref"), mark.get("key"))
            tags = known.get(name)
            if tags is None:
                tags = known[name] = _opening(mark, writer, False)
        else:
            tags = _opening(mark, writer, links > 0)
        start_tag, end_tag, is_link = tags
        out.append(start_tag)
        stack.append((end, end_tag, is_link))
        links += is_link
        inner, opened = end, 1
    else:
        for until, end_tag, _is_link in reversed(stack):
            out += (text[reached:until] if harmless else escape(text[reached:until], quote=False), end_tag)
            reached = until
        out.append(text[reached:] if harmless else escape(text[reached:], quote=False))
        return "".join(out)
    del writer.notes[noted:]
    return None


def marked_text(text: str, marks: Sequence[Json], writer: _Writer, page: str = "") -> str:
    """One passage as HTML: its text escaped, its marks as well-nested elements.

    Overlapping marks are closed and opened again at each other's borders; a link inside a link shows as text.
    """
    if not marks:
        return escape(text, quote=False)
    # Most passages hold nothing to escape: found out once, not for every piece between two marks.
    harmless = not ("<" in text or ">" in text or "&" in text)
    nested = _nested(text, marks, writer, page, harmless)
    if nested is not None:
        return nested
    spans, points = _sound_marks(marks, len(text))
    if not spans and not points:
        return escape(text, quote=False)
    borders = sorted({at for start, end, _ in spans for at in (start, end)} | points.keys() | {0, len(text)})
    out: list[str] = []
    #: Open elements, outermost first: (end offset, mark, end tag, is a link).
    stack: list[tuple[int, Json, str, bool]] = []
    nearest_end = len(text) + 1
    withheld_until = -1
    upcoming = 0
    open_links = 0
    for at, following in zip(borders, [*borders[1:], 0], strict=True):
        if nearest_end <= at:
            outermost = next(place for place, entry in enumerate(stack) if entry[0] <= at)
            unwound = stack[outermost:]
            del stack[outermost:]
            out.extend([entry[2] for entry in reversed(unwound)])
            open_links -= sum(entry[3] for entry in unwound)
            for end, mark, _, _ in unwound:
                if end > at:
                    start_tag, end_tag, is_link = _opening(mark, writer, open_links > 0)
                    out.append(start_tag)
                    stack.append((end, mark, end_tag, is_link))
                    open_links += is_link
            nearest_end = min([entry[0] for entry in stack]) if stack else len(text) + 1
        for mark in points.get(at, ()):
            out.append(_point(mark, writer, page))
        while upcoming < len(spans) and spans[upcoming][0] == at:
            _, end, mark = spans[upcoming]
            upcoming += 1
            if mark.get("type") == "withheld":
                if at >= withheld_until:
                    out.append(_withheld(text[at:end], writer))
                withheld_until = max(withheld_until, end)
            else:
                start_tag, end_tag, is_link = _opening(mark, writer, open_links > 0)
                out.append(start_tag)
                stack.append((end, mark, end_tag, is_link))
                open_links += is_link
                nearest_end = min(nearest_end, end)
        if following and at >= withheld_until:
            piece = text[at:following]
            out.append(piece if harmless else escape(piece, quote=False))
    return "".join(out)


def _passage(cue: Json, opening: str, writer: _Writer, page: str) -> str:
    """One cue as a paragraph (or heading) with its anchor; ``opening`` holds language and direction."""
    # A publication carries cleared text only; where a redacted wording stands beside it, that one is shown.
    public_text = cue.get("public_text")
    if public_text is not None and public_text != cue.get("text"):
        words = escape(str(public_text), quote=False)
    else:
        words = marked_text(str(cue.get("text", "")), cue.get("marks") or (), writer, page)
    paratext = cue.get("paratext")
    if paratext:
        words = f'{words} <span class="paratext">({escape(str(paratext), quote=False)})</span>'
    kind = cue.get("kind") or "p"
    element = "h3" if kind == "head" else "p"
    extra = "" if kind in ("p", "head") or not str(kind).replace("-", "").isalpha() else f' class="cue-{kind}"'
    return f'<{element} id="{escape(str(cue.get("id", "")))}"{extra}{opening}>{words}</{element}>'


def _attributes(track: Json) -> str:
    tag = bcp47(str(track.get("language", "")))
    way = track.get("direction")
    return f' lang="{escape(tag)}" dir="{way if way in ("ltr", "rtl") else direction(tag)}"'


def transcript_html(work: Json, original: Json | None, companion: Json | None, writer: _Writer) -> str:
    """All rows of a publication, the original's cell first, the companion's beside it.

    A row in which neither has words is left out. Each row carries its span in seconds for the player.
    """
    shown = [
        (name, str(track.get("id")), _attributes(track))
        for name, track in (("original", original), ("companion", companion))
        if track is not None
    ]
    page, speaker = "", ""
    passage_label, page_word = writer.words["passage"], writer.words["page"]
    out: list[str] = []
    for row in work.get("rows") or ():
        cells = row.get("cells") or {}
        if not any(cells.get(track_id) for _, track_id, _ in shown):
            continue
        row_page = str(row.get("page") or "")
        if row_page and row_page != page:
            out.append(f'<p class="page-label"><span>{page_word} {escape(row_page)}</span></p>')
        page = row_page or page
        first = next(cues[0] for _, track_id, _ in shown if (cues := cells.get(track_id)))
        said_by = str(first.get("speaker") or "")
        start, end = row.get("start_ms"), row.get("end_ms")
        timing = "" if start is None else f' data-start="{start / 1000:g}"'
        if end is not None:
            timing += f' data-end="{end / 1000:g}"'
        out.append(f'<div class="row"{timing}>')
        named = f'<bdi class="speaker">{escape(said_by, quote=False)}</bdi> ' if said_by and said_by != speaker else ""
        speaker = said_by or speaker
        mark = "¶" if start is None else clock(start)
        bare = " bare" if start is None and not named else ""
        anchor = escape(str(first.get("id", "")))
        out.append(
            f'<div class="row-head{bare}">{named}<a class="moment" dir="ltr" href="#{anchor}">'
            f'<span class="visually-hidden">{passage_label} </span>{mark}</a></div>'
        )
        for name, track_id, attributes in shown:
            cues = cells.get(track_id) or ()
            words = "".join([_passage(cue, attributes, writer, row_page) for cue in cues])
            out.append(f'<div class="{name}">{words}</div>')
        out.append("</div>\n")
    return "".join(out)


def _readable(work: Json) -> list[Json]:
    """Tracks of words to read, that have words in at least one row, in the payload's order, transcripts first."""
    filled = {track_id for row in work.get("rows") or () for track_id, cues in (row.get("cells") or {}).items() if cues}
    tracks = [t for t in work.get("tracks") or () if t.get("kind") in _TRACKS_TO_READ and t.get("id") in filled]
    return sorted(tracks, key=lambda track: _TRACKS_TO_READ[str(track["kind"])])


def _primary(tag: str) -> str:
    return bcp47(tag).split("-")[0]


def _choose(tracks: Sequence[Json], wanted: str) -> Json | None:
    """The track in the wanted language, exactly or at least in its primary language."""
    tag = bcp47(wanted)
    tests: tuple[Callable[[str], bool], ...] = (
        lambda language: bcp47(language) == tag,
        lambda language: _primary(language) == _primary(tag),
    )
    for fits in tests:
        for track in tracks:
            if fits(str(track.get("language", ""))):
                return track
    return None


@register.simple_tag
def reading(work: Json, with_language: str = "") -> Reading:
    """The words of a publication for a reading page.

    ``with_language`` is the reader's choice (``?with=``); without it the interface's language is put beside the
    original, else English, else the first translation. The original's own language chosen means: alone.
    """
    language = get_language() or "en"
    tracks = _readable(work)
    original = next((track for track in tracks if track.get("is_original")), tracks[0] if tracks else None)
    others: list[Json] = []
    for track in tracks:
        if track is not original and all(track.get("language") != other.get("language") for other in others):
            others.append(track)
    own = str(original.get("language", "")) if original else ""
    companion: Json | None = None
    if with_language and bcp47(with_language) not in ("und", bcp47(own)):
        companion = _choose(others, with_language)
    alone = bool(with_language) and companion is None and bcp47(with_language) == bcp47(own)
    if companion is None and not alone and _primary(language) != _primary(own):
        companion = _choose(others, language) or _choose(others, "en") or (others[0] if others else None)
    words = {
        "note": gettext("Note"),
        "page": gettext("Page"),
        # Translators: stands where the narrator or an editor kept a name out of public view.
        "withheld": gettext("withheld"),
        # Translators: follows words of which a transcriber is not sure.
        "unclear": gettext("[?]"),
        # Translators: read aloud where the source has a hole.
        "gap": gettext("gap in the source"),
        "passage": gettext("Link to this passage"),
    }
    writer = _Writer(
        language=language,
        links=entity_links(work.get("entities") or ()),
        words={name: escape(said) for name, said in words.items()},
    )
    rows = transcript_html(work, original, companion, writer)
    back = escape(gettext("Back to the passage"))
    notes = "".join(
        f'<li id="note-{number}"><span dir="auto">{escape(text, quote=False)}</span> '
        f'<a href="#noteref-{number}" role="doc-backlink"><span aria-hidden="true">↩</span>'
        f'<span class="visually-hidden">{back} {number}</span></a></li>'
        for number, text in enumerate(writer.notes, start=1)
    )
    companions = tuple(
        Companion(
            language=bcp47(str(track.get("language", ""))),
            direction=direction(str(track.get("language", ""))),
            name=language_name(str(track.get("language", ""))),
            machine=track.get("origin") == "machine",
            reviewed=bool(track.get("reviewed")),
            active=track is companion,
        )
        for track in others
    )
    # Every value above passed through escape(); the property test holds it.
    return Reading(
        original=original,
        companion=companion,
        companions=companions,
        rows=mark_safe(rows),  # noqa: S308
        notes=mark_safe(notes),  # noqa: S308
        timed=any(row.get("start_ms") is not None for row in work.get("rows") or ()),
    )


register.filter("clock", clock)
