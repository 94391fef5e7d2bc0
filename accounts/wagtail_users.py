"""Wagtail's app for users and groups, without the powers that our policy keeps elsewhere."""

from __future__ import annotations

from wagtail.users.apps import WagtailUsersAppConfig


class UsersWithoutDelegation(WagtailUsersAppConfig):
    """``wagtail.users`` with our permission policies and a user form of our own."""

    user_viewset = "accounts.wagtail_user_viewset.UserViewSet"

    def ready(self) -> None:
        # Instead of Wagtail's own registration of plain model permissions, which may happen only once.
        from django.contrib.auth import get_user_model
        from django.contrib.auth.models import Group
        from wagtail.permissions import register_permission_policy

        from accounts.user_policies import GroupsForOperators, OperatorsOnly

        user_model = get_user_model()
        register_permission_policy(user_model, OperatorsOnly(user_model))
        register_permission_policy(Group, GroupsForOperators(Group))
