"""Serbian, Bosnian, Croatian and Montenegrin: one language for searching, two alphabets.

Cyrillic is rewritten in Gaj's Latin alphabet, letter by letter as in the standard correspondence
(Pravopis srpskoga jezika, Matica srpska); the Snowball "serbian" algorithm then stems both alike.
"""

from __future__ import annotations

_LATIN = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "ђ": "đ", "е": "e", "ж": "ž", "з": "z", "и": "i",
        "ј": "j", "к": "k", "л": "l", "љ": "lj", "м": "m", "н": "n", "њ": "nj", "о": "o", "п": "p", "р": "r",
        "с": "s", "т": "t", "ћ": "ć", "у": "u", "ф": "f", "х": "h", "ц": "c", "ч": "č", "џ": "dž", "ш": "š",
        # The digraph letters of Unicode's compatibility block, met in old digitised texts.
        "ǆ": "dž", "ǉ": "lj", "ǌ": "nj",
    }
)  # fmt: skip


def in_latin(word: str) -> str:
    """A lower-case word of any of these languages in Latin letters; other letters stay."""
    return word.translate(_LATIN)
