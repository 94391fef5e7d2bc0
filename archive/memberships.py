"""Joining and leaving communities: by invitation, by a steward's hand, and in the demo."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.invitations import InvitationRefused
from archive.audit import note_about
from archive.models import Community, Membership, Role
from archive.vault import ledger
from archive.vault.narrowings import thing_of

#: Scope of an invitation that leads into a community.
SCOPE = "community:"
#: How the ledger calls the right to run the platform.
OPERATOR = "operator"


def join(user: Any, community: Community, role: str) -> Membership:
    """Give a role; a person who has it already keeps her row."""
    if role not in Role.values:
        raise ValueError(f"There is no role called {role!r}; choose one of {', '.join(Role.values)}.")
    membership, created = Membership.objects.get_or_create(
        community=community, user=user, role=role, until=None, defaults={"since": timezone.now()}
    )
    if created:
        _tell_opened({"action": "join", "community": community.slug, "user": user.pk, "role": str(role)})
    return membership


def _tell_opened(line: dict[str, Any]) -> None:
    """Tell the withdrawal ledger that a right is given again that it knows as ended."""
    if ledger.narrowed([thing_of(line)]):
        ledger.tell(line)


def tell_of_grant(sender: Any, *, grant: Any, given: bool, **_kwargs: Any) -> None:
    """A grant of the platform that ends must not live again after a restore."""
    line = {"user": grant.user_id, "role": str(getattr(grant, "role", "educator"))}
    if given:
        _tell_opened({"action": "grant", **line})
    else:
        ledger.tell({"action": "revoke", **line})


def tell_of_account(sender: Any, *, user: Any, was_active: bool, was_operator: bool, **_kwargs: Any) -> None:
    """An account that was switched off, or is no operator's any more, must not be let in again by a restore."""
    for line, closes, was, now in (
        ({"user": user.pk}, ("deactivate", "activate"), was_active, user.is_active),
        ({"user": user.pk, "role": OPERATOR}, ("revoke", "grant"), was_operator, user.is_superuser),
    ):
        if was and not now:
            ledger.tell({"action": closes[0], **line})
        elif now and not was:
            _tell_opened({"action": closes[1], **line})


def tell_of_invitation(sender: Any, *, invitation: Any, **_kwargs: Any) -> None:
    """An invitation that was taken back must not be good again after a restore."""
    ledger.tell({"action": "uninvite", "invitation": invitation.token_hash})


class LastSteward(Exception):
    """A community would be left without anybody who may decide on consent; the text says what to do."""


def leave(membership: Membership, by: Any) -> None:
    """End a role now; the row stays as the reason of what was done before.

    A role that has ended already stays as it is. :raises LastSteward: when no other steward would be left who can
    sign in. Two stewards who leave at the same moment wait for each other here.
    """
    with transaction.atomic():
        # The community's row is the lock: nobody else's leave can count the same stewards. The moment is taken under
        # it: one taken before would count a steward as current who left while we waited.
        Community.objects.select_for_update().get(pk=membership.community_id)
        now = timezone.now()
        current = Membership.objects.current(now).filter(community_id=membership.community_id)
        if not current.filter(pk=membership.pk).exists():
            return
        if membership.role == Role.STEWARD:
            others = current.filter(role=Role.STEWARD, user__is_active=True).exclude(user_id=membership.user_id)
            if not others.exists():
                raise LastSteward(_("A community needs one consent steward: invite another one first."))
        membership.until = now
        membership.save(update_fields=["until"])
        slug = membership.community.slug
        ledger.tell({"action": "leave", "community": slug, "user": membership.user_id, "role": str(membership.role)})
        note_about("member-removed", f"user:{membership.user_id}", by, community=slug, role=membership.role)


def join_by_invitation(sender: Any, *, user: Any, scope: str, role: str, **_kwargs: Any) -> None:
    """An accepted invitation becomes a membership; one that leads nowhere of ours is left alone."""
    if not scope.startswith(SCOPE):
        return
    community = Community.objects.filter(slug=scope.removeprefix(SCOPE)).first()
    if community is None:
        raise InvitationRefused(_("The community that invited you is no longer in the archive."))
    join(user, community, role)
    note_about("member-joined", f"user:{user.pk}", user, community=community.slug, role=role)


def note_reset(sender: Any, *, user: Any, by: Any, kinds: tuple[str, ...], **_kwargs: Any) -> None:
    """An operator took away somebody's second factors: that is a power, and leaves a line."""
    person, program = (None, by) if isinstance(by, str) else (by, "")
    note_about("authenticator-reset", f"user:{user.pk}", person, actor=program, kinds=list(kinds))


def give_demo_roles(sender: Any, *, user: Any, role: str, **_kwargs: Any) -> list[str]:
    """Put the demo's accounts into the fictional communities; returns what was ended there and stays so."""
    roles = {
        "editor": (Role.EDITOR, Role.PUBLISHER, Role.TRANSLATOR),
        "steward": (Role.STEWARD, Role.PUBLISHER),
        "specialist": (Role.CONTRIBUTOR,),
    }.get(role, ())
    # The first fictional community only: the second shows that it stays out of sight.
    community = Community.objects.filter(fiction=True).order_by("pk").first()
    if community is None:
        return []
    ended = []
    for given in roles:
        rows = Membership.objects.filter(community=community, user=user, role=given)
        if rows.exists() and not rows.current(timezone.now()).exists():
            # Somebody took it away, to try that: the next start must not give it back.
            ended.append(f"{role}: {Role(given).label}")
        else:
            join(user, community, given)
    return ended


def has_a_role(user: Any) -> bool:
    """Whoever has a role in a community has work at its desk."""
    return Membership.objects.current(timezone.now()).filter(user_id=user.pk).exists()
