"""What ``config`` hands in once at start-up: how far a viewer sees. Works come from :mod:`search.sources`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from search.documents import Reach


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the room was handed.

    Attributes:
        reach_of: viewer (None is anonymous) to :class:`Reach`.
    """

    reach_of: Callable[[Any], Reach]


_connected: Wiring | None = None


def connect(*, reach_of: Callable[[Any], Reach]) -> None:
    """Hand in how far a viewer sees (see :class:`Wiring`); a second call replaces the first."""
    global _connected
    _connected = Wiring(reach_of)


def wiring() -> Wiring:
    """What was handed in; raises ``ImproperlyConfigured`` when nothing was."""
    if _connected is None:
        raise ImproperlyConfigured("Search is not connected: config must call search.wiring.connect() when it starts.")
    return _connected
