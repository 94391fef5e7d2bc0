"""Who speaks in a work, who and what is named in it, and its index: everything that points elsewhere."""

from __future__ import annotations

import re
import secrets
from typing import Any, cast

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin import messages

from archive import audit
from archive.desk.fields import RecordField, belongs_elsewhere, written_record
from archive.desk.forms import CheckboxList
from archive.desk.language_map import LanguageMapField
from archive.desk.screens import WorkScreen
from archive.desk.sealing import fields_kept_from
from archive.desk.transcript_edits import EditRefused, read_time, written_time
from archive.desk.views import next_address, sent_key
from archive.models import (
    Community,
    Contribution,
    EntityLink,
    IndexSegment,
    RecordKind,
    Sensitivity,
    Unfinished,
)
from archive.models.terms import OWN_WORDS
from archive.policy import Viewer
from archive.record_types import authority_types, concrete
from archive.revisions import save_revision
from archive.values.language_map import original_text

RELATIONS = (
    ("mentioned", gettext_lazy("is mentioned")),
    ("subject", gettext_lazy("is the subject")),
    ("about", gettext_lazy("it is about")),
    ("life-event", gettext_lazy("is part of a life event")),
    ("risk-factor", gettext_lazy("is a risk factor shown")),
)


def _own_or_shared(named: Any, community: Community | None) -> Any:
    """:raises ValidationError: for what another community owns: naming it in public would open its page."""
    if named is not None and belongs_elsewhere(named, community):
        raise forms.ValidationError(_("This belongs to another community, which alone may show it."))
    return named


class ContributionForm(forms.ModelForm):
    """Who did what."""

    person = RecordField([RecordKind.PERSON], label=gettext_lazy("Person"), required=False)

    class Meta:
        model = Contribution
        fields = ["role", "person", "credited_as"]
        help_texts = {
            # Translators: beside the field “Credited as” of somebody who speaks in a work or helped with it.
            "credited_as": gettext_lazy("The name to show: a pseudonym, a first name. Consent says whether it is.")
        }

    def __init__(self, *args: Any, viewer: Viewer, community: Community | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.community = community
        self.fields["person"].bind_viewer(viewer)  # type: ignore[attr-defined]

    def clean_person(self) -> Any:
        return _own_or_shared(self.cleaned_data["person"], self.community)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("person") and not cleaned.get("credited_as") and "person" not in self.errors:
            raise forms.ValidationError(_("Name a person, or write how she is credited."))
        return cleaned


class AnchorsField(forms.CharField):
    """Passages of the work by their anchors, between blanks."""

    known: frozenset[str] = frozenset()

    def clean(self, value: Any) -> list[str]:
        anchors = [one for one in re.split(r"[\s,]+", super().clean(value)) if one]
        wrong = [one for one in anchors if one not in self.known]
        if wrong:
            raise forms.ValidationError(_("“%(anchor)s” is no passage of this work.") % {"anchor": wrong[0][:40]})
        return list(dict.fromkeys(anchors))


class LinkForm(forms.Form):
    """What is named, how, and where."""

    target = RecordField(authority_types, label=gettext_lazy("Person, place, organisation, event or concept"))
    relation = forms.ChoiceField(label=gettext_lazy("Relation"), choices=RELATIONS)
    anchors = AnchorsField(
        label=gettext_lazy("Passages"),
        required=False,
        help_text=gettext_lazy("Anchors such as p-3f9a…, between blanks."),
    )

    def __init__(
        self, *args: Any, viewer: Viewer, community: Community | None, known: frozenset[str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.community = community
        self.fields["target"].bind_viewer(viewer)  # type: ignore[attr-defined]
        self.fields["anchors"].known = known  # type: ignore[attr-defined]

    def clean_target(self) -> Any:
        return _own_or_shared(self.cleaned_data["target"], self.community)


class SegmentForm(forms.Form):
    """A part of the index: where it begins, what it tells."""

    title = LanguageMapField(label=gettext_lazy("Title"))
    synopsis = LanguageMapField(label=gettext_lazy("Synopsis"), multiline=True, required=False)
    anchor = forms.CharField(label=gettext_lazy("Begins at passage"), required=False, max_length=40)
    begins = forms.CharField(label=gettext_lazy("Recording: from"), required=False, max_length=20)
    ends = forms.CharField(label=gettext_lazy("Recording: to"), required=False, max_length=20)
    sensitivity = CheckboxList(label=gettext_lazy("Sensitivity"), choices=Sensitivity.choices)

    def __init__(self, *args: Any, known: frozenset[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("begins", "ends"):
            try:
                cleaned[f"{name}_ms"] = read_time(cleaned.get(name, ""))
            except EditRefused as refused:
                self.add_error(name, str(refused))
        begins, ends = cleaned.get("begins_ms"), cleaned.get("ends_ms")
        if begins is not None and ends is not None and ends <= begins:
            self.add_error("ends", _("The span ends before it begins."))
        if cleaned.get("anchor") and cleaned["anchor"] not in self.known:
            self.add_error("anchor", _("“%(anchor)s” is no passage of this work.") % {"anchor": cleaned["anchor"]})
        if not cleaned.get("anchor") and begins is None and not self.errors:
            self.add_error("anchor", _("Say where it begins: a passage, or a time."))
        return cleaned


class LinksScreen(WorkScreen):
    """Contributions, named entities and the index of one work; every change is a revision."""

    tab = "links"
    template_name = "archive/desk/work/links.html"

    @cached_property
    def known(self) -> frozenset[str]:
        return frozenset(cue["id"] for track in self.work.tracks.all() for cue in track.cues)

    @cached_property
    def forms(self) -> dict[str, Any]:
        """The three forms; the one that was sent is bound."""
        sent = self.request.POST.get("add", "")

        def data(name: str) -> Any:
            return self.request.POST if sent == name else None

        segment = self._segment(self.request.GET.get("segment", ""))
        contribution = self.editing_contribution
        initial = (
            {
                "title": segment.title,
                "synopsis": segment.synopsis,
                "anchor": segment.anchor,
                "begins": written_time(segment.start_ms),
                "ends": written_time(segment.end_ms),
                "sensitivity": segment.sensitivity,
            }
            if segment
            else {}
        )
        return {
            "contribution": ContributionForm(
                data("contribution"),
                prefix="contribution",
                viewer=self.viewer,
                community=self.work.community,
                instance=contribution,
                initial={"person": contribution.person_id} if contribution else None,
            ),
            "link": LinkForm(
                data("link"), prefix="link", viewer=self.viewer, community=self.work.community, known=self.known
            ),
            "segment": SegmentForm(data("segment"), prefix="segment", known=self.known, initial=initial),
        }

    @cached_property
    def editing_contribution(self) -> Contribution | None:
        """Whom the address asks to change; whoever may not read who speaks changes nobody."""
        key = self.request.GET.get("contribution", "")
        if not key or self.contributions_hidden:
            return None
        return cast(Contribution | None, self.work.contributions.filter(pk=sent_key(key)).first())

    @cached_property
    def contributions_hidden(self) -> bool:
        return "contributions" in fields_kept_from(self.viewer, self.work)

    def _segment(self, key: str) -> IndexSegment | None:
        return self.work.segments.filter(key=key).first() if key else None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        add = request.POST.get("add", "")
        if add in self.forms:
            form = self.forms[add]
            if not form.is_valid():
                return self.render_to_response(self.get_context_data())
            with transaction.atomic():
                write: dict[str, Any] = {"contribution": self._contribute, "link": self._link, "segment": self._index}
                write[add](form)
                self._revise()
            messages.success(request, _("Saved as revision %(number)s.") % {"number": self.work.current_revision})
            address = next_address(request)
            return HttpResponseRedirect(address) if address else self.back(f"#{add}s")
        kind, _colon, key = request.POST.get("remove", "").partition(":")
        rows = {
            # Whoever may not read who speaks takes nobody out, and learns from no answer who is there.
            "contribution": None if self.contributions_hidden else self.work.contributions,
            "link": self.work.entity_links,
            "segment": self.work.segments,
        }.get(kind)
        row = rows.filter(pk=sent_key(key)).first() if rows is not None else None
        if row is None:
            raise Http404
        with transaction.atomic():
            row.delete()
            self._revise()
        messages.success(request, _("Taken out. The public sees it after a review."))
        return self.back(f"#{kind}s")

    def _revise(self) -> None:
        if save_revision(self.work, origin="edit", author=self.request.user) is not None:  # type: ignore[arg-type]
            audit.note("edit-links", self.work, self.request.user)  # type: ignore[arg-type]
        nameless = self.work.contributions.filter(person=None, credited_as="").exclude(role__in=OWN_WORDS)
        if not nameless.exists():
            Unfinished.finish(self.work, Unfinished.What.NAME, self.request.user)

    def _contribute(self, form: ContributionForm) -> None:
        row = form.save(commit=False)
        if row.pk is None:
            row.record_id, row.position = self.work.pk, self.work.contributions.count()
        row.save()

    def _link(self, form: LinkForm) -> None:
        data = form.cleaned_data
        link, created = EntityLink.objects.get_or_create(
            record_id=self.work.pk,
            target_id=data["target"].pk,
            relation=data["relation"],
            defaults={"anchors": data["anchors"]},
        )
        if not created:
            link.anchors = list(dict.fromkeys([*link.anchors, *data["anchors"]]))
            link.save(update_fields=["anchors"])

    def _index(self, form: SegmentForm) -> None:
        data = form.cleaned_data
        fields = {
            "title": data["title"],
            "synopsis": data["synopsis"],
            "anchor": data["anchor"],
            "start_ms": data["begins_ms"],
            "end_ms": data["ends_ms"],
            "sensitivity": data["sensitivity"],
        }
        key = self.request.GET.get("segment", "")
        if self._segment(key) is not None:
            self.work.segments.filter(key=key).update(**fields)
        else:
            IndexSegment.objects.create(record_id=self.work.pk, key=f"s-{secrets.token_hex(4)}", **fields)
        order = list(self.work.tracks.order_by("position").values_list("cues", flat=True))
        places = {cue["id"]: at for cues in order[:1] for at, cue in enumerate(cues)}
        rows = sorted(self.work.segments.all(), key=lambda s: (s.start_ms or 0, places.get(s.anchor, 0), s.pk))
        for position, row in enumerate(rows):
            row.position = position
        IndexSegment.objects.bulk_update(rows, ["position"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        hidden = self.contributions_hidden
        relations = dict(RELATIONS)
        return super().get_context_data(**kwargs) | {
            "forms": self.forms,
            "contributions_hidden": hidden,
            "contributions": []
            if hidden
            else [
                {"row": row, "person": written_record(row.person, self.viewer) if row.person else ""}
                for row in self.work.contributions.select_related("person__community")
            ],
            "links": [
                {
                    "row": link,
                    "target": written_record(concrete(link.target), self.viewer),
                    "relation": relations.get(link.relation, link.relation),
                }
                for link in self.work.entity_links.select_related("target__community")
            ],
            "segments": [
                {"row": row, "title": original_text(row.title), "at": written_time(row.start_ms)}
                for row in self.work.segments.all()
            ],
            "editing_contribution": self.editing_contribution is not None,
            "editing_segment": bool(self._segment(self.request.GET.get("segment", ""))),
        }
