"""Withdraw: one transaction closes every surface, a job then proves that nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused
from archive.assessment import consent_in_force
from archive.gate import Gate
from archive.models import ConsentEvent, Publication, PublicationLink, Record, RecordState, WithdrawalCase
from archive.standing import read_standing_anew
from archive.vault import ledger
from jobs import api as jobs

if TYPE_CHECKING:
    from accounts.models import User

#: Reasons are codes: free text about a danger has no place in an audit trail.
REASONS = ("narrator-request", "family-request", "community-decision", "legal", "danger", "mistake")
#: What a replay of the ledger gives where no person says why.
REPLAYED = "ledger-replay"


def known_reason(reason: str, user: User | None) -> bool:
    """Whether somebody may give this reason; the system itself has one of its own."""
    return reason in REASONS or (user is None and reason == REPLAYED)


class WithdrawAction(Action):
    """Withdraw a work from every public surface.

    The publications, the tombstone, the case, the consent event and the search outbox row are one
    transaction; the ledger outside the backups is written before it commits, so that a restore can
    never bring back what was withdrawn. Withdrawing twice is one withdrawal.

    :param reason: one of ``REASONS``. :param tombstone: a language map shown in place of the work.
    """

    right = "withdraw"

    def __init__(self, user: User | None, work: Any, *, reason: str, tombstone: dict[str, Any] | None = None) -> None:
        super().__init__(user)
        self.work, self.reason, self.tombstone = work, reason, tombstone or {}

    def check(self) -> None:
        self.authorise(self.work)
        if not known_reason(self.reason, self.user):
            raise ActionRefused(
                "unknown-reason", _("Give one of these reasons: %(reasons)s.") % {"reasons": ", ".join(REASONS)}
            )

    def execute(self) -> WithdrawalCase:
        self.check()
        with transaction.atomic():
            read_standing_anew([self.work])
            earlier = WithdrawalCase.objects.filter(record_id=self.work.pk).first()
            if self.work.state == RecordState.WITHDRAWN and earlier is not None:
                return earlier
            ledger.append({"public_id": self.work.public_id, "uuid": str(self.work.uuid), "reason": self.reason})
            impact = self.impact()
            Record.objects.filter(pk=self.work.pk).update(
                state=RecordState.WITHDRAWN, wanted_public=False, opens_at=None
            )
            self.work.state, self.work.wanted_public = RecordState.WITHDRAWN, False
            Gate(self.now).close([self.work], tombstone=self.tombstone)
            Record.objects.filter(as_clip__work_id=self.work.pk).update(hidden=True)
            case = WithdrawalCase.objects.create(
                record_id=self.work.pk,
                reason=self.reason,
                received_at=self.now,
                impact=impact,
                done=[{"action": "closed", "at": self.now.isoformat(), "outcome": "done"}],
                tombstone=self.tombstone,
                by=self.user,
            )
            ConsentEvent.objects.create(
                record_id=self.work.pk,
                consent=consent_in_force(self.work),
                kind=ConsentEvent.Kind.WITHDRAWN,
                reason=self.reason,
                by=self.user,
            )
            audit.note("withdraw", self.work, self.user, reason=self.reason)
            jobs.enqueue(
                "prove-absence",
                input={"case": case.pk, "public_id": self.work.public_id},
                scope=f"community:{self.work.community.slug}",
                dedupe_key=f"prove-absence:{self.work.public_id}",
            )
        return case

    def impact(self) -> dict[str, int]:
        """What stands in public because of this work, counted before it goes."""
        rows = Publication.objects.filter(public_id=self.work.public_id)
        return {
            "publications": rows.count(),
            "clips": self.work.clips.count(),
            "links": PublicationLink.objects.filter(publication__in=rows).count(),
        }
