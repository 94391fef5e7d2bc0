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
from django.db import models, transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused
from archive.actions.withdraw import REASONS, known_reason
from archive.erasure import empty_history, finish_erasure
from archive.gate import Gate
from archive.gate_jobs import texts_of
from archive.models import (
    AccessRequest,
    Clip,
    Contribution,
    Derivative,
    EntityLink,
    ExternalId,
    ImportBatch,
    MediaAsset,
    Moved,
    Person,
    PinnedWork,
    ReaderReport,
    RecordState,
    WithdrawalCase,
)
from archive.revisions import KIND_FIELDS, WORK_FIELDS
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
    """Erase a withdrawn work. It cannot be undone.

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
            Gate(self.now).close([self.work])
            self._purge_texts()
            people = self._purge_people()
            self._blank()
            empty_history(self.work)
            for case in WithdrawalCase.objects.filter(record_id=self.work.pk):
                case.done = [*case.done, {"action": "erased", "at": self.now.isoformat(), "outcome": "done"}]
                case.save(update_fields=["done"])
            jobs.enqueue(
                "finish-erasure",
                input=left,
                scope=f"community:{self.work.community.slug}",
                dedupe_key=f"finish-erasure:{self.work.public_id}",
                # What follows here does the same at once; the job is for what this leaves undone.
                not_before=self.now + timedelta(seconds=30),
            )
            # Last: from here to the commit nobody else can write to the trail.
            audit.note("erase", self.work, self.user, reason=self.reason)
            audit.note_all("erase", people, self.user, reason=self.reason, within=self.work.public_id)
        # Nothing of it is in the shared cache, which holds counters: clearing it would forget every limit.
        finish_erasure(left)

    def _prove_absence(self) -> None:
        """The proof that search forgot it needs its words: they are known for the last time now."""
        if not WithdrawalCase.objects.filter(record_id=self.work.pk, proven_absent_at=None).exists():
            return
        try:
            search.prove_absence(self.work.public_id, texts_of(self.work.public_id))
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
        for name in ("tracks", "segments", "redactions", "drafts", "proposals"):
            getattr(self.work, name).all().delete()
        self.work.reviews.update(note="")
        Clip.objects.filter(work_id=key).delete()
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
            merged = Person.objects.filter(merged_into=person)
            if any(one.consents.exists() or one.media.exists() for one in (person, *merged)):
                continue
            Moved.objects.filter(target=person.public_id).delete()
            ExternalId.objects.filter(record__in=[person, *merged]).delete()
            merged.delete()
            person.delete()
            gone.append(person)
        return gone

    def _blank(self) -> None:
        """Empty the row itself; a second import of the same source still meets it, and is refused."""
        work = self.work
        for name in (*WORK_FIELDS, *KIND_FIELDS.get(work.kind, ())):
            if name != "fiction":
                setattr(work, name, _empty(work._meta.get_field(name)))
        work.place, work.sealed, work.state, work.wanted_public = None, [], RecordState.ERASED, False
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


def _empty(field: models.Field[Any, Any]) -> Any:
    """What a field says when nobody has said anything."""
    if field.has_default():
        return field.get_default()
    return None if field.null else ""
