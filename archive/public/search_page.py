"""The search page: one box, results grouped by work, facets as plain links."""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import strip_tags
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from archive import publications
from archive.policy import Viewer, reach_of
from archive.public.entries import entry
from archive.public.kinds import known
from archive.public.reading import page_facts, viewer_for
from search import service
from search.answers import Answer, Hit, Result

#: Facets a reader can choose, in the order of the page.
FACETS = ("type", "language", "collection", "event", "place", "person", "risk")
#: Values shown of each facet.
SHOWN_VALUES = 12
PER_PAGE = 20
LONGEST_QUERY = 400


def search(request: HttpRequest) -> HttpResponse:
    """Answer a query for this viewer. Never kept anywhere: the address carries the reader's own words."""
    q = request.GET.get("q", "")[:LONGEST_QUERY]
    filters = {name: request.GET.getlist(name)[:20] for name in (*FACETS, "year") if request.GET.get(name)}
    try:
        number = max(1, int(request.GET.get("page", "1") or "1"))
    except ValueError:
        number = 1
    context: dict[str, Any] = {"q": q, "robots": "noindex"}
    status = 200
    try:
        answer = service.search(
            q,
            reach_of(viewer_for(request)),
            page=number,
            page_size=PER_PAGE,
            filters=filters,
            language=get_language() or "en",
        )
    except service.SearchUnavailable as error:
        context |= {"answer": {"total": 0, "results": []}, "problem": str(error)}
        status = 503
    else:
        context |= _context(request, q, answer)
    response = render(request, "archive/search.html", context, status=status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _context(request: HttpRequest, q: str, answer: Answer) -> dict[str, Any]:
    chosen = {name: list(values) for name, values in answer.filters.items() if name in FACETS}
    for name in FACETS:
        chosen.setdefault(name, [v for v in request.GET.getlist(name) if v])
    chosen = {name: values for name, values in chosen.items() if values}

    def address(query: str = q, page: int = 1, changed: Mapping[str, list[str]] | None = None) -> str:
        pairs = [("q", query)] if query else []
        for name, values in {**chosen, **(changed or {})}.items():
            pairs += [(name, value) for value in values]
        if page > 1:
            pairs.append(("page", str(page)))
        return f"{request.path}?{urlencode(pairs)}" if pairs else request.path

    facets, marked = [], []
    for name in FACETS:
        options = []
        for value in answer.facets.get(name, ())[:SHOWN_VALUES]:
            others = [v for v in chosen.get(name, []) if v != value.value]
            active = value.selected or value.value in chosen.get(name, [])
            to = address(changed={name: others if active else [*others, value.value]})
            options.append({"label": value.label, "url": to, "count": value.count, "active": active})
            if active:
                marked.append({"label": value.label, "remove_url": to})
        if options:
            facets.append({"name": name, "label": _facet_label(name), "options": options})
    suggestion = answer.did_you_mean
    results = _results(answer.results, viewer_for(request))
    return {
        "fiction": any(result.get("fiction") for result in results),
        "answer": {
            "total": answer.total,
            "results": results,
            "did_you_mean": {"text": suggestion, "url": address(query=suggestion)} if suggestion else None,
        },
        "facets": facets,
        "chosen": marked,
        "clear_url": f"{request.path}?{urlencode({'q': q})}" if marked else "",
        "page": page_facts(answer.page, answer.pages, answer.total, lambda n: address(page=n)),
        "problem": " ".join(answer.notes),
        "hidden": [(name, value) for name, values in chosen.items() for value in values],
    }


def _results(results: tuple[Result, ...], viewer: Viewer) -> list[dict[str, Any]]:
    """Results with the facts of their publications; the search room knows only their words."""
    ids = [result.id for result in results]
    shown: dict[str, dict[str, Any]] = {}
    # This viewer's own projection, never another rung's.
    for publication in publications.listing(viewer, public_id__in=ids):
        shown[publication.public_id] = entry(publication)
    rows = []
    for result in results:
        facts = shown.get(result.id, {})
        rows.append(
            {
                **facts,
                "id": result.id,
                "type": result.type,
                "title": facts.get("title") or result.title,
                "language": result.language,
                "url": result.url,
                "hits": [
                    {
                        "text_html": h.text_html,
                        "url": _beside(h, facts.get("languages", [])),
                        "language": h.language,
                        "start_ms": h.start_ms,
                    }
                    for h in result.hits
                    if not _says_only(h, facts.get("title") or {})
                ],
                "more": max(0, result.matches - len(result.hits)) if (kind := known(result.type)) and kind.work else 0,
            }
        )
    return rows


def _says_only(hit: Hit, title: Mapping[str, Any]) -> bool:
    """Whether a hit repeats the names that stand above it and nothing else."""
    if hit.anchor or not isinstance(title, Mapping):
        return False
    names = {entry["text"].casefold() for entry in title.get("values", {}).values()}
    said = unescape(strip_tags(hit.text_html)).casefold()
    return said in names or set(said.split(" · ")) <= names


def _beside(hit: Hit, languages: list[str]) -> str:
    """The hit's address with its language beside the original, so that its passage is on the page."""
    if hit.anchor and hit.language in languages[1:]:
        page, _sep, place = hit.url.partition("#")
        return f"{page}?with={hit.language}#{place}"
    return hit.url


def _facet_label(name: str) -> str:
    return {
        "type": _("Kind"),
        "language": _("Language"),
        "collection": _("Collection"),
        "event": _("Event"),
        "place": _("Place"),
        "person": _("Person"),
        "risk": _("Risk factor"),
    }[name]
