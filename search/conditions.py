"""From words as typed to terms as indexed, in every language of the index at once.

A reader does not say in which language she types. A word is therefore looked for as each language of the
index would have stored it; most agree, so a handful of alternatives remains.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from search.analysis import Analyser, analyser
from search.engines.base import Alternative, Condition
from search.query import Clause, Kind


def conditions(clauses: Iterable[Clause], languages: Iterable[str]) -> list[tuple[Clause, Condition]]:
    """Each clause with its condition; clauses without a searchable letter in any language are left out."""
    speaking: dict[int, tuple[Analyser, set[str]]] = {}
    for language in dict.fromkeys(("und", *languages)):
        rules = analyser(language)
        speaking.setdefault(id(rules), (rules, set()))[1].add(language)
    everywhere = {language for _rules, tags in speaking.values() for language in tags}
    found: list[tuple[Clause, Condition]] = []
    for clause in clauses:
        holding: dict[Alternative, set[str]] = {}
        for rules, tags in speaking.values():
            for alternative in _alternatives(rules, clause):
                if alternative.terms:
                    holding.setdefault(alternative, set()).update(tags)
        alternatives = tuple(
            alternative if tags == everywhere else replace(alternative, languages=frozenset(tags))
            for alternative, tags in holding.items()
        )
        if alternatives:
            found.append((clause, Condition(alternatives, clause.excluded)))
    return found


def _alternatives(rules: Analyser, clause: Clause) -> Iterable[Alternative]:
    typed = rules.query(clause.text)
    yield Alternative(typed.terms, typed.prefix)
    if clause.kind is Kind.BEGINNING and not typed.prefix:
        for beginning in rules.beginnings(clause.text):
            yield Alternative((*typed.terms[:-1], beginning), prefix=True)
