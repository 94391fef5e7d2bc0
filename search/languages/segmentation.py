"""Scripts that write no spaces between words.

Khmer, Thai, Lao and Burmese are cut by ICU's dictionaries when PyICU is installed. Without it, and always
for Han, Kana and Hangul, the text is indexed as overlapping pairs of grapheme clusters (bigrams), which a
query matches as a phrase: the method of the CJK analysers, see Kwok, "Comparing representations in Chinese
information retrieval", SIGIR 1997. A run's last cluster is indexed alone as well, so that a query of one
character, which becomes a prefix, finds it there too.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

try:
    import icu
except ImportError:  # the optional extra [icu]; the index's version says which way it was built
    icu = None

#: What decides how an index was cut; part of the analyser's version.
DICTIONARY = f"icu{icu.ICU_VERSION}" if icu is not None else "bigrams"

_UNSPACED = r"\p{Khmer}\p{Thai}\p{Lao}\p{Myanmar}\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー々"
#: True somewhere in a word that has to be cut.
unspaced = regex.compile(f"[{_UNSPACED}]").search
_PIECES = regex.compile(rf"(?P<cut>[{_UNSPACED}][{_UNSPACED}\p{{M}}\p{{Cf}}]*)|[^{_UNSPACED}]+")
_BY_DICTIONARY = regex.compile(r"[\p{Khmer}\p{Thai}\p{Lao}\p{Myanmar}]")
_GRAPHEME = regex.compile(r"\X")
_LOCALE_OF = (
    ("\u1780", "\u17ff", "km"),
    ("\u0e00", "\u0e7f", "th"),
    ("\u0e80", "\u0eff", "lo"),
    ("\u1000", "\u109f", "my"),
)


def pieces(word: str) -> Iterator[tuple[int, int, bool]]:
    """``(start, end, cut)`` for the parts of ``word`` in spaced (False) and unspaced (True) scripts, in order."""
    for match in _PIECES.finditer(word):
        yield match.start(), match.end(), match["cut"] is not None


def segments(run: str) -> Iterator[tuple[int, int]]:
    """``(start, end)`` of the search units of a run in an unspaced script, in the order of their positions."""
    if icu is not None and _BY_DICTIONARY.match(run):
        yield from _dictionary_words(run)
        return
    edges = [match.start() for match in _GRAPHEME.finditer(run)] + [len(run)]
    for place in range(len(edges) - 2):
        yield edges[place], edges[place + 2]
    if len(edges) > 1:
        yield edges[-2], edges[-1]


def is_bigram_run(run: str) -> bool:
    """Whether :func:`segments` gives overlapping pairs for this run (a query then ends without the lone last one)."""
    return icu is None or not _BY_DICTIONARY.match(run)


def _dictionary_words(run: str) -> Iterator[tuple[int, int]]:
    locale = next((name for first, last, name in _LOCALE_OF if first <= run[0] <= last), "km")
    breaks = icu.BreakIterator.createWordInstance(icu.Locale(locale))
    # ICU counts UTF-16 units; all four scripts lie in the basic plane, so units are code points here.
    breaks.setText(run)
    start = 0
    for end in breaks:
        yield start, min(end, len(run))
        start = end
