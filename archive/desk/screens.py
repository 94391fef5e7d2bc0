"""Screens of one work besides its form: they share its tabs, find it under the policy, and run actions."""

from __future__ import annotations

from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from wagtail.admin import messages
from wagtail.admin.views.generic.base import WagtailAdminTemplateMixin

from archive.actions.base import Action, ActionRefused
from archive.desk.sealing import shown_title
from archive.desk.tabs import TABS, tabs_of
from archive.desk.views import DeskView
from archive.record_types import record_type


class DeskScreen(DeskView, WagtailAdminTemplateMixin, TemplateView):
    """A screen of the desk that is no form of a record. Subclasses set ``template_name`` and ``page_title``."""

    http_method_names = ["get", "head", "post"]

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [*self.breadcrumbs_items, {"url": "", "label": self.get_header_title()}]

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """A form that comes back is announced on top too; beside the field alone it may be out of sight."""
        forms = [
            *context.values(),
            *(one for value in context.values() if isinstance(value, dict) for one in value.values()),
        ]
        if any(isinstance(form, BaseForm) and form.is_bound and form.errors for form in forms):
            messages.error(self.request, _("Something is missing or cannot be read"))
        return super().render_to_response(context, **kwargs)

    def attempt(self, action: Action, said: Any = "") -> Any:
        """Execute an action; a refusal becomes a message and the answer None."""
        try:
            result = action.execute()
        except ActionRefused as refused:
            for sentence in refused.sentences or [_("You may not do this.")]:
                messages.error(self.request, sentence)
            return None
        if said:
            messages.success(self.request, said)
        return True if result is None else result


class WorkScreen(DeskScreen):
    """A screen of one work, or of one record of another kind; ``tab`` is its name in ``TABS``."""

    model: Any = None
    namespace = ""
    tab = ""
    index_url_name = ""

    @cached_property
    def rights(self) -> tuple[str, ...]:
        return next(rights for name, _label, rights in TABS if name == self.tab)

    @cached_property
    def work(self) -> Any:
        related = record_type(self.model.KIND).related
        return self.object_or_404(self.model.objects.select_related(*related), pk=self.kwargs["pk"])

    @cached_property
    def tabs(self) -> list[dict[str, Any]]:
        """The screens of this work that the viewer may open."""
        return tabs_of(self.viewer, self.work, self.namespace, self.tab)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.require_any(self.rights, self.work)
        return super().dispatch(request, *args, **kwargs)

    def address(self, name: str = "", *more: Any) -> str:
        """Address of a screen of this work."""
        return reverse(f"{self.namespace}:{name or self.tab}", args=[self.work.pk, *more])

    def back(self, fragment: str = "") -> HttpResponse:
        return HttpResponseRedirect(self.address() + fragment)

    def get_page_title(self) -> str:
        return str(next(label for name, label, _rights in TABS if name == self.tab))

    def get_page_subtitle(self) -> str:
        return shown_title(self.work, self.viewer)

    def get_breadcrumbs_items(self) -> list[dict[str, Any]]:
        return [
            *self.breadcrumbs_items,
            {"url": reverse(f"{self.namespace}:index"), "label": self.model._meta.verbose_name_plural},
            {"url": "", "label": shown_title(self.work, self.viewer)},
        ]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "work": self.work,
            "tabs": self.tabs,
            "namespace": self.namespace,
        }
