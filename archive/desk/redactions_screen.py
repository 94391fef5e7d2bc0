"""Redactions at the desk: what must not leave the record side, marked by its words, its passage or its time."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from wagtail.admin import messages

from archive.actions.redact import DecideOnRedactedAction, RedactAction, UnredactAction
from archive.desk.redaction_effects import Effect, RedactedWork, in_pieces
from archive.desk.same_words import Found, own_words, phrases_of, same_words
from archive.desk.screens import WorkScreen
from archive.desk.tabs import TABS, may_any
from archive.desk.transcript_edits import EditRefused, clean_words, read_time, written_time
from archive.desk.views import sent_key
from archive.models import Audience, Redaction
from archive.projection.beside import SEGMENT
from archive.revisions import snapshot_of
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

#: Codes that no form offers: older ones of imports, and what a restore gives.
OTHER_REASONS = {
    "third-party": gettext_lazy("it concerns somebody who was not asked"),
    # Translators: why words are hidden; a restore from a backup did it.
    "carried-on": gettext_lazy("carried over by a restore"),
}

#: What a button says of one thing under one redaction, and what is answered.
_VERBS: dict[str, tuple[bool | None, Any]] = {
    "hide": (True, gettext_lazy("Hidden with it.")),
    "free": (False, gettext_lazy("Declared free of it: it is shown where nothing else withholds it.")),
    "open": (None, gettext_lazy("Taken back.")),
}


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

    @cached_property
    def seen(self) -> RedactedWork:
        return RedactedWork(self.work, self.viewer)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user: Any = request.user
        if "remove" in request.POST:
            row = self._redaction(request.POST["remove"])
            said = _("Taken away: what it hid is shown again where consent allows.")
            self.attempt(UnredactAction(user, self.work, row), said)
            return self.back()
        if "decide" in request.POST:
            return self._decide(user, request.POST["decide"])
        if "again" in request.POST:
            return self._hide_again(request.POST["again"])
        if not self.form.is_valid():
            return self.render_to_response(self.get_context_data())
        written = self._hide(self.form.rows())
        return self._look_on(written[0].pk) if written else self.back()

    def _hide(self, rows: list[Redaction]) -> list[Redaction]:
        """Write redactions and say what they hide, and in which texts they hide nothing."""
        user: Any = self.request.user
        written = self.attempt(RedactAction(user, self.work, rows)) or []
        if not written:
            return []
        seen = RedactedWork(self.work, self.viewer)
        reaches = [seen.reaches[row.pk] for row in written]
        texts = {track["id"]: {cue["id"] for cue in track["cues"]} for track in seen.raw if track.get("cues")}
        marked = {row.anchor for row in written}
        # A text in which something was marked by itself was looked at.
        untouched = {key for reach in reaches for key in seen.untouched(reach) if marked.isdisjoint(texts[key])}
        touched = {key for reach in reaches for key in texts if not reach.touched.isdisjoint(texts[key])}
        if untouched:
            names = ", ".join(self._language(track["language"]) for track in seen.raw if track["id"] in untouched)
            messages.warning(
                self.request,
                # Translators: {languages} are names of languages.
                _(
                    "Hidden where it stands, and in search. Nothing is hidden in: {languages}. Nothing there stands "
                    "beside the passage: choose below the passages that say the same."
                ).format(languages=names),
            )
        elif not touched:
            messages.success(self.request, _("Hidden. No text that readers see now is touched by it."))
        elif len(touched) > 1:
            messages.success(self.request, _("Hidden, in the text, in its translations and in search."))
        else:
            messages.success(self.request, _("Hidden, in the text and in search."))
        return cast(list[Redaction], written)

    def _redaction(self, key: str) -> Redaction:
        row = self.work.redactions.filter(pk=sent_key(key)).first()
        if row is None:
            raise Http404
        return cast(Redaction, row)

    def _look_on(self, key: int) -> HttpResponse:
        """To the list of what else says the words."""
        return HttpResponseRedirect(f"{self.address()}?also={key}#redactions-also")

    def _decide(self, user: Any, sent: str) -> HttpResponse:
        """Sent is ``verb redaction about key``."""
        verb, number, about, key = [*sent.split(" ", 3), "", "", "", ""][:4]
        if verb not in _VERBS:
            raise Http404
        row = self._redaction(number)
        hidden, said = _VERBS[verb]
        if hidden is False and (found := own_words(self.seen, row, about, key)) is not None:
            messages.error(
                self.request,
                _("Its own words say what is hidden: “{words}”. Change them first.").format(words=found.words),
            )
            return self.back(f"#redaction-{row.pk}")
        self.attempt(DecideOnRedactedAction(user, self.work, row, about=about, key=key, hidden=hidden), said)
        return self._look_on(row.pk) if self.request.GET.get("also") else self.back(f"#redaction-{row.pk}")

    def _hide_again(self, sent: str) -> HttpResponse:
        """Hide in another passage what a redaction hides; sent is ``redaction anchor``, ``whole`` for all of it."""
        number, anchor, whole = [*sent.split(" ", 2), "", "", ""][:3]
        row = self._redaction(number)
        found = [one for one in same_words(self.seen, row) if one.key == anchor and one.offer in ("passage", "whole")]
        if not found:
            messages.warning(self.request, _("That passage does not say it any more."))
            return self._look_on(row.pk)
        exact = [one.words for one in found if one.offer == "passage"]
        words = exact if exact and not whole else [""]
        facts = {name: getattr(row, name) for name in ("mode", "replacement", "hidden_up_to", "reason")}
        rows = [Redaction(anchor=anchor, words=one, **facts) for one in words]
        self._hide(rows)
        return self._look_on(row.pk)

    def _also(self) -> dict[str, Any] | None:
        """What else says the words of the redaction that was asked about."""
        given = self.request.GET.get("also", "")
        row = next((one for one in self.seen.redactions if str(one.pk) == given), None)
        if row is None:
            return None
        found = same_words(self.seen, row)
        return {
            "row": row,
            "phrases": list(dict.fromkeys(words for words, _language in phrases_of(self.seen, row))),
            "found": [{"it": one, "url": self._edit_address(one, row)} for one in found],
        }

    def _edit_address(self, found: Found, row: Redaction) -> str:
        """Where a person can change what says the words, or nothing where it is not hers to change.

        The form leads back to where the work was.
        """
        back = urlencode({"next": f"{self.address()}?also={row.pk}#redactions-also"})
        if found.screen == "clips":
            clip = next((one for one in self.seen.clips if one.public_id == found.key), None)
            return f"{reverse('clips:edit', args=[clip.pk])}?{back}" if clip and self.may("edit", clip) else ""
        tab = next((rights for name, _label, rights in TABS if name == found.screen), ())
        if not may_any(self.viewer, tab, self.work):
            return ""
        segment = {"segment": found.key} if found.offer == SEGMENT else {}
        more = f"{urlencode(segment)}&" if segment else ""
        return f"{self.address(found.screen)}?{more}{back}" + ("#segments" if segment else "")

    @staticmethod
    def _language(tag: str) -> str:
        return display_name(tag, get_language() or "en")

    def _told(self) -> list[dict[str, Any]]:
        reasons, names = dict(REASONS) | OTHER_REASONS, {track["id"]: track for track in self.seen.raw}
        told = []
        for one in self.seen.told():
            row, reach = one.redaction, one.reach
            told.append(
                {
                    "row": row,
                    "text": self.texts.get(row.anchor, ""),
                    "words": row.words or self.texts.get(row.anchor, "")[row.start : row.end]
                    if row.words or row.start is not None
                    else "",
                    "reason": reasons.get(row.reason, row.reason),
                    "begins": written_time(row.start_ms),
                    "ends": written_time(row.end_ms),
                    "said": [(written_time(start), written_time(end)) for start, end in reach.stretches],
                    "effects": [self._effect(effect, row) for effect in one.effects],
                    "untouched": [
                        {"key": key, "name": self._language(names[key].get("language", "und"))} for key in one.untouched
                    ],
                }
            )
        return told

    def _effect(self, effect: Effect, row: Redaction) -> dict[str, Any]:
        """One thing beside the text; one whose own words say what is hidden leads to its form."""
        said = own_words(self.seen, row, effect.about, effect.key) if effect.state != "free" else None
        return {"it": effect, "said": said, "url": self._edit_address(said, row) if said else ""}

    def _texts(self) -> list[dict[str, Any]]:
        """The texts as they stand now, each passage cut where something of it is hidden."""
        now = RedactedWork(self.work, self.viewer, snapshot_of(self.work))
        return [
            {
                "track": track,
                "name": self._language(track.language),
                "cues": [{"id": cue["id"], "pieces": in_pieces(cue, now.spans)} for cue in track.cues],
            }
            for track in self.tracks
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        anchor = self.form["anchor"].value() or ""
        return super().get_context_data(**kwargs) | {
            "form": self.form,
            "redactions": self._told(),
            "has_media": bool(self.seen.assets),
            "may_free": bool(self.may("consent", self.work)),
            "also": self._also(),
            "chosen": self.texts.get(anchor, ""),
            "chosen_anchor": anchor,
            "texts": self._texts(),
        }
