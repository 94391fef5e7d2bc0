"""Consent at the desk: the next version of it, and every version and event there ever was. For stewards."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from archive.actions.consent import RecordConsentAction
from archive.assessment import consent_in_force
from archive.desk.gate_screen import REASON_LABELS
from archive.desk.screens import WorkScreen
from archive.desk.tabs import TABS
from archive.importing.safe_text import shown
from archive.models import Answer, ConsentRecord, Protocol, Scope
from archive.values.languages import normalise_tag

#: Fields that a new version takes over from the one before.
FACTS = (
    "basis",
    "given_by",
    "proxy_relation",
    "form_language",
    "form_sha256",
    "witness",
    "identity",
    "voice_altered",
    "face_blurred",
    "protocols_all",
    "embargo_until",
    "embargo_event",
    "ends_at",
    "territory",
    "after_death",
    "review_due",
    "contact",
    "withdrawal_terms",
)


class MomentInput(forms.DateTimeInput):
    """A date with its time, in the browser's own control."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")


class ConsentForm(forms.ModelForm):
    """Everything that is asked when somebody consents; each scope is answered by itself."""

    form_sha256 = forms.CharField(
        label=gettext_lazy("SHA-256 of the signed form"),
        required=False,
        validators=[RegexValidator(r"^[0-9a-f]{64}$", gettext_lazy("Write 64 digits 0–9 and a–f, as sha256sum does."))],
    )

    class Meta:
        model = ConsentRecord
        fields = FACTS
        widgets = {
            "embargo_until": MomentInput,
            "ends_at": MomentInput,
            "review_due": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "withdrawal_terms": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, work: Any, before: ConsentRecord | None, **kwargs: Any) -> None:
        initial = {name: getattr(before, name) for name in FACTS} if before else {}
        super().__init__(*args, **{"initial": initial, **kwargs})
        for scope in Scope:
            self.fields[f"scope_{scope.value}"] = forms.ChoiceField(
                label=scope.label,
                choices=Answer.choices,
                widget=forms.RadioSelect,
                initial=before.answer(scope) if before else None,
                error_messages={"required": _("Answer yes, no or ask me.")},
            )
        self.fields["protocols"] = forms.ModelMultipleChoiceField(
            Protocol.objects.filter(community_id=work.community_id),
            label=_("Protocols"),
            required=False,
            widget=forms.CheckboxSelectMultiple,
            initial=list(before.protocols.values_list("pk", flat=True)) if before else [],
        )

    @property
    def scope_fields(self) -> list[forms.BoundField]:
        return [self[f"scope_{scope.value}"] for scope in Scope]

    @property
    def other_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in (*FACTS, "protocols")]

    def clean_form_language(self) -> str:
        text = self.cleaned_data["form_language"].strip()
        if not text:
            return ""
        tag = normalise_tag(text)
        if not tag.valid:
            raise forms.ValidationError(
                _("“%(tag)s” is not a language tag. Write one such as hy or ar.") % {"tag": shown(text, 40)}
            )
        return tag.tag

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("given_by") == ConsentRecord.GivenBy.PROXY and not cleaned.get("proxy_relation"):
            self.add_error("proxy_relation", _("Say how the person who consented stands to the narrator."))
        opens, ends = cleaned.get("embargo_until"), cleaned.get("ends_at")
        if opens and ends and ends <= opens:
            self.add_error("ends_at", _("Consent would end before the embargo does."))
        return cleaned

    def facts(self) -> dict[str, Any]:
        """What the action wants."""
        return {
            **{name: self.cleaned_data[name] for name in FACTS},
            "scopes": {scope.value: self.cleaned_data[f"scope_{scope.value}"] for scope in Scope},
        }


class ConsentScreen(WorkScreen):
    """A form for the next version; what was agreed before stays below it, for ever."""

    tab = "consent"
    template_name = "archive/desk/work/consent.html"

    @cached_property
    def form(self) -> ConsentForm:
        sent = self.request.POST if self.request.method == "POST" else None
        form = ConsentForm(sent, work=self.work, before=consent_in_force(self.work))
        links = next((tab for tab in self.tabs if tab["name"] == "links"), None)
        label = next(label for name, label, _rights in TABS if name == "links")
        place = format_html('<a href="{}#contributions">{}</a>', links["url"], label) if links else label
        form.fields["identity"].help_text = format_html(
            # Translators: {place} is the name of a screen, “People and index”; “Credited as” is a field there.
            _("The pseudonym or first name to show is written under “Credited as” in {place}."),
            place=place,
        )
        return form

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.form.is_valid():
            return self.render_to_response(self.get_context_data())
        action = RecordConsentAction(
            request.user,  # type: ignore[arg-type]
            self.work,
            self.form.facts(),
            protocols=list(self.form.cleaned_data["protocols"]),
        )
        if self.attempt(action, _("Recorded. The gate has been asked again.")) is None:
            return self.render_to_response(self.get_context_data())
        return self.back()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        versions = list(self.work.consents.select_related("recorded_by").order_by("-version"))
        return super().get_context_data(**kwargs) | {
            "form": self.form,
            "in_force": versions[0] if versions else None,
            "versions": [
                {"row": row, "answers": [(scope.label, Answer(row.answer(scope)).label) for scope in Scope]}
                for row in versions
            ],
            "events": [
                {"row": event, "reason": REASON_LABELS.get(event.reason, event.reason)}
                for event in self.work.consent_events.select_related("by", "consent")
            ],
        }
