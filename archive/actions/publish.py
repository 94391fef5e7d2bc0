"""Publish, unpublish and hide: what an editor does at the gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused
from archive.assessment import Assessment
from archive.credits import tell_of_credits
from archive.gate import Gate
from archive.models import Record, RecordState, Review, Unfinished
from archive.standing import read_standing_anew
from archive.vault import ledger
from archive.vault.narrowings import a_line, thing_of

if TYPE_CHECKING:
    from accounts.models import User


class PublishAction(Action):
    """Ask the gate to open works. What it does not open, it names with its reasons.

    :param works: testimonies or documents, with ``community`` and ``collection`` loaded.
    """

    right = "publish"

    def __init__(self, user: User | None, works: Sequence[Any]) -> None:
        super().__init__(user)
        self.works = list(works)

    def check(self) -> None:
        for work in self.works:
            self.authorise(work)

    def execute(self) -> dict[str, Assessment]:
        """Returns the gate's assessments by public id; one transaction for all works."""
        self.check()
        with transaction.atomic():
            assessments = Gate(self.now).publish(self.works)
            audit.note_all("publish", [w for w in self.works if assessments[w.public_id].allowed], self.user)
            audit.note_all(
                "publish",
                [w for w in self.works if not assessments[w.public_id].allowed],
                self.user,
                outcome="refused",
            )
            lines = [a_line("publish", work) for work in self.works]
            closed = ledger.narrowed([thing_of(line) for line in lines])
            ledger.tell(*(line for line in lines if thing_of(line) in closed))
        return assessments


class UnpublishAction(Action):
    """Take works back from the public without withdrawing them: the address answers 404 again."""

    right = "unpublish"

    def __init__(self, user: User | None, works: Sequence[Record]) -> None:
        super().__init__(user)
        self.works = list(works)

    def check(self) -> None:
        for work in self.works:
            self.authorise(work)

    def execute(self) -> list[str]:
        """Returns the public ids that were public."""
        self.check()
        with transaction.atomic():
            Record.objects.filter(pk__in=[w.pk for w in self.works]).update(wanted_public=False, opens_at=None)
            for work in self.works:
                work.wanted_public = False
            closed = Gate(self.now).close(self.works)
            audit.note_all("unpublish", self.works, self.user)
            ledger.tell(*(a_line("unpublish", work) for work in self.works))
        return closed


class HideAction(Action):
    """“Hide now”: the emergency brake, open to everybody who looks after the record; ``hide=False`` releases it."""

    right = "hide"

    def __init__(self, user: User | None, work: Any, *, hide: bool = True) -> None:
        super().__init__(user)
        self.work, self.hide = work, hide

    def check(self) -> None:
        self.authorise(self.work)

    def execute(self) -> None:
        self.check()
        with transaction.atomic():
            read_standing_anew([self.work])
            self.work.hidden = self.hide
            Record.objects.filter(pk=self.work.pk).update(hidden=self.hide)
            gate = Gate(self.now)
            if self.hide:
                gate.close([self.work])
            elif self.work.wanted_public:
                gate.publish([self.work])
            audit.note("hide" if self.hide else "unhide", self.work, self.user)
            ledger.tell(a_line("hide" if self.hide else "unhide", self.work))
            if not self.hide:
                Unfinished.finish(self.work, Unfinished.What.WORK, self.user)


class ReviewAction(Action):
    """Somebody read the current revision and passed it, or sent it back with a note."""

    right = "review"

    def __init__(self, user: User | None, works: Sequence[Any], *, passed: bool = True, note: str = "") -> None:
        super().__init__(user)
        self.works, self.passed, self.note = list(works), passed, note

    def check(self) -> None:
        for work in self.works:
            self.authorise(work)
            if work.state in (RecordState.WITHDRAWN, RecordState.ERASED):
                raise ActionRefused("withdrawn", _("This was withdrawn. It cannot be opened again by a review."))
            if work.current_revision == 0:
                raise ActionRefused(
                    "nothing-to-review", _("There is no revision to review yet: save the record first.")
                )

    def execute(self) -> None:
        with transaction.atomic():
            read = {work.pk: work.current_revision for work in self.works}
            read_standing_anew(self.works)
            for work in self.works:
                # What was read is what passes; a later revision waits for a review of its own.
                work.current_revision = read[work.pk]
            self.check()
            Review.objects.bulk_create(
                Review(
                    record_id=work.pk,
                    revision=work.current_revision,
                    passed=self.passed,
                    reviewer=self.user,
                    note=self.note,
                )
                for work in self.works
            )
            before = {work.pk: work.reviewed_revision for work in self.works}
            for work in self.works:
                work.reviewed_revision = work.current_revision if self.passed else work.reviewed_revision
                work.state = "reviewed" if self.passed else "draft"
                Record.objects.filter(pk=work.pk).update(reviewed_revision=work.reviewed_revision, state=work.state)
            tell_of_credits(self.works, before)
            audit.note_all("review", self.works, self.user, outcome="passed" if self.passed else "returned")
