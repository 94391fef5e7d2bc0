"""Hebrew: the particles that are written in one with the next word (ו ה ב כ ל מ ש, "MosheVekalev").

Without a dictionary nobody can tell המלחמה "the war" from a word that begins with ה. Cutting particles
while at least three letters remain sends a word and every form of it with particles to the same term,
because each step depends on the rest of the word alone; the price is that some different words share a
term. Finding a survivor's words counts more here than leaving a stranger's out. Method: the "prefix
stripping" baseline of Itai & Wintner, "Language resources for Hebrew", LRE 42 (2008).
"""

from __future__ import annotations

_PARTICLES = frozenset("והבכלמש")
_SHORTEST = 3
_MARKS = str.maketrans("", "", "\"'״׳")


def stem(word: str) -> str:
    """The word behind its particles, without geresh and gershayim."""
    word = word.translate(_MARKS)
    start = 0
    while len(word) - start > _SHORTEST and word[start] in _PARTICLES:
        start += 1
    return word[start:]
