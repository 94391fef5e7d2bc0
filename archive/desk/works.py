"""Testimonies and documents at the desk."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from archive.desk.batch_screen import BatchScreen
from archive.desk.consent_screen import ConsentScreen
from archive.desk.fields import LinesField, RecordField, belongs_elsewhere
from archive.desk.forms import CheckboxList
from archive.desk.gate_screen import GateScreen
from archive.desk.links_screen import LinksScreen
from archive.desk.lists import LanguageColumn, PublicColumn
from archive.desk.preview_screen import PreviewPage, PreviewScreen
from archive.desk.redactions_screen import RedactionsScreen
from archive.desk.sealable import SealableForm
from archive.desk.transcript_screen import TranscriptScreen
from archive.desk.viewsets import RecordChooserViewSet, RecordViewSet
from archive.gate import Gate
from archive.models import Clip, Collection, Document, RecordKind, Sensitivity, Testimony, TextTrack
from archive.policy import may
from archive.revisions import track_as_dict
from archive.values.text import rows_of

WORK_FORM_FIELDS = [
    "community",
    "collection",
    "title",
    "abstract",
    "original_language",
    "date",
    "place",
    "sensitivity",
    "sensitivity_cleared",
    "minimum_age",
    "institution",
    "archival_collection",
    "reference",
    "source_statement",
    "edition",
    "licence_uri",
    "licence_label",
    "download_allowed",
    "verification",
]


class WorkForm(SealableForm):
    language_maps = ("title", "abstract")
    long_texts = ("abstract",)
    dates = ("date",)

    place = RecordField([RecordKind.PLACE], label=_("Place"), required=False)
    verification = LinesField(
        ["source", "method", "corroboration", "assessed_by"],
        label=_("Verification"),
        help_text=_("One a line: source | method | corroboration | who assessed it"),
    )
    sensitivity = CheckboxList(choices=Sensitivity.choices, label=_("Sensitivity"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        community = cleaned.get("community") or self.instance.community
        for name in ("collection", "place"):
            # Naming it in public makes its own page public: that is for its community to decide.
            if (named := cleaned.get(name)) is not None and belongs_elsewhere(named, community):
                self.add_error(name, gettext("This belongs to another community, which alone may show it."))
        return cleaned


class TestimonyForm(WorkForm):
    class Meta:
        model = Testimony
        fields = WORK_FORM_FIELDS


class DocumentForm(WorkForm):
    class Meta:
        model = Document
        fields = [*WORK_FORM_FIELDS, "document_type", "standpoint"]


class WorkViewSet(RecordViewSet):
    list_display = [
        "__str__",
        "community",
        "collection",
        LanguageColumn("original_language"),
        "state",
        PublicColumn(),
        "public_id",
    ]
    list_filter = ["community", "collection", "original_language", "state", "hidden"]

    def get_index_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_index_view_kwargs(**{"act_url_name": f"{self.url_namespace}:act", **kwargs})

    def further_urls(self, key: str) -> list[URLPattern]:
        return [
            *super().further_urls(key),
            path("act/", self.screen(BatchScreen), name="act"),
            *(path(f"<{key}:pk>/{name}/", self.screen(view), name=name) for name, view in SCREENS),
            path(f"<{key}:pk>/preview/<slug:rung>/", self.screen(PreviewPage), name="preview_page"),
        ]


SCREENS: tuple[tuple[str, Any], ...] = (
    ("transcript", TranscriptScreen),
    ("links", LinksScreen),
    ("gate", GateScreen),
    ("consent", ConsentScreen),
    ("redactions", RedactionsScreen),
    ("preview", PreviewScreen),
)


class TestimonyViewSet(WorkViewSet):
    model = Testimony
    form_class = TestimonyForm
    icon = "openquote"
    name = "testimonies"


class DocumentViewSet(WorkViewSet):
    model = Document
    form_class = DocumentForm
    icon = "doc-full"
    name = "papers"


class CollectionForm(SealableForm):
    language_maps = ("title", "abstract")
    long_texts = ("abstract",)

    class Meta:
        model = Collection
        fields = ["community", "slug", "title", "abstract", "licence_uri", "edition"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        community = cleaned.get("community") or self.instance.community
        same = Collection.objects.filter(community=community, slug=cleaned.get("slug")).exclude(pk=self.instance.pk)
        if cleaned.get("slug") and same.exists():
            self.add_error("slug", gettext("Another collection of this community has this short name."))
        return cleaned


class CollectionViewSet(RecordViewSet):
    model, form_class, icon, name = Collection, CollectionForm, "folder-open-inverse", "collections-of-records"
    menu_label = _("Collections")
    list_display = ["__str__", "community", "slug", PublicColumn(), "public_id"]
    list_filter = ["community"]


class ClipForm(SealableForm):
    language_maps = ("title", "context")
    long_texts = ("context",)

    work = RecordField([RecordKind.TESTIMONY, RecordKind.DOCUMENT], label=_("Testimony or document"))

    class Meta:
        model = Clip
        fields = [
            "community",
            "work",
            "title",
            "context",
            "first_anchor",
            "last_anchor",
            "start_ms",
            "end_ms",
            "audience",
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._work_before = self.instance.work if self.instance.pk else None
        if "first_anchor" in self.fields:
            self.fields["first_anchor"].help_text = gettext(
                "Its number in the transcript, or what stands after # in its address."
            )
        if "audience" in self.fields:
            self.fields["audience"].help_text = gettext(
                "Nobody, until an audience is chosen; then it stands on the page of its testimony for as long as that "
                "is published. Choosing needs the right to publish."
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        work = cleaned.get("work")
        if work is None:
            return cleaned
        community = cleaned.get("community") or self.instance.community
        if community is not None and work.community_id != community.pk:
            self.add_error("work", gettext("A clip belongs to the community of its testimony."))
        tracks = [track_as_dict(track) for track in TextTrack.objects.filter(record=work.pk).order_by("position", "id")]
        anchors = {cue["id"] for track in tracks for cue in track["cues"]}
        for field in ("first_anchor", "last_anchor"):
            cleaned[field] = _anchor_of(cleaned.get(field, ""), tracks)
            if cleaned[field] and cleaned[field] not in anchors:
                self.add_error(field, gettext("This passage is not in its text."))
        start, end = cleaned.get("start_ms"), cleaned.get("end_ms")
        if start is not None and end is not None and end <= start:
            self.add_error("end_ms", gettext("The clip ends before it begins."))
        if start is None and not cleaned.get("first_anchor") and not self.errors:
            self.add_error("first_anchor", gettext("Say where the clip begins: a passage, or a time."))
        if self.has_changed() and not may(self.viewer, "publish", work):
            if cleaned.get("audience") and "audience" in self.changed_data:
                self.add_error("audience", gettext("You may not publish; leave this to somebody who may."))
            else:
                # What is in public was shown by somebody who may publish; other words wait for her again.
                cleaned["audience"] = ""
        return cleaned

    def after_save(self, record: Any, user: Any) -> None:
        """A clip is part of its testimony's publication: make that anew, and that of the one it was cut from before."""
        super().after_save(record, user)
        keys = {record.work_id} | ({self._work_before.pk} if self._work_before else set())
        works = [
            work
            for model in (Testimony, Document)
            for work in model.objects.filter(pk__in=keys, wanted_public=True).select_related("community", "collection")
        ]
        Gate().refresh(works)


def _anchor_of(written: str, tracks: list[Any]) -> str:
    """The anchor of a passage named by its number in the transcript editor; anything else as it was written."""
    written = written.strip().removeprefix("#")
    if not (written.isascii() and written.isdigit() and len(written) < 7):
        return written
    rows = rows_of(tracks)
    if not 1 <= int(written) <= len(rows):
        return written
    cells = rows[int(written) - 1]["cells"]
    return next((cues[0]["id"] for track in tracks if (cues := cells.get(track["id"]))), written)


class ClipViewSet(RecordViewSet):
    model, form_class, icon, name = Clip, ClipForm, "cut", "clips"
    list_display = ["__str__", "community", "audience", "public_id"]
    list_filter = ["community", "audience"]


def viewsets() -> list[Any]:
    """Screens of works and what holds them, made once policies are registered."""
    return [TestimonyViewSet(), DocumentViewSet(), CollectionViewSet(), ClipViewSet()]


def choosers() -> list[Any]:
    """Choosers of works and collections."""
    return [
        RecordChooserViewSet("testimony-chooser", model=Testimony, icon="openquote"),
        RecordChooserViewSet("document-chooser", model=Document, icon="doc-full"),
        RecordChooserViewSet("collection-chooser", model=Collection, icon="folder-open-inverse"),
        RecordChooserViewSet("clip-chooser", model=Clip, icon="cut"),
    ]
