"""What every screen of a record does: it knows only what its viewer may see, and answers 404 for the rest."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from wagtail.admin.forms.choosers import BaseFilterForm
from wagtail.admin.utils import get_valid_next_url_from_request
from wagtail.admin.views import generic
from wagtail.admin.views.generic import chooser as chooser_views

from archive.desk.lists import (
    RecordFilterSet,
    RecordTitleColumn,
    TickColumn,
    as_listed,
    found_by,
    listable,
    prepare_rows,
)
from archive.desk.sealing import fields_kept_from, shown_title
from archive.desk.tabs import tabs_of
from archive.policy import Decision, Viewer, may, viewer_of, visible
from archive.seals import seals_of


def sent_key(text: str) -> int:
    """A primary key as a form sends it; 0, which no row has, for anything that cannot be one."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def next_address(request: HttpRequest) -> str:
    """The place on this site that asked to be come back to, or nothing."""
    return str(get_valid_next_url_from_request(request))


class DeskView:
    """Marks a view as going through the policy; a test walks the admin and fails on one without it."""

    request: HttpRequest
    #: The right that the screen needs on its object or, without one, in some community.
    right = "read"

    @cached_property
    def viewer(self) -> Viewer:
        return viewer_of(self.request.user)

    def may(self, action: str, obj: object, field: str | None = None) -> Decision:
        return may(self.viewer, action, obj, field=field)

    def only_visible(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return visible(queryset, self.viewer)

    def object_or_404(self, queryset: QuerySet[Any], **lookup: Any) -> Any:
        """One object the viewer may read; what she may not read does not exist."""
        found = self.only_visible(queryset).filter(**lookup).first()
        if found is None:
            raise Http404
        return found

    def require(self, action: str, obj: object) -> None:
        """:raises PermissionDenied: for something she may see and yet not do."""
        if not self.may(action, obj):
            raise PermissionDenied

    def require_any(self, actions: tuple[str, ...], obj: object) -> None:
        """:raises PermissionDenied: when none of these is hers to do."""
        if not any(self.may(action, obj) for action in actions):
            raise PermissionDenied


class RecordIndexView(DeskView, generic.IndexView):
    """A list of records: only those of the viewer's communities, and what the platform shares."""

    any_permission_required = ["view", "change", "add"]
    paginate_by = 50
    base_filterset_class = RecordFilterSet
    #: Set by viewsets of works: a list of these has boxes to choose several.
    act_url_name = ""

    def get_base_queryset(self) -> QuerySet[Any]:
        queryset = listable(self.only_visible(super().get_base_queryset()))
        related = [name for name in ("community", "collection") if _is_relation(self.model, name)]
        return as_listed(queryset.select_related(*related) if related else queryset, self.viewer)

    def search_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return found_by(queryset, self.search_query, self.viewer) if self.is_searching else queryset

    def get_table(self, object_list: Any) -> Any:
        prepare_rows(object_list, self.viewer)
        return super().get_table(object_list)

    def _get_title_column(self, field_name: str, column_class: Any = RecordTitleColumn, **kwargs: Any) -> Any:
        return super()._get_title_column(field_name, column_class, **kwargs)

    @cached_property
    def columns(self) -> list[Any]:
        columns = super().columns
        return [TickColumn(), *columns] if self.act_url_name else columns

    def get_list_buttons(self, instance: Any) -> list[Any]:
        # The name is the link; Wagtail's menu would repeat it, sealed or not.
        return []

    def get_edit_url(self, instance: Any) -> str | None:
        """The form for those who may change something in it, else the first screen that may be read."""
        if self.may("edit", instance) or self.may("read_sealed", instance):
            return reverse(self.edit_url_name, args=[instance.pk])
        if self.act_url_name:
            return reverse(self.edit_url_name.replace(":edit", ":gate"), args=[instance.pk])
        return None

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        acts = reverse(self.act_url_name) if self.act_url_name else ""
        return super().get_context_data(**kwargs) | {"act_url": acts}


class RecordCreateView(DeskView, generic.CreateView):
    """Create a record in a community in which the viewer may create."""

    def save_instance(self) -> Any:
        instance = self.form.instance
        self.require("create", instance)
        with transaction.atomic():
            self.form.save_record(user=self.request.user, created=True)
        return instance

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "viewer": self.viewer}


class RecordEditView(DeskView, generic.EditView):
    """Edit a record; every save is a revision of our own. A steward without the right to edit changes seals only."""

    permission_required = "view"

    def get_object(self, queryset: QuerySet[Any] | None = None) -> Any:
        found = super().get_object(queryset)
        self.require_any(("edit", "read_sealed"), found)
        return found

    def get_page_subtitle(self) -> str:
        return shown_title(self.object, self.viewer)

    def get_success_url(self) -> str:
        """Back to where the work was, when a screen of the desk led here."""
        return self.next_url or super().get_success_url()

    @cached_property
    def next_url(self) -> str:
        return next_address(self.request)

    def get_success_message(self) -> str:
        return _("“%(name)s” was saved.") % {"name": shown_title(self.object, self.viewer)}

    def get_queryset(self) -> QuerySet[Any]:
        return self.only_visible(super().get_queryset())

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "viewer": self.viewer}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        hidden = fields_kept_from(self.viewer, self.object)
        labels = [str(seal.label) for seal in seals_of(self.object.kind) if hidden & set(seal.fields)]
        return context | {
            # The form is sent to an address of its own, which has to know as well.
            "action_url": context["action_url"] + (f"?{urlencode({'next': self.next_url})}" if self.next_url else ""),
            "kept_back": labels,
            "read_only": getattr(context["form"], "read_only", []),
            "tabs": tabs_of(self.viewer, self.object, self.edit_url_name.partition(":")[0], "edit"),
            **self.beside(self),
        }

    @staticmethod
    def beside(view: RecordEditView) -> dict[str, Any]:
        """What a kind shows beside its form; a viewset hands in its own."""
        return {}

    def save_instance(self) -> Any:
        self.require_any(("edit", "read_sealed"), self.form.instance)
        with transaction.atomic():
            self.form.save_record(user=self.request.user, created=False)
        return self.form.instance

    def get_last_updated_info(self) -> None:
        # Wagtail's log would hold titles; records have revisions of their own.
        return None


class ChooserFilterForm(BaseFilterForm):
    """The search field of a chooser, in any script."""

    q = forms.CharField(label=gettext_lazy("Search"), required=False)

    def __init__(self, *args: Any, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.viewer = viewer

    def filter(self, objects: QuerySet[Any]) -> QuerySet[Any]:
        objects = super().filter(objects)
        if text := self.cleaned_data.get("q"):
            objects = found_by(objects, text, self.viewer)
            self.is_searching, self.search_query = True, text
        return objects


class VisibleChoicesMixin(DeskView):
    """Choosers offer only what the viewer may read; a chosen key of anything else is a 404."""

    model_class: Any
    filter_form_class = ChooserFilterForm

    def get_object_list(self) -> QuerySet[Any]:
        return listable(self.only_visible(self.model_class.objects.all()))

    def get_filter_form(self) -> ChooserFilterForm:
        return ChooserFilterForm(self.request.GET, viewer=self.viewer)

    def get_display_title(self, instance: Any) -> str:
        return shown_title(instance, self.viewer)

    @property
    def title_column(self) -> Any:
        column = super().title_column  # type: ignore[misc]
        column.accessor = lambda instance: shown_title(instance, self.viewer)
        return column

    def get_object(self, pk: Any) -> Any:
        return self.object_or_404(self.model_class.objects.all(), pk=pk)

    def get_objects(self, pks: list[str]) -> QuerySet[Any]:
        return self.only_visible(self.model_class.objects.filter(pk__in=pks))


class RecordChooseView(VisibleChoicesMixin, chooser_views.ChooseView):
    pass


class RecordChooseResultsView(VisibleChoicesMixin, chooser_views.ChooseResultsView):
    pass


class RecordChosenView(VisibleChoicesMixin, chooser_views.ChosenView):
    pass


class RecordChosenMultipleView(VisibleChoicesMixin, chooser_views.ChosenMultipleView):
    pass


def _is_relation(model: Any, name: str) -> bool:
    return any(f.name == name and f.is_relation for f in model._meta.get_fields())
