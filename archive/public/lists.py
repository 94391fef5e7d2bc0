"""Lists, and the pages of collections, authorities and languages."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, QuerySet
from django.db.models.functions import Substr
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from archive import publications
from archive.models.publication import Publication
from archive.policy import Viewer
from archive.public import kinds
from archive.public.addresses import absolute, page_url, permanent_url
from archive.public.entries import entries, names_beside
from archive.public.reading import mark_cacheable, page_facts, published_or_404, viewer_for
from archive.values.addresses import web_address
from archive.values.language_map import choose
from archive.values.languages import normalise_tag

PER_PAGE = 50


def browse(request: HttpRequest, segment: str) -> HttpResponse:
    """Everything of one kind that this viewer may see, by title or name."""
    entry = kinds.of_segment(segment)
    if entry is None:
        raise Http404
    kind = entry.kind
    viewer = viewer_for(request)
    rows = publications.listing(viewer, kind=kind)
    filters: list[dict[str, Any]] = []
    language = ""
    if entry.work:
        language = request.GET.get("language", "")
        if language and not normalise_tag(language).valid:
            raise Http404
        filters = [_language_filter(request, viewer, kind, language)]
        if language:
            rows = rows.filter(links__relation="language", links__target=language)
    counts = None if entry.work else publications.counts(kind, viewer, kinds=kinds.works())
    keep = {"language": language} if language else {}
    letters = _letters(request, rows, keep)
    if chosen := next((one for one in letters if one["active"]), None):
        rows = rows.filter(sort_key__startswith=chosen["first"])
        keep["letter"] = chosen["letter"]
    items, page = _page(request, rows, counts, keep=keep)
    context: dict[str, Any] = {
        "kind": kind,
        "items": items,
        "page": page,
        "letters": letters,
        "filters": [f for f in filters if f["options"]],
    }
    context["fiction"] = any(item["fiction"] for item in items)
    return mark_cacheable(request, render(request, "archive/browse.html", context))


def _language_filter(request: HttpRequest, viewer: Viewer, kind: str, chosen: str) -> dict[str, Any]:
    from archive.values.languages import display_name

    reader = get_language() or "en"
    found = publications.counts("language", viewer, kinds=[kind])
    options = [
        {
            "label": display_name(tag, reader),
            "url": request.path if tag == chosen else f"{request.path}?language={tag}",
            "count": number,
            "active": tag == chosen,
        }
        for tag, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {"name": "language", "label": _("Language"), "options": options}


def _letters(request: HttpRequest, rows: QuerySet[Publication], keep: dict[str, str]) -> list[dict[str, Any]]:
    """First letters of a list that is longer than a page, in every script; a letter that begins nothing is a 404."""
    chosen = request.GET.get("letter", "")
    firsts = rows.order_by().annotate(first=Substr("sort_key", 1, 1)).values_list("first").annotate(number=Count("pk"))
    found = dict(firsts)
    if not chosen and sum(found.values()) <= PER_PAGE:
        return []
    letters = []
    for first in sorted(first for first in found if first.isalpha()):
        letter = first.upper() if len(first.upper()) == 1 else first
        query = urlencode(keep if letter == chosen else {**keep, "letter": letter})
        url = f"{request.path}?{query}" if query else request.path
        letters.append({"first": first, "letter": letter, "url": url, "active": letter == chosen})
    if chosen and not any(one["active"] for one in letters):
        raise Http404
    return letters


def _page(
    request: HttpRequest, rows: QuerySet[Publication], counts: dict[str, int] | None, *, keep: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One page of a list with its paging; a page number that is none or too high is a 404, as for any other slip."""
    try:
        number = int(request.GET.get("page", "1") or "1")
    except ValueError as error:
        raise Http404 from error
    total = rows.count()
    pages = max(1, -(-total // PER_PAGE))
    if not 1 <= number <= pages:
        raise Http404
    shown = rows[(number - 1) * PER_PAGE : number * PER_PAGE]

    def address(to: int) -> str:
        query = urlencode({**keep, "page": to} if to > 1 else keep)
        return f"{request.path}?{query}" if query else request.path

    return entries(shown, counts), page_facts(number, pages, total, address)


def page(request: HttpRequest, segment: str, public_id: str) -> HttpResponse:
    """The page of one publication of any kind."""
    entry = kinds.of_segment(segment)
    if entry is None:
        raise Http404
    return entry.page(request, published_or_404(request, public_id, kind=entry.kind))


def collection_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    """A collection with its works."""
    viewer = viewer_for(request)
    rows = publications.linked("collection", publication.public_id, viewer)
    items, page_ = _page(request, rows, None, keep={})
    context = {
        "collection": {**publication.payload, "fiction": publication.fiction},
        "items": items,
        "page": page_,
        "cite_url": permanent_url(publication.public_id),
        "share": _share(publication, "title"),
    }
    return mark_cacheable(request, render(request, "archive/collection.html", context))


def authority_page(request: HttpRequest, publication: Publication) -> HttpResponse:
    """A person, a place, an organisation, an event or a concept with the works that name it."""
    viewer = viewer_for(request)
    payload = publication.payload
    # The same person described by another community: joined by external id, each behind its own gate.
    ids = [publication.public_id]
    if kinds.public_kind(publication.kind).joined:
        ids += list(publications.same_as(publication, viewer).values_list("public_id", flat=True))
    rows = publications.listing(viewer, links__relation=publication.kind, links__target__in=ids).distinct()
    items, page_ = _page(request, rows, None, keep={})
    point = payload.get("point") or {}
    authority = {
        "id": publication.public_id,
        "name": payload["name"],
        "names": names_beside(payload),
        "description": payload.get("note"),
        "dates": "/".join(d for d in (payload.get("date_from", ""), payload.get("date_to", "")) if d),
        "type": payload.get("place_type") or payload.get("event_type") or "",
        "precision": _precision_in_words(point),
        "casualties": [
            {"text": f"{c['low']}–{c['high']}", "source": c.get("source", "")}
            for c in payload.get("casualty_estimates", [])
        ],
        "findings": [
            {
                "text": choose(f.get("finding"), (get_language() or "en",)).text,
                "source": ", ".join(str(f[name]) for name in ("body", "document") if f.get(name)),
            }
            for f in payload.get("legal_findings", [])
        ],
        "links": [{"label": uri, "url": uri} for uri in payload.get("external_ids", []) if web_address(uri)],
        "fiction": publication.fiction,
    }
    context = {
        "kind": publication.kind,
        "authority": authority,
        "items": items,
        "page": page_,
        "cite_url": permanent_url(publication.public_id),
        "share": _share(publication, "name"),
    }
    return mark_cacheable(request, render(request, "archive/authority_detail.html", context))


def _precision_in_words(point: dict[str, Any]) -> str:
    if not point:
        return ""
    where = f"{point['latitude']}, {point['longitude']}"
    if point["precision"] == "exact":
        return where
    # Translators: {where} are coordinates, {cell} a size such as 10 km.
    return _("{where} (the middle of a square of {cell})").format(
        where=where, cell=point["precision"].replace("km", " km")
    )


def _share(publication: Publication, field: str) -> dict[str, str]:
    title = choose(publication.payload.get(field), (get_language() or "en",)).text
    return {
        "title": title,
        "description": "",
        "url": absolute(page_url(publication.kind, publication.public_id)),
    }


def languages(request: HttpRequest) -> HttpResponse:
    """The languages in which one can read or listen."""
    found = publications.counts("language", viewer_for(request), kinds=kinds.works())
    items = [
        {"url": reverse("public:language", kwargs={"tag": tag}), "language": tag, "count": number}
        for tag, number in sorted(found.items(), key=lambda item: (-item[1], item[0]))
    ]
    context = {"kind": "language", "items": items, "page": {"total": len(items), "pages": 1, "number": 1}}
    return mark_cacheable(request, render(request, "archive/browse.html", context))


def language(request: HttpRequest, tag: str) -> HttpResponse:
    """The works of one language."""
    normalised = normalise_tag(tag)
    if not normalised.valid or normalised.tag != tag:
        raise Http404
    rows = publications.linked("language", tag, viewer_for(request)).filter(kind__in=kinds.works())
    items, page_ = _page(request, rows, None, keep={})
    if not items:
        raise Http404
    context: dict[str, Any] = {"kind": "language", "authority": {"language": tag}, "items": items, "page": page_}
    context["fiction"] = all(item["fiction"] for item in items)
    return mark_cacheable(request, render(request, "archive/authority_detail.html", context))


def permanent(request: HttpRequest, public_id: str) -> HttpResponse:
    """``/id/<id>``: to the page in the reader's language; the answer tells no more than the page would."""
    publication = published_or_404(request, publications.moved_to(public_id))
    response = HttpResponse(status=302)
    response.headers["Location"] = page_url(publication.kind, publication.public_id)
    response.headers["Cache-Control"] = "no-cache"
    return response
