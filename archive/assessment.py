"""What the gate asks of a work: consent, embargo, review, sensitivity; with the reasons an editor reads as a checklist.

Nothing is written here. ``archive.gate`` makes publications of what these guards let through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from archive.models import LADDER, Answer, Audience, ConsentRecord, Record, RecordState, Revision, Scope, Sensitivity
from archive.record_types import gated_type, record_type
from archive.values.language_map import original_text

#: Which scope of consent opens which rung; *ask* on any of them opens the work on request.
RUNG_SCOPES = (
    (Audience.PUBLIC, Scope.PUBLIC_WEB),
    (Audience.REGISTERED, Scope.RESEARCH),
    (Audience.EDUCATORS, Scope.CLASSROOM),
)
#: Never on the open web unless a steward has cleared it (safety.md, “Content that harms”).
RESTRICTED = frozenset({Sensitivity.SEXUAL_VIOLENCE, Sensitivity.SACRED})


@dataclass(frozen=True)
class Reason:
    """One line of the checklist beside a record.

    Each state has a sentence of its own: a wish beside a sign of warning reads as its opposite.
    """

    code: str
    ok: bool
    #: What is said when it is so.
    met: Any
    #: What is said when it is not, with the remedy.
    unmet: Any
    #: A line that is not ok but does not close the gate.
    advisory: bool = False
    #: Name of the screen of the work on which the remedy is applied; empty: none but the checklist's own.
    screen: str = ""

    @property
    def sentence(self) -> Any:
        """What is so."""
        return self.met if self.ok else self.unmet


@dataclass
class Assessment:
    """What the gate says of one work now: the rungs it opens, and why."""

    full: list[str] = field(default_factory=list)
    stub: str = ""
    reasons: list[Reason] = field(default_factory=list)
    opens_at: datetime | None = None

    @property
    def allowed(self) -> bool:
        return bool(self.full)

    @property
    def blocking(self) -> list[Reason]:
        return [reason for reason in self.reasons if not reason.ok and not reason.advisory]


def consent_in_force(record: Record) -> ConsentRecord | None:
    """The highest version of a record's consent."""
    return record.consents.order_by("-version").first()


def reviewed_snapshot(work: Any) -> Mapping[str, Any]:
    """What the reviewed revision of a work says; empty where nobody has reviewed one."""
    rows = Revision.objects.filter(record_id=work.pk, number=work.reviewed_revision)
    return rows.values_list("snapshot", flat=True).first() or {}


def held_back(work: Any, reviewed: Mapping[str, Any]) -> dict[str, Any]:
    """What holds readers off, in the form of a snapshot.

    Raised, it acts at once, as a seal does; lowered, it waits for the review.
    """
    if "sensitivity" not in record_type(work.kind).fields:
        return {}
    before = reviewed.get("sensitivity") or []
    return {
        "minimum_age": max(reviewed.get("minimum_age", 0), work.minimum_age),
        "sensitivity": [*before, *(code for code in work.sensitivity or [] if code not in before)],
    }


def assess(
    work: Any, consent: ConsentRecord | None, now: datetime, reviewed: Mapping[str, Any] | None = None
) -> Assessment:
    """Ask every guard about one work; nothing is written.

    :param reviewed: the snapshot of the reviewed revision, where somebody has read it already.
    """
    reviewed = reviewed_snapshot(work) if reviewed is None else reviewed
    result = Assessment()

    def line(code: str, ok: bool, met: Any, unmet: Any, screen: str = "", *, advisory: bool = False) -> None:
        result.reasons.append(Reason(code, ok, met, unmet, advisory, screen))

    withdrawn = work.state in (RecordState.WITHDRAWN, RecordState.ERASED)
    line(
        "not-hidden",
        not work.hidden and not withdrawn,
        _("It is neither hidden nor withdrawn."),
        _("It was withdrawn. It comes back only when consent is given anew and the text is reviewed again.")
        if withdrawn
        else _("It is hidden from everybody until somebody releases it."),
    )
    line(
        "consent",
        consent is not None,
        _("Consent, or the basis on which it may be shown, is recorded."),
        _("Neither consent nor another basis on which it may be shown is recorded. Record it."),
        "consent",
    )
    line(
        "review",
        work.reviewed_revision > 0,
        _("Somebody has reviewed the text."),
        _("Nobody has reviewed the text yet. Somebody has to read it and pass it."),
    )
    line(
        "review-current",
        work.reviewed_revision == work.current_revision,
        _("The last changes have been reviewed."),
        _("The last changes wait for a review; until somebody passes them, no reader sees them."),
        advisory=True,
    )
    line(
        "title",
        bool(original_text(work.title)),
        _("It has a title."),
        _("It has no title. Write one in its description."),
        "edit",
    )
    if consent is None:
        return result
    alive = consent.ends_at is None or consent.ends_at > now
    line(
        "consent-alive",
        alive,
        _("Consent has not run out."),
        _("Consent has run out. Ask for it anew and record what was agreed."),
        "consent",
    )
    waiting = consent.embargo_until is not None and consent.embargo_until > now
    line(
        "embargo",
        not waiting and not consent.embargo_event,
        _("No embargo holds it back."),
        _("An embargo holds it back. It ends as the consent says; only a new version of the consent changes that."),
        "consent",
    )
    if waiting and not consent.embargo_event:
        result.opens_at = consent.embargo_until
    if consent.basis == ConsentRecord.Basis.EDITION and "licence_uri" in record_type(work.kind).fields:
        line(
            "licence",
            bool(work.licence_uri),
            _("The edition’s licence is recorded."),
            _("The edition’s licence is missing. Write its address in the description."),
            "edit",
        )
    preserve = consent.answer(Scope.PRESERVE) != Answer.NO
    line(
        "preserve",
        preserve,
        _("Consent allows us to keep it."),
        _("Consent does not allow us to keep it. Only a new version of the consent changes that."),
        "consent",
    )
    full = {Audience.COMMUNITY} if preserve else set()
    for rung, scope in RUNG_SCOPES:
        if consent.answer(scope) == Answer.YES:
            full.update(LADDER[LADDER.index(rung) :])
        elif consent.answer(scope) == Answer.ASK:
            full.add(Audience.GRANTED)
            result.stub = result.stub or rung
    told = set(held_back(work, reviewed).get("sensitivity", ()))
    restricted = bool(RESTRICTED & told) and not work.sensitivity_cleared
    if restricted:
        full.discard(Audience.PUBLIC)
        result.stub = "" if result.stub == Audience.PUBLIC else result.stub
    line(
        "sensitivity",
        not restricted,
        _("What it tells may stand on the open web, or a steward has said so."),
        _("It tells what is kept off the open web until a steward clears it in its description."),
        "edit",
        advisory=True,
    )
    result.reasons += [guard(work, consent, now) for guard in gated_type(work.kind).guards]
    line(
        "scope",
        bool(full - {Audience.COMMUNITY}),
        _("Consent reaches readers beyond the community."),
        _("Consent reaches no reader beyond the community. Only a new version of the consent changes that."),
        "consent",
        advisory=True,
    )
    if all(reason.ok or reason.advisory for reason in result.reasons):
        result.full = [rung for rung in LADDER if rung in full]
    if not result.full or (result.stub and result.stub in result.full):
        result.stub = ""
    return result
