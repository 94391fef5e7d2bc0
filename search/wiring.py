"""The functions by which this room sees the rest of the site; ``config`` hands them in once at start-up.

The room imports nothing of ours, so whatever it must know about works, viewers and addresses comes through
:func:`connect`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from search.documents import Reach, SearchDocument


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the room was handed.

    Attributes:
        reach_of: viewer (None is anonymous) to :class:`Reach`.
        still_published: of some rows' keys, those that may be shown at this moment.
        documents_of: every row of a work as published now; none when it is not published.
        all_works: every work that has publications.
        label_of: ``(facet, value, interface language)`` to what a reader sees.
        url_of: ``(type, work, interface language)`` to the address of the work's page.
    """

    reach_of: Callable[[Any], Reach]
    still_published: Callable[[Collection[str]], set[str]]
    documents_of: Callable[[str], Iterable[SearchDocument]]
    all_works: Callable[[], Iterable[str]]
    label_of: Callable[[str, str, str], str]
    url_of: Callable[[str, str, str], str]


_connected: Wiring | None = None


def connect(
    *,
    reach_of: Callable[[Any], Reach],
    still_published: Callable[[Collection[str]], set[str]],
    documents_of: Callable[[str], Iterable[SearchDocument]],
    all_works: Callable[[], Iterable[str]],
    url_of: Callable[[str, str, str], str],
    label_of: Callable[[str, str, str], str] | None = None,
) -> None:
    """Hand in the functions (see :class:`Wiring`); a second call replaces the first."""
    global _connected
    _connected = Wiring(reach_of, still_published, documents_of, all_works, label_of or _value_itself, url_of)


def wiring() -> Wiring:
    """What was handed in; raises ``ImproperlyConfigured`` when nothing was."""
    if _connected is None:
        raise ImproperlyConfigured("Search is not connected: config must call search.wiring.connect() when it starts.")
    return _connected


def _value_itself(_facet: str, value: str, _language: str) -> str:
    return value
