"""Invitations of the platform itself: to be recognised as an educator, or to take on a platform role."""

from __future__ import annotations

from accounts.grants import GrantEducator, GrantPlatformRole, GrantRefused
from accounts.invitations import InvitationRefused
from accounts.models import Invitation, PlatformRole, User
from accounts.signals import invitation_accepted

#: The scope of these invitations; communities use scopes of their own.
PLATFORM_SCOPE = "platform"
EDUCATOR = "educator"


def _give_platform_right(
    sender: object, user: User, scope: str, role: str, invitation: Invitation, **kwargs: object
) -> None:
    if scope != PLATFORM_SCOPE:
        return
    by = invitation.invited_by
    try:
        if by is None:
            raise GrantRefused
        if role == EDUCATOR:
            GrantEducator(user=user, by=by).execute()
        elif role in PlatformRole.Role.values:
            GrantPlatformRole(user=user, role=role, by=by).execute()
    except GrantRefused as error:
        # Whoever invited is no operator any more: what they promised cannot be given.
        raise InvitationRefused(str(error)) from error


def connect() -> None:
    """Listen for accepted invitations; called once, when the app is ready."""
    invitation_accepted.connect(_give_platform_right, dispatch_uid="accounts.platform_invitations")
