"""Whatever host a request asks for, mails say the site's own, and in production nobody else's is answered."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.invitations import Invite
from accounts.models import User
from tests.accounts.people import make_operator, make_user

OURS = "https://archive.example.org"
FOREIGN = {"HTTP_HOST": "evil.example:8443"}
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


@pytest.fixture
def amina(db: None, settings: Any) -> User:
    settings.ALLOWED_HOSTS = ["*"]
    settings.PUBLIC_URL = OURS
    settings.CAIRN_SIGNUP = True
    user = make_user(email="amina@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def addresses_in_mails() -> list[str]:
    """Every address in the mails that were sent; there is at least one."""
    found = [address for message in mail.outbox for address in _ADDRESS.findall(f"{message.subject}\n{message.body}")]
    assert found, [message.body for message in mail.outbox]
    return found


def ask_for_every_mail(client: Client, amina: User) -> None:
    """The mails that hold a link: reset, reset for a stranger, sign-up, sign-up again, invitation."""
    reset, signup = reverse("account_reset_password"), reverse("account_signup")
    client.post(reset, {"email": amina.email}, **FOREIGN)
    client.post(reset, {"email": "nobody@example.org"}, **FOREIGN)
    for address in ("new@example.org", amina.email):
        words = {"email": address, "password1": "три камня на холме", "password2": "три камня на холме"}
        client.post(signup, words, **FOREIGN)
    Invite(scope="x", role="y", label="the valley", by=make_operator(), email="guest@example.org").execute()
    assert len(mail.outbox) == 5, [message.subject for message in mail.outbox]


def test_every_address_in_a_mail_is_made_from_public_url(client: Client, amina: User) -> None:
    ask_for_every_mail(client, amina)
    for address in addresses_in_mails():
        assert address.startswith(f"{OURS}/") or address.rstrip(".") == OURS, address


def test_this_goes_red_when_mails_take_their_links_from_the_request(
    client: Client, amina: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.adapter.at_public_url", lambda value: value)
    ask_for_every_mail(client, amina)
    assert any("evil.example:8443" in address for address in addresses_in_mails())


def test_a_link_in_a_mail_still_works(client: Client, amina: User) -> None:
    client.post(reverse("account_reset_password"), {"email": amina.email}, **FOREIGN)
    link = next(address for address in addresses_in_mails() if "/reset/key/" in address)
    assert client.get(link.removeprefix(OURS), follow=True).status_code == 200


HOSTS = {
    "archive.example.org": 200,
    "ARCHIVE.example.org:443": 200,
    "archive.example.org:8443": 400,
    "archive.example.org:80": 400,
    "archive.example.org.": 400,
    "www.archive.example.org": 400,
    "evil.example": 400,
    "localhost": 400,
    "": 400,
}


@pytest.fixture
def production(db: None, settings: Any) -> Any:
    settings.CAIRN_MODE = "production"
    settings.PUBLIC_URL = OURS
    # Whatever this says: the host of PUBLIC_URL alone is served.
    settings.ALLOWED_HOSTS = ["*"]
    return settings


@pytest.mark.parametrize(("host", "status"), HOSTS.items())
def test_production_answers_under_its_own_host_alone(
    production: Any, client: Client, host: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = client.get("/accounts/login/", HTTP_HOST=host, secure=True)
    assert answer.status_code == status
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == (status == 400)
    assert not any(host and host in line for line in lines)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_machines_ask_how_it_is_by_any_name(production: Any, client: Client, path: str) -> None:
    production.ALLOWED_HOSTS = ["archive.example.org"]
    assert client.get(path, HTTP_HOST="10.0.0.4:8000", secure=True).status_code in (200, 503)
    assert client.get(path + "/", HTTP_HOST="10.0.0.4:8000", secure=True).status_code == 400


def test_elsewhere_than_in_production_the_port_is_free(client: Client, db: None) -> None:
    assert client.get("/accounts/login/", HTTP_HOST="localhost:9999").status_code == 200
