"""Testimonies and documents at the desk."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from archive.desk.forms import CheckboxList, RecordForm
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


class WorkViewSet(RecordViewSet):
    add_to_admin_menu = True
    list_display = ["__str__", "collection", "original_language", "state", "public_id"]
    list_filter = ["collection", "original_language", "state", "hidden"]


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


class TestimonyChooserViewSet(RecordChooserViewSet):
    model = Testimony
    icon = "openquote"
    name = "testimony-chooser"


def viewsets() -> list[Any]:
    """The viewsets of this module, made once policies are registered."""
    return [TestimonyViewSet(), DocumentViewSet(), TestimonyChooserViewSet()]
