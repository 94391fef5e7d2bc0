"""The transcript editor: passages beside their translation, kept on the server while they are typed.

It is a plain form. Every button is an edit of the draft on the server; the script in
``static/desk/transcript.mjs`` only saves the typing of ``||`` and the reloading of the page.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages

from archive.actions.base import ActionRefused
from archive.actions.transcript import EditedMeanwhile, SaveTranscriptAction
from archive.desk import drafts, transcript_edits
from archive.desk.screens import WorkScreen
from archive.importing.anchors import ANCHOR
from archive.importing.problems import Problem, RefusedError
from archive.importing.readers.srt import read_srt
from archive.importing.readers.webvtt import read_webvtt
from archive.importing.reading import MAX_TEXT_BYTES, decode
from archive.models import TextTrack
from archive.values.languages import direction, display_name, normalise_tag
from archive.values.text import Cue, Track, new_anchor


class TimedTextForm(forms.Form):
    """A WebVTT or SubRip text, pasted or as a file, for one of the texts of the work or for a new one."""

    into = forms.ChoiceField(label=gettext_lazy("Into"))
    kind = forms.ChoiceField(label=gettext_lazy("Kind of a new text"), choices=TextTrack.Kind.choices, required=False)
    language = forms.CharField(label=gettext_lazy("Language of a new text"), max_length=35, required=False)
    file = forms.FileField(label=gettext_lazy("File (.vtt or .srt)"), required=False)
    pasted = forms.CharField(
        label=gettext_lazy("… or paste it"), widget=forms.Textarea(attrs={"rows": 5}), required=False
    )

    def __init__(self, *args: Any, tracks: list[Track], may_add_original: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.may_add_original = may_add_original
        self.fields["into"].choices = [  # type: ignore[attr-defined]
            *((t["id"], f"{display_name(t['language'], 'en')} ({t['kind']})") for t in tracks),
            ("", _("a new text")),
        ]
        self.fields["into"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        upload = cleaned.get("file")
        name = "pasted.srt"
        if upload is not None and upload.size > MAX_TEXT_BYTES:
            self.add_error("file", _("This file is too large for a transcript; nothing was read."))
            return cleaned
        try:
            if upload is not None:
                name = upload.name
                text = decode(upload.read(), name)
            else:
                text = cleaned.get("pasted", "")
            problems: list[Problem] = []
            if text.lstrip("\ufeff").startswith("WEBVTT"):
                cues, _fields = read_webvtt(text, name, problems)
            else:
                cues = read_srt(text, name, problems)
        except RefusedError as refused:
            self.add_error("file" if upload else "pasted", f"{refused.problem.reason} {refused.problem.remedy}")
            return cleaned
        if not cues:
            self.add_error(
                "file" if upload else "pasted", _("No timed passage was found in it. Give WebVTT or SubRip.")
            )
        if not cleaned.get("into"):
            tag = normalise_tag(cleaned.get("language", ""))
            if not tag.valid:
                self.add_error("language", _("Name the language of the new text, such as hy or ar."))
            cleaned["language"] = tag.tag
            if cleaned.get("kind") in ("", "transcript") and not self.may_add_original:
                self.add_error("kind", _("Choose translation or subtitles: the original is for editors."))
        cleaned["cues"], cleaned["problems"] = [cue.as_dict() for cue in cues], problems
        return cleaned


class TranscriptScreen(WorkScreen):
    """Edit the texts of a work, two at a time."""

    tab = "transcript"
    template_name = "archive/desk/work/transcript.html"

    # --- what is on the desk ----------------------------------------------------------------

    @cached_property
    def desk(self) -> drafts.Desk:
        return drafts.open_desk(self.work, self.request.user)

    @cached_property
    def editable(self) -> frozenset[str]:
        """Tracks this person may change: editors all of them, translators the translations."""
        every = bool(self.may("edit", self.work))
        return frozenset(t["id"] for t in self.desk.tracks if every or not t.get("is_original"))

    @cached_property
    def pair(self) -> list[Track]:
        """The text on the left (the original) and the one beside it."""
        tracks = self.desk.tracks
        if not tracks:
            return []
        first = next((t for t in tracks if t.get("is_original")), tracks[0])
        others = [t for t in tracks if t is not first]
        wanted = self.request.GET.get("with", "")
        second = next((t for t in others if t["id"] == wanted), others[0] if others else None)
        return [first, second] if second is not None else [first]

    def _address(self, anchor: str = "") -> str:
        parts = [f"page={self._page_number(anchor)}"]
        if self.request.GET.get("with"):
            parts.append(f"with={self.request.GET['with'][:20]}")
        return f"{self.address()}?{'&'.join(parts)}" + (f"#cue-{anchor}" if anchor else "")

    def _page_number(self, anchor: str = "") -> int:
        if anchor:
            for page in transcript_edits.pages_of(self.pair):
                if any(cue["id"] == anchor for _n, row in page.rows for cues in row["cells"].values() for cue in cues):
                    return page.number
        given = self.request.GET.get("page", "1")
        return int(given) if given.isascii() and given.isdigit() and len(given) < 6 else 1

    # --- what is done -------------------------------------------------------------------------

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        operation, _colon, anchor = request.POST.get("op", "store").partition(":")
        if operation == "discard":
            drafts.give_up(self.work, request.user)
            messages.success(request, _("Your unsaved changes were given up."))
            return self.back()
        if operation == "read":
            return self._read_timed_text(request)
        if operation == "start":
            return self._start_text(request)
        before = {cue["id"]: cue["text"] for track in self.desk.tracks for cue in track["cues"]}
        wrong = transcript_edits.read_fields(self.desk.tracks, request.POST.dict(), self.editable)
        self._notice_other_window(request, before)
        if operation in transcript_edits.EDITS:
            try:
                if anchor and ANCHOR.match(anchor) and self._holder(anchor) not in self.editable:
                    raise transcript_edits.EditRefused(_("This text is not yours to change."))
                anchor = transcript_edits.EDITS[operation](self.desk.tracks, anchor)
            except transcript_edits.EditRefused as refused:
                wrong.append(str(refused))
        changed = drafts.differing(self.desk, self.work, [t["id"] for t in self.desk.tracks])
        drafts.store(self.desk, self.work, {*changed, *self.desk.draft.tracks})
        if operation == "store" and request.headers.get("Accept") == "application/json":
            return self._stored(wrong)
        for sentence in wrong:
            messages.warning(request, sentence)
        if operation == "save" and not wrong:
            return self._save(request)
        return HttpResponseRedirect(self._address(anchor if operation in transcript_edits.EDITS else ""))

    def _holder(self, anchor: str) -> str:
        return transcript_edits.find(self.desk.tracks, anchor)[0]["id"]

    def _notice_other_window(self, request: HttpRequest, before: dict[str, str]) -> None:
        """Two windows of one person: what the other one stored is shown beside, and nothing is lost."""
        draft = self.desk.draft
        if request.POST.get("counter", "") in ("", str(draft.counter)):
            return
        now = {cue["id"]: cue["text"] for track in self.desk.tracks for cue in track["cues"]}
        overwritten = {a: before[a] for a in now if f"c-{a}-text" in request.POST and before[a] != now[a]}
        draft.conflicts = {**draft.conflicts, **overwritten}

    def _stored(self, wrong: list[str]) -> JsonResponse:
        return JsonResponse(
            {
                "counter": self.desk.draft.counter,
                "at": timezone.localtime(self.desk.draft.updated_at).strftime("%H:%M:%S"),
                "wrong": wrong,
                "changed": self.desk.changed,
                "others": [str(row.user) for row in drafts.others_at_it(self.work, self.request.user)],
            }
        )

    def _save(self, request: HttpRequest) -> HttpResponse:
        draft = self.desk.draft
        tracks = [t for t in self.desk.tracks if t["id"] in draft.tracks and t["id"] in self.editable]
        action = SaveTranscriptAction(request.user, self.work, tracks, base_revision=draft.base_revision)  # type: ignore[arg-type]
        try:
            number = action.execute()
        except EditedMeanwhile as refused:
            self.work.refresh_from_db()
            if drafts.rebase(self.desk, self.work):
                for sentence in refused.sentences:
                    messages.error(request, sentence)
                messages.warning(
                    request, _("Where both of you changed a passage, theirs stands under yours. Save again.")
                )
                return HttpResponseRedirect(self._address(next(iter(draft.conflicts))))
            messages.info(request, _("Somebody else saved other passages meanwhile; both are in this revision."))
            self.__dict__.pop("desk", None)
            self.__dict__.pop("editable", None)
            return self._save(request)
        except ActionRefused as refused:
            for sentence in refused.sentences:
                messages.error(request, sentence)
            return HttpResponseRedirect(self._address())
        drafts.give_up(self.work, request.user)
        messages.success(request, _("Saved as revision %(number)s.") % {"number": number})
        if action.hidden_again:
            messages.warning(
                request,
                _("Hidden words moved to other passages and stay hidden. Look at the redactions."),
            )
        return HttpResponseRedirect(self._address())

    def _timed_form(self, data: Any = None, files: Any = None) -> TimedTextForm:
        tracks = [t for t in self.desk.tracks if t["id"] in self.editable]
        return TimedTextForm(
            data, files, prefix="timed", tracks=tracks, may_add_original=bool(self.may("edit", self.work))
        )

    def _read_timed_text(self, request: HttpRequest) -> HttpResponse:
        form = self._timed_form(request.POST, request.FILES)
        if not form.is_valid():
            return self.render_to_response(self.get_context_data(timed_form=form))
        facts = form.cleaned_data
        track = self.desk.track(facts["into"]) if facts["into"] else None
        if track is None:
            track = self._new_track(facts["kind"] or "translation", facts["language"])
        pivot = self.pair[0]["cues"] if self.pair and self.pair[0] is not track else []
        track["cues"] = transcript_edits.align_by_time(self._with_anchors(facts["cues"], track["cues"]), pivot)
        drafts.store(self.desk, self.work, [track["id"]])
        messages.success(
            request,
            _("%(count)s passages were read into your draft. Look at them, then save.") % {"count": len(track["cues"])},
        )
        for problem in facts["problems"][:20]:
            messages.warning(request, f"{problem.place}: {problem.reason} {problem.remedy}")
        return HttpResponseRedirect(f"{self.address()}?with={track['id']}")

    def _with_anchors(self, cues: list[Any], before: list[Cue]) -> list[Cue]:
        """A passage that says the same keeps its anchor; every other one gets a new one."""
        known: dict[str, list[str]] = {}
        for cue in before:
            known.setdefault(cue["text"], []).append(cue["id"])
        result: list[Cue] = []
        for cue in cues:
            same = known.get(cue["text"])
            result.append({**cue, "id": same.pop(0) if same else new_anchor()})
        return result

    def _start_text(self, request: HttpRequest) -> HttpResponse:
        """Begin a text by hand: with one empty passage beside each one of the original."""
        tag = normalise_tag(request.POST.get("language", ""))
        kind = request.POST.get("kind", "")
        if not tag.valid or kind not in TextTrack.Kind.values:
            messages.error(request, _("Name the language of the new text, such as hy or ar, and its kind."))
            return self.back()
        original = kind == "transcript" and not self.desk.tracks
        if kind == "transcript" and not self.may("edit", self.work):
            messages.error(request, _("Choose translation or subtitles: the original is for editors."))
            return self.back()
        pivot = self.pair[0] if self.pair else None
        track = self._new_track(kind, tag.tag, original=original)
        if pivot is not None:
            for cue in pivot["cues"]:
                cue["group"] = cue.get("group") or transcript_edits.new_group()
            track["cues"] = [
                transcript_edits.an_empty(group=c["group"], start_ms=c.get("start_ms"), end_ms=c.get("end_ms"))
                for c in pivot["cues"]
            ]
        drafts.store(self.desk, self.work, [track["id"], *([pivot["id"]] if pivot else [])])
        return HttpResponseRedirect(f"{self.address()}?with={track['id']}")

    def _new_track(self, kind: str, language: str, *, original: bool = False) -> Track:
        taken = {t["id"] for t in self.desk.tracks}
        number = next(n for n in range(1, 1000) if f"t{n}" not in taken)
        track: Track = {
            "id": f"t{number}",
            "kind": kind,
            "language": language,
            "declared_language": "",
            "direction": direction(language),
            "origin": "human",
            "reviewed": True,
            "is_original": original,
            "label": "",
            "cues": [transcript_edits.an_empty()],
        }
        self.desk.tracks.append(track)
        return track

    # --- what is shown ------------------------------------------------------------------------

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        pages = transcript_edits.pages_of(self.pair)
        number = min(self._page_number(), len(pages))
        draft = self.desk.draft
        columns: list[dict[str, Any]] = [
            {
                "track": track,
                "editable": track["id"] in self.editable,
                "timed": any(c.get("start_ms") is not None or c.get("speaker") for c in track["cues"]),
                "name": display_name(track["language"], "en"),
            }
            for track in self.pair
        ]
        rows = [
            {
                "number": place,
                "page": row["page"],
                "cells": [{**c, "cues": self._shown(row["cells"].get(c["track"]["id"], []))} for c in columns],
            }
            for place, row in pages[number - 1].rows
        ]
        context = {
            "columns": columns,
            "rows": rows,
            "page_number": number,
            "page_count": len(pages),
            "page_numbers": range(1, len(pages) + 1),
            "draft": draft,
            "others": drafts.others_at_it(self.work, self.request.user),
            "companions": [
                {"id": t["id"], "name": display_name(t["language"], "en"), "kind": t["kind"], "active": t in self.pair}
                for t in self.desk.tracks
                if t is not (self.pair[0] if self.pair else None)
            ],
            "with_key": self.pair[1]["id"] if len(self.pair) > 1 else "",
            "split_sign": transcript_edits.SPLIT_SIGN,
            "kinds": TextTrack.Kind.choices,
        }
        if "timed_form" not in kwargs:
            context["timed_form"] = self._timed_form()
        return super().get_context_data(**kwargs) | context

    def _shown(self, cues: list[Cue]) -> list[dict[str, Any]]:
        conflicts = self.desk.draft.conflicts
        return [
            {
                "cue": cue,
                "start": transcript_edits.written_time(cue.get("start_ms")),
                "end": transcript_edits.written_time(cue.get("end_ms")),
                "theirs": conflicts.get(cue["id"]),
                "lines": max(2, len(cue["text"]) // 60 + 1),
            }
            for cue in cues
        ]
