"""Publications of an older form are made again, and until all of them are, the site answers nothing.

What is already published keeps saying what a stricter gate would no longer let through. So whenever the form of
publications rises (:data:`~archive.values.payload.PAYLOAD_SCHEMA`), ``migrate`` takes all of an older form out of
service and hands every work to the gate once more. What is left to do is what still has the older form: whoever is
killed in between, at any moment, goes on from there at the next ``migrate``.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from archive import audit
from archive.companions import companion_relations
from archive.gate import Gate
from archive.models import LADDER, Publication, PublicationLink, PublicClock, Record
from archive.publications import remake_pending
from archive.record_types import gated_kinds, load_gated
from archive.values.payload import PAYLOAD_SCHEMA
from search import outbox

log = logging.getLogger(__name__)
Tell = Callable[[str], None]
#: Makes some again, inside a transaction: how many are public now, and which are not any more.
Act = Callable[[Sequence[str]], tuple[int, list[str]]]

#: Works and companions made in one transaction: who waits for the database meanwhile waits for one of these.
WORKS_TOGETHER, COMPANIONS_TOGETHER = 25, 200
#: Seconds between two lines about the progress.
TELL_EVERY = 5.0
#: What is wrong with the machine and not with a work: it stops everything, the site stays closed, nothing is lost.
_OF_THE_MACHINE = (OperationalError, InterfaceError, OSError, MemoryError)


@dataclass
class Remade:
    """What was done, in public ids of works and companions."""

    made: int = 0
    #: The gate says no to them now.
    closed: list[str] = field(default_factory=list)
    #: They could not be made and are closed until somebody has mended them and publishes them again.
    failed: list[str] = field(default_factory=list)
    #: How many changes the search index could not take in; these works are in no answer until it has.
    unsearchable: int = 0


class RemakePublications:
    """Make every publication of an older form again, then open the site. With nothing to do it does nothing.

    A work that cannot be made is closed and named in the report: it neither stays as it was nor holds up the others.
    """

    def __init__(self, *, tell: Tell = lambda text: None) -> None:
        self.tell = tell
        self.report = Remade()
        self._told_at = time.monotonic()

    def execute(self) -> Remade:
        """Returns what was done. What fails for the machine's sake passes on, and the site stays closed."""
        if not remake_pending():
            return self.report
        with _alone(self.tell):
            self._take_out_of_service()
            self.tell(
                "The site is closed until everything that is published has been made again in this version’s form."
            )
            self._works()
            self._companions()
            self.tell("Search follows …")
            self.report.unsearchable = outbox.apply_all_pending().failed
            self._open()
        return self.report

    def _take_out_of_service(self) -> None:
        """No reader is led to what is of an older form, whichever program serves her, and no kept page counts."""
        with transaction.atomic():
            gone = {f"serves_{stand}": False for stand in LADDER}
            _of_older_form().exclude(version="").update(version="", **gone)
            _turn_clock(remaking=True)

    def _open(self) -> None:
        with transaction.atomic():
            if _of_older_form().exists():
                raise RuntimeError("Publications of an older form are left: another program is writing them.")
            _turn_clock(remaking=False)

    # --- works -------------------------------------------------------------------------------

    def _works(self) -> None:
        left = _of_older_form().filter(kind__in=gated_kinds()).order_by("public_id").values_list("public_id", flat=True)
        left = left.distinct()
        total, done = left.count(), 0
        ids = list(left[:WORKS_TOGETHER])
        while ids:
            self._remake(self._remake_works, ids)
            done += len(ids)
            self._progress(done, total, "works")
            ids = list(left.filter(public_id__gt=ids[-1])[:WORKS_TOGETHER])

    def _remake_works(self, ids: Sequence[str]) -> tuple[int, list[str]]:
        records = Record.objects.filter(public_id__in=ids, kind__in=gated_kinds())
        works = load_gated(list(records.values_list("pk", flat=True)))
        Gate(companions_later=True).refresh(works)
        # Works that no record stands behind any more, or that the gate did not touch: nothing of them may stay.
        for public_id in set(_of_older_form().filter(public_id__in=ids).values_list("public_id", flat=True)):
            _of_older_form().filter(public_id=public_id).delete()
            outbox.remove(public_id)
        public = set(Publication.objects.filter(public_id__in=ids).values_list("public_id", flat=True))
        audit.note_all("remake", [work for work in works if work.public_id not in public], None, outcome="closed")
        return len(public), sorted(set(ids) - public)

    # --- companions --------------------------------------------------------------------------

    def _companions(self) -> None:
        """All of them, also those made meanwhile: works of the older form may still have been counted for them."""
        there = Publication.objects.exclude(kind__in=gated_kinds()).values_list("public_id", flat=True)
        named = PublicationLink.objects.filter(relation__in=companion_relations()).values_list("target", flat=True)
        everything = sorted({*there.distinct(), *named.distinct()})
        for start in range(0, len(everything), COMPANIONS_TOGETHER):
            ids = everything[start : start + COMPANIONS_TOGETHER]
            self._remake(self._remake_companions, ids)
            self._progress(start + len(ids), len(everything), "pages of names and collections")

    def _remake_companions(self, ids: Sequence[str]) -> tuple[int, list[str]]:
        Gate().refresh_companions(ids)
        return Publication.objects.filter(public_id__in=ids).values("public_id").distinct().count(), []

    # --- both --------------------------------------------------------------------------------

    def _remake(self, act: Act, ids: Sequence[str]) -> None:
        """All together, or where one of them is at fault each alone; what fails alone is closed."""
        if not self._done(act, ids):
            for public_id in ids:
                if not self._done(act, [public_id]):
                    self._leave_closed(public_id)
        # The index follows in short transactions of its own; what it cannot take in now is tried again at the end.
        outbox.apply_pending()

    def _done(self, act: Act, ids: Sequence[str]) -> bool:
        try:
            with transaction.atomic(), outbox.index_later():
                made, closed = act(ids)
        except _OF_THE_MACHINE:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one work, the others are made all the same
            if len(ids) == 1:
                # The class alone: a message could hold words of the text.
                log.error("The publication of %s could not be made again (%s).", ids[0], type(error).__name__)
            return False
        self.report.made += made
        self.report.closed += closed
        return True

    def _leave_closed(self, public_id: str) -> None:
        with transaction.atomic():
            Publication.objects.filter(public_id=public_id).delete()
            outbox.remove(public_id)
            records = Record.objects.filter(public_id=public_id).select_related("community")
            audit.note_all("remake", records, None, outcome="failed")
        self.report.failed.append(public_id)

    def _progress(self, done: int, total: int, what: str) -> None:
        if done >= total or time.monotonic() - self._told_at >= TELL_EVERY:
            self._told_at = time.monotonic()
            self.tell(f"{done} of {total} {what}")


def _of_older_form() -> QuerySet[Publication]:
    return Publication.objects.filter(schema__lt=PAYLOAD_SCHEMA)


def _turn_clock(*, remaking: bool) -> None:
    facts = {"version": secrets.token_hex(8), "remaking": remaking}
    PublicClock.objects.update_or_create(pk=1, defaults=facts)


@contextmanager
def _alone(tell: Tell) -> Iterator[None]:
    """One process makes them; another waits and then finds nothing to do."""
    descriptor = os.open(Path(settings.CAIRN_DATA) / "remake.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Another process makes the publications again: waiting for it …")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
