"""The gate beside the record: what it says, and the buttons of those who may act on it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages

from archive import uses
from archive.actions.erase import EraseAction
from archive.actions.publish import HideAction, PublishAction, ReviewAction, UnpublishAction
from archive.actions.withdraw import REASONS, REPLAYED, WithdrawAction
from archive.assessment import Assessment, Reason, assess, consent_in_force
from archive.desk.language_map import LanguageMapField
from archive.desk.redaction_effects import RedactedWork
from archive.desk.screens import WorkScreen
from archive.desk.sealing import fields_kept_from
from archive.models import LADDER, Audience, Publication, RecordState, WithdrawalCase
from archive.naming_advice import naming_advice
from archive.public.kinds import known
from archive.vault.errors import VaultError

#: Codes of a withdrawal as a steward reads them.
REASON_LABELS = {
    "narrator-request": gettext_lazy("the narrator asks for it"),
    "family-request": gettext_lazy("the family asks for it"),
    "community-decision": gettext_lazy("the community has decided it"),
    "legal": gettext_lazy("the law demands it"),
    "danger": gettext_lazy("somebody is in danger"),
    "mistake": gettext_lazy("it was published by mistake"),
    # Translators: why something is withdrawn; the reason given at first is in no backup.
    REPLAYED: gettext_lazy("it was withdrawn again after a restore"),
}


def _kind_in_words(kind: str) -> Any:
    """What a kind is called where it has pages; else the word of its own room."""
    entry = known(kind)
    return entry.many if entry else kind


class WithdrawForm(forms.Form):
    """Why it goes (a code), and what stands in its place."""

    reason = forms.ChoiceField(label=gettext_lazy("Reason"))
    tombstone = LanguageMapField(
        multiline=True,
        required=False,
        label=gettext_lazy("Shown in its place"),
        help_text=gettext_lazy("One text a language; no names. Left empty, the page says only that it was withdrawn."),
    )
    sure = forms.BooleanField(label=gettext_lazy("I have read what this reaches; withdraw it now."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].choices = [  # type: ignore[attr-defined]
            ("", "—"),
            *((code, REASON_LABELS[code]) for code in REASONS),
        ]


#: What the checklist says of things that go with a redaction.
_WITHHELD = (
    ("media", gettext_lazy("Redactions withhold these recordings and pictures: %(names)s")),
    ("segment", gettext_lazy("Redactions withhold these parts of the index: %(names)s")),
    ("clip", gettext_lazy("Redactions withhold these clips: %(names)s")),
    ("entity", gettext_lazy("Redactions withhold these names beside the text: %(names)s")),
)


class GateScreen(WorkScreen):
    """The gate's reasons as a checklist, the rungs it opens, and every act of the gate."""

    tab = "gate"
    template_name = "archive/desk/work/gate.html"

    @cached_property
    def withdraw_form(self) -> WithdrawForm:
        sent = self.request.POST if self.request.POST.get("action") == "withdraw" else None
        return WithdrawForm(sent, prefix="withdraw")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        act = {
            "pass": self._review,
            "return": self._review,
            "publish": self._publish,
            "unpublish": self._unpublish,
            "hide": self._hide,
            "release": self._hide,
            "withdraw": self._withdraw,
            "erase": self._erase,
        }.get(request.POST.get("action", ""))
        if act is None:
            messages.error(request, _("This screen does not know that button; nothing was changed."))
            return self.back()
        return act(request) or self.back()

    def _review(self, request: HttpRequest) -> None:
        passed = request.POST["action"] == "pass"
        if str(self.work.current_revision) != request.POST.get("revision", ""):
            messages.error(
                request, _("The text was changed while you read it: read the latest revision, then pass it.")
            )
            return
        note = request.POST.get("note", "").strip()[:2000]
        if not passed and not note:
            messages.error(request, _("Say in the note what has to change before it can pass."))
            return
        said = _("Passed: this revision may be published.") if passed else _("Sent back with your note.")
        self.attempt(ReviewAction(request.user, [self.work], passed=passed, note=note), said)  # type: ignore[arg-type]

    def _publish(self, request: HttpRequest) -> None:
        assessments = self.attempt(PublishAction(request.user, [self.work]))  # type: ignore[arg-type]
        if assessments is None:
            return
        assessment = assessments[self.work.public_id]
        if assessment.allowed:
            messages.success(request, _("Published."))
        elif assessment.opens_at:
            messages.success(request, _("It opens by itself when the embargo ends; until then it stays closed."))
        else:
            messages.warning(request, _("The gate stays closed: see the lines that are not ticked."))

    def _unpublish(self, request: HttpRequest) -> None:
        self.attempt(UnpublishAction(request.user, [self.work]), _("It is no longer public."))  # type: ignore[arg-type]

    def _hide(self, request: HttpRequest) -> None:
        hide = request.POST["action"] == "hide"
        said = _("Hidden everywhere, from this moment.") if hide else _("Released: the gate decides again.")
        self.attempt(HideAction(request.user, self.work, hide=hide), said)  # type: ignore[arg-type]

    def _withdraw(self, request: HttpRequest) -> HttpResponse | None:
        form = self.withdraw_form
        if not form.is_valid():
            return self.render_to_response(self.get_context_data())
        action = WithdrawAction(
            request.user,  # type: ignore[arg-type]
            self.work,
            reason=form.cleaned_data["reason"],
            tombstone=form.cleaned_data["tombstone"],
        )
        self.attempt(action, _("Withdrawn. A job now proves that nothing of it is left."))
        return None

    def _erase(self, request: HttpRequest) -> None:
        case = WithdrawalCase.objects.filter(record_id=self.work.pk).first()
        action = EraseAction(
            request.user,  # type: ignore[arg-type]
            self.work,
            reason=case.reason if case else "legal",
            typed=request.POST.get("typed", ""),
        )
        try:
            self.attempt(action, _("Erased. A job makes sure that no byte of it is left in the database."))
        except VaultError as error:
            messages.error(request, str(error))

    def _name_what_is_withheld(self, assessment: Assessment) -> None:
        """Lines of the checklist for what redactions take with them: nobody wonders where a clip went."""
        seen = RedactedWork(self.work, self.viewer)
        for about, sentence in _WITHHELD:
            if names := seen.withheld(about):
                line = sentence % {"names": ", ".join(names)}
                assessment.reasons.append(Reason(f"withheld-{about}", False, "", line, True, "redactions"))

    def _knows_who_speaks(self) -> bool:
        """Whether nothing of the names behind this work is kept from the viewer."""
        people = (
            one.person for one in self.work.contributions.exclude(person=None).select_related("person__community")
        )
        return "contributions" not in fields_kept_from(self.viewer, self.work) and not any(
            "name" in fields_kept_from(self.viewer, person) for person in people
        )

    def _used_in(self) -> list[dict[str, Any]]:
        """What shows or quotes this work: its kind, its page where it has one, and since when."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for use in uses.of(self.work.public_id):
            url = reverse("permanent", args=[use.by_id]) if known(use.by_kind) else ""
            found.setdefault(
                (use.by_kind, use.by_id),
                {"label": _kind_in_words(use.by_kind), "id": use.by_id, "url": url, "since": use.since},
            )
        return list(found.values())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        work = self.work
        impact = WithdrawAction(None, work, reason="mistake").impact()
        consent = consent_in_force(work)
        assessment = assess(work, consent, timezone.now())
        self._name_what_is_withheld(assessment)
        if self._knows_who_speaks():
            assessment.reasons += naming_advice(work, consent)
        rows = {stand: row for row in Publication.objects.filter(public_id=work.public_id) for stand in row.stands}
        withdrawn = work.state in (RecordState.WITHDRAWN, RecordState.ERASED)
        return super().get_context_data(**kwargs) | {
            "assessment": assessment,
            "consent": consent,
            "ladder": [
                {
                    "label": Audience(rung).label,
                    "would": "full" if rung in assessment.full else "stub" if rung == assessment.stub else "",
                    "now": rows.get(rung),
                }
                for rung in LADDER
            ],
            "is_public": bool(rows),
            "is_withdrawn": withdrawn,
            "is_erased": work.state == RecordState.ERASED,
            "reviews": work.reviews.select_related("reviewer")[:10],
            "withdrawals": [
                {
                    "received_at": case.received_at,
                    "proven_absent_at": case.proven_absent_at,
                    "reason_label": REASON_LABELS.get(case.reason, case.reason),
                }
                for case in WithdrawalCase.objects.filter(record_id=work.pk)
            ],
            "impact": impact,
            "rests_on": [
                {"label": _kind_in_words(name), "number": number}
                for name, number in impact.items()
                if name not in ("publications", "clips", "links")
            ],
            "used_in": self._used_in(),
            "withdraw_form": self.withdraw_form,
            "can": {
                right: bool(self.may(right, work))
                for right in ("review", "publish", "unpublish", "withdraw", "erase", "hide")
            },
            "page_address": reverse("permanent", args=[work.public_id]),
        }
