"""What else in a work says the words that were just hidden.

Words are compared as search compares them: by the rules of the language of the text, by those of their own
language, and letter by letter; always without regard to accents and capitals. A phrase is found only whole, so that
the list stays short.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from archive.desk.redaction_effects import RedactedWork
from archive.desk.sealing import fields_kept_from
from archive.models import Redaction
from archive.projection.beside import CLIP, ENTITY, SEGMENT
from archive.values.languages import display_name
from search.analysis import analyser

#: Characters shown on either side of what was found.
_AROUND = 60
#: Words and the language they are in.
Phrase = tuple[str, str]
#: Marks whose words are a name.
_NAMES = frozenset({"person", "place", "organisation"})


@dataclass(frozen=True)
class Found:
    """One place that still says the words, and what can be done about it."""

    where: str
    #: The text around, cut in three: before, the words, after.
    before: str
    words: str
    after: str
    #: ``passage``, ``whole`` (hide the passage), ``segment``, ``clip``, ``entity``, or ``form``.
    offer: str
    key: str = ""
    #: Name of the screen of the work that edits it; clips have forms of their own.
    screen: str = "edit"
    #: The words are out of the record already, and readers see that once somebody has passed the review.
    mended: bool = False


def same_words(seen: RedactedWork, redaction: Redaction) -> list[Found]:
    """Everything that readers can still see and that says what ``redaction`` hides."""
    phrases = phrases_of(seen, redaction)
    found: dict[tuple[str, str, str], Found] = {}
    if phrases:
        for one in (*_in_texts(seen, phrases), *_beside(seen, phrases), *_in_fields(seen, phrases)):
            found.setdefault((one.where, one.key, f"{one.before}{one.words}{one.after}"), one)
    return list(found.values())


def own_words(seen: RedactedWork, redaction: Redaction, about: str, key: str) -> Found | None:
    """Where a part of the index or a clip says in its own words what ``redaction`` hides.

    Such a thing cannot be free of it. A name beside the text is another matter: it always says itself.
    """
    phrases = phrases_of(seen, redaction)
    if not redaction.words and redaction.start is None:
        # A name in a passage that is hidden whole is no secret while other passages say it.
        phrases = [phrase for phrase in phrases if not any(_in_texts(seen, [phrase]))]
    if about == SEGMENT:
        segments = [one for one in seen.snapshot.get("segments", []) if str(one["id"]) == key]
        return next((found for one in segments for found in _in_segment(one, phrases)), None)
    if about == CLIP:
        return next((f for one in seen.clips if one.public_id == key for f in _in_clip(one, phrases)), None)
    return None


def phrases_of(seen: RedactedWork, redaction: Redaction) -> list[Phrase]:
    """The words that are hidden, or the names in what is hidden whole; and the names that went with them."""
    reach = seen.reaches.get(redaction.pk)
    if reach is None:
        return []
    phrases: list[Phrase] = []
    for track in seen.raw:
        language = track.get("language", "und")
        for one in (one for one in track.get("cues", []) if one["id"] in reach.touched):
            if one["id"] == redaction.anchor and redaction.words:
                phrases.append((redaction.words, language))
            elif one["id"] == redaction.anchor and redaction.start is not None and redaction.end is not None:
                phrases.append((one["text"][redaction.start : redaction.end], language))
            elif not redaction.words and redaction.start is None:
                marks = [mark for mark in one.get("marks", []) if mark["type"] in _NAMES]
                phrases += [(one["text"][mark["start"] : mark["end"]], language) for mark in marks]
    shown = {record.pk for record in seen.targets_shown()}
    for link in seen.snapshot.get("links", []):
        target = seen.targets.get(link["target"])
        if target is not None and target.pk not in shown and not reach.touched.isdisjoint(link["anchors"]):
            phrases += _names_of(target, seen)
    return list(dict.fromkeys((words.strip(), tag) for words, tag in phrases if words.strip()))


def place_of(phrase: str, text: str, *languages: str) -> tuple[int, int] | None:
    """Where a text says a phrase by the rules of any of these languages, or letter by letter; None: nowhere."""
    for tag in dict.fromkeys((*languages, "und")):
        rules = analyser(tag)
        wanted = [token.term for token in rules.tokens(phrase)]
        tokens = list(rules.tokens(text))
        terms = [token.term for token in tokens]
        for at in range(len(terms) - len(wanted) + 1 if wanted else 0):
            if terms[at : at + len(wanted)] == wanted:
                return tokens[at].start, tokens[at + len(wanted) - 1].end
    return None


def _find(phrases: Iterable[Phrase], where: str, text: str, language: str, offer: str, **more: Any) -> Iterator[Found]:
    for phrase, own in phrases:
        if (place := place_of(phrase, text, language, own)) is not None:
            start, end = place
            before = ("…" if start > _AROUND else "") + text[max(0, start - _AROUND) : start]
            after = text[end : end + _AROUND] + ("…" if end + _AROUND < len(text) else "")
            yield Found(where, before, text[start:end], after, offer, **more)
            return


def _in_texts(seen: RedactedWork, phrases: list[Phrase]) -> Iterator[Found]:
    for track in seen.tracks:
        language = track.get("language", "und")
        name = display_name(language, get_language() or "en")
        for cue in track["cues"]:
            key = {"key": cue["id"], "screen": "transcript"}
            # Translators: {language} is the name of a language.
            yield from _find(
                phrases, _("Passage ({language})").format(language=name), cue["text"], language, "passage", **key
            )
            notes = [str(value) for mark in cue.get("marks", []) for value in (mark.get("data") or {}).values()]
            beside = [(_("Who speaks"), cue.get("speaker", "")), (_("Note in the passage"), cue.get("paratext", ""))]
            for where, text in (*beside, *((_("Note in the passage"), note) for note in notes)):
                yield from _find(phrases, where, text, language, "whole", **key)


def _in_segment(segment: Mapping[str, Any], phrases: list[Phrase]) -> Iterator[Found]:
    for name in ("title", "synopsis"):
        for tag, text in _texts(segment.get(name)):
            yield from _find(
                phrases, _("Part of the index"), text, tag, SEGMENT, key=str(segment["id"]), screen="links"
            )


def _in_clip(clip: Any, phrases: list[Phrase]) -> Iterator[Found]:
    for value in (clip.title, clip.context):
        for tag, text in _texts(value):
            yield from _find(phrases, _("Clip"), text, tag, CLIP, key=clip.public_id, screen="clips")


def _beside(seen: RedactedWork, phrases: list[Phrase]) -> Iterator[Found]:
    for segment in seen.segments_shown():
        yield from _in_segment(segment, phrases)
    for clip in seen.clips_shown():
        yield from _in_clip(clip, phrases)
    for target in seen.targets_shown():
        for text, tag in _names_of(target, seen):
            yield from _find(
                phrases, _("Named beside the text"), text, tag, ENTITY, key=target.public_id, screen="links"
            )


def _in_fields(seen: RedactedWork, phrases: list[Phrase]) -> Iterator[Found]:
    snapshot, kept = seen.snapshot, fields_kept_from(seen.viewer, seen.work)
    sealed = set(seen.work.sealed or [])
    for name, where in (("title", _("Title")), ("abstract", _("Abstract"))):
        if name not in kept and name not in sealed:
            now = dict(_texts(getattr(seen.work, name)))
            for tag, text in _texts(snapshot.get(name)):
                mended = not any(_find(phrases, where, now.get(tag, ""), tag, name))
                named = f"{where} ({display_name(tag, get_language() or 'en')})"
                yield from _find(phrases, named, text, tag, name, mended=mended)
    plain = {
        "source_statement": _("Statement of source"),
        "reference": _("Archival reference"),
        "institution": _("Held by"),
        "archival_collection": _("Archival collection"),
        "edition": _("Published edition"),
    }
    for name, where in plain.items():
        yield from _find(phrases, where, str(snapshot.get(name) or ""), "und", "form")
    facts: tuple[tuple[str, Any], ...] = (
        (_("Verification"), snapshot.get("verification")),
        (_("Facsimiles"), snapshot.get("facsimiles")),
        (_("Facts of the source"), (snapshot.get("source_facts") or {}).get("public")),
    )
    for where, value in facts:
        for text in _strings(value):
            yield from _find(phrases, where, text, "und", "form")
    if "contributions" not in kept:
        for row in seen.work.contributions.select_related("person"):
            for text, tag in ((row.credited_as, "und"), *(_names_of(row.person, seen) if row.person else ())):
                yield from _find(phrases, _("Contributor"), text, tag, "form", screen="links")
    if seen.work.place and "place" not in kept and not {"place", "exact_place"} & sealed:
        for text, tag in _names_of(seen.work.place, seen):
            yield from _find(phrases, _("Place"), text, tag, "form")


def _names_of(record: Any, seen: RedactedWork) -> list[Phrase]:
    """Names of an authority that this viewer may read, with their languages."""
    if "name" in fields_kept_from(seen.viewer, record):
        return []
    others = [
        (other["text"], other.get("language") or "und") for other in record.other_names or [] if other.get("text")
    ]
    # By which of them a person is shown is hers to say; each of them leads to her.
    own = [*_texts(record.name), *_texts(getattr(record, "public_name", None))]
    return [*((text, tag) for tag, text in own if text), *others]


def _texts(value: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    return [(tag, entry.get("text", "")) for tag, entry in ((value or {}).get("values") or {}).items()]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
