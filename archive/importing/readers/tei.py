"""TEI P5, in the dialect of the EHRI online editions and plain.

A work is one ``TEI`` element. ``div[@type="original"]`` and ``div[@type="translation"]`` become tracks; a file
without them is one original. Schema of the dialect: EHRI ODD (https://github.com/EHRI/ehri-online-editions).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from lxml import etree

from archive.importing.alignment import align
from archive.importing.anchors import with_anchors
from archive.importing.authorities import entities_named
from archive.importing.formats import ReadingOptions
from archive.importing.parsed import ParsedTrack, ParsedWork
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import Source
from archive.importing.tei_header import Header, read_header
from archive.importing.tei_text import (
    TEI,
    XML_ID,
    XML_LANG,
    DivisionReader,
    language_problem,
    local_name,
    speakers_of,
    time_line,
)
from archive.importing.xml_reading import parse_xml
from archive.values.languages import normalise_tag

#: What editions write where a translation is still to be made. Compared without case and final stop.
PLACEHOLDERS = frozenset(
    (
        "no translation is available",
        "no translation available",
        "translation not available",
        "keine übersetzung verfügbar",
        "překlad není k dispozici",
    )
)

_TESTIMONY = re.compile(r"testimon|zeugnis|erinnerung|interview|svědectv|zeznani|relacj", re.IGNORECASE)

_SCRIPT_OF_LANGUAGE = {
    "yi": "HEBREW",
    "he": "HEBREW",
    "ru": "CYRILLIC",
    "uk": "CYRILLIC",
    "ar": "ARABIC",
    "hy": "ARMENIAN",
    "el": "GREEK",
}


class _TeiReader:
    name = "tei"
    label = "TEI P5"
    extensions: tuple[str, ...] = (".xml", ".tei")

    def recognises(self, head: bytes) -> bool:
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            head = head.decode("utf-16", errors="replace").encode()
        return b"<TEI" in head or b"<teiCorpus" in head or TEI.encode() in head

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        root = parse_xml(source.read(), source.name)
        if root.tag == f"{{{TEI}}}teiCorpus":
            raise RefusedError(problem("tei-corpus", source.name, _place(root)))
        if root.tag != f"{{{TEI}}}TEI":
            raise RefusedError(problem("not-tei", source.name, _place(root), name=str(root.tag)))
        yield read_work(root, source.name, options)


READER = _TeiReader()


def read_work(root: etree._Element, file: str, options: ReadingOptions) -> ParsedWork:
    """Return the work of a ``TEI`` element.

    :raises RefusedError: when it has neither text nor a title.
    """
    header_element = root.find(f"{{{TEI}}}teiHeader")
    header = read_header(header_element, file) if header_element is not None else Header()
    key = root.get(XML_ID, "").strip() or file
    problems = list(header.problems)
    read, pages, found = _tracks(root, header, file, options)
    problems += found
    if not read and not header.title:
        raise RefusedError(problem("no-text", file, _place(root)))
    tracks, found = align(key, file, with_anchors(key, read))
    problems += found
    title = dict(header.title)
    original = _original_language(tracks, header)
    if not title:
        title = {original: key}
        problems.append(problem("no-title", file, _place(root), title=key))
    entities, anonymous = entities_named(tracks, header.entities)
    if anonymous:
        problems.append(problem("entities-without-authority", file, "", count=anonymous))
    if pages:
        problems.append(
            problem("facsimiles-not-supplied", file, "", count=len(pages), first=pages[0][1] or pages[0][0])
        )
    return ParsedWork(
        key=key,
        file=file,
        format="tei",
        kind=_kind(header, options),
        title=title,
        original_language=original,
        tracks=tracks,
        abstract=header.abstract,
        languages=tuple(dict.fromkeys(track.language for track in tracks)) or tuple(header.languages),
        date=header.date,
        date_as_written=header.date_as_written,
        place=header.place,
        contributors=tuple(header.contributors),
        entities=entities,
        institution=header.institution,
        institution_uri=header.institution_uri,
        collection=header.collection,
        collection_uri=header.collection_uri,
        reference=header.reference,
        source_statement=header.source_statement,
        edition=header.edition,
        licence_uri=header.licence_uri,
        licence_label=header.licence_label,
        keywords=tuple(header.keywords),
        facsimiles=tuple(pages),
        details=header.details,
        problems=tuple(problems),
    )


def _tracks(
    root: etree._Element, header: Header, file: str, options: ReadingOptions
) -> tuple[list[ParsedTrack], list[tuple[str, str]], list[Problem]]:
    """Return the tracks, every page with its image, and what is odd."""
    problems: list[Problem] = []
    body = root.find(f"{{{TEI}}}text")
    if body is None:
        return [], [], [problem("original-empty", file, _place(root))]
    divisions = [
        division
        for division in body.iter(f"{{{TEI}}}div")
        if division.get("type") in ("original", "translation") and not _inside_division(division)
    ]
    if divisions:
        problems += _left_out(body, divisions, file)
    else:
        divisions = [body]
        if body.find(f".//{{{TEI}}}div") is not None:
            problems.append(problem("no-original", file, _place(body)))
    tracks: list[ParsedTrack] = []
    pages: dict[str, str] = {}
    sequences: list[tuple[bool, tuple[str, ...], etree._Element]] = []
    times, speakers = time_line(root), speakers_of(root)
    for division in divisions:
        is_original = division.get("type") != "translation"
        reader = DivisionReader(file, times=times, speakers=speakers)
        reader.read(division)
        problems += reader.problems
        for label, image in reader.pages:
            pages.setdefault(label, image)
        text = " ".join(cue.text for cue in reader.cues).strip()
        if not is_original and text.casefold().rstrip(" .") in PLACEHOLDERS:
            problems.append(problem("translation-placeholder", file, _place(division), text=text))
            continue
        if not text:
            problems.append(problem("original-empty" if is_original else "translation-empty", file, _place(division)))
        if not reader.cues:
            if is_original:
                _language(division, root, header, file, is_original, options, problems)
            continue
        language, declared = _language(division, root, header, file, is_original, options, problems)
        problems += _script_problem(language, text, file, division)
        tracks.append(
            ParsedTrack(
                id=f"t{len(tracks) + 1}",
                kind="transcript" if is_original else "translation",
                language=language,
                declared_language=declared,
                is_original=is_original,
                cues=tuple(reader.cues),
            )
        )
        sequences.append((is_original, tuple(label for label, _ in reader.pages), division))
    problems += _page_problems(sequences, file)
    return tracks, list(pages.items()), problems


def _inside_division(division: etree._Element) -> bool:
    return any(
        local_name(above) == "div" and above.get("type") in ("original", "translation")
        for above in division.iterancestors()
    )


def _left_out(body: etree._Element, divisions: Sequence[etree._Element], file: str) -> Iterator[Problem]:
    """Name every part of the text with words in it that no original or translation holds."""
    holding = set(divisions)
    above = {ancestor for division in divisions for ancestor in division.iterancestors()}
    stack: list[etree._Element] = [body]
    while stack:
        element = stack.pop()
        if element in holding:
            continue
        if element in above or element is body:
            if (element.text or "").strip():
                yield problem("text-not-taken", file, _place(element), name=local_name(element))
            for child in element:
                if (child.tail or "").strip():
                    yield problem("text-not-taken", file, _place(child), name=local_name(element))
                if isinstance(child.tag, str):
                    stack.append(child)
        elif "".join(element.itertext()).strip():
            yield problem("text-not-taken", file, _place(element), name=local_name(element))


def _language(
    division: etree._Element,
    root: etree._Element,
    header: Header,
    file: str,
    is_original: bool,
    options: ReadingOptions,
    problems: list[Problem],
) -> tuple[str, str]:
    """Return the normalised and the declared language of a division."""
    declared = division.get(XML_LANG, "")
    if not declared and division is not root.find(f"{{{TEI}}}text"):
        above = next((one.get(XML_LANG, "") for one in division.iterancestors() if one.get(XML_LANG)), "")
        declared = above
    if declared:
        tag = normalise_tag(declared)
        if tag.changed or not tag.valid:
            problems.append(language_problem(file, _place(division), declared))
        if is_original and tag.valid and header.languages and tag.tag not in header.languages:
            problems.append(
                problem("languages-disagree", file, _place(division), header=", ".join(header.languages), text=tag.tag)
            )
        return tag.tag, declared
    guess, where = "und", "—"
    if is_original and header.languages:
        guess, where = header.languages[0], "langUsage"
    elif options.language:
        guess, where = normalise_tag(options.language).tag, "--language"
    problems.append(problem("language-missing", file, _place(division), language=guess, where=where))
    return guess, ""


def _page_problems(sequences: list[tuple[bool, tuple[str, ...], etree._Element]], file: str) -> Iterator[Problem]:
    original = next((pages for is_original, pages, _ in sequences if is_original), None)
    if original is None:
        return
    for is_original, pages, division in sequences:
        if is_original or pages == original:
            continue
        if not pages or not original:
            yield problem("pages-in-one-only", file, _place(division))
        else:
            yield problem(
                "pages-differ", file, _place(division), original=_listed(original), translation=_listed(pages)
            )


def _listed(pages: tuple[str, ...]) -> str:
    if len(pages) <= 12:
        return ", ".join(pages) or "–"
    return f"{', '.join(pages[:10])} … {pages[-1]} ({len(pages)})"


def _script_problem(language: str, text: str, file: str, division: etree._Element) -> Iterator[Problem]:
    """Report a text declared in a language of another script than it is written in (Yiddish in Latin letters)."""
    expected = _SCRIPT_OF_LANGUAGE.get(language)
    if expected is None:
        return
    scripts: Counter[str] = Counter()
    # Each letter is looked up once, however often it stands there.
    for character, count in Counter(text[:4000]).items():
        if character.isalpha():
            scripts[unicodedata.name(character, "").split(" ", 1)[0]] += count
    if not scripts:
        return
    main, count = scripts.most_common(1)[0]
    if main != expected and count > scripts.total() * 0.6:
        yield problem("script-differs", file, _place(division), language=language, script=main.title())


def _original_language(tracks: Sequence[ParsedTrack], header: Header) -> str:
    for track in tracks:
        if track.is_original:
            return track.language
    return header.languages[0] if header.languages else "und"


def _kind(header: Header, options: ReadingOptions) -> str:
    if options.kind != "auto":
        return options.kind
    return "testimony" if any(_TESTIMONY.search(word) for word in header.keywords) else "document"


def _place(element: etree._Element) -> str:
    return str(element.sourceline or "")
