"""Ukrainian: a light stemmer by endings, because Snowball has none.

Case, number and person endings are cut from the longest down, leaving at least three letters with a vowel,
in the manner of the "light" stemmers of J. Savoy, "Light Stemming Approaches for the French, Portuguese,
German and Hungarian Languages", SAC 2006, and of Dolamic & Savoy, "Indexing and searching strategies for
the Russian language", JASIST 60 (2009). Endings after the school grammar (four declensions, two
conjugations); і and о, е in the last syllable are levelled, since the closed syllable changes them
(ніч, ночі; село, сіл).
"""

from __future__ import annotations

_ENDING_TABLE = """
ами ями ові еві єві ою ею єю ому ого ими іми их іх ій ям ям ах ях ів їв ам ем єм ом им ім
ець ості істю ість ання ення іння анням енням анні енні
ати яти ити іти ути ться тися лася лося лися вся ала яла ила іла ули али яли или іли ав яв ив ів
ають яють уть ють ить ать ять ете єте ите емо ємо имо еш єш иш їш ує ює
ий ої ої ій їй ою ее оє ії ію ія ії
а я о е є и і ї у ю ь й
"""
#: Longest first, so that the longest that fits is cut.
_ENDINGS = tuple(sorted(set(_ENDING_TABLE.split()), key=lambda ending: (-len(ending), ending)))
_VOWELS = frozenset("аеєиіїоуюя")
_LEVELLED = str.maketrans({"і": "о", "е": "о", "є": "о"})
_APOSTROPHES = str.maketrans("", "", "'’ʼ`")
_SHORTEST = 3


def stem(word: str) -> str:
    """The stem of a lower-case Ukrainian word; short words come back as they are."""
    word = word.translate(_APOSTROPHES)
    for ending in _ENDINGS:
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= _SHORTEST and not _VOWELS.isdisjoint(rest):
            word = rest
            break
    return _level_last_vowel(word.rstrip("ь"))


def _level_last_vowel(word: str) -> str:
    for place in range(len(word) - 1, 0, -1):
        if word[place] in _VOWELS:
            return word[:place] + word[place].translate(_LEVELLED) + word[place + 1 :]
    return word
