"""Whoever keeps something that rests on publications: lessons, packs, scenes. One object a room, told by the gate.

A room registers an object in its ``AppConfig.ready``. It is called inside the gate's transaction, with public ids in
batches, and writes rows of its own only: no files, no network. These are calls and not signals, because answers are
wanted, and because one room's fault must neither abort a withdrawal nor vanish: what fails is undone alone, what the
gate did stands, and a job tells that room again until it has understood. Only an erasure waits for everybody.

Whoever shows a dependent thing asks the publication again all the same: being told is for what was made and counted.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from django.db import DatabaseError, transaction

from jobs import api as jobs

logger = logging.getLogger(__name__)

#: Job that tells a room again what it failed to take in.
JOB = "tell-dependents"
#: Public ids in one call.
_TOGETHER = 400


class Dependent:
    """What a room may want to know; each method is called with at most a few hundred ids. Subclasses say their name."""

    #: Names the room in jobs, logs and messages.
    name = ""

    def impact(self, public_ids: Sequence[str]) -> dict[str, int]:
        """How much of this room rests on these publications: a count for each kind of thing."""
        return {}

    def changed(self, public_ids: Sequence[str]) -> None:
        """These publications were made anew, or for the first time."""

    def closed(self, public_ids: Sequence[str], reason: str) -> None:
        """Nobody reads these publications any more."""

    def erasing(self, record: Any) -> None:
        """This record is being erased: its words must go from this room's tables too."""


class ErasureWaits(Exception):
    """A room could not give up what it holds of a record; ``room`` names it. Nothing was erased."""

    def __init__(self, room: str) -> None:
        self.room = room
        super().__init__(f"“{room}” could not give up what it holds of this record.")


_registered: dict[str, Dependent] = {}


def register(dependent: Dependent) -> None:
    """Make a room's object known. :raises ValueError: when its name is empty or taken."""
    if not dependent.name or dependent.name in _registered:
        raise ValueError(f"A dependent needs a name of its own; {dependent.name!r} is none (archive/dependents.py).")
    _registered[dependent.name] = dependent


def forget(name: str) -> None:
    """Take a room's object out again; for tests."""
    _registered.pop(name, None)


def impact(public_ids: Iterable[str]) -> dict[str, int]:
    """What rests on these publications, over all rooms."""
    counts: Counter[str] = Counter()
    for dependent in _registered.values():
        for part in _parts(public_ids):
            counts.update(dependent.impact(part))
    return dict(counts)


def changed(public_ids: Iterable[str]) -> None:
    """Tell every room; inside the gate's transaction."""
    for dependent in _registered.values():
        for part in _parts(public_ids):
            _tell(dependent, "changed", part, "")


def closed(public_ids: Iterable[str], reason: str) -> None:
    """Tell every room; inside the gate's transaction."""
    for dependent in _registered.values():
        for part in _parts(public_ids):
            _tell(dependent, "closed", part, reason)


def erasing(record: Any) -> None:
    """Let every room give up what it holds of a record.

    :raises ErasureWaits: when one fails: the caller's transaction is to be rolled back.
    """
    for dependent in _registered.values():
        try:
            with transaction.atomic():
                dependent.erasing(record)
        except Exception as error:
            logger.exception("“%s” could not give up what it holds of %s.", dependent.name, record.public_id)
            raise ErasureWaits(dependent.name) from error


def tell_again(context: Any) -> None:
    """The job: what a room failed to take in, until it has."""
    given = context.input
    dependent = _registered.get(given["room"])
    if dependent is None:
        # The room was taken out of the installation meanwhile: nobody is left to be told.
        logger.warning("No room called “%s” is left to be told.", given["room"])
        return
    with context.commit():
        _call(dependent, given["what"], given["ids"], given["reason"])()


def _tell(dependent: Dependent, what: str, ids: list[str], reason: str) -> None:
    try:
        with transaction.atomic():
            _call(dependent, what, ids, reason)()
    except DatabaseError as error:
        # The server may have ended the whole transaction: then nothing of it stands, and whoever began it hears.
        if transaction.get_connection().needs_rollback:
            raise
        _later(dependent, what, ids, reason, error)
    except Exception as error:  # noqa: BLE001 - whatever a room does wrong, a withdrawal stands
        _later(dependent, what, ids, reason, error)


def _call(dependent: Dependent, what: str, ids: list[str], reason: str) -> Callable[[], None]:
    return (lambda: dependent.closed(ids, reason)) if what == "closed" else (lambda: dependent.changed(ids))


def _later(dependent: Dependent, what: str, ids: list[str], reason: str, error: Exception) -> None:
    logger.error(
        "“%s” failed to take in that publications are %s; it is told again.", dependent.name, what, exc_info=error
    )
    jobs.enqueue(JOB, input={"room": dependent.name, "what": what, "ids": ids, "reason": reason})


def _parts(public_ids: Iterable[str]) -> Iterator[list[str]]:
    ids = sorted(set(public_ids))
    for start in range(0, len(ids), _TOGETHER):
        yield ids[start : start + _TOGETHER]
