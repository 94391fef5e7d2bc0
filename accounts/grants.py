"""Giving and taking back rights that belong to a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import EducatorGrant, PlatformRole, User
from accounts.signals import grant_changed

#: Who teaches changes; after a year somebody looks again.
EDUCATOR_TERM = timedelta(days=365)


class GrantRefused(Exception):
    """A grant cannot be given or taken back; the message says why and what to do."""


def _require_operator(by: User) -> None:
    if not (by.is_active and by.is_superuser):
        raise GrantRefused(_("Only an operator of the platform gives and takes back these rights."))


@dataclass
class GrantEducator:
    """Recognises ``user`` as an educator for a year; a grant in force is replaced by the new one."""

    user: User
    by: User
    institution: str = ""
    now: datetime = field(default_factory=timezone.now)

    def check(self) -> None:
        """Raise ``GrantRefused`` when ``by`` may not do this or ``user`` is no active account."""
        _require_operator(self.by)
        if not self.user.is_active:
            raise GrantRefused(_("The account “%(name)s” is switched off.") % {"name": self.user})

    @transaction.atomic
    def execute(self) -> EducatorGrant:
        """Give the grant and return it."""
        self.check()
        EducatorGrant.objects.current(self.now).filter(user=self.user).update(revoked_at=self.now, revoked_by=self.by)
        grant = EducatorGrant.objects.create(
            user=self.user,
            granted_by=self.by,
            granted_at=self.now,
            expires_at=self.now + EDUCATOR_TERM,
            institution=self.institution,
        )
        grant_changed.send(sender=EducatorGrant, grant=grant, by=self.by, given=True)
        return grant


@dataclass
class GrantPlatformRole:
    """Gives ``user`` a role on the whole platform until it is revoked."""

    user: User
    role: str
    by: User
    now: datetime = field(default_factory=timezone.now)

    def check(self) -> None:
        """Raise ``GrantRefused`` for an unknown role, an inactive account or a ``by`` who may not."""
        _require_operator(self.by)
        if self.role not in PlatformRole.Role.values:
            raise GrantRefused(_("There is no platform role “%(role)s”.") % {"role": self.role})
        if not self.user.is_active:
            raise GrantRefused(_("The account “%(name)s” is switched off.") % {"name": self.user})

    @transaction.atomic
    def execute(self) -> PlatformRole:
        """Give the role and return its record; a role held already is returned as it is."""
        self.check()
        grant, created = PlatformRole.objects.get_or_create(
            user=self.user,
            role=self.role,
            revoked_at=None,
            defaults={"granted_by": self.by, "granted_at": self.now},
        )
        if created:
            grant_changed.send(sender=PlatformRole, grant=grant, by=self.by, given=True)
        return grant


@dataclass
class RevokeGrant:
    """Takes back an educator's grant or a platform role, from the next request on."""

    grant: EducatorGrant | PlatformRole
    by: User
    now: datetime = field(default_factory=timezone.now)

    def check(self) -> None:
        """Raise ``GrantRefused`` when ``by`` may not do this or the grant is no longer in force."""
        _require_operator(self.by)
        if not self.grant.is_current(self.now):
            raise GrantRefused(_("This right is no longer in force; nothing was changed."))

    @transaction.atomic
    def execute(self) -> None:
        """Take the grant back."""
        self.check()
        self.grant.revoked_at = self.now
        self.grant.revoked_by = self.by
        self.grant.save(update_fields=["revoked_at", "revoked_by"])
        grant_changed.send(sender=type(self.grant), grant=self.grant, by=self.by, given=False)
