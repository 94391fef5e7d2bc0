"""Language maps: one text per BCP 47 tag, with where each came from.

The JSON form, stored in fields named ``title``, ``abstract`` and the like, is
``{"original": tag, "values": {tag: {"text", "origin", "reviewed"}}}``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from archive.values.languages import direction, normalise_tag

ORIGINS = ("human", "machine", "transliterated")


@dataclass(frozen=True)
class ShownText:
    """One text chosen for a reader: what to put in the page with its ``lang`` and ``dir``."""

    text: str
    language: str
    direction: str
    #: True when the reader sees a translation and not the original words.
    translated: bool
    origin: str = "human"

    def __str__(self) -> str:
        return self.text


EMPTY = ShownText("", "und", "ltr", False)


def language_map(text: str, language: str, **more: str) -> dict[str, Any]:
    """Build a map with ``text`` as its original and further human texts by tag (``_`` for ``-``)."""
    values = {normalise_tag(language).tag: _value(text)}
    values.update({normalise_tag(tag.replace("_", "-")).tag: _value(other) for tag, other in more.items() if other})
    return {"original": normalise_tag(language).tag, "values": values}


def from_texts(texts: Mapping[str, str], original: str) -> dict[str, Any]:
    """Build a map of human texts from ``{tag: text}``; tags must be normalised already."""
    return {"original": original, "values": {tag: _value(text) for tag, text in texts.items() if text}}


def _value(text: str) -> dict[str, Any]:
    return {"text": text, "origin": "human", "reviewed": True}


def public_map(value: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the map without what must not leave the record side: unreviewed machine texts."""
    if not value:
        return {"original": "", "values": {}}
    return {
        "original": value.get("original", ""),
        "values": {
            tag: entry
            for tag, entry in value.get("values", {}).items()
            if entry.get("origin", "human") != "machine" or entry.get("reviewed")
        },
    }


def choose(value: Mapping[str, Any] | None, languages: Iterable[str]) -> ShownText:
    """Choose the text to show: the reader's languages in order, the original, English, any.

    ``languages`` are BCP 47 tags; a tag matches a value of the same primary language when the exact
    tag is missing (``zh-Hans`` finds ``zh``).
    """
    values: Mapping[str, Any] = (value or {}).get("values", {})
    if not values:
        return EMPTY
    original = (value or {}).get("original", "")
    for wanted in (*languages, original, "en", next(iter(values))):
        tag = _find(values, wanted)
        if tag is not None and values[tag].get("text"):
            entry = values[tag]
            return ShownText(
                text=entry["text"],
                language=tag,
                direction=direction(tag),
                translated=bool(original) and tag != original,
                origin=entry.get("origin", "human"),
            )
    return EMPTY


def _find(values: Mapping[str, Any], wanted: str) -> str | None:
    if not wanted:
        return None
    for tag in values:
        if tag.lower() == wanted.lower():
            return tag
    primary = wanted.split("-")[0].lower()
    return next((tag for tag in values if tag.split("-")[0].lower() == primary), None)


def original_text(value: Mapping[str, Any] | None) -> str:
    """Return the original's text, or any text where the original is missing (for sorting and logs of ids)."""
    return choose(value, ()).text
