"""Passages as safe HTML with the matches marked.

The text is analysed again as it was for the index, so marks stand on exact code points of the text shown.
Everything but our own ``<mark>`` is escaped here, character by character that means anything in HTML.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from search.analysis import Token, analyser
from search.engines.base import Condition

#: Code points of a passage that are shown; longer ones are cut around the first match.
LONGEST = 320
_LEAD = 90


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be marked: single terms, beginnings, and sequences of terms (the last perhaps a beginning)."""

    terms: frozenset[str]
    beginnings: tuple[str, ...]
    sequences: tuple[tuple[tuple[str, ...], bool], ...]

    @classmethod
    def of(cls, conditions: Iterable[Condition], language: str = "und") -> Wanted:
        """The marks that conditions ask for in a text of ``language``; excluded ones ask for none."""
        terms: set[str] = set()
        beginnings: set[str] = set()
        sequences: set[tuple[tuple[str, ...], bool]] = set()
        for condition in conditions:
            for alternative in condition.alternatives if not condition.excluded else ():
                if not alternative.holds_in(language):
                    continue
                if len(alternative.terms) > 1:
                    sequences.add((alternative.terms, alternative.prefix))
                elif alternative.prefix:
                    beginnings.update(alternative.terms)
                else:
                    terms.update(alternative.terms)
        return cls(frozenset(terms), tuple(sorted(beginnings)), tuple(sorted(sequences)))


def spans(text: str, language: str, wanted: Wanted, within: int | None = None) -> list[tuple[int, int]]:
    """Stretches ``(start, end)`` of ``text`` that match, in order, overlapping ones joined.

    ``within``: stop so many code points behind the first match.
    """
    tokens: list[Token] = []
    found: list[tuple[int, int]] = []
    rules = analyser(language)
    opening = wanted.terms.union(sequence[0] for sequence, _prefix in wanted.sequences)
    place = rules.first_place(text, opening, wanted.beginnings)
    if place is None:
        return []
    for token in rules.tokens(text, place):
        if within is not None and found and token.start > found[0][0] + within:
            break
        tokens.append(token)
        if token.term in wanted.terms or (wanted.beginnings and token.term.startswith(wanted.beginnings)):
            found.append((token.start, token.end))
        found += (
            span
            for sequence, prefix in wanted.sequences
            if (span := _ends_sequence(tokens, sequence, prefix)) is not None
        )
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _ends_sequence(tokens: Sequence[Token], sequence: tuple[str, ...], prefix: bool) -> tuple[int, int] | None:
    """The stretch of the last tokens when they are this sequence."""
    last = tokens[-1].term
    if len(tokens) < len(sequence) or not (last.startswith(sequence[-1]) if prefix else last == sequence[-1]):
        return None
    window = tokens[-len(sequence) :]
    if any(token.term != term for token, term in zip(window[:-1], sequence, strict=False)):
        return None
    return window[0].start, max(token.end for token in window)


def marked(text: str, language: str, wanted: Wanted) -> str:
    """``text`` as HTML with ``<mark>`` around the matches, cut to about :data:`LONGEST` code points."""
    found = spans(text, language, wanted, within=LONGEST)
    start, end = _window(text, found[0][0] if found else 0)
    pieces = ["… "] if start else []
    place = start
    for first, last in found:
        if first < place or last > end:
            continue
        pieces += [html.escape(text[place:first]), "<mark>", html.escape(text[first:last]), "</mark>"]
        place = last
    pieces.append(html.escape(text[place:end]))
    if end < len(text):
        pieces.append(" …")
    return "".join(pieces)


def _window(text: str, first_match: int) -> tuple[int, int]:
    """Where to cut: a stretch around the first match that begins and ends between words where there are any."""
    if len(text) <= LONGEST:
        return 0, len(text)
    start = max(0, min(first_match - _LEAD, len(text) - LONGEST))
    end = min(len(text), start + LONGEST)
    if start:
        gap = text.find(" ", start, first_match)
        start = gap + 1 if gap >= 0 else start
    if end < len(text):
        gap = text.rfind(" ", first_match, end)
        end = gap if gap > first_match + 20 else end
    return start, end
