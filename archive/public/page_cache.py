"""Whole pages kept in the memory of each web process, and never believed without asking the database.

Only answers to requests without a session cookie are kept, and only those that a view marked with the
publication (or the clock of all publications) they were made from (``reading.mark_cacheable``); also the
tombstones that stand where something was withdrawn, since those who read it come back for it. A hit
first reads that row by primary key: when its version is another, it has gone, or consent has ended, the
page is made anew. So a withdrawal shows in the very next request of every process, and the memory of
one process can be as stale as it likes.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from archive.models.publication import Publication, PublicClock
from archive.vault.ledger import replay_pending

#: Bytes of pages kept by one process.
CAPACITY = 48 * 1024 * 1024
#: Query parameters that lead to pages worth keeping; with any other the page is made and not kept, so
#: that nobody fills the memory with invented addresses.
KEPT_PARAMETERS = frozenset({"with", "language", "page"})
LONGEST_QUERY = 60
#: The page is compressed while somebody waits for it. Over 99 real editions level 6 takes a third more time for 2 %
#: fewer bytes, 4 a quarter less for 3 % more; of the longest, whose readers have most to fetch, 6 saves 4 %.
GZIP_LEVEL, GZIP_LEVEL_OF_LONG = 5, 6
LONG_PAGE = 150_000


@dataclass(frozen=True)
class Kept:
    """One page as it goes over the wire."""

    #: Primary key of the publication, or None for the clock.
    publication: int | None
    version: str
    body: bytes
    packed: bytes
    headers: tuple[tuple[str, str], ...]
    etag: str
    status: int = 200

    @property
    def size(self) -> int:
        return len(self.body) + len(self.packed) + 500


class PageMemory:
    """The pages of one process, the longest unused going first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._pages: OrderedDict[tuple[object, ...], Kept] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...]) -> Kept | None:
        with self._lock:
            page = self._pages.get(key)
            if page is not None:
                self._pages.move_to_end(key)
            return page

    def put(self, key: tuple[object, ...], page: Kept) -> None:
        with self._lock:
            self._drop(key)
            if page.size > self.capacity // 4:
                return
            self._pages[key] = page
            self._size += page.size
            while self._size > self.capacity:
                self._size -= self._pages.popitem(last=False)[1].size

    def drop(self, key: tuple[object, ...]) -> None:
        with self._lock:
            self._drop(key)

    def clear(self) -> None:
        with self._lock:
            self._pages.clear()
            self._size = 0

    def _drop(self, key: tuple[object, ...]) -> None:
        old = self._pages.pop(key, None)
        if old is not None:
            self._size -= old.size


MEMORY = PageMemory()


@cache
def _question(model: type[Model]) -> str:
    """SQL that finds a row by primary key if it has a version and has not ended."""
    quote = connection.ops.quote_name
    # The columns of both models are named like their fields.
    key, version, not_after = (quote(name) for name in ("id", "version", "not_after"))
    return (
        f"SELECT 1 FROM {quote(model._meta.db_table)} WHERE {key} = %s AND {version} = %s"  # noqa: S608 - names of ours
        f" AND ({not_after} IS NULL OR {not_after} > %s)"
    )


def is_current(publication: int | None, version: str) -> bool:
    """Whether what a page was made from is still there in this version, and consent to it has not ended.

    Asked before every answer from memory, and therefore in SQL: composing the same question from a
    queryset takes longer than everything else that such an answer needs.
    """
    model, key = (PublicClock, 1) if publication is None else (Publication, publication)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(_question(model), (key, version, now))
        return cursor.fetchone() is not None


class PublicPageCache:
    """Middleware: answers from memory what was checked this very moment."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        key = self._key(request)
        if key is None:
            return self.get_response(request)
        page = MEMORY.get(key)
        if page is not None:
            if self._still_true(page):
                return self._answer(request, page)
            MEMORY.drop(key)
        response = self.get_response(request)
        kept = self._keep(response)
        if kept is None:
            return response
        MEMORY.put(key, kept)
        return self._answer(request, kept)

    @staticmethod
    def _key(request: HttpRequest) -> tuple[object, ...] | None:
        """What tells one page from another, or None for a request that no kept page may answer."""
        if request.method not in ("GET", "HEAD") or settings.SESSION_COOKIE_NAME in request.COOKIES:
            return None
        query = request.META.get("QUERY_STRING", "")
        if query and (len(query) > LONGEST_QUERY or not KEPT_PARAMETERS.issuperset(request.GET)):
            return None
        if replay_pending():
            return None
        # The day: citations carry the date of reading, the first page the commemorations near today.
        return (request.get_host(), request.is_secure(), request.path, query, timezone.now().date())

    @staticmethod
    def _still_true(page: Kept) -> bool:
        return is_current(page.publication, page.version)

    @staticmethod
    def _keep(response: HttpResponseBase) -> Kept | None:
        source = getattr(response, "cairn_checked_against", None)
        if source is None or response.status_code not in (200, 410) or response.streaming or response.cookies:
            return None
        publication = None if source == "clock" else int(source)
        version = getattr(response, "cairn_version", None)
        if version is None:
            return None
        body = response.content  # type: ignore[attr-defined]
        headers = tuple((n, v) for n, v in response.headers.items() if n.lower() not in ("content-length", "etag"))
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        # mtime 0: the same page is the same bytes in every process.
        packed = gzip.compress(body, GZIP_LEVEL_OF_LONG if len(body) > LONG_PAGE else GZIP_LEVEL, mtime=0)
        return Kept(publication, version, body, packed, headers, etag, response.status_code)

    @staticmethod
    def _answer(request: HttpRequest, page: Kept) -> HttpResponse:
        there = page.status == 200
        if there and request.META.get("HTTP_IF_NONE_MATCH", "") in (page.etag, f"W/{page.etag}"):
            response = HttpResponse(status=304)
            body = b""
        else:
            packed = "gzip" in request.META.get("HTTP_ACCEPT_ENCODING", "")
            body = page.packed if packed else page.body
            response = HttpResponse(body, status=page.status)
            if packed:
                response.headers["Content-Encoding"] = "gzip"
        for name, value in page.headers:
            response.headers[name] = value
        if there:
            response.headers["ETag"] = page.etag
        response.headers["Vary"] = "Accept-Encoding, Cookie"
        if response.status_code != 304:
            response.headers["Content-Length"] = str(len(body))
        return response
