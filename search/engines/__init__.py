"""Engines by the scheme of their address, and those that this instance is set to use.

``SEARCH_URL`` is an address, or several with spaces between them: the first answers, and every one is kept current.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from search.engines.base import Engine, SearchUnavailable
from search.engines.fts5 import Fts5Engine

EMBEDDED = "fts5:"
_CREDENTIALS = re.compile("//[^/@]*@")

_makers: dict[str, Callable[[str], Engine]] = {}


def register(scheme: str, make: Callable[[str], Engine]) -> None:
    """Let addresses of this scheme name an engine.

    ``make`` opens nothing yet, gives one object for one address, and raises ``ImproperlyConfigured`` with a sentence
    for an address that it cannot read.
    """
    if scheme in _makers:
        raise ImproperlyConfigured(f"Addresses “{scheme}:” name a search engine already.")
    _makers[scheme] = make


@dataclass(frozen=True, slots=True)
class Address:
    """One engine of ``SEARCH_URL``."""

    url: str

    @property
    def scheme(self) -> str:
        """What stands before the colon; empty without one."""
        scheme, colon, _rest = self.url.partition(":")
        return scheme.lower() if colon else ""

    @property
    def known(self) -> bool:
        """Whether this version has an engine of the scheme."""
        return self.scheme in _makers

    @property
    def label(self) -> str:
        """Names the engine in the outbox: the same as long as its address is, whatever its password is."""
        if self.url == EMBEDDED:
            return self.scheme
        digest = hashlib.sha256(_CREDENTIALS.sub("//", self.url).encode()).hexdigest()
        return f"{self.scheme}:{digest[:12]}"

    def open(self) -> Engine:
        """The engine; raises :class:`SearchUnavailable` when this version has none of the scheme."""
        if not self.known:
            raise SearchUnavailable(f"SEARCH_URL names no search engine of this version. Set it to {EMBEDDED}")
        return _makers[self.scheme](self.url)


def configured() -> tuple[Address, ...]:
    """Every engine of ``SEARCH_URL``, the one that answers first."""
    return tuple(Address(url) for url in dict.fromkeys(settings.SEARCH_URL.split())) or (Address(""),)


def current() -> Engine:
    """The engine that answers; raises :class:`SearchUnavailable` for one that does not exist."""
    return configured()[0].open()


@lru_cache(maxsize=8)
def _file(path: Path) -> Fts5Engine:
    return Fts5Engine(path)


def _embedded(url: str) -> Fts5Engine:
    """``fts5:`` is the instance's own file, ``fts5:///a/path`` another."""
    if url == EMBEDDED:
        return _file(Path(settings.SEARCH_PATH))
    path = Path(unquote(url.partition(":")[2].removeprefix("//")))
    if not path.is_absolute():
        raise ImproperlyConfigured(f"{url} in SEARCH_URL names no file; write {EMBEDDED} or {EMBEDDED}///a/whole/path")
    return _file(path)


register("fts5", _embedded)
