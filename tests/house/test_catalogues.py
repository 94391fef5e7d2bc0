"""The message catalogues: complete, with every placeholder and element of the source, and honest about review."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LANGUAGES = ["ar", "es", "fr", "hy", "ru", "rw", "zh_Hans"]
_PLACEHOLDER = re.compile(r"%\([a-zA-Z_]+\)[sd]|%[sd]|\{[a-zA-Z_]*\}")
_ELEMENT = re.compile(r"</?[a-z][a-z0-9]*[^>]*>")


def catalogue(language: str) -> polib.POFile:
    return polib.pofile(str(ROOT / "locale" / language / "LC_MESSAGES" / "django.po"))


def texts(entry: polib.POEntry) -> list[tuple[str, str]]:
    """(source, translation) pairs of an entry, one a plural form."""
    if entry.msgid_plural:
        return [(entry.msgid_plural, text) for text in entry.msgstr_plural.values()]
    return [(entry.msgid, entry.msgstr)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated(language):
    missing = [e.msgid for e in catalogue(language) if not e.translated() and not e.obsolete]
    assert missing == [], f"{len(missing)} messages are missing"


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_and_elements_are_those_of_the_source(language):
    wrong = []
    for entry in catalogue(language):
        for source, translation in texts(entry):
            allowed = set(_PLACEHOLDER.findall(source))
            found = set(_PLACEHOLDER.findall(translation))
            # A singular or dual form may leave out the number; no form may invent a placeholder.
            if found - allowed or (not entry.msgid_plural and found != allowed):
                wrong.append(f"{entry.msgid!r}: {sorted(found ^ allowed)}")
            if sorted(_ELEMENT.findall(source)) != sorted(_ELEMENT.findall(translation)):
                wrong.append(f"{entry.msgid!r}: elements differ")
    assert wrong == [], "\n".join(wrong[:20])


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_header_says_whether_a_speaker_has_reviewed_it(language):
    assert re.search(r"Reviewed by a speaker: (no|yes, by .+ on \d{4}-\d{2}-\d{2})", catalogue(language).header)


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_as_many_plural_forms_as_the_language_has(language):
    file = catalogue(language)
    forms = int(re.search(r"nplurals=(\d+)", file.metadata["Plural-Forms"]).group(1))
    wrong = [e.msgid for e in file if e.msgid_plural and len(e.msgstr_plural) != forms]
    assert wrong == []
