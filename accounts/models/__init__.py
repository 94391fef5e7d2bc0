"""Accounts, and the few rights that belong to a person rather than to a membership."""

from accounts.models.grant import EducatorGrant, GrantQuerySet, PlatformRole, TimedGrant
from accounts.models.invitation import Invitation
from accounts.models.user import User, UserManager

__all__ = ["EducatorGrant", "GrantQuerySet", "Invitation", "PlatformRole", "TimedGrant", "User", "UserManager"]
