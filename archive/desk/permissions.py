"""Our policy in the form that Wagtail's admin asks: every screen of a record goes through here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from wagtail.permission_policies.base import BasePermissionPolicy

from archive.policy import OPERATOR_ACTIONS, ROLE_ACTIONS, Viewer, may, viewer_of, visible

#: Wagtail's words for what ours are called.
VERBS = {"add": "create", "change": "edit", "view": "read", "choose": "read", "delete": "delete"}


def _viewer_once(user: Any) -> Viewer:
    """The facts about who asks, read once for each of a request's own user objects.

    Wagtail asks this for every line of its menu. Only for what opens no object: an object's own question reads anew.
    """
    viewer = getattr(user, "cairn_viewer", None)
    if viewer is None:
        viewer = user.cairn_viewer = viewer_of(user)
    return viewer


class DeskPolicy(BasePermissionPolicy):
    """Answers Wagtail's questions about one model from ``archive/policy.py``; Django's permissions play no part."""

    def user_has_permission(self, user: Any, action: str) -> bool:
        """Whether there is any community in which the user may do this; the object itself is asked again."""
        viewer = _viewer_once(user)
        verb = VERBS.get(action, action)
        if viewer.operator and verb in OPERATOR_ACTIONS:
            return True
        return any(verb in ROLE_ACTIONS[role] for roles in viewer.roles.values() for role in roles)

    def user_has_permission_for_instance(self, user: Any, action: str, instance: Any) -> bool:
        return bool(may(viewer_of(user), VERBS.get(action, action), instance))

    def instances_user_has_any_permission_for(self, user: Any, actions: Iterable[str]) -> QuerySet[Any]:
        return visible(self.model._default_manager.all(), viewer_of(user))

    def users_with_any_permission(self, actions: Iterable[str]) -> QuerySet[Any]:
        # Wagtail asks this only to list people who could be told of something; nobody is.
        return get_user_model()._default_manager.none()
