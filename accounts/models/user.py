"""The account itself."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

#: Crockford's base 32 without the letters that are misread on paper.
_NAME_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class UserManager(DjangoUserManager["User"]):
    """Finds accounts the way people name them."""

    def named(self, name: str) -> User:
        """Return the account with this username or, failing that, this e-mail address.

        Raises ``User.DoesNotExist`` where there is none.
        """
        found = self.filter(username__iexact=name).first()
        if found is None and "@" in name:
            found = self.filter(email__iexact=name).first()
        if found is None:
            raise self.model.DoesNotExist(name)
        return found

    def unused_username(self, prefix: str) -> str:
        """Return a free username that says nothing about the person, such as ``reader-7k2m9x``."""
        while True:
            name = f"{prefix}-{''.join(secrets.choice(_NAME_ALPHABET) for _ in range(6))}"
            if not self.filter(username=name).exists():
                return name


class User(AbstractUser):
    """A person who signs in: a reader, a teacher, an editor, an operator.

    An e-mail address is optional: in some places having one on file is the danger. Wagtail needs the
    fields ``first_name`` and ``last_name`` to exist; Cairn never asks for them and shows ``display_name``.
    """

    display_name = models.CharField(
        _("name shown to others"),
        max_length=150,
        blank=True,
        help_text=_("Any name you like to be called by. Left empty, your username is shown."),
    )
    preferred_language = models.CharField(
        _("language of the interface"), max_length=10, blank=True, choices=settings.LANGUAGES
    )

    objects = UserManager()  # type: ignore[misc]

    class Meta(AbstractUser.Meta):
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="accounts_user_one_account_per_email",
                violation_error_message=_("An account with this e-mail address exists."),
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.username

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)

    def is_educator(self, now: datetime | None = None) -> bool:
        """Say whether an educator's grant given to this person by another is in force at ``now``."""
        from accounts.models.grant import EducatorGrant

        return self.is_active and EducatorGrant.objects.current(now or timezone.now()).filter(user_id=self.pk).exists()

    def platform_roles(self, now: datetime | None = None) -> frozenset[str]:
        """Return the platform roles in force at ``now`` (values of ``PlatformRole.Role``)."""
        from accounts.models.grant import PlatformRole

        if not self.is_active:
            return frozenset()
        current = PlatformRole.objects.current(now or timezone.now()).filter(user_id=self.pk)
        return frozenset(current.values_list("role", flat=True))

    def has_platform_role(self, role: str, now: datetime | None = None) -> bool:
        """Say whether this person holds the platform role ``role`` at ``now``."""
        return role in self.platform_roles(now)
