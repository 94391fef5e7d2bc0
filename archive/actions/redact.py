"""Hide words, passages or spans of a work from its readers, and show again what was hidden."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused, reason_in_words
from archive.gate import Gate
from archive.models import Redaction
from archive.policy import may
from archive.standing import read_standing_anew

if TYPE_CHECKING:
    from accounts.models import User

#: Reasons are codes: free text about a danger has no place in an audit trail.
_CODE = re.compile(r"^[a-z][a-z-]*$")
#: Editors find what must be hidden while they read, stewards hear of it from those it concerns: either may act.
RIGHTS = ("edit", "consent")


class _OnRedactions(Action):
    """What hiding and showing again share: whose right it is."""

    def __init__(self, user: User | None, work: Any) -> None:
        super().__init__(user)
        self.work = work

    def check(self) -> None:
        if self.viewer is None:
            return
        decisions = [may(self.viewer, right, self.work) for right in RIGHTS]
        if not any(decisions):
            raise ActionRefused(decisions[0].reason, reason_in_words(decisions[0].reason))


class RedactAction(_OnRedactions):
    """Write redactions of one work; the gate is asked again in the same transaction.

    :param rows: unsaved redactions; the work is set here, and who authorised them where somebody acts.
    """

    def __init__(self, user: User | None, work: Any, rows: Iterable[Redaction]) -> None:
        super().__init__(user, work)
        self.rows = list(rows)

    def check(self) -> None:
        super().check()
        if not self.rows:
            raise ActionRefused("nothing", _("Say what is to be hidden."))
        for row in self.rows:
            timed = row.start_ms is not None and row.end_ms is not None and row.start_ms < row.end_ms
            if not row.anchor and not timed:
                raise ActionRefused("no-place", _("Choose a passage in the text, or give a span of time."))
            # What the system carries on keeps the reason it had.
            if self.user is not None and not _CODE.match(row.reason):
                raise ActionRefused("reason", _("Give the reason as one of the codes."))

    def execute(self) -> list[Redaction]:
        """Returns the redactions as written, with their keys."""
        self.check()
        with transaction.atomic():
            read_standing_anew([self.work])
            for row in self.rows:
                row.record_id = self.work.pk
                row.authorised_by = self.user or row.authorised_by
            written = Redaction.objects.bulk_create(self.rows)
            audit.note("redaction", self.work, self.user, count=len(written), reason=written[0].reason)
            Gate(self.now).refresh([self.work])
        return written


class UnredactAction(_OnRedactions):
    """Take one redaction back: what it hid is shown again where consent allows."""

    def __init__(self, user: User | None, work: Any, redaction: Redaction) -> None:
        super().__init__(user, work)
        self.redaction = redaction

    def check(self) -> None:
        super().check()
        if self.redaction.record_id != self.work.pk:
            raise ActionRefused("foreign", _("That redaction belongs to another work."))

    def execute(self) -> None:
        self.check()
        with transaction.atomic():
            read_standing_anew([self.work])
            gone, _by_model = Redaction.objects.filter(pk=self.redaction.pk).delete()
            if not gone:
                raise ActionRefused("gone", _("Somebody has taken this redaction away already."))
            audit.note("redaction-removed", self.work, self.user, mode=self.redaction.mode)
            Gate(self.now).refresh([self.work])
