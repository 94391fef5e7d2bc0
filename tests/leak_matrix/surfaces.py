"""Every public address of the site, and how the matrix goes there. One that is not named here fails the build."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from archive.public.kinds import all_kinds, public_kind
from archive.record_types import registry
from tests.leak_matrix.planting import Planted

#: Addresses of one object: name → paths for a planted work. ``{id}`` is its public id, ``{kind}`` the part of the
#: address that its kind has, ``{other}`` that of the other kind of work.
OBJECT_SURFACES: dict[str, tuple[str, ...]] = {
    "public:page": ("/en/{kind}/{id}/", "/ar/{kind}/{id}/?with=en", "/fr/{kind}/{id}/?page=2&with=zz"),
    "public:citation": tuple(
        f"/en/{{kind}}/{{id}}/cite/{form}/" for form in ("chicago", "apa", "bibtex", "ris", "csl")
    ),
    "public:download": tuple(
        f"/en/{{kind}}/{{id}}/download/{form}/" for form in ("tei", "webvtt", "srt", "csv", "json")
    ),
    "public:request-access": ("/en/request/{id}/",),
    "permanent": ("/id/{id}",),
    "media-access": ("/media-access/{id}/{file}/",),
    "captions": ("/captions/{id}/t1.vtt",),
    "api-1:detail": ("/api/v1/{kind}/{id}",),
    "public:report": ("/en/report/?id={id}", "/en/report/?id={id}&about=family"),
    # Slips and guesses: an address beside a work's own, another kind's address.
    "beside": ("/en/{kind}/{id}/nothing/", "/en/{other}/{id}/"),
}
#: Pages that live exactly as long as a work that names them: name → paths for the named record's public id.
COMPANION_SURFACES: dict[str, tuple[str, ...]] = {
    "person": ("/en/people/{id}/", "/id/{id}", "/api/v1/people/{id}"),
    "place": ("/ar/places/{id}/", "/id/{id}", "/api/v1/places/{id}"),
    "collection": ("/en/collections/{id}/", "/id/{id}", "/api/v1/collections/{id}"),
    "clip": ("/en/testimonies/{id}/", "/id/{id}"),
    "event": ("/en/events/{id}/", "/api/v1/events/{id}"),
    "organisation": ("/ar/organisations/{id}/", "/api/v1/organisations/{id}"),
    "concept": ("/en/concepts/{id}/", "/api/v1/concepts/{id}"),
    "source": ("/id/{id}", "/api/v1/sources/{id}"),
}
#: Companions that are made and shown as places are: not everybody goes to each of them.
AS_PLACES = frozenset({"event", "organisation", "concept", "source"})
#: Addresses that show many things at once: fetched once per actor.
LIST_SURFACES: dict[str, tuple[str, ...]] = {
    "public:browse": tuple(f"/en/{segment}/" for segment in (entry.segment for entry in all_kinds())),
    "public:search": ("/en/search/", "/en/search/?q=river", *(f"/fr/search/?q=canary*&page={n}" for n in range(1, 4))),
    "public:languages": ("/en/languages/",),
    "public:language": ("/en/languages/hy/", "/en/languages/en/"),
    "public:feed": ("/en/feeds/new.atom",),
    "public:report": ("/en/report/",),
    "sitemap-index": ("/sitemap.xml",),
    "sitemap": ("/sitemap-publications.xml",),
    "robots": ("/robots.txt",),
    "api-1:search": (
        "/api/v1/search",
        "/api/v1/search?q=river",
        *(f"/api/v1/search?q=canary*&page={n}" for n in range(1, 3)),
    ),
    "api-1:listing": tuple(f"/api/v1/{segment}/" for segment in (entry.segment for entry in all_kinds())),
    "api-1:openapi-json": ("/api/v1/openapi.json",),
    "api-1:api-root": ("/api/v1/",),
    "healthz": ("/healthz",),
    "readyz": ("/readyz",),
    "wagtail_serve": ("/en/", "/en/about/", "/en/help/", "/ar/", "/en/nothing/"),
}
#: Addresses of links for readers without an account: nothing stands there but for who came in by one.
LINK_SURFACES: dict[str, tuple[str, ...]] = {
    "class-link": ("/class/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz/",),
    "review-link": ("/review/zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz/",),
    "public:class": ("/en/class/", "/ar/class/"),
    "public:review": ("/en/review/", "/ar/review/?with=en"),
    "public:review-file": ("/en/review/00000000-0000-4000-8000-000000000000/",),
}
#: Addresses that hold no record and take none, by the beginning of their name, with the reason.
WITHOUT_RECORDS: dict[str, str] = {
    "account_": "the reader's own account (allauth)",
    "accounts_": "accounts and invitations",
    "mfa_": "the reader's own second factors (allauth)",
    "demo_sign_in": "signed links of the demo",
    "second_factor": "the reader's own second factor",
    "accept_invitation": "an invitation's own page, by its secret",
    "wagtailadmin_": "Wagtail's own pages, walked by the desk's test",
    "wagtail": "Wagtail's images, documents, sites, redirects, locales: no record lives there",
    "wagtail_localize": "translations of pages",
    "wagtailcore_": "workflow of pages",
}
#: The id of no file.
NO_FILE = "00000000-0000-4000-8000-000000000000"
#: Screens of the desk: ``tests/leak_matrix/desk.py`` goes to every one of them.
DESK_PREFIX = "admin/"


def patterns(resolver: URLResolver | None = None, namespace: str = "", prefix: str = "") -> Iterator[tuple[str, str]]:
    """(qualified name or '', route) of every URL pattern of the site."""
    resolver = resolver or get_resolver()
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from patterns(entry, inner, route)
        elif isinstance(entry, URLPattern):
            yield (f"{namespace}{entry.name}" if entry.name else "", route)


def object_paths(planted: Planted, public_id: str, turn: int | None = None) -> Iterator[tuple[str, str, str]]:
    """(surface, template, path) of one work; with a random ``public_id`` the same addresses of nothing.

    :param turn: of the addresses that one surface has, the one whose turn it is; None: all.
    """
    kind = public_kind(planted.work.kind).segment
    other = "documents" if kind == "testimonies" else "testimonies"
    for name, paths in OBJECT_SURFACES.items():
        for path in _in_turn(paths, turn):
            yield name, path, path.format(id=public_id, file=planted.file_id or NO_FILE, kind=kind, other=other)


def companion_paths(planted: Planted, nothing: str = "", turn: int | None = None) -> Iterator[tuple[str, str, str]]:
    """(what, its page, path) of what a work names; with ``nothing`` as the id the same addresses of nothing."""
    for what, record in planted.named.items():
        for path in _in_turn(COMPANION_SURFACES[what], turn):
            yield what, path, path.format(id=nothing or record.public_id)


def _in_turn(paths: tuple[str, ...], turn: int | None) -> tuple[str, ...]:
    return paths if turn is None else (paths[turn % len(paths)],)


def pages_of(record: Any) -> Iterator[tuple[str, str]]:
    """(its page, path) of one authority or clip."""
    for path in COMPANION_SURFACES[record.kind]:
        yield path, path.format(id=record.public_id)


def kinds_not_walked(planted: Collection[str] = (), named: Collection[str] = COMPANION_SURFACES) -> list[str]:
    """Kinds of record with a page that nobody plants or goes to.

    :param planted: kinds that other rooms plant.
    """
    own = {"testimony", "document", *planted}
    return sorted(entry.kind for entry in registry if entry.has_page and entry.kind not in {*own, *named})


def unnamed() -> list[str]:
    """Patterns that the matrix does not know."""
    known = {*OBJECT_SURFACES, *LIST_SURFACES, *LINK_SURFACES}
    missing = []
    for name, route in patterns():
        if route.startswith(DESK_PREFIX) or name in known:
            continue
        if any(name.startswith(beginning) for beginning in WITHOUT_RECORDS):
            continue
        missing.append(f"{name or '(no name)'}: {route}")
    return missing
