"""Who may do what: the only place that decides (default deny, with a reason).

Two questions are asked of it: ``may(viewer, action, obj)`` for one act and ``visible(queryset, viewer)``
for a list on the record side. Rights belong to the object (its community, its seals), never to its
place in a tree, and are evaluated in UTC at request time. Being a superuser means operating the
platform; it opens no community's unpublished record.

The public side asks a third question, on which stand of the ladder a viewer stands for a given
community or work (``stand_for``, ``reach_of``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth import get_user_model
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from archive.models import (
    LADDER,
    AccessRequest,
    Audience,
    Community,
    Membership,
    Protocol,
    Publication,
    Record,
    Role,
)
from archive.models.community import Openness
from archive.owners import end_of, owner_of, path_of
from archive.record_types import shared_kinds
from search.documents import Reach

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

T = TypeVar("T", bound=QuerySet[Any])

#: What a person may do to what is her own and no community's; rooms add the verbs of what they make so.
OWNER_ACTIONS: set[str] = {"read", "create", "edit", "preview"}
#: What each role may do to what its community owns. ``read`` is the record side, not the publication.
ROLE_ACTIONS: dict[str, frozenset[str]] = {
    Role.CONTRIBUTOR: frozenset({"read", "create", "contribute"}),
    Role.EDITOR: frozenset({"read", "create", "edit", "import", "review", "merge", "preview", "hide"}),
    Role.STEWARD: frozenset(
        {"read", "read_sealed", "consent", "withdraw", "erase", "hide", "answer_access", "preview", "members"}
    ),
    Role.TRANSLATOR: frozenset({"read", "translate", "preview"}),
    Role.PUBLISHER: frozenset({"read", "review", "publish", "unpublish", "withdraw", "hide", "preview"}),
}
#: What an operator may do to what belongs to the platform, and to communities as such.
OPERATOR_ACTIONS: set[str] = {
    "read", "create", "edit", "merge", "review", "publish", "unpublish", "hide", "preview", "import", "communities",
}  # fmt: skip


def register_rights(role: str, *verbs: str) -> None:
    """Let a role (one of ``Role``, ``operator`` or ``owner``) do what a room has given a verb to.

    Called in the ``AppConfig.ready`` of the room whose verbs they are. :raises ValueError: for a role that is none.
    """
    if role == "operator":
        OPERATOR_ACTIONS.update(verbs)
    elif role == "owner":
        OWNER_ACTIONS.update(verbs)
    elif role in ROLE_ACTIONS:
        ROLE_ACTIONS[role] |= frozenset(verbs)
    else:
        raise ValueError(f"{role!r} is no role (archive/policy.py).")


#: Stands that a link can give to whoever holds it; what is above them is given to persons.
OPENED_BY_LINKS = LADDER[: LADDER.index(Audience.EDUCATORS) + 1]


@dataclass(frozen=True)
class Decision:
    """Yes or no, and why: ``reason`` is a code that a screen turns into a sentence."""

    allowed: bool
    reason: str

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True)
class Viewer:
    """Who asks, as facts read once a request."""

    user_id: int | None = None
    operator: bool = False
    educator: bool = False
    #: Roles by community slug.
    roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Protocols that admit this viewer by name.
    protocols: frozenset[int] = frozenset()
    #: Groups on whose community stand this viewer stands: her communities, less what a protocol keeps.
    groups: frozenset[str] = frozenset()
    #: Works opened to this viewer on request: public id → end (None: without end).
    grants: Mapping[str, datetime | None] = field(default_factory=dict)
    #: Works opened by a link that she holds: public id → (stand, end). No grant: a stand of the ladder below it.
    opened: Mapping[str, tuple[str, datetime | None]] = field(default_factory=dict)

    @property
    def authenticated(self) -> bool:
        return self.user_id is not None

    @property
    def answered_apart(self) -> bool:
        """Whether what she is answered may differ from what everybody is: no copy of it may serve another."""
        return self.authenticated or bool(self.opened)

    def member_of(self, slug: str | None) -> bool:
        return bool(slug) and slug in self.roles


ANONYMOUS = Viewer()


def viewer_of(user: User | AnonymousUser, now: datetime | None = None) -> Viewer:
    """Read the facts about a user that decisions rest on."""
    if not user.is_authenticated or not user.is_active or user.pk is None:
        return ANONYMOUS
    now = now or timezone.now()
    roles: dict[str, set[str]] = {}
    for slug, role in Membership.objects.current(now).filter(user_id=user.pk).values_list("community__slug", "role"):
        roles.setdefault(slug, set()).add(role)
    granted = (
        AccessRequest.objects.filter(user_id=user.pk, state=AccessRequest.State.APPROVED)
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=now))
        # A member's own stand is higher than any grant.
        .exclude(community__in=list(roles))
    )
    protocols = frozenset(Protocol.objects.filter(admitted=user.pk).values_list("pk", flat=True))
    return Viewer(
        user_id=user.pk,
        operator=bool(user.is_superuser),
        educator=user.is_educator(now),
        roles={slug: frozenset(names) for slug, names in roles.items()},
        protocols=protocols,
        groups=_groups_of(roles, protocols),
        grants=dict(granted.values_list("public_id", "expires_at")),
    )


def group_of(community: str, protocols: Sequence[int] = (), *, every: bool = True) -> str:
    """The group a work answers to: its community, narrowed by protocols."""
    if not protocols:
        return community
    return f"{community}#{'all' if every else 'any'}:{','.join(str(pk) for pk in sorted(protocols))}"


def _groups_of(roles: Mapping[str, set[str]], admitted: frozenset[int]) -> frozenset[str]:
    """The groups a member of these communities stands in; protocols that nobody set admit all members."""
    groups = set(roles)
    if not roles:
        return frozenset()
    narrowed = [
        group
        for group in Publication.objects.filter(community__in=list(roles))
        .exclude(group=F("community"))
        .values_list("group", flat=True)
        .distinct()
        if "#" in group
    ]
    if narrowed:
        open_ones = set(
            Protocol.objects.filter(community__slug__in=list(roles), openness=Openness.OPEN).values_list(
                "pk", flat=True
            )
        )
        for group in narrowed:
            combination, _, keys = group.partition("#")[2].partition(":")
            answers = [int(key) in open_ones or int(key) in admitted for key in keys.split(",")]
            if all(answers) if combination == "all" else any(answers):
                groups.add(group)
    return frozenset(groups)


def may(viewer: Viewer, action: str, obj: object, *, field: str | None = None, now: datetime | None = None) -> Decision:
    """Decide one act.

    :param action: a verb of ``ROLE_ACTIONS``; ``read`` with ``field`` asks for one field of the record.
    :param obj: a record, a community, an import batch, or anything with a ``record`` or ``community``.
    """
    if not viewer.authenticated:
        return Decision(False, "not-signed-in")
    owner = owner_of(obj)
    if owner is None:
        return Decision(False, "unknown-object")
    if isinstance(obj, Community) and action == "communities":
        return Decision(viewer.operator, "operator" if viewer.operator else "not-operator")
    if owner.user is not None:
        own = owner.user == viewer.user_id and action in OWNER_ACTIONS
        return Decision(own, "owner" if own else "not-the-owner")
    sealed = field is not None and isinstance(obj, Record) and field in (obj.sealed or [])
    if not owner.community:
        return Decision(False, "sealed") if sealed else _may_on_platform(viewer, action, owner.kind)
    roles = viewer.roles.get(owner.community)
    if not roles:
        return Decision(False, "not-a-member")
    if sealed:
        if any("read_sealed" in ROLE_ACTIONS[role] for role in roles):
            return Decision(True, "steward")
        return Decision(False, "sealed")
    for role in sorted(roles):
        if action in ROLE_ACTIONS[role]:
            return Decision(True, role)
    return Decision(False, "role-lacks-this-right")


def _may_on_platform(viewer: Viewer, action: str, kind: str | None) -> Decision:
    if viewer.operator and action in OPERATOR_ACTIONS:
        return Decision(True, "operator")
    if kind in shared_kinds() and viewer.roles:
        if action == "read":
            return Decision(True, "shared-authority")
        # Editors of any community describe the places and events that all of them refer to.
        if action in {"edit", "create"} and any(Role.EDITOR in roles for roles in viewer.roles.values()):
            return Decision(True, "shared-authority")
    return Decision(False, "belongs-to-the-platform")


def visible(queryset: T, viewer: Viewer) -> T:
    """Narrow a queryset of the record side to what ``viewer`` may read there.

    :raises TypeError: for a model whose owner the policy does not know, so that a new model is denied
        until somebody decides.
    """
    model = queryset.model
    slugs = list(viewer.roles)
    if model is Community:
        return queryset if viewer.operator else queryset.filter(slug__in=slugs)
    path = path_of(model)
    if path is None:
        raise TypeError(f"Nobody has said who owns a {model.__name__}: register it (archive/owners.py).")
    end = end_of(model, path)
    if end is get_user_model():
        return queryset.filter(**{path: viewer.user_id}) if viewer.authenticated else queryset.none()
    if end is None:
        return queryset.filter(**{f"{path}__in": slugs})
    own = Q(**{f"{path}__slug__in": slugs})
    insider = bool(viewer.roles) or viewer.operator
    platform = Q(**{f"{path}__isnull": True})
    if issubclass(model, Record):
        if insider:
            own |= platform & Q(kind__in=shared_kinds())
        if viewer.operator:
            own |= platform
    elif insider and path.endswith("__community"):
        own |= platform
    return queryset.filter(own)


# --- The public side ------------------------------------------------------------------------------


def base_stand(viewer: Viewer) -> str:
    """The stand a viewer has everywhere, without a membership or a grant."""
    if viewer.educator:
        return Audience.EDUCATORS
    return Audience.REGISTERED if viewer.authenticated else Audience.PUBLIC


def may_open_to_others(viewer: Viewer) -> Decision:
    """Whether somebody may hand a class what she reads herself: an educator or a member, never a reader alone."""
    if not viewer.authenticated:
        return Decision(False, "not-signed-in")
    if viewer.educator:
        return Decision(True, "educator")
    return Decision(True, "member") if viewer.roles else Decision(False, "no-educator")


def stand_for(viewer: Viewer, group: str, public_id: str, now: datetime | None = None) -> str:
    """The one stand from which a viewer sees one work: her community's, else the highest of the others."""
    if group in viewer.groups:
        return Audience.COMMUNITY
    return _stands_by_work(viewer, now or timezone.now()).get(public_id) or base_stand(viewer)


def _stands_by_work(viewer: Viewer, now: datetime) -> dict[str, str]:
    """Works for which a viewer stands higher than elsewhere, by a grant or by a link, as long as these last."""
    base = LADDER.index(Audience(base_stand(viewer)))
    stands = {
        key: str(stand)
        for key, (stand, end) in viewer.opened.items()
        if stand in OPENED_BY_LINKS and LADDER.index(Audience(stand)) > base and (end is None or end > now)
    }
    granted = (key for key, end in viewer.grants.items() if end is None or end > now)
    return stands | dict.fromkeys(granted, str(Audience.GRANTED))


def published_to(viewer: Viewer, now: datetime) -> Q:
    """The same as ``stand_for`` as a condition over publications, for lists."""
    return reached(reach_of(viewer, now), now)


def reached(reach: Reach, now: datetime) -> Q:
    """What stands where somebody of this reach stands, as a condition over publications."""
    alive = Q(not_after__isnull=True) | Q(not_after__gt=now)
    groups, works = _by_stand(reach.by_group), _by_stand(reach.by_work)
    ordinary = _serves(reach.default)
    if not groups and not works:
        return alive & ordinary
    every_group = Q(group__in=[group for those in groups.values() for group in those])
    every_work = Q(public_id__in=[work for those in works.values() for work in those])
    found = ordinary & ~every_group & ~every_work
    for stand, those in groups.items():
        found |= Q(group__in=those) & _serves(stand)
    for stand, those in works.items():
        found |= Q(public_id__in=those) & ~every_group & _serves(stand)
    return alive & found


def _by_stand(stands: Mapping[str, str]) -> dict[str, list[str]]:
    """Groups or works by the stand that somebody has there."""
    found: dict[str, list[str]] = {}
    for key, stand in stands.items():
        if stand:
            found.setdefault(stand, []).append(key)
    return found


def _serves(stand: str) -> Q:
    """A stand that is none serves nothing."""
    return Q(**{f"serves_{stand}": True}) if stand in Audience.values else Q(pk__in=[])


def reach_of(viewer: Viewer, now: datetime | None = None) -> Reach:
    """The same as ``stand_for``, as the value the search room is handed."""
    return Reach(
        default=str(base_stand(viewer)),
        by_group={group: str(Audience.COMMUNITY) for group in viewer.groups},
        by_work=_stands_by_work(viewer, now or timezone.now()),
    )
