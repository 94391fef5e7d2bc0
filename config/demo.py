"""The demo's accounts: made per instance, entered by a link, on this machine only.

Everything about them is derived from one random secret in the instance's own folder, so nothing has
to be stored in clear, two demos share nothing, and a second start prints the same links.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt
from django.conf import settings
from django.contrib.auth import login
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from accounts.desk import may_enter
from accounts.grants import GrantEducator, GrantPlatformRole
from accounts.loopback import is_demo_on_loopback
from accounts.models import EducatorGrant, PlatformRole, User
from accounts.second_factor import DEMO_LINK
from accounts.signals import demo_role_assigned
from config.instance import instance_secret

#: The roles one can try, with the name shown; memberships of editor and steward come from whoever
#: listens to ``demo_role_assigned``.
DEMO_ROLES = {
    "teacher": _("Demo teacher"),
    "editor": _("Demo editor"),
    "steward": _("Demo consent steward"),
    "specialist": _("Demo heritage specialist"),
    "operator": _("Demo operator"),
}


class DemoRefused(Exception):
    """Something only a demo may do was asked of another instance."""


@dataclass(frozen=True)
class DemoAccount:
    """One demo account, with what it takes to try the real way in."""

    role: str
    user: User
    password: str
    link: str


def require_demo() -> None:
    """Raise ``DemoRefused`` unless this instance runs in demo mode."""
    if settings.CAIRN_MODE != "demo":
        raise DemoRefused("This instance is not a demo. Demo accounts and their codes exist only with CAIRN_MODE=demo.")


def _secret() -> str:
    return instance_secret(settings.CAIRN_DATA, "demo")


def _derived(purpose: str, length: int) -> str:
    digest = hmac.new(_secret().encode(), purpose.encode(), hashlib.sha256).digest()
    return base64.b32encode(digest).decode().lower()[:length]


def _signer() -> Signer:
    return Signer(key=_secret(), salt="cairn.demo.link")


def username_of(role: str) -> str:
    """Return this instance's username for ``role``, such as ``editor-x7q2k``."""
    return f"{role}-{_derived(f'name {role}', 5)}"


def password_of(role: str) -> str:
    """Return this instance's password for ``role`` (100 random bits)."""
    letters = _derived(f"password {role}", 20)
    return "-".join(letters[i : i + 5] for i in range(0, 20, 5))


def link_of(role: str) -> str:
    """Return the full address of the sign-in link for ``role``."""
    return f"{settings.PUBLIC_URL}{reverse('demo_sign_in', args=[_signer().sign(role)])}"


def ensure_demo_accounts(left_ended: list[str] | None = None) -> dict[str, User]:
    """Make the demo's accounts where they are missing and return them by role.

    Gives the rights of the platform itself and announces every account by
    ``accounts.signals.demo_role_assigned``, at every call. What was taken away from one of them
    stays so and is named in ``left_ended``. Raises ``DemoRefused`` outside demo mode.
    """
    require_demo()
    accounts = {role: _ensure_account(role, str(name)) for role, name in DEMO_ROLES.items()}
    operator = accounts["operator"]
    ended: list[str] = [] if left_ended is None else left_ended
    teacher, specialist = accounts["teacher"], accounts["specialist"]
    if not teacher.is_educator():
        if not teacher.is_active or EducatorGrant.objects.filter(user=teacher, revoked_at__isnull=False).exists():
            ended.append("teacher")
        else:
            GrantEducator(user=teacher, by=operator).execute()
    grants = PlatformRole.objects.filter(user=specialist, role=PlatformRole.Role.HERITAGE_SPECIALIST)
    if not specialist.is_active or (grants.exists() and not grants.filter(revoked_at=None).exists()):
        ended.append("specialist")
    else:
        GrantPlatformRole(user=specialist, role=PlatformRole.Role.HERITAGE_SPECIALIST, by=operator).execute()
    for role, user in accounts.items():
        for _receiver, left in demo_role_assigned.send(sender=User, user=user, role=role):
            ended += left or []
    return accounts


def _ensure_account(role: str, name: str) -> User:
    user, created = User.objects.get_or_create(
        username=username_of(role),
        defaults={"display_name": name, "is_superuser": role == "operator", "is_staff": role == "operator"},
    )
    if created:
        user.set_password(password_of(role))
        user.save(update_fields=["password"])
    return user


def demo_accounts(left_ended: list[str] | None = None) -> list[DemoAccount]:
    """Return all demo accounts with passwords and links, making what is missing (``ensure_demo_accounts``)."""
    return [
        DemoAccount(role=role, user=user, password=password_of(role), link=link_of(role))
        for role, user in ensure_demo_accounts(left_ended).items()
    ]


@require_GET
def demo_sign_in(request: HttpRequest, token: str) -> HttpResponse:
    """Sign a visitor of the demo in as one of its roles, second factor included.

    Anywhere but on a demo's own loopback this address does not exist, whatever the token.
    """
    if not is_demo_on_loopback(request):
        raise Http404
    try:
        role = _signer().unsign(token)
    except BadSignature:
        raise Http404 from None
    user = User.objects.filter(username=username_of(role), is_active=True).first()
    if user is None:
        raise Http404
    request.session.flush()
    login(request, user, backend="allauth.account.auth_backends.AuthenticationBackend")
    record_authentication(request, user, DEMO_LINK, reauthenticated=True)
    return HttpResponseRedirect(reverse("wagtailadmin_home") if may_enter(user) else "/")


def current_code(user: User) -> tuple[str, str | None]:
    """Return the six digits that ``user``'s authenticator app would show now.

    Where the account has no authenticator, one is made; the second value is then its secret, to be put
    into an app. Raises ``DemoRefused`` outside demo mode and for accounts that are not the demo's own.
    """
    require_demo()
    if user.username not in {username_of(role) for role in DEMO_ROLES}:
        raise DemoRefused(f"“{user.username}” is not one of the demo's accounts; its codes are in its owner's app.")
    factor = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    made = None
    if factor is None:
        made = generate_totp_secret()
        factor = TOTP.activate(user, made).instance
    counters = list(yield_hotp_counters_from_time())
    secret = decrypt(factor.data["secret"])
    return format_hotp_value(hotp_value(secret, counters[len(counters) // 2])), made
