"""Erase: what was withdrawn leaves the archive for ever; a shell, a tombstone and the trail of custody stay.

A withdrawal seals. An erasure takes away: the originals from the vault, their public copies, every revision, text,
draft, note and name on the record side. What stays says nothing about anybody: the work's ids, that it was erased,
when, and by which right. Backups made before still hold it; a restore erases it again from the ledger.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit, dependents
from archive.actions.base import Action, ActionRefused
from archive.actions.withdraw import REASONS, known_reason, scope_of
from archive.erasure import empty_history, finish_erasure, forget
from archive.gate import Gate
from archive.gate_jobs import texts_of
from archive.models import (
    AccessRequest,
    Clip,
    Contribution,
    Derivative,
    EntityLink,
    ImportBatch,
    MediaAsset,
    Person,
    PinnedWork,
    ReaderReport,
    RecordState,
    Use,
    WithdrawalCase,
)
from archive.record_types import record_type
from archive.standing import read_standing_anew
from archive.vault import ledger
from archive.vault.deposit import object_id_of
from jobs import api as jobs
from search import service as search
from search.engines.base import SearchUnavailable

if TYPE_CHECKING:
    from accounts.models import User

logger = logging.getLogger(__name__)


class EraseAction(Action):
    """Erase a withdrawn record of any kind. It cannot be undone.

    :param reason: one of ``REASONS`` of withdrawals. :param typed: the public id as the person typed it, who is thus
        asked to look at what she erases; the system itself types nothing.
    """

    right = "erase"

    def __init__(self, user: User | None, work: Any, *, reason: str, typed: str = "") -> None:
        super().__init__(user)
        self.work, self.reason, self.typed = work, reason, typed

    def check(self) -> None:
        self.authorise(self.work)
        if self.user is not None and self.typed.strip() != self.work.public_id:
            raise ActionRefused("not-confirmed", _("What you typed is not this work’s id: nothing was erased."))
        if not known_reason(self.reason, self.user):
            raise ActionRefused(
                "unknown-reason", _("Give one of these reasons: %(reasons)s.") % {"reasons": ", ".join(REASONS)}
            )
        if self.work.state not in (RecordState.WITHDRAWN, RecordState.ERASED):
            raise ActionRefused("not-withdrawn", _("Only what was withdrawn can be erased: withdraw it first."))

    def execute(self) -> None:
        """Check, purge the database in one transaction, then the files; a job makes sure of both.

        :raises archive.vault.errors.VaultError: when the disk fails; the job finishes what was begun.
        """
        self.check()
        self._prove_absence()
        with transaction.atomic():
            read_standing_anew([self.work])
            self.check()
            left = self._files()
            ledger.append(
                {
                    "action": "erase",
                    "public_id": self.work.public_id,
                    "uuid": str(self.work.uuid),
                    "objects": left["objects"],
                    "reason": self.reason,
                }
            )
            Gate(self.now).close([self.work], reason="erased")
            self._let_go()
            self._purge_texts()
            people = self._purge_people()
            self._blank()
            empty_history(self.work)
            for case in WithdrawalCase.objects.filter(record_id=self.work.pk):
                case.done = [*case.done, {"action": "erased", "at": self.now.isoformat(), "outcome": "done"}]
                case.said = []
                case.save(update_fields=["done", "said"])
            jobs.enqueue(
                "finish-erasure",
                input=left,
                scope=scope_of(self.work),
                dedupe_key=f"finish-erasure:{self.work.public_id}",
                # What follows here does the same at once; the job is for what this leaves undone.
                not_before=self.now + timedelta(seconds=30),
            )
            # Last: from here to the commit nobody else can write to the trail.
            audit.note("erase", self.work, self.user, reason=self.reason)
            audit.note_all("erase", people, self.user, reason=self.reason, within=self.work.public_id)
        # Nothing of it is in the shared cache, which holds counters: clearing it would forget every limit.
        finish_erasure(left)

    def _let_go(self) -> None:
        """Every room gives up what it holds of the record, or nothing is erased."""
        try:
            dependents.erasing(self.work)
        except dependents.ErasureWaits as waits:
            raise ActionRefused(
                "dependent-waits",
                # Translators: the name of a part of the program, such as “lessons”.
                _("“%(room)s” could not give up what it holds of this: nothing was erased. Tell your operator.")
                % {"room": waits.room},
            ) from waits
        Use.objects.filter(public_id=self.work.public_id).delete()

    def _prove_absence(self) -> None:
        """The proof that search forgot it needs its words: they are known for the last time now."""
        if not WithdrawalCase.objects.filter(record_id=self.work.pk, proven_absent_at=None).exists():
            return
        try:
            cases = WithdrawalCase.objects.filter(record_id=self.work.pk).values_list("said", flat=True)
            said = [text for one in cases for text in one]
            search.prove_absence(self.work.public_id, dict.fromkeys([*said, *texts_of(self.work.public_id)]))
        except (SearchUnavailable, search.AbsenceNotProven) as error:
            # No index, no words in it; the job after the withdrawal says so until it is proven.
            logger.warning("Search could not prove that an erased work is gone (%s).", type(error).__name__)

    def _files(self) -> dict[str, Any]:
        """What lies outside the database, by ids and random names: all that is needed to take it away."""
        assets = MediaAsset.objects.filter(record_id=self.work.pk)
        return {
            "record": str(self.work.uuid),
            "reason": self.reason,
            "agent": audit.actor_of(self.user),
            "objects": sorted({object_id_of(self.work.uuid), *assets.values_list("vault_object", flat=True)}),
            "paths": sorted(Derivative.objects.filter(asset__in=assets).values_list("path", flat=True)),
        }

    def _purge_texts(self) -> None:
        key, public_id = self.work.pk, self.work.public_id
        self.work.reviews.update(note="")
        for clip in Clip.objects.filter(work_id=key):
            forget(clip)
        AccessRequest.objects.filter(public_id=public_id).delete()
        ReaderReport.objects.filter(public_id=public_id).delete()
        PinnedWork.objects.filter(record_id=key).delete()
        assets = MediaAsset.objects.filter(record_id=key)
        assets.update(parent=None)
        assets.delete()
        self._forget_imports()

    def _forget_imports(self) -> None:
        """The reports of imports quote titles and names of files."""
        items = self.work.import_items.all()
        sources = set(items.values_list("source", flat=True))
        if sources:
            for batch in ImportBatch.objects.select_for_update().filter(community_id=self.work.community_id):
                batch.options = without_work(batch.options, self.work.public_id, sources)
                batch.save(update_fields=["options"])
        items.update(source="", problems=[])

    def _purge_people(self) -> list[Person]:
        """Persons whom this work alone names go with it, and are returned; others have a work that still needs them."""
        gone = []
        people = set(self.work.contributions.exclude(person=None).values_list("person_id", flat=True))
        people |= set(self.work.entity_links.filter(target__kind=Person.KIND).values_list("target_id", flat=True))
        self.work.contributions.all().delete()
        self.work.entity_links.all().delete()
        people -= set(Contribution.objects.filter(person_id__in=people).values_list("person_id", flat=True))
        people -= set(EntityLink.objects.filter(target_id__in=people).values_list("target_id", flat=True))
        for person in Person.objects.filter(pk__in=people, community_id=self.work.community_id):
            merged = list(Person.objects.filter(merged_into=person))
            if any(one.consents.exists() or one.media.exists() for one in (person, *merged)):
                continue
            for one in (*merged, person):
                forget(one)
            gone.append(person)
        return gone

    def _blank(self) -> None:
        """Empty the row itself; a second import of the same source still meets it, and is refused."""
        work = self.work
        record_type(work.kind).erase(work)
        work.sealed, work.state, work.wanted_public = [], RecordState.ERASED, False
        work.opens_at, work.identity = None, erased_identity(work.identity) if work.identity else ""
        work.save()


def erased_identity(identity: str) -> str:
    """What stands for the identity of an erased work: it recognises a source and does not tell it."""
    if identity.startswith(_ERASED):
        return identity
    secret = settings.SECRET_KEY.encode()
    return _ERASED + hmac.new(secret, b"erased identity\0" + identity.encode(), hashlib.sha256).hexdigest()


_ERASED = "erased:"


def without_work(options: dict[str, Any], public_id: str, sources: set[str]) -> dict[str, Any]:
    """The options of an import without what its reports say about one work."""
    report = options.get("report")
    if report:
        report = {
            **report,
            "items": [
                {**one, "source": "", "title": "", "problems": []}
                if one["record"] == public_id or one["source"] in sources
                else one
                for one in report["items"]
            ],
            "problems": [one for one in report["problems"] if one.get("file") not in sources],
        }
        options = {**options, "report": report}
    if "problems" in options:
        options = {**options, "problems": [one for one in options["problems"] if one.get("file") not in sources]}
    return options
