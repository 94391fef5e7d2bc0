"""The one base viewset and the one base chooser of the record side."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, path
from wagtail.admin.viewsets.chooser import ChooserViewSet
from wagtail.admin.viewsets.model import ModelViewSet
from wagtail.permissions import register_permission_policy

from archive.desk import views
from archive.desk.lists import PublicColumn
from archive.desk.permissions import DeskPolicy
from archive.desk.revisions_screen import RevisionsScreen


def register_policies(*models: type[Any]) -> None:
    """Register our policy for these models; must run before any viewset is made."""
    for model in models:
        register_permission_policy(model, DeskPolicy(model), exact_class=True)


class RecordViewSet(ModelViewSet):
    """List, create and edit one kind of record. Nothing is deleted, copied or logged by Wagtail here.

    Subclasses set ``model``, ``form_class`` (a ``RecordForm``), ``list_display``, ``list_filter``, ``icon``.
    """

    index_view_class = views.RecordIndexView
    add_view_class = views.RecordCreateView
    edit_view_class = views.RecordEditView
    form_class: type[Any]
    add_to_admin_menu = False
    add_to_reference_index = False
    copy_view_enabled = False
    inspect_view_enabled = False
    search_fields = ["sort_key", "public_id"]
    search_backend_name = None
    #: As ``as_listed`` gives it.
    ordering = ["listed_as", "pk"]
    list_export: list[str] = []
    list_display: list[Any] = ["__str__", "community", PublicColumn(), "public_id"]
    template_prefix = "archive/desk/record/"

    def get_form_class(self, for_update: bool = False) -> type[Any]:
        return self.form_class

    def get_common_view_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        # Without these names Wagtail offers neither history nor usage, deletion or copies.
        missing = {"history_url_name": None, "usage_url_name": None, "delete_url_name": None}
        return super().get_common_view_kwargs(**{**missing, **kwargs})

    def get_urlpatterns(self) -> list[URLPattern]:
        key = self.pk_path_converter
        return [
            path("", self.index_view, name="index"),
            path("results/", self.index_results_view, name="index_results"),
            path("new/", self.add_view, name="add"),
            path(f"edit/<{key}:pk>/", self.edit_view, name="edit"),
            *self.further_urls(key),
        ]

    def further_urls(self, key: str) -> list[URLPattern]:
        """Further screens; kinds that have more of them (transcript, gate, preview …) add theirs."""
        return [path(f"<{key}:pk>/revisions/", self.screen(RevisionsScreen), name="revisions")]

    def screen(self, view_class: Any) -> Any:
        """A screen of a record of this kind."""
        return self.construct_view(view_class, namespace=self.url_namespace)

    def register_permissions(self) -> None:
        """Nothing to hand out: ``archive/policy.py`` decides, from memberships."""


class RecordChooserViewSet(ChooserViewSet):
    """Choose a record of one kind among those that the viewer may read."""

    choose_view_class = views.RecordChooseView
    choose_results_view_class = views.RecordChooseResultsView
    chosen_view_class = views.RecordChosenView
    chosen_multiple_view_class = views.RecordChosenMultipleView
    # Records are made on their own screens, where their community is asked for.
    form_fields = None
    creation_form_class = None

    def get_urlpatterns(self) -> list[URLPattern]:
        return [pattern for pattern in super().get_urlpatterns() if pattern.name != "create"]
