"""Redactions at the desk: what must not leave the record side, marked by its words, its passage or its time."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from archive.actions.redact import RedactAction, UnredactAction
from archive.desk.screens import WorkScreen
from archive.desk.transcript_edits import EditRefused, clean_words, read_time, written_time
from archive.desk.views import sent_key
from archive.models import Audience, Redaction
from archive.values.languages import display_name

#: Codes: free text about why something is dangerous has no place beside it.
REASONS = (
    ("living-person", gettext_lazy("a living person could be harmed")),
    ("narrator-request", gettext_lazy("the narrator asks for it")),
    ("family-request", gettext_lazy("the family asks for it")),
    ("third-person", gettext_lazy("it concerns somebody who was not asked")),
    ("place", gettext_lazy("it would reveal a protected place")),
    ("sacred", gettext_lazy("it is not for everybody")),
    ("legal", gettext_lazy("the law demands it")),
)


class RedactionForm(forms.ModelForm):
    """Hide words of a passage, a whole passage, or a span of time."""

    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=REASONS)
    begins = forms.CharField(label=gettext_lazy("Recording: from"), required=False, max_length=20)
    ends = forms.CharField(label=gettext_lazy("Recording: to"), required=False, max_length=20)
    everywhere = forms.BooleanField(
        label=gettext_lazy("Hide these words in every passage of the work that holds them"), required=False
    )

    class Meta:
        model = Redaction
        fields = ["anchor", "words", "mode", "replacement", "hidden_up_to"]
        widgets = {"words": forms.TextInput(attrs={"dir": "auto"}), "anchor": forms.HiddenInput()}
        help_texts = {
            "words": gettext_lazy("Copy them from the text. Left empty, the whole passage is hidden."),
            "replacement": gettext_lazy("Left empty, […] stands in its place."),
            "hidden_up_to": gettext_lazy("The highest audience that does not see it; “community” hides it from all."),
        }

    def __init__(self, *args: Any, texts: dict[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.texts = texts

    def clean_anchor(self) -> str:
        anchor = str(self.cleaned_data["anchor"])
        if anchor and anchor not in self.texts:
            raise forms.ValidationError(_("That passage is not there any more; choose it again from the text."))
        return anchor

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("begins", "ends"):
            try:
                cleaned[f"{name}_ms"] = read_time(cleaned.get(name, ""))
            except EditRefused as refused:
                self.add_error(name, str(refused))
        begins, ends = cleaned.get("begins_ms"), cleaned.get("ends_ms")
        if (begins is None) != (ends is None) and not self.errors:
            self.add_error("ends", _("Give both times, or neither."))
        elif begins is not None and ends is not None and ends <= begins:
            self.add_error("ends", _("The span ends before it begins."))
        words = cleaned["words"] = clean_words(cleaned.get("words", ""))
        anchor = cleaned.get("anchor", "")
        if words and not cleaned.get("everywhere") and anchor and words not in self.texts[anchor]:
            self.add_error("words", _("These words do not stand in this passage. Copy them exactly as written."))
        elif words and cleaned.get("everywhere") and not self.anchors(words):
            self.add_error("words", _("These words stand in no passage. Copy them exactly as they are written."))
        if not anchor and begins is None and not (words and cleaned.get("everywhere")) and not self.errors:
            raise forms.ValidationError(_("Choose a passage in the text below, or give a span of time."))
        replaces = cleaned.get("mode") in (Redaction.Mode.PSEUDONYMISE, Redaction.Mode.GENERALISE)
        if replaces and not cleaned.get("replacement", "").strip():
            self.add_error("replacement", _("Say what is shown instead."))
        return cleaned

    def anchors(self, words: str) -> list[str]:
        """Passages that hold these words."""
        return [anchor for anchor, text in self.texts.items() if words in text]

    def rows(self) -> list[Redaction]:
        """The redactions to write."""
        data = self.cleaned_data
        wanted = self.anchors(data["words"]) if data["everywhere"] and data["words"] else [data["anchor"]]
        return [
            Redaction(
                anchor=anchor,
                words=data["words"] if anchor else "",
                start_ms=data.get("begins_ms"),
                end_ms=data.get("ends_ms"),
                mode=data["mode"],
                replacement=data["replacement"],
                hidden_up_to=data["hidden_up_to"],
                reason=data["reason"],
            )
            for anchor in wanted
        ]


class RedactionsScreen(WorkScreen):
    """What is hidden in a work, and a form to hide more. Every change asks the gate again."""

    tab = "redactions"
    template_name = "archive/desk/work/redactions.html"

    @cached_property
    def tracks(self) -> list[Any]:
        return list(self.work.tracks.order_by("position", "id"))

    @cached_property
    def texts(self) -> dict[str, str]:
        return {cue["id"]: cue["text"] for track in self.tracks for cue in track.cues}

    @cached_property
    def form(self) -> RedactionForm:
        sent = self.request.POST if "add" in self.request.POST else None
        initial = {"anchor": self.request.GET.get("passage", "")[:40], "hidden_up_to": Audience.COMMUNITY}
        return RedactionForm(sent, texts=self.texts, initial=initial)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "remove" in request.POST:
            row = self.work.redactions.filter(pk=sent_key(request.POST["remove"])).first()
            if row is None:
                raise Http404
            said = _("Taken away: what it hid is shown again where consent allows.")
            self.attempt(UnredactAction(request.user, self.work, row), said)  # type: ignore[arg-type]
            return self.back()
        if not self.form.is_valid():
            return self.render_to_response(self.get_context_data())
        said = _("Hidden, in the text, in its translations and in search.")
        self.attempt(RedactAction(request.user, self.work, self.form.rows()), said)  # type: ignore[arg-type]
        return self.back()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        reasons = dict(REASONS)
        rows = self.work.redactions.select_related("authorised_by").order_by("id")
        anchor = self.form["anchor"].value() or ""
        return super().get_context_data(**kwargs) | {
            "form": self.form,
            "redactions": [
                {
                    "row": row,
                    "text": self.texts.get(row.anchor, ""),
                    "reason": reasons.get(row.reason, row.reason),
                    "begins": written_time(row.start_ms),
                    "ends": written_time(row.end_ms),
                }
                for row in rows
            ],
            "chosen": self.texts.get(anchor, ""),
            "chosen_anchor": anchor,
            "texts": [{"track": track, "name": display_name(track.language, "en")} for track in self.tracks],
        }
