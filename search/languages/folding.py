"""Letters that readers treat as the same: accents, points, vowel signs, letter variants, digits.

Latin and Greek accents are folded in every language, because most readers meet the names of an archive
without the keyboard they were written on (Łódź, Gołąb, Győr, Nyamirambo). Marks that make another letter
are kept: Cyrillic й and ї, and everything in the scripts of South and South-East Asia.
"""

from __future__ import annotations

import unicodedata

#: Letters without a canonical decomposition that readers type as plain ones; the rest goes through NFD.
_LETTERS = {
    "ł": "l",
    "ø": "o",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ı": "i",
    "ħ": "h",
    "ŧ": "t",
    "ŋ": "n",
    "ə": "e",
    "ё": "е",
    "ѓ": "г",
    "ќ": "к",
    # Yiddish ligatures (U+05F0-05F2) are written as two letters by most keyboards.
    "װ": "וו",
    "ױ": "וי",
    "ײ": "יי",
    # Arabic-script letters that differ by keyboard rather than by word (Unicode Standard, ch. 9.2).
    "أ": "ا",
    "إ": "ا",
    "آ": "ا",
    "ٱ": "ا",
    "ى": "ي",
    "ی": "ي",
    "ې": "ي",
    "ك": "ک",
    "ة": "ه",
    "ۀ": "ه",
    "ە": "ه",
    "ـ": "",  # tatweel only stretches a word
}
_LETTER_TABLE = str.maketrans(_LETTERS)

#: Characters that join or hide inside a word and carry no letter: joiners, soft hyphen, variation selectors.
JOINERS = "\u00ad\u200c\u200d\u2060"
_INVISIBLE = dict.fromkeys([*map(ord, JOINERS), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x034F], "")


def _drops_its_marks(base: str) -> bool:
    code = ord(base)
    return (
        code < 0x0250  # Latin
        or 0x1E00 <= code <= 0x1FFF  # Latin with marks, Greek with breathings
        or 0x0370 <= code <= 0x03FF  # Greek
        or 0x0590 <= code <= 0x05FF  # Hebrew letters; the points are marks
        or 0x0600 <= code <= 0x06FF  # Arabic letters; the harakat are marks
        or 0x0750 <= code <= 0x077F
        or 0xFB1D <= code <= 0xFB4F
    )


#: In Cyrillic only the stress accents are ornament; breve and diaeresis make other letters.
_CYRILLIC_STRESS = frozenset("\u0300\u0301")


def plain(word: str) -> str:
    """``word`` without invisible characters, in NFC: the form that stemmers expect, letters untouched."""
    if word.isascii():
        return word
    return unicodedata.normalize("NFC", word.translate(_INVISIBLE))


def without_points(word: str) -> str:
    """``word`` without Hebrew points and Arabic harakat, which stemmers do not know."""
    return "".join(
        character
        for character in word
        if not ("\u0591" <= character <= "\u05c7" or "\u0610" <= character <= "\u06ed")
        or unicodedata.category(character) != "Mn"
    )


def fold(word: str) -> str:
    """The searchable form of a lower-case word; ``fold(fold(word)) == fold(word)``.

    Accents of Latin and Greek, Hebrew points and Arabic harakat go; variants of a letter become one; all
    decimal digits become ASCII.
    """
    if word.isascii():
        return word
    kept: list[str] = []
    base = " "
    decomposed = unicodedata.normalize("NFD", word.casefold().translate(_INVISIBLE).translate(_LETTER_TABLE))
    for character in decomposed:
        if unicodedata.category(character)[0] == "M":
            if _drops_its_marks(base) or (character in _CYRILLIC_STRESS and "\u0400" <= base <= "\u052f"):
                continue
            kept.append(character)
        else:
            base = character
            digit = unicodedata.decimal(character, None)
            kept.append(character if digit is None else str(digit))
    return unicodedata.normalize("NFC", "".join(kept).translate(_LETTER_TABLE))
