"""Merging a duplicate at the desk: choose the other record, compare, choose which fields win."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from archive.actions.merge import MergeAction, chosen_of
from archive.desk.fields import RecordField
from archive.desk.screens import DeskScreen
from archive.desk.sealable import as_text
from archive.desk.sealing import fields_kept_from, shown_title
from archive.naming import works_naming
from archive.policy import Viewer


class DuplicateForm(forms.Form):
    """Which record is the same as this one."""

    def __init__(self, *args: Any, kind: str, viewer: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["other"] = field = RecordField([kind], label=gettext_lazy("The duplicate"))
        field.bind_viewer(viewer)


class MergeScreen(DeskScreen):
    """``?other=`` chooses the duplicate; a POST merges it into the record of the address."""

    model: Any = None
    namespace = ""
    template_name = "archive/desk/merge.html"
    page_title = gettext_lazy("Merge a duplicate")

    @cached_property
    def kept(self) -> Any:
        return self.object_or_404(self.model.objects.select_related("community"), pk=self.kwargs["pk"])

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.require("merge", self.kept)
        return super().dispatch(request, *args, **kwargs)

    @cached_property
    def form(self) -> DuplicateForm:
        data = self.request.POST if self.request.method == "POST" else self.request.GET
        return DuplicateForm(data if "other" in data else None, kind=self.kept.kind, viewer=self.viewer)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.form.is_valid():
            return self.render_to_response(self.get_context_data())
        fields = [name for name in chosen_of(self.kept.kind) if request.POST.get(f"field-{name}") == "other"]
        other = self.form.cleaned_data["other"]
        action = MergeAction(request.user, self.kept, other, from_other=fields)  # type: ignore[arg-type]
        if (
            self.attempt(action, _("Merged. Its old address leads here; every page that named it was made anew."))
            is None
        ):
            return self.render_to_response(self.get_context_data())
        return HttpResponseRedirect(reverse(f"{self.namespace}:edit", args=[self.kept.pk]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        other = self.form.cleaned_data.get("other") if self.form.is_bound and self.form.is_valid() else None
        context: dict[str, Any] = {"form": self.form, "kept_title": shown_title(self.kept, self.viewer)}
        if other is not None:
            hidden = fields_kept_from(self.viewer, self.kept) | fields_kept_from(self.viewer, other)
            context |= {
                "other": other,
                "other_title": shown_title(other, self.viewer),
                "works": len(works_naming(other)),
                "fields": [
                    {
                        "name": name,
                        "label": self.model._meta.get_field(name).verbose_name,
                        "kept": _("sealed") if name in hidden else as_text(getattr(self.kept, name)),
                        "other": _("sealed") if name in hidden else as_text(getattr(other, name)),
                    }
                    for name in chosen_of(self.kept.kind)
                    if getattr(self.kept, name) != getattr(other, name)
                ],
            }
        return super().get_context_data(**kwargs) | context
