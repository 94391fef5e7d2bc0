"""Which function does which kind of job, and which kinds come back by the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise

from jobs.models import Queue

if TYPE_CHECKING:
    from jobs.context import JobContext

#: Takes the context of one attempt, returns the JSON-able result (a dict) or None.
Handler = Callable[["JobContext"], "dict[str, Any] | None"]


@dataclass(frozen=True)
class Kind:
    """One kind of job: its handler and how it is to be run."""

    name: str
    handler: Handler
    queue: str = Queue.LIGHT
    max_attempts: int = 3
    label: str | Promise = ""


@dataclass(frozen=True)
class Recurring:
    """A kind that the sweep enqueues every ``seconds``, where ``due`` (when given) says there is work."""

    kind: str
    seconds: float
    due: Callable[[], bool] | None = None


class UnknownKind(LookupError):
    """No handler is registered under this name in this process."""


_kinds: dict[str, Kind] = {}
_recurring: dict[str, Recurring] = {}


def register(
    kind: str,
    handler: Handler,
    *,
    queue: str = Queue.LIGHT,
    max_attempts: int = 3,
    label: str | Promise = "",
) -> None:
    """Let ``handler`` do the jobs of ``kind``. Call it from the room's ``AppConfig.ready()``.

    ``queue`` is one of :class:`jobs.models.Queue`. ``label`` is what people read instead of ``kind``.
    Raises ValueError for an unknown queue or when the kind has a handler already.
    """
    if queue not in Queue.values:
        raise ValueError(f"There is no queue {queue!r}; choose one of {', '.join(Queue.values)}.")
    if kind in _kinds:
        raise ValueError(f"The kind {kind!r} is registered already.")
    _kinds[kind] = Kind(kind, handler, queue, max_attempts, label)


def every(seconds: float, kind: str, *, due: Callable[[], bool] | None = None) -> None:
    """Enqueue ``kind`` (without input) every ``seconds``, never twice at once.

    ``due`` is a cheap question asked first, so that no row is made when there is nothing to do.
    Raises ValueError when the kind comes back already.
    """
    if kind in _recurring:
        raise ValueError(f"The kind {kind!r} comes back by the clock already.")
    _recurring[kind] = Recurring(kind, seconds, due)


def kind_of(name: str) -> Kind:
    """Return the registered kind. Raises :class:`UnknownKind`."""
    try:
        return _kinds[name]
    except KeyError:
        raise UnknownKind(name) from None


def queue_of(name: str, otherwise: str) -> str:
    """The queue of a kind in this version of the program; ``otherwise`` where the kind is unknown."""
    kind = _kinds.get(name)
    return kind.queue if kind else otherwise


def label_of(name: str) -> str:
    """What people read for a kind; the bare name where no label is known."""
    kind = _kinds.get(name)
    return str(kind.label) if kind and kind.label else name


def recurring() -> tuple[Recurring, ...]:
    """All recurring work of this process."""
    return tuple(_recurring.values())


def forget(kind: str) -> None:
    """Take a kind and its recurrence out again (tests)."""
    _kinds.pop(kind, None)
    _recurring.pop(kind, None)
