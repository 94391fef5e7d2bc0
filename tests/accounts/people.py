"""People who sign in, and what they do to sign in, for the tests of this room."""

from __future__ import annotations

import re
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from accounts.models import User

PASSWORD = "три камня на холме"


class CheapArgon2(Argon2PasswordHasher):
    """The real algorithm with next to no work."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1


def make_user(username: str = "amina", **fields: Any) -> User:
    """Return a new account with ``PASSWORD``."""
    return User.objects.create_user(username, password=PASSWORD, **fields)


def make_operator(username: str = "operator") -> User:
    """Return a new superuser with ``PASSWORD``."""
    return make_user(username, is_superuser=True, is_staff=True)


def code_of(secret: str, step: int = 0) -> str:
    """Return the code an app holding ``secret`` shows, ``step`` half minutes from now."""
    counters = list(yield_hotp_counters_from_time())
    return format_hotp_value(hotp_value(secret, counters[len(counters) // 2] + step))


def give_app(user: User) -> tuple[Authenticator, str]:
    """Give ``user`` an authenticator app and return it with its secret."""
    secret = generate_totp_secret()
    return TOTP.activate(user, secret).instance, secret


def sign_in(client: Client, user: User, password: str = PASSWORD, **query: str) -> object:
    """Sign in by the form, with the password alone, and return the response."""
    return client.post("/accounts/login/", {"login": user.username, "password": password, **query})


def sign_in_with_factor(client: Client, user: User) -> Authenticator:
    """Sign in by the forms, with an app made for the purpose, and return it."""
    factor, secret = give_app(user)
    sign_in(client, user)
    response = client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert response.status_code == 302, response.content
    return factor


def secret_on(page: bytes) -> str:
    """Return the secret that the page for setting up an app shows."""
    found = re.search(r'class="account-secret"[^>]*>([A-Z2-7]+)<', page.decode())
    assert found, "the page shows no secret"
    return found.group(1)


def same_for_everybody(page: bytes) -> str:
    """Return a page without the bytes that differ at every request: the CSRF token and its own address."""
    text = re.sub(r'(name="csrfmiddlewaretoken" value=")[^"]+', r"\1", page.decode())
    return re.sub(r'(name="next" value=")[^"]+', r"\1", text)
