"""Kinyarwanda and Kirundi: words are found by their stem behind the noun-class prefix.

A noun carries an augment (u, a, i) and a class prefix: umuntu, abantu "person, people" share -ntu; with
locative or preposition the augment falls (mu muryango). Classes 1-16 after Kimenyi, "A Relational Grammar
of Kinyarwanda", 1980, table of noun classes. Only whole augment + prefix groups are cut, and only when at
least three letters stay; verbs lose the infinitive ku-/gu-/kw- after its augment alone.
"""

from __future__ import annotations

_PREFIX_TABLE = """
umu umw aba ab imi imy iki icy igi ibi iby in im inz uru urw aka aga utu utw udu
ubu ubw uku ukw ugu aha ama am iri
mu ba mi ki gi bi ru ka ga tu du bu ma
"""
#: Longest first, so that the longest that fits is cut.
_PREFIXES = tuple(sorted(set(_PREFIX_TABLE.split()), key=lambda prefix: (-len(prefix), prefix)))
_SHORTEST = 3


def stem(word: str) -> str:
    """The word without its class prefix; words that would keep fewer than three letters stay whole."""
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) - len(prefix) >= _SHORTEST:
            return word[len(prefix) :]
    return word
