"""Text from outside, made harmless to look at and honest to compare.

Bidirectional controls can make ``txt.exe`` look like ``exe.txt``; zero-width characters make two names that look
alike differ. Reports show such characters as escapes; names lose them; the text of a testimony keeps every
character its source has.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

#: Embeddings, overrides, isolates and marks (Unicode Standard Annex 9, section 2).
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

#: Characters without width that carry no meaning inside a name. The joiners U+200C and U+200D are left out:
#: Persian, Urdu, Sinhala and other scripts spell with them (see `without_tricks`).
ZERO_WIDTH = frozenset("\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u00ad\u180e\u034f")

_JOINERS = frozenset("\u200c\u200d")

#: Scripts whose spelling uses the joiners.
_JOINING_SCRIPTS = (
    "ARABIC",
    "DEVANAGARI",
    "BENGALI",
    "GURMUKHI",
    "GUJARATI",
    "ORIYA",
    "TAMIL",
    "TELUGU",
    "KANNADA",
    "MALAYALAM",
    "SINHALA",
    "MYANMAR",
    "KHMER",
    "SYRIAC",
    "MONGOLIAN",
    "NKO",
)

_SUSPECT = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

#: Control characters no text needs and databases refuse (PostgreSQL stores no NUL).
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def shown(text: str, limit: int = 200) -> str:
    """Return ``text`` on one line with control, bidi and zero-width characters as ``\\u{202E}`` escapes.

    Longer text than ``limit`` characters is cut, with an ellipsis: a report is no place for a whole testimony.
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return _SUSPECT.sub(lambda found: f"\\u{{{ord(found[0]):04X}}}", cut)


def storable(text: str) -> tuple[str, int]:
    """Return ``text`` without control characters (tab, line feed and carriage return stay) and how many went."""
    if not _UNSTORABLE.search(text):
        return text, 0
    return _UNSTORABLE.subn("", text)


def without_tricks(name: str) -> tuple[str, list[str]]:
    """Return a name in NFC without bidi controls and zero-width characters, and the ``U+202E`` of each removed.

    Joiners stay between letters of scripts that spell with them and go elsewhere.
    """
    removed: list[str] = []
    kept: list[str] = []
    for index, character in enumerate(name):
        idle_joiner = character in _JOINERS and not (kept and _joins(kept[-1]) and index + 1 < len(name))
        if character in BIDI_CONTROLS or character in ZERO_WIDTH or idle_joiner or _UNSTORABLE.match(character):
            removed.append(f"U+{ord(character):04X}")
        else:
            kept.append(character)
    return collapsed(unicodedata.normalize("NFC", "".join(kept))), removed


def mixed_scripts(name: str) -> tuple[str, ...]:
    """Return the alphabets mixed inside one word of ``name`` when they can be mistaken for one another.

    Only Latin, Greek, Cyrillic and Armenian are looked at: their letters have look-alikes (Unicode Technical
    Standard 39). The name itself is left as it is: it may be right.
    """
    for word in re.findall(r"\w+", name):
        found = {script for character in word if (script := _confusable_script(character))}
        if len(found) > 1:
            return tuple(sorted(found))
    return ()


def collapsed(text: str) -> str:
    """Return ``text`` with each run of XML white space as one blank and none at the ends.

    Only space, tab, line feed and carriage return count (XML 1.0, section 2.3): a no-break space is typography.
    """
    return _XML_SPACE.sub(" ", text).strip(" ")


_XML_SPACE = re.compile("[ \t\r\n]+")


@lru_cache(maxsize=4096)
def _confusable_script(character: str) -> str:
    name = unicodedata.name(character, "")
    first = name.split(" ", 1)[0]
    return first.title() if first in ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN") else ""


@lru_cache(maxsize=4096)
def _joins(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_JOINING_SCRIPTS)
