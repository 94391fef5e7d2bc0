"""The operators' screen for educators and invitations, and what Wagtail's user screens may not do."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from accounts import admin_views
from accounts.signals import account_changed


class OperatorMenuItem(MenuItem):
    """A menu item that only operators see."""

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)


@hooks.register("register_admin_urls")
def register_people_urls() -> list[URLPattern]:
    return [
        path("people/", admin_views.people, name="accounts_people"),
        path("people/grant/", admin_views.grant, name="accounts_grant"),
        path("people/revoke/<str:kind>/<int:pk>/", admin_views.revoke_grant, name="accounts_revoke_grant"),
        path("people/invite/", admin_views.invite, name="accounts_invite"),
        path("people/invitations/<int:pk>/revoke/", admin_views.revoke_invitation, name="accounts_revoke_invitation"),
    ]


@hooks.register("register_settings_menu_item")
def register_people_menu_item() -> MenuItem:
    return OperatorMenuItem(_("Educators and invitations"), reverse("accounts_people"), icon_name="group", order=610)


@hooks.register("before_bulk_action")
def refuse_bulk_deletion_of_accounts(request: HttpRequest, action_type: str, objects: Any, action: Any) -> None:
    """Refuse to delete accounts in bulk; Wagtail's bulk action asks a permission, not our policy."""
    if action_type == "delete" and issubclass(action.model, get_user_model()):
        raise PermissionDenied


@hooks.register("after_bulk_action")
def tell_of_accounts_switched_in_bulk(request: HttpRequest, action_type: str, objects: Any, action: Any) -> None:
    """Tell who has to know which accounts were switched off or on; Wagtail updates their rows past our form."""
    if action_type != "set_active_state" or not issubclass(action.model, get_user_model()):
        return
    active = action.cleaned_form.cleaned_data["mark_as_active"]
    for user in action.model.objects.filter(pk__in=[one.pk for one in objects]):
        # What they were when the list was read may be old by now: told once too often harms nobody.
        account_changed.send(sender=type(user), user=user, was_active=not active, was_operator=user.is_superuser)
