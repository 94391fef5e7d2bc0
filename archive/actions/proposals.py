"""Decide on what an import proposes: take it over as a revision, or leave the corrected text as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused
from archive.actions.keep_hidden import KeepHidden
from archive.models import Proposal, Record, Revision
from archive.record_types import concrete
from archive.revisions import new_revision, restore_snapshot

if TYPE_CHECKING:
    from accounts.models import User


class DecideProposalAction(Action):
    """Accept or reject a proposal; nothing of it is public before somebody has reviewed it.

    :param seen_revision: the revision beside which the proposal was shown; a later one refuses acceptance.
    """

    right = "edit"

    def __init__(self, user: User | None, proposal: Proposal, *, accept: bool, seen_revision: str = "") -> None:
        super().__init__(user)
        self.proposal, self.accept, self.seen_revision = proposal, accept, seen_revision

    def check(self) -> None:
        self.authorise(self.proposal.record)
        if self.proposal.decided_at is not None:
            raise ActionRefused("decided", _("Somebody has decided on this already."))

    def execute(self) -> Revision | None:
        """Returns the new revision, or None for a rejected proposal."""
        with transaction.atomic():
            self.proposal = Proposal.objects.select_for_update(of=("self",)).get(pk=self.proposal.pk)
            self.check()
            revision = self._take_over() if self.accept else None
            self.proposal.decided_at, self.proposal.accepted = self.now, self.accept
            self.proposal.save(update_fields=["decided_at", "accepted"])
            audit.note("proposal", self.proposal.record, self.user, outcome="accepted" if self.accept else "rejected")
        return revision

    def _take_over(self) -> Revision:
        record = Record.objects.select_for_update().get(pk=self.proposal.record_id)
        if self.seen_revision and str(record.current_revision) != self.seen_revision:
            raise ActionRefused("edited-meanwhile", _("The text was changed since you looked: compare again."))
        work = concrete(record)
        hidden = KeepHidden(work)
        restore_snapshot(work, self.proposal.snapshot)
        revision = new_revision(
            work,
            self.proposal.snapshot,
            origin=Revision.Origin.IMPORT,
            author=self.user,
            reason="proposal-accepted",
            source_sha256=self.proposal.source_sha256,
        )
        revision.save()
        Record.objects.filter(pk=work.pk).update(current_revision=work.current_revision)
        hidden.carry_on()
        return revision
