"""The guard before every admin address and before the settings that could disarm it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import known_devices
from accounts.admin_address import ADMIN_ROOT, is_admin_path
from accounts.second_factor import NEXT_SESSION_KEY, has_second_factor, is_verified

#: Below the account pages, what changes how somebody signs in …
_SENSITIVE = ("mfa_index", "account_email", "account_change_password", "account_set_password")
#: … except the pages on which the second factor itself is given.
_PROOF = ("mfa_authenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn", "mfa_login_webauthn")

#: Below the admin, the addresses that only lead to the site's own sign-in (``accounts.admin_urls``).
_SIGNING_IN = tuple(ADMIN_ROOT + signing for signing in ("login/", "logout/", "password_reset/"))


def _is_script(request: HttpRequest) -> bool:
    return request.headers.get("x-requested-with") == "XMLHttpRequest"


class SecondFactorRequired:
    """Lets nobody near ``/admin/`` whose session was not verified by a second factor.

    It stands before the views and knows nothing of them: an address that a later version of Wagtail
    or a new room adds under ``/admin/`` is guarded without anybody remembering to. Whoever has a
    factor is asked for it; whoever has none is led to set one up; both come back to where they were. Whoever has no
    business in the admin, as most teachers, is told so at once.

    Once an account has a second factor, its factors, password and addresses can be changed only by a
    session that gave one: a password alone must not be enough to replace the factor.

    Whoever comes through it is who she says: her device is known from then on (``accounts.known_devices``).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if refused := self._refusal(request):
            return refused
        # Asked before the view, which may end the session.
        at_the_desk = self._is_admin(request.path_info)
        response = self.get_response(request)
        if at_the_desk and request.user.is_authenticated:
            known_devices.remember(request, response)
        return response

    def _refusal(self, request: HttpRequest) -> HttpResponse | None:
        path = request.path_info
        if self._is_admin(path):
            if not request.user.is_authenticated:
                return self._deny(request) or redirect_to_login(request.get_full_path(), settings.LOGIN_URL)
            if not request.user.has_perm("wagtailadmin.access_admin"):
                # Wagtail would lead to the sign-in, which leads who is signed in back here, and so on for ever.
                raise PermissionDenied
            if not is_verified(request):
                return self._deny(request) or self._lead_to_factor(request)
        elif self._is_sensitive(path):
            user = request.user
            if user.is_authenticated and has_second_factor(user) and not is_verified(request):
                return self._lead_to_factor(request)
        return None

    @staticmethod
    def _is_admin(path: str) -> bool:
        return is_admin_path(path) and not path.startswith(_SIGNING_IN)

    @staticmethod
    def _is_sensitive(path: str) -> bool:
        if not path.startswith(tuple(reverse(name) for name in _SENSITIVE)):
            return False
        return path not in {reverse(name) for name in _PROOF}

    @staticmethod
    def _deny(request: HttpRequest) -> HttpResponse | None:
        # A script cannot follow a redirect to a form; it gets a plain answer.
        if _is_script(request):
            return HttpResponseForbidden(_("Sign in with your second factor first."), content_type="text/plain")
        return None

    @staticmethod
    def _lead_to_factor(request: HttpRequest) -> HttpResponse:
        back = request.get_full_path() if request.method == "GET" else ADMIN_ROOT
        kinds = set(Authenticator.objects.filter(user_id=request.user.pk).values_list("type", flat=True))
        if Authenticator.Type.TOTP in kinds:
            step = "mfa_reauthenticate"
        elif Authenticator.Type.WEBAUTHN in kinds:
            step = "mfa_reauthenticate_webauthn"
        else:
            request.session[NEXT_SESSION_KEY] = back
            return HttpResponseRedirect(reverse("second_factor_setup"))
        return HttpResponseRedirect(f"{reverse(step)}?{urlencode({'next': back})}")
