"""The commands an operator types for accounts."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from tests.accounts.people import PASSWORD, code_of, give_app, make_user

pytestmark = pytest.mark.django_db


def _create(**options: object) -> str:
    out = StringIO()
    call_command("create_admin", no_input=True, stdout=out, **options)
    return out.getvalue()


def test_the_first_operator_signs_in_with_what_was_printed(client: Client) -> None:
    shown = _create(username="Nadège", email="nadege@example.org")
    password = re.search(r"Password \(change it after signing in\): (\S+)", shown)
    secret = re.search(r"otpauth://totp/\S+secret=([A-Z2-7]+)&issuer=Cairn", shown)
    assert password and secret
    assert shown.count("█") > 100, "a QR code for the terminal"
    client.post("/accounts/login/", {"login": "nadège", "password": password.group(1)})
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret.group(1))})
    assert client.get("/admin/people/").status_code == 200
    assert EmailAddress.objects.get().verified


def test_a_password_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_ADMIN_PASSWORD", PASSWORD)
    shown = _create(username="amina", no_qr=True)
    assert PASSWORD not in shown
    assert User.objects.get().check_password(PASSWORD)
    assert not EmailAddress.objects.exists()


def test_recovery_codes_are_printed_and_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAIRN_ADMIN_PASSWORD", PASSWORD)
    codes = re.findall(r"^  (\d{8})$", _create(username="amina", no_qr=True), re.MULTILINE)
    assert len(codes) == 10
    client.post("/accounts/login/", {"login": "amina", "password": PASSWORD})
    client.post("/accounts/2fa/authenticate/", {"code": codes[3]})
    assert client.get("/admin/").status_code == 200


@pytest.mark.parametrize(
    ("options", "password", "message"),
    [
        ({"username": ""}, PASSWORD, "Which username"),
        ({"username": "amina"}, "short", "password was refused"),
        ({"username": "taken"}, PASSWORD, "already exists"),
        ({"username": "has space"}, PASSWORD, "valid username"),
        ({"username": "amina", "email": "nowhere"}, PASSWORD, "valid email"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], password: str, message: str
) -> None:
    make_user("taken")
    monkeypatch.setenv("CAIRN_ADMIN_PASSWORD", password)
    with pytest.raises(CommandError, match=message):
        _create(**options)
    assert User.objects.count() == 1
    assert not Authenticator.objects.exists()


def test_a_lost_authenticator(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user("amina", email="amina@example.org")
    give_app(user)
    monkeypatch.setattr("sys.stdin", StringIO("yes\n"))
    with pytest.raises(CommandError, match="--yes"):
        call_command("reset_authenticator", "amina")
    out = StringIO()
    call_command("reset_authenticator", "amina@example.org", yes=True, stdout=out)
    assert "Removed from amina: totp" in out.getvalue()
    assert not Authenticator.objects.exists()
    with pytest.raises(CommandError, match="no second factor"):
        call_command("reset_authenticator", "amina", yes=True)
    with pytest.raises(CommandError, match="no account"):
        call_command("reset_authenticator", "nobody", yes=True)
