"""Who may use Wagtail's screens for users and groups: operators, and for less than Wagtail offers."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet
from wagtail.permission_policies import BasePermissionPolicy


class OperatorsOnly(BasePermissionPolicy):
    """A permission policy under which operators (superusers) look after accounts, and nobody else does.

    Wagtail would let any group with "change user" edit accounts, and any group with "change group" give
    itself every permission. Rights here come from memberships and grants, so neither may be delegated.
    Accounts are not added here, where an operator would choose somebody's password or vouch for an
    address: they come from sign-up, an invitation or a command. They are switched off, not deleted:
    what they did stays attributable.
    """

    refused: frozenset[str] = frozenset({"add", "delete"})

    def user_has_permission(self, user: Any, action: str) -> bool:
        return bool(user.is_active and user.is_superuser and action not in self.refused)

    def user_has_any_permission(self, user: Any, actions: Any) -> bool:
        return any(self.user_has_permission(user, action) for action in actions)

    def users_with_any_permission(self, actions: Any, include_superusers: bool = True) -> QuerySet:
        users = get_user_model()._default_manager.all()
        if not include_superusers or not set(actions) - self.refused:
            return users.none()
        return users.filter(is_active=True, is_superuser=True)

    def user_has_permission_for_instance(self, user: Any, action: str, instance: Model) -> bool:
        return self.user_has_permission(user, action)

    def user_has_any_permission_for_instance(self, user: Any, actions: Any, instance: Model) -> bool:
        return self.user_has_any_permission(user, actions)

    def instances_user_has_any_permission_for(self, user: Any, actions: Any) -> QuerySet:
        manager = self.model._default_manager
        return manager.all() if self.user_has_any_permission(user, actions) else manager.none()

    def users_with_any_permission_for_instance(
        self, actions: Any, instance: Model, include_superusers: bool = True
    ) -> QuerySet:
        return self.users_with_any_permission(actions, include_superusers)


class GroupsForOperators(OperatorsOnly):
    """Groups carry rights on Wagtail's pages and collections only; operators may also delete them."""

    refused = frozenset()
