"""Withdraw: one transaction closes every surface, a job then proves that nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit, dependents, uses
from archive.actions.base import Action, ActionRefused
from archive.assessment import consent_in_force
from archive.gate import Gate
from archive.models import ConsentEvent, Publication, PublicationLink, Record, RecordState, WithdrawalCase
from archive.naming import make_anew
from archive.public.kinds import public_kind
from archive.record_types import record_type
from archive.standing import read_standing_anew
from archive.vault import ledger
from jobs import api as jobs

if TYPE_CHECKING:
    from accounts.models import User

#: Reasons are codes: free text about a danger has no place in an audit trail.
REASONS = ("narrator-request", "family-request", "community-decision", "legal", "danger", "mistake")
#: What a replay of the ledger gives where no person says why.
REPLAYED = "ledger-replay"


def said_in_public(public_id: str) -> list[str]:
    """Every text of a record's publications, on every rung, as the index has them."""
    texts: dict[str, None] = {}
    for row in Publication.objects.filter(public_id=public_id):
        texts |= dict.fromkeys(entry["text"] for entry in (row.title or {}).get("values", {}).values())
        texts |= dict.fromkeys(passage.text for passage in public_kind(row.kind).passages(row.payload))
    return [text for text in texts if text.strip()]


def scope_of(record: Any) -> str:
    """Who may look at jobs about a record: its community, else the platform's operators."""
    return f"community:{record.community.slug}" if record.community_id else ""


def known_reason(reason: str, user: User | None) -> bool:
    """Whether somebody may give this reason; the system itself has one of its own."""
    return reason in REASONS or (user is None and reason == REPLAYED)


class WithdrawAction(Action):
    """Withdraw a record of any kind from every public surface.

    What is public because others name it (a person, a place) is named nowhere any more; a clip leaves its work.

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
            impact, said = self.impact(), said_in_public(self.work.public_id)
            self._close()
            case = WithdrawalCase.objects.create(
                record_id=self.work.pk,
                reason=self.reason,
                received_at=self.now,
                impact=impact,
                done=[{"action": "closed", "at": self.now.isoformat(), "outcome": "done"}],
                tombstone=self.tombstone,
                said=said,
                by=self.user,
            )
            if record_type(self.work.kind).gated:
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
                scope=scope_of(self.work),
                dedupe_key=f"prove-absence:{self.work.public_id}",
            )
        return case

    def _close(self) -> None:
        work = self.work
        gated = record_type(work.kind).gated
        # What has no consent of its own is held back by its state alone: it is hidden as well.
        work.state, work.wanted_public, work.hidden = RecordState.WITHDRAWN, False, work.hidden or not gated
        Record.objects.filter(pk=work.pk).update(
            state=work.state, wanted_public=False, opens_at=None, hidden=work.hidden
        )
        Gate(self.now).close([work], tombstone=self.tombstone, reason="withdrawn")
        if not gated:
            make_anew(work)
        Record.objects.filter(as_clip__work_id=work.pk).update(hidden=True)

    def impact(self) -> dict[str, int]:
        """What stands in public because of this record, and what rests on it, counted before it goes."""
        rows = Publication.objects.filter(public_id=self.work.public_id)
        return {
            "publications": rows.count(),
            "clips": self.work.clips.count(),
            "links": PublicationLink.objects.filter(publication__in=rows).count(),
            **uses.counted(self.work.public_id),
            **dependents.impact([self.work.public_id]),
        }
