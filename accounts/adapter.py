"""Cairn's answers to what django-allauth leaves open."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
import unicodedata
from collections.abc import Iterator, Mapping
from smtplib import SMTPException
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import qrcode
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from allauth.account.stages import EmailVerificationStage
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import known_devices
from accounts.client_address import client_pseudonym
from accounts.models import User

logger = logging.getLogger(__name__)


class EmailVerificationWhereThereIsOne(EmailVerificationStage):
    """Asks for a verified address only from accounts that have an address.

    allauth's own stage locks out accounts without one when verification is mandatory.
    """

    def handle(self) -> tuple[HttpResponse | None, bool]:
        user = self.login.user
        # Without a user, somebody signs up with an address that has an account, and must not notice.
        if user is not None and not user.email and not user.emailaddress_set.exists():
            return None, True
        return super().handle()


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up by setting, no raw addresses, usernames that say nothing, limits without lock-out, mail that may fail."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        # Said alike for names that nobody has. The time is allauth's own limit (five attempts in five minutes).
        "too_many_login_attempts": gettext_lazy(
            "Too many wrong passwords. Wait five minutes; or sign in with a passkey, or in a browser in which you have "
            "signed in before."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.CAIRN_SIGNUP)

    def get_client_ip(self, request: HttpRequest) -> str:
        # allauth writes this into cache keys and e-mails; a raw address must reach neither.
        return client_pseudonym(request)

    def get_http_user_agent(self, request: HttpRequest) -> str:
        return ""

    def get_login_stages(self) -> list[str]:
        theirs = "allauth.account.stages.EmailVerificationStage"
        ours = "accounts.adapter.EmailVerificationWhereThereIsOne"
        return [ours if stage == theirs else stage for stage in super().get_login_stages()]

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """For whom wrong passwords are counted: what was typed, or where she is known already, device or session.

        allauth's own key has the host that was asked for in it, and every port of it was a fresh counter. Name and
        address stay two counters: one for both would tell a stranger that they belong together.
        """
        typed = str(credentials.get("email") or credentials.get("username") or "")
        if request.user.is_authenticated or known_devices.has_marks(request):
            for user in _accounts_named(credentials):
                if device := known_devices.device_known_to(user, request):
                    return f"account:{user.pk}:device:{device}"
                if request.user.pk == user.pk:
                    # She gives her password once more; those outside must not keep her from it.
                    return f"account:{user.pk}:session:{request.session.session_key}"
        # Wider than any comparison of a database: another spelling of the same name is no fresh counter.
        return f"typed:{unicodedata.normalize('NFKC', typed).casefold()}"

    def populate_username(self, request: HttpRequest, user: User) -> None:
        # allauth would make the username from the e-mail address and so show it to others.
        if not user.username:
            user.username = User.objects.unused_username("reader")

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        response = super().post_login(request, user, **kwargs)
        if user.preferred_language:
            set_language_cookie(response, user.preferred_language)
        return response

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail; where the mail server fails, say so on the page instead of failing the request."""
        # The site's own address, not the request's: a mail may be sent by a job, and never says a host that
        # somebody merely asked for. allauth makes its links from the request.
        site = {"name": settings.WAGTAIL_SITE_NAME, "domain": settings.PUBLIC_URL}
        context = {name: at_public_url(value) for name, value in context.items()}
        facts = {"request": current_request(), "email": email, "current_site": site, **context}
        try:
            self.render_mail(template_prefix, email, facts).send()
        except (SMTPException, OSError) as error:
            logger.error("A mail of kind %s could not be sent: %s", template_prefix, type(error).__name__)
            request = current_request()
            if request is not None:
                messages.error(
                    request,
                    _("Our mail server did not answer, so no mail was sent. Please try again in a few minutes."),
                )


def at_public_url(value: Any) -> Any:
    """Return an address of this site as ``PUBLIC_URL`` begins it; anything else as it is."""
    if not (isinstance(value, str) and value.startswith(("http://", "https://"))):
        return value
    parts = urlsplit(value)
    return settings.PUBLIC_URL + urlunsplit(("", "", parts.path, parts.query, parts.fragment))


def _accounts_named(credentials: Mapping[str, Any]) -> Iterator[User]:
    """The accounts whose password allauth would try for these credentials."""
    for typed in dict.fromkeys((credentials.get("username"), credentials.get("email"))):
        if typed:
            yield from filter_users_by_email(typed, prefer_verified=True, for_login=True)
            if (named := get_user_by_username(typed)) is not None:
                yield named


def current_request() -> HttpRequest | None:
    """Return the request that allauth is serving, or None outside of one."""
    return context.request


def set_language_cookie(response: HttpResponse, language: str) -> None:
    """Let the interface speak ``language`` from the next request on."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        path=settings.LANGUAGE_COOKIE_PATH,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,
    )


def _keys() -> MultiFernet:
    secret_keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [
            Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"cairn second factor\0" + str(key).encode()).digest()))
            for key in secret_keys
        ]
    )


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keeps the secrets of second factors encrypted under the instance's key."""

    def encrypt(self, text: str) -> str:
        return str(_keys().encrypt(text.encode()), "ascii")

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return _keys().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            # The secret key changed. An empty or fixed answer would make codes guessable, so the factor
            # gets a secret nobody knows: it verifies nothing until `reset_authenticator` replaces it.
            logger.error("A second factor cannot be read with this SECRET_KEY; reset_authenticator replaces it.")
            return base64.b32encode(secrets.token_bytes(20)).decode()

    def build_totp_svg(self, url: str) -> str:
        """Return the QR code of ``url`` as an SVG element for use inside a page, with an accessible name."""
        # qrcode's own SVG is a file with an XML declaration and millimetres; this one stands inside HTML.
        code = qrcode.QRCode(border=4)
        code.add_data(url)
        rows = code.get_matrix()
        path = "".join(f"M{x},{y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)
        return format_html(
            '<svg class="account-qr" role="img" aria-label="{}" viewBox="0 0 {} {}" width="240" height="240">'
            '<path fill="#fff" d="M0,0h{}v{}H0z"/><path fill="#000" d="{}"/></svg>',
            _("QR code for your authenticator app"),
            len(rows),
            len(rows),
            len(rows),
            len(rows),
            path,
        )
