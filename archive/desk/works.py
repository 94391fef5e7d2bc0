"""Testimonies and documents at the desk."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from archive.desk.consent_screen import ConsentScreen
from archive.desk.forms import CheckboxList, RecordForm
from archive.desk.gate_screen import GateScreen
from archive.desk.preview_screen import PreviewPage, PreviewScreen
from archive.desk.redactions_screen import RedactionsScreen
from archive.desk.revisions_screen import RevisionsScreen
from archive.desk.screens import tabs_of
from archive.desk.transcript_screen import TranscriptScreen
from archive.desk.views import RecordEditView
from archive.desk.viewsets import RecordChooserViewSet, RecordViewSet
from archive.models import Document, Sensitivity, Testimony

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
]


class WorkForm(RecordForm):
    language_maps = ("title", "abstract")
    long_texts = ("abstract",)
    dates = ("date",)

    sensitivity = CheckboxList(choices=Sensitivity.choices, label=_("Sensitivity"))


class TestimonyForm(WorkForm):
    class Meta:
        model = Testimony
        fields = WORK_FORM_FIELDS
        formfield_callback = WorkForm.field_for


class DocumentForm(WorkForm):
    class Meta:
        model = Document
        fields = [*WORK_FORM_FIELDS, "document_type", "standpoint"]
        formfield_callback = WorkForm.field_for


def tabs_beside(view: RecordEditView) -> dict[str, Any]:
    """A work's form stands among its other screens."""
    namespace = view.edit_url_name.partition(":")[0]
    return {"tabs": tabs_of(view.viewer, view.object, namespace, "edit")}


class WorkEditView(RecordEditView):
    beside = staticmethod(tabs_beside)


class WorkViewSet(RecordViewSet):
    edit_view_class = WorkEditView
    list_display = ["__str__", "collection", "original_language", "state", "public_id"]
    list_filter = ["collection", "original_language", "state", "hidden"]

    def further_urls(self, key: str) -> list[URLPattern]:
        return [
            *(path(f"<{key}:pk>/{name}/", self.screen(view), name=name) for name, view in SCREENS),
            path(f"<{key}:pk>/preview/<slug:rung>/", self.screen(PreviewPage), name="preview_page"),
        ]

    def screen(self, view_class: Any) -> Any:
        """A screen of a work of this kind."""
        return self.construct_view(view_class, namespace=self.url_namespace)


SCREENS: tuple[tuple[str, Any], ...] = (
    ("transcript", TranscriptScreen),
    ("gate", GateScreen),
    ("consent", ConsentScreen),
    ("redactions", RedactionsScreen),
    ("revisions", RevisionsScreen),
    ("preview", PreviewScreen),
)


class TestimonyViewSet(WorkViewSet):
    model = Testimony
    form_class = TestimonyForm
    icon = "openquote"
    name = "testimonies"
    add_to_admin_menu = True


class DocumentViewSet(WorkViewSet):
    model = Document
    form_class = DocumentForm
    icon = "doc-full"
    name = "papers"
    add_to_admin_menu = True


class TestimonyChooserViewSet(RecordChooserViewSet):
    model = Testimony
    icon = "openquote"
    name = "testimony-chooser"


def viewsets() -> list[Any]:
    """The viewsets of this module, made once policies are registered."""
    return [TestimonyViewSet(), DocumentViewSet(), TestimonyChooserViewSet()]
