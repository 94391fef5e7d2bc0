"""Text into search terms, per language: one analyser for the index, for queries and for highlights.

A *token* is a stretch of the text with offsets in code points; its *term* is what both engines store and
compare. ``[\\p{L}\\p{M}\\p{N}]+`` makes the tokens (a plain ``\\w`` breaks vocalised Arabic, pointed Yiddish and
Khmer at every mark); a term is the token in NFC, lower case, stemmed where an algorithm or a rule exists,
then folded (``search.languages``). No Django here: worker processes of a rebuild import this module alone.
"""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import regex
import Stemmer

from search.languages import hebrew, kinyarwanda, segmentation, serbian, ukrainian
from search.languages.folding import JOINERS, fold, plain, without_points
from search.languages.tags import primary_language

#: Raise when any rule changes: an index built by other rules asks for a rebuild.
RULES = 1
#: The index stores this; terms of one version cannot be compared with those of another.
VERSION = (
    f"rules{RULES};snowball{Stemmer.version()};unicode{unicodedata.unidata_version};"
    f"regex{regex.__version__.split('.', 1)[0]};{segmentation.DICTIONARY}"
)

#: Snowball's algorithms by primary language subtag.
SNOWBALL = {
    "ar": "arabic", "hy": "armenian", "eu": "basque", "ca": "catalan", "cs": "czech", "da": "danish",
    "nl": "dutch", "en": "english", "eo": "esperanto", "et": "estonian", "fi": "finnish", "fr": "french",
    "de": "german", "el": "greek", "hi": "hindi", "hu": "hungarian", "id": "indonesian", "ga": "irish",
    "it": "italian", "lt": "lithuanian", "ne": "nepali", "no": "norwegian", "fa": "persian", "pl": "polish",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "st": "sesotho", "es": "spanish",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
_RULES: dict[str, Callable[[str], str]] = {
    "uk": ukrainian.stem,
    "rw": kinyarwanda.stem,
    "rn": kinyarwanda.stem,
    "he": hebrew.stem,
}
_CUT_IN_FRONT = frozenset({"rw", "rn", "he"})
_POINTED = frozenset({"ar", "fa", "ur", "ps", "ku", "ckb", "he", "yi", "lad", "jrb"})

_LETTERS = rf"[\p{{L}}\p{{M}}\p{{N}}{JOINERS}]+"
_WORDS = regex.compile(_LETTERS)
#: Languages whose words hold an apostrophe or gershayim inside: п'ять, צה"ל, mother's.
_WORDS_WITH = {
    "uk": regex.compile(rf"{_LETTERS}(?:['’ʼ`](?=\p{{L}}){_LETTERS})*"),
    "he": regex.compile(rf"{_LETTERS}(?:[\"'״׳](?=\p{{L}}){_LETTERS})*"),
    "en": regex.compile(rf"{_LETTERS}(?:['’](?=s\b){_LETTERS})?"),
}
_ASCII_WORDS = regex.compile("[0-9A-Za-z]+")

#: Longest term in code points: nobody types more, and a megabyte without a space is an attack.
LONGEST_TERM = 64
_MEMO_LIMIT = 200_000
_MEMO_LONGEST_WORD = 32


@dataclass(frozen=True, slots=True)
class Token:
    """A stretch ``text[start:end]`` (code points) and the term under which it is found."""

    start: int
    end: int
    term: str


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """What a typed word or phrase means in one language: terms in sequence, the last perhaps only a beginning."""

    terms: tuple[str, ...]
    prefix: bool = False


class _Memo(dict[str, str]):
    """Word to its terms joined by spaces, computed once: texts repeat their words."""

    def __init__(self, compute: Callable[[str], str]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, word: str) -> str:
        terms = self._compute(word)
        if len(word) <= _MEMO_LONGEST_WORD:
            if len(self) >= _MEMO_LIMIT:
                self.clear()
            self[word] = terms
        return terms


class Analyser:
    """The rules of one language. Use :func:`analyser`, which keeps one per language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._words = _WORDS_WITH.get(language, _WORDS)
        # Without apostrophes inside words, ASCII text can take the cheaper pattern with the same result.
        self._ascii_words = _ASCII_WORDS if self._words is _WORDS else self._words
        self._stem = _stemmer(language)
        self._memo = _Memo(self._joined_terms)

    def terms(self, text: str) -> str:
        """All terms of ``text`` in order, separated by spaces: what an engine indexes."""
        words = (self._ascii_words if text.isascii() else self._words).findall(text)
        return " ".join(filter(None, map(self._memo.__getitem__, words)))

    def first_place(self, text: str, terms: frozenset[str], beginnings: tuple[str, ...]) -> int | None:
        """Where the first word stands that has one of ``terms``, or a term that begins as one of ``beginnings``.

        Much cheaper than :meth:`tokens`: long passages match late.
        """
        memo = self._memo
        for match in self._words.finditer(text):
            found = memo[match.group()]
            if found in terms or (beginnings and found.startswith(beginnings)):
                return match.start()
            if " " in found and any(term in terms or term.startswith(beginnings) for term in found.split(" ")):
                return match.start()
        return None

    def tokens(self, text: str, start: int = 0) -> Iterator[Token]:
        """The same terms with their places, from ``start`` on. Bigrams of unspaced scripts overlap."""
        for match in self._words.finditer(text, start):
            word, offset = match.group(), match.start()
            found = self._memo[word]
            if " " in found:  # an unspaced script: several terms in one stretch
                for start, end, term in self._cut(word):
                    if term:
                        yield Token(offset + start, offset + end, term)
            elif found:
                yield Token(offset, match.end(), found)

    def query(self, text: str) -> QueryTerms:
        """The terms of something typed: a lone character of an unspaced script becomes a prefix."""
        terms = tuple(token.term for token in self.tokens(text))
        runs = [match.group() for match in self._words.finditer(text)]
        last = runs[-1] if runs else ""
        if not terms or not segmentation.unspaced(last[-1:]) or not segmentation.is_bigram_run(last[-1:]):
            return QueryTerms(terms)
        *_, (start, end, _cut) = segmentation.pieces(last)
        if len(list(segmentation.segments(last[start:end]))) > 1:
            return QueryTerms(terms[:-1])
        return QueryTerms(terms, prefix=True)

    def beginnings(self, text: str) -> tuple[str, ...]:
        """How terms begin that belong to words which begin like the last word of ``text``.

        The folded letters as typed; where a language cuts the front of its words, also what that leaves.
        """
        words = self._words.findall(text)
        if not words or segmentation.unspaced(words[-1][-1:]):
            return ()
        word = self._prepared(words[-1][:LONGEST_TERM])
        forms = {fold(word)}
        if self.language in _CUT_IN_FRONT:
            forms.add(fold(self._stem(word)))
        return tuple(sorted(form for form in forms if form))

    def _prepared(self, word: str) -> str:
        word = plain(word).replace("’", "'")
        if self.language in ("tr", "az"):
            word = word.replace("I", "ı").replace("İ", "i")
        word = word.lower()
        if self.language in _POINTED and not word.isascii():
            word = without_points(word)
        return serbian.in_latin(word) if self.language == "sr" else word

    def _term(self, word: str) -> str:
        return fold(self._stem(self._prepared(word[:LONGEST_TERM]))).replace(" ", "")[:LONGEST_TERM]

    def _cut(self, word: str) -> Iterator[tuple[int, int, str]]:
        for start, end, unspaced in segmentation.pieces(word):
            if not unspaced:
                yield start, end, self._term(word[start:end])
                continue
            run = word[start:end]
            for first, last in segmentation.segments(run):
                yield start + first, start + last, fold(plain(run[first:last]).lower())[:LONGEST_TERM]

    def _joined_terms(self, word: str) -> str:
        if word.isascii() or not segmentation.unspaced(word):
            return self._term(word)
        return " ".join(term for _start, _end, term in self._cut(word) if term)


def _stemmer(language: str) -> Callable[[str], str]:
    if rule := _RULES.get(language):
        return rule
    algorithm = SNOWBALL.get(language)
    if algorithm is None or algorithm not in Stemmer.algorithms():
        return str
    snowball = Stemmer.Stemmer(algorithm, 0)
    lock = threading.Lock()  # Snowball's objects keep a buffer and are not safe across threads

    def stem(word: str) -> str:
        with lock:
            return snowball.stemWord(word)

    return stem


#: Languages that differ from "und" in anything; all others share its analyser and its memory.
_WITH_RULES = _POINTED | {"tr", "az", *SNOWBALL, *_RULES, *_WORDS_WITH}


@cache
def _analyser_of(primary: str) -> Analyser:
    return Analyser(primary)


def analyser(tag: str) -> Analyser:
    """The analyser for a BCP 47 tag; unknown languages are split and folded without stemming."""
    primary = primary_language(tag)
    return _analyser_of(primary if primary in _WITH_RULES else "und")
