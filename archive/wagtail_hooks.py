"""What the archive adds to Wagtail's admin. Policies come first: a viewset made before would get Wagtail's own."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import include, path, reverse_lazy
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem
from wagtail.admin.ui.components import Component
from wagtail.admin.viewsets.base import ViewSetGroup
from wagtail.permission_policies.pages import PagePermissionPolicy

from archive import models
from archive.desk.viewsets import register_policies

register_policies(
    models.Testimony,
    models.Document,
    models.Collection,
    models.Clip,
    models.Person,
    models.Place,
    models.Organisation,
    models.Event,
    models.Concept,
    models.Source,
)

from archive.desk import authorities, works  # noqa: E402 - after the policies, see above
from archive.desk.waiting import waiting_for  # noqa: E402 - after the policies, see above
from archive.policy import viewer_of  # noqa: E402 - after the policies, see above


class ArchiveGroup(ViewSetGroup):
    """Everything a community works on, in one menu."""

    menu_label = _("Archive")
    menu_icon = "folder-open-inverse"
    menu_order = 110
    items = tuple(works.viewsets() + authorities.viewsets())


@hooks.register("register_admin_viewset")
def register_viewsets() -> list[Any]:
    return [ArchiveGroup(), *works.choosers(), *authorities.choosers()]


@hooks.register("register_admin_urls")
def register_desk_urls() -> list[Any]:
    return [path("desk/", include("archive.desk.urls"))]


@hooks.register("insert_global_admin_css")
def desk_styles() -> str:
    return format_html('<link rel="stylesheet" href="{}">', static("desk/desk.css"))


@hooks.register("insert_global_admin_js")
def desk_scripts() -> str:
    return format_html('<script type="module" src="{}"></script>', static("desk/pick.mjs"))


@hooks.register("register_admin_menu_item")
def imports_menu_item() -> MenuItem:
    return MenuItem(_("Imports"), reverse_lazy("desk:imports"), name="imports", icon_name="upload", order=120)


class CommunityDeskPanel(Component):
    """What waits in each community of the person who signed in."""

    name = "community-desk"
    template_name = "archive/desk/panel.html"
    order = 50

    def get_context_data(self, parent_context: Any) -> dict[str, Any]:
        viewer = viewer_of(parent_context["request"].user)
        return {"waiting": waiting_for(viewer, timezone.now()), "operator": viewer.operator}


@hooks.register("construct_homepage_panels")
def community_desk(request: HttpRequest, panels: list[Any]) -> None:
    """The desk comes first; Wagtail's own panels stay, they know pages only."""
    panels.insert(0, CommunityDeskPanel())


@hooks.register("construct_homepage_summary_items")
def no_totals(request: HttpRequest, items: list[Any]) -> None:
    """Totals of pages and images say nothing to a community."""
    items.clear()


@hooks.register("construct_help_menu")
def no_way_out(request: HttpRequest, items: list[Any]) -> None:
    """No link leads from the desk to somebody else's site, which would learn that this archive is being worked on."""
    items[:] = [item for item in items if not str(item.url).startswith("http")]


@hooks.register("construct_main_menu")
def only_what_is_ours_to_do(request: HttpRequest, items: list[Any]) -> None:
    """Reports are about pages; those who edit none need none. The archive's own stand in the community desk."""
    if not PagePermissionPolicy().user_has_any_permission(request.user, {"add", "change", "publish"}):
        items[:] = [item for item in items if item.name != "reports"]
