"""Record a new version of consent; the gate is asked again in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused
from archive.assessment import consent_in_force
from archive.gate import Gate
from archive.models import Answer, ConsentEvent, ConsentRecord, Protocol, Scope, Unfinished
from archive.vault import ledger
from archive.vault.narrowings import of_state, state_of_consent

if TYPE_CHECKING:
    from accounts.models import User

_ORDER = {Answer.NO: 0, Answer.ASK: 1, Answer.YES: 2}


class RecordConsentAction(Action):
    """Write the next consent version of a work.

    :param facts: fields of ``ConsentRecord``; ``scopes`` maps every scope to yes, no or ask.
    :param protocols: cultural protocols of the same community.
    """

    right = "consent"

    def __init__(
        self, user: User | None, work: Any, facts: dict[str, Any], *, protocols: Sequence[Protocol] = ()
    ) -> None:
        super().__init__(user)
        self.work, self.facts, self.protocols = work, facts, list(protocols)

    def check(self) -> None:
        self.authorise(self.work)
        scopes = self.facts.get("scopes", {})
        unknown = set(scopes) - set(Scope.values)
        if unknown:
            raise ActionRefused(
                "unknown-scope", _("There is no scope called %(scope)s.") % {"scope": sorted(unknown)[0]}
            )
        wrong = [scope for scope, answer in scopes.items() if answer not in Answer.values]
        if wrong:
            raise ActionRefused("unknown-answer", _("Answer %(scope)s with yes, no or ask.") % {"scope": wrong[0]})
        if any(p.community_id != self.work.community_id for p in self.protocols):
            raise ActionRefused("foreign-protocol", _("A protocol of another community cannot govern this record."))

    def execute(self) -> ConsentRecord:
        self.check()
        with transaction.atomic():
            before = consent_in_force(self.work)
            consent = ConsentRecord(
                record_id=self.work.pk,
                version=before.version + 1 if before else 1,
                recorded_by=self.user,
                **self.facts,
            )
            consent.save()
            consent.protocols.set(self.protocols)
            kind = _kind_of_change(before, consent)
            ConsentEvent.objects.create(record_id=self.work.pk, consent=consent, kind=kind, by=self.user)
            audit.note("consent", self.work, self.user, version=consent.version, change=kind)
            Gate(self.now).refresh([self.work])
            Unfinished.finish(self.work, Unfinished.What.CONSENT, self.user)
            if before is not None:
                was = state_of_consent(before, before.protocols.values_list("pk", flat=True))
                now = state_of_consent(consent, (protocol.pk for protocol in self.protocols))
                ledger.tell(*of_state("consent", self.work, was, now))
        return consent


def _kind_of_change(before: ConsentRecord | None, after: ConsentRecord) -> str:
    if before is None:
        return ConsentEvent.Kind.GRANTED
    differences = [_ORDER[Answer(after.answer(scope))] - _ORDER[Answer(before.answer(scope))] for scope in Scope.values]
    if any(d < 0 for d in differences):
        return ConsentEvent.Kind.NARROWED
    if any(d > 0 for d in differences):
        return ConsentEvent.Kind.WIDENED
    return ConsentEvent.Kind.RENEWED
