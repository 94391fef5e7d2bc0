"""The one entry to search: what the search page, the API and the command call.

Everything shown comes from rows the viewer may see, is checked again against the publications before it is
shown, and carries its matches as safe HTML. Queries are never logged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from urllib.parse import quote

from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from search import analysis, engines, outbox, sources
from search.answers import Answer, FacetValue, Hit, Result
from search.conditions import conditions
from search.documents import Reach
from search.engines.base import (
    AbsenceNotProven,
    AbsenceProof,
    Condition,
    Engine,
    EngineAnswer,
    EngineQuery,
    Filters,
    SearchUnavailable,
    View,
    WorkHit,
)
from search.highlight import Wanted, marked
from search.languages.folding import fold
from search.query import YEAR, Clause, FieldFilter, Kind, Note, Problem, Query, YearRange, parse

#: Most values shown of one facet, and results on one page.
MOST_VALUES = 60
LARGEST_PAGE = 100
_RECHECKS = 3


@dataclass(frozen=True, slots=True)
class Health:
    """State of the index for ``/readyz`` and the system checks; ``message`` names the remedy."""

    ok: bool
    engine: str
    message: str
    works: int = 0
    pending: int = 0
    rebuild_needed: bool = False


def search(
    query: str,
    reach: Reach,
    *,
    page: int = 1,
    page_size: int = 20,
    filters: Mapping[str, Sequence[str]] | None = None,
    language: str = "en",
    passages: int = 3,
) -> Answer:
    """Answer a query for a viewer.

    Args:
        query: as typed (see ``search.query``); empty lists every visible work, newest first.
        reach: what the viewer sees, from the ``reach_of`` that config handed in.
        page: from 1; a page behind the last is empty.
        page_size: works per page, at most :data:`LARGEST_PAGE`.
        filters: values per facet name, and ``year`` as ``"1942"`` or ``"1942..1944"``; as ``field:value`` in
            the query. Unknown names are left out.
        language: of the interface, for labels and addresses.
        passages: most passages shown per work.

    Raises:
        SearchUnavailable: the engine cannot answer; its message may be shown.
    """
    started = time.perf_counter()
    engine, view = _answering(reach)
    fields = sources.fields()
    parsed = parse(query, fields)
    parsed = replace(parsed, filters=_with_values(engine, parsed.filters, view, language))
    chosen, years = _chosen(parsed, filters or {}, fields)
    understood = conditions(parsed.clauses, engine.languages())
    page, page_size = max(1, page), min(max(1, page_size), LARGEST_PAGE)
    asked = EngineQuery(
        conditions=tuple(condition for _clause, condition in understood),
        filters=_engine_filters(parsed, chosen, years),
        offset=(page - 1) * page_size,
        limit=page_size,
        passages=passages,
    )
    notes = list(parsed.notes)
    if query.strip() and not understood and not parsed.filters and parsed.years is None:
        # Something was typed and nothing of it can be searched for: everything would be a wrong answer.
        found = EngineAnswer(0, (), {})
        notes = notes or [Note(Problem.NO_LETTERS, query.strip()[:60])]
    else:
        found, view = _checked(engine, asked, view)
        if not found.total and sum(not condition.excluded for condition in asked.conditions) > 1:
            found, view = _checked(engine, replace(asked, across=True), view)
            if found.total:
                notes.append(Note(Problem.APART))
    marks = cache(partial(Wanted.of, asked.conditions))
    return Answer(
        query=query,
        engine=engine.name,
        total=found.total,
        results=tuple(_result(work, marks, language) for work in found.works),
        facets=_facets(found, chosen, reach, language),
        did_you_mean=_did_you_mean(engine, query, understood, asked, view) if not found.total else None,
        notes=tuple(dict.fromkeys(_sentence(note, fields) for note in notes)),
        page=page,
        pages=math.ceil(found.total / page_size),
        filters=chosen,
        took_ms=(time.perf_counter() - started) * 1000,
    )


def suggest(beginning: str, reach: Reach, *, limit: int = 8) -> list[str]:
    """Titles and words that begin like this, from what the viewer may see."""
    engine, view = _answering(reach)
    return engine.suggest(beginning[:100], view, limit)


def _answering(reach: Reach) -> tuple[Engine, View]:
    """The engine that answers, and what may be seen of it now."""
    address = engines.configured()[0]
    return address.open(), View(reach=reach, now=time.time(), hidden=outbox.unapplied(address.label))


def health() -> Health:
    """Whether search can answer, and what to do when not."""
    address = engines.configured()[0]
    try:
        engine = address.open()
        stats = engine.stats()
    except SearchUnavailable as error:
        return Health(ok=False, engine="", message=str(error), rebuild_needed=True)
    pending = len(outbox.unapplied(address.label))
    if stats.analyser != analysis.VERSION:
        message = _("The search index was built by another version of the text analysis. Run: manage.py rebuild_search")
        return Health(False, engine.name, message, stats.works, pending, rebuild_needed=True)
    if not stats.works and not pending and next(sources.all_works(), None) is not None:
        # Its file was lost and an empty one made in its place: it would answer everybody that there is nothing.
        message = "The search index is empty although works are published. Run: manage.py rebuild_search"
        return Health(False, engine.name, message, rebuild_needed=True)
    return Health(True, engine.name, "", stats.works, pending)


def verify() -> list[str]:
    """Contradictions inside each index, and between it and the publications; empty when there are none."""
    problems: list[str] = []
    addresses = engines.configured()
    for address in addresses:
        found = _differences(address)
        problems += [f"{address.label}: {one}" for one in found] if len(addresses) > 1 else found
    return problems


def _differences(address: engines.Address) -> list[str]:
    engine = address.open()
    problems = engine.verify()
    pending = outbox.unapplied(address.label)
    expected: dict[str, set[str]] = {}
    types: dict[str, None] = {}
    for work in sorted(set(sources.all_works()) - pending):
        documents = list(sources.documents_of(work))
        types |= dict.fromkeys(document.type for document in documents)
        if documents:
            expected[work] = {document.key for document in documents}
    published = set(expected)
    indexed = engine.works() - pending
    problems += [
        f"{kind}: works of this type are never shown, no source has it."
        for kind in types
        if not sources.has_source(kind)
    ]
    problems += [f"{work}: published, but not in the index." for work in sorted(published - indexed)]
    problems += [f"{work}: in the index, but not published." for work in sorted(indexed - published)]
    problems += [
        f"{work}: the index holds other passages than the publication."
        for work in sorted(published & indexed)
        if engine.keys_of(work) != expected[work]
    ]
    return problems


def prove_absence(work: str, texts: Iterable[str] = ()) -> AbsenceProof:
    """Prove that nothing of a withdrawn work is left in any index; for the job that follows a withdrawal.

    Args:
        work: the withdrawn work.
        texts: everything it ever said, from the record side, each looked for; without it only rows still indexed are
            known.

    Raises:
        ValueError: the work is still published; proving would take it out of the index.
        AbsenceNotProven: something of it is still there; try again, then rebuild the index.
        SearchUnavailable: an engine cannot do it now; try again. The others have done their part.
    """
    if next(sources.documents_of(work), None) is not None:
        raise ValueError(f"{work} is still published; withdraw it before its absence can be proven.")
    addresses, said = engines.configured(), list(texts)
    proofs: list[AbsenceProof] = []
    problems: list[str] = []
    away: SearchUnavailable | None = None
    for address in addresses:
        try:
            proof = address.open().prove_absence(work, said)
        except SearchUnavailable as error:
            away = away or error
            continue
        proofs.append(proof)
        problems += [f"{address.label}: {one}" for one in proof.problems] if len(addresses) > 1 else proof.problems
    if not all(proof.holds for proof in proofs):
        raise AbsenceNotProven(f"{work}: {'; '.join(problems)}")
    if away is not None:
        raise away
    return AbsenceProof(
        work,
        words_checked=min(proof.words_checked for proof in proofs),
        bytes_scanned=sum(proof.bytes_scanned for proof in proofs),
        leftovers=0,
    )


def _with_values(engine: Engine, filters: Sequence[FieldFilter], view: View, language: str) -> tuple[FieldFilter, ...]:
    """The filters with the values that a reader means: she types a label, the index may hold an id."""
    held = {name: engine.values(name, view) for name in dict.fromkeys(wanted.field for wanted in filters)}
    named = {wanted.field: sorted(held[wanted.field]) for wanted in filters if wanted.value not in held[wanted.field]}
    labels = sources.labels_of(named, view.reach, language) if named else {}

    def meant(wanted: FieldFilter) -> str:
        if wanted.value in held[wanted.field]:
            return wanted.value
        typed = fold(wanted.value.lower())
        return next(
            (
                value
                for value in named[wanted.field]
                if typed in (fold(value.lower()), fold(labels[wanted.field, value].lower()))
            ),
            wanted.value,
        )

    return tuple(replace(wanted, value=meant(wanted)) for wanted in filters)


def _chosen(
    parsed: Query, filters: Mapping[str, Sequence[str]], fields: Mapping[str, str]
) -> tuple[dict[str, tuple[str, ...]], YearRange | None]:
    """Values kept to, from the query and from the filters; and the span of years."""
    chosen: dict[str, list[str]] = {}
    years = parsed.years
    for name, values in filters.items():
        given = [value for value in values if value]
        if name == YEAR and given:
            years = parse(f"{YEAR}:{given[0]}").years or years
        elif name in fields and given:
            chosen.setdefault(fields[name], []).extend(given)
    for wanted in parsed.filters:
        if not wanted.excluded:
            chosen.setdefault(wanted.field, []).append(wanted.value)
    return {name: tuple(dict.fromkeys(values)) for name, values in chosen.items()}, years


def _engine_filters(parsed: Query, chosen: Mapping[str, tuple[str, ...]], years: YearRange | None) -> Filters:
    left_out: dict[str, frozenset[str]] = {}
    for unwanted in parsed.filters:
        if unwanted.excluded:
            left_out[unwanted.field] = left_out.get(unwanted.field, frozenset()) | {unwanted.value}
    return Filters(
        kept={name: frozenset(values) for name, values in chosen.items()},
        left_out=left_out,
        year_from=years.first if years else None,
        year_to=years.last if years else None,
    )


def _checked(engine: Engine, asked: EngineQuery, view: View) -> tuple[EngineAnswer, View]:
    """The engine's answer without what the publications no longer hold.

    The outbox makes such rows rare. When one turns up, its work is hidden and the query asked again, so that
    counts and facets do without it too.
    """
    for _attempt in range(_RECHECKS):
        found = engine.search(asked, view)
        keys: dict[str, set[str]] = {}
        for work in found.works:
            keys.setdefault(work.type, set()).update([work.key, *(passage.key for passage in work.passages)])
        alive = sources.still_published(keys) if keys else set()
        stale = {work.work for work in found.works if not _stands(work, alive)}
        if not stale:
            break
        view = replace(view, hidden=view.hidden | stale)
    works = tuple(
        replace(work, passages=tuple(passage for passage in work.passages if passage.key in alive))
        for work in found.works
        if _stands(work, alive)
    )
    return replace(found, works=works, total=found.total - (len(found.works) - len(works))), view


def _stands(work: WorkHit, alive: set[str]) -> bool:
    return work.key in alive and (not work.passages or any(passage.key in alive for passage in work.passages))


def _result(work: WorkHit, marks: Callable[[str], Wanted], language: str) -> Result:
    url = sources.url_of(work.type, work.work, language)
    hits = tuple(
        Hit(
            text_html=_safe(marked(passage.text, passage.language, marks(passage.language))),
            start_ms=passage.start_ms,
            end_ms=passage.end_ms,
            anchor=passage.anchor,
            language=passage.language,
            url=url + _fragment(passage.anchor, passage.start_ms),
        )
        for passage in work.passages
    )
    title_html = _safe(marked(work.title, work.language, marks(work.language)))
    return Result(work.work, work.type, work.title, work.language, url, hits, work.matches, title_html)


def _safe(escaped: str) -> SafeString:
    return mark_safe(escaped)  # noqa: S308 - highlight.marked escapes all but its own <mark>


def _fragment(anchor: str, start_ms: int | None) -> str:
    if anchor:
        return f"#{quote(anchor)}"
    return f"#t={start_ms / 1000:g}" if start_ms is not None else ""


def _facets(
    found: EngineAnswer, chosen: Mapping[str, tuple[str, ...]], reach: Reach, language: str
) -> dict[str, tuple[FacetValue, ...]]:
    shown: dict[str, list[tuple[str, int]]] = {}
    for name, values in found.facets.items():
        selected = set(chosen.get(name, ()))
        shown[name] = values[:MOST_VALUES] + [pair for pair in values[MOST_VALUES:] if pair[0] in selected]
    asked = {name: [value for value, _count in values] for name, values in shown.items()}
    labels = sources.labels_of(asked, reach, language) if asked else {}
    return {
        name: tuple(
            FacetValue(value, labels[name, value], count, value in chosen.get(name, ())) for value, count in values
        )
        for name, values in shown.items()
    }


def _did_you_mean(
    engine: Engine, query: str, understood: Sequence[tuple[Clause, Condition]], asked: EngineQuery, view: View
) -> str | None:
    """The query with its unknown words corrected, when that finds something this viewer sees."""
    corrected = query
    for clause, condition in understood:
        if clause.excluded or clause.kind is Kind.PHRASE:
            continue
        if engine.search(EngineQuery((condition,), limit=0), view).total:
            continue
        if nearest := engine.corrections(clause.text, view, 1):
            corrected = corrected.replace(clause.text, nearest[0], 1)
    if corrected == query:
        return None
    again = conditions(parse(corrected, sources.fields()).clauses, engine.languages())
    tried = replace(asked, conditions=tuple(condition for _clause, condition in again), offset=0)
    return corrected if _checked(engine, tried, view)[0].total else None


def _sentence(note: Note, fields: Mapping[str, str]) -> str:
    fragment = note.fragment
    match note.problem:
        case Problem.TOO_LONG:
            return _("Only the first part of this very long search was used.")
        case Problem.APART:
            return _("No single passage has all these words. These works have them in different passages.")
        case Problem.TOO_MANY:
            # Translators: %(fragment)s is the part of the search that was left out.
            return _("The search has too many words; left out from “%(fragment)s”.") % {"fragment": fragment}
        case Problem.UNKNOWN_FIELD:
            # Translators: %(names)s lists names to type before a colon, such as "place".
            return _("“%(fragment)s:” is no field of this search and was taken as a word. Fields: %(names)s.") % {
                "fragment": fragment,
                "names": ", ".join([*sorted(set(fields.values())), YEAR]),
            }
        case Problem.EMPTY_FIELD:
            return _("“%(fragment)s” needs a value behind the colon.") % {"fragment": fragment}
        case Problem.BAD_YEAR:
            return _("“%(fragment)s” is no year. Write year:1942 or year:1942..1944.") % {"fragment": fragment}
        case Problem.SHORT_BEGINNING:
            return _("“%(fragment)s” was searched for as a word; a beginning needs two letters or more.") % {
                "fragment": fragment
            }
        case Problem.OPERATOR:
            return _("“%(fragment)s” was left out: all words are searched for together, and -word leaves one out.") % {
                "fragment": fragment
            }
        case _:
            return _("“%(fragment)s” holds no letter or number to search for.") % {"fragment": fragment}
