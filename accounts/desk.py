"""Who may enter the admin at all ("the desk"), derived from what they do and never stored.

Wagtail asks for the permission ``wagtailadmin.access_admin``. Giving it out through groups would leave
it behind when a membership ends; so rooms register a rule, and the rules are asked at every request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.utils import timezone

from accounts.models import User

DeskRule = Callable[[User], bool]
ACCESS_ADMIN = "wagtailadmin.access_admin"

_rules: list[DeskRule] = []


def register_desk_rule(rule: DeskRule) -> DeskRule:
    """Add a rule that says whether a user has work at the desk; usable as a decorator.

    A rule gets an active user who is no superuser and answers within one cheap query.
    """
    if rule not in _rules:
        _rules.append(rule)
    return rule


@register_desk_rule
def holds_platform_role(user: User) -> bool:
    """Heritage specialists and translators of the platform work at the desk."""
    return bool(user.platform_roles(timezone.now()))


def may_enter(user: Any) -> bool:
    """Say whether ``user`` may enter the admin (superusers always may, when active)."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or any(rule(user) for rule in _rules)


class DeskAccessBackend(BaseBackend):
    """Answers for ``wagtailadmin.access_admin`` and for nothing else."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        if perm != ACCESS_ADMIN or obj is not None:
            return False
        # One request asks many times; the account object lives as long as the request.
        cached = getattr(user_obj, "_may_enter_desk", None)
        if cached is None:
            cached = user_obj._may_enter_desk = may_enter(user_obj)
        return cached
