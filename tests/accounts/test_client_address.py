"""Addresses: found behind our proxies only, and never kept."""

from __future__ import annotations

from datetime import date

import pytest
from django.core.cache.backends.db import DatabaseCache
from django.test import Client, RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as st

from accounts.checks import trusted_proxies_are_addresses
from accounts.client_address import client_address, client_pseudonym, is_trusted_proxy, pseudonym
from tests.accounts.people import make_user, sign_in

TRUSTED = ["10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        # A visitor claims to come from elsewhere.
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        # What the visitor put there herself stands to the left of what the proxy saw.
        ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.7, 10.2.3.4", "198.51.100.7"),
        ("2001:db8::1", "2a00:1450::5", "2a00:1450::5"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "<script>", "<script>"),
    ],
)
def test_the_nearest_address_that_is_no_proxy_of_ours(
    settings: object, rf: RequestFactory, peer: str, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXIES = TRUSTED  # type: ignore[attr-defined]
    request = rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert client_address(request) == expected


@given(st.ip_addresses())
def test_nobody_is_a_proxy_unless_named(address: object) -> None:
    assert not is_trusted_proxy(str(address), [])


def test_a_socket_is_trusted_when_named() -> None:
    assert is_trusted_proxy("", ["unix"])
    assert not is_trusted_proxy("", TRUSTED)


@pytest.mark.django_db
def test_a_pseudonym_lasts_a_day_and_cannot_be_made_again() -> None:
    today, tomorrow = date(2026, 4, 24), date(2026, 4, 25)
    first = pseudonym("198.51.100.7", today)
    assert first == pseudonym("198.51.100.7", today)
    assert first != pseudonym("198.51.100.8", today)
    assert "198.51" not in first
    assert pseudonym("198.51.100.7", tomorrow) != first
    # The salt of the day before is gone, so its pseudonyms can no longer be linked to an address.
    assert pseudonym("198.51.100.7", today) != first


@pytest.mark.django_db
def test_one_household_is_one_key() -> None:
    assert pseudonym("2001:db8:1:2::1") == pseudonym("2001:db8:1:2:ffff::9")
    assert pseudonym("2001:db8:1:2::1") != pseudonym("2001:db8:1:3::1")


@pytest.mark.django_db
def test_no_raw_address_reaches_the_cache(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    monkeypatch.setattr(DatabaseCache, "set", lambda self, key, *rest, **options: keys.append(key))
    user = make_user()
    for password in ("wrong", "wrong again"):
        client.post("/accounts/login/", {"login": user.username, "password": password}, REMOTE_ADDR="198.51.100.77")
    assert any("login" in key for key in keys)
    assert not any("198.51" in key for key in keys)


@pytest.mark.django_db
def test_too_many_wrong_passwords_are_slowed_down(client: Client) -> None:
    user = make_user()
    for _ in range(5):
        client.post("/accounts/login/", {"login": user.username, "password": "wrong"})
    response = sign_in(client, user)
    assert "_auth_user_id" not in client.session
    assert "Too many wrong passwords" in response.content.decode()  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_too_many_requests_get_a_calm_page(client: Client) -> None:
    for _ in range(30):
        last = client.post("/accounts/login/", {"login": "nobody", "password": "x"})
    last = client.post("/accounts/login/", {"login": "nobody", "password": "x"})
    assert last.status_code == 429
    assert "Nothing is lost" in last.content.decode()
    assert "default-src 'none'" in last["Content-Security-Policy"]


@pytest.mark.django_db
def test_the_same_visitor_has_the_same_key(rf: RequestFactory) -> None:
    assert client_pseudonym(rf.get("/")) == client_pseudonym(rf.get("/en/"))


@override_settings(TRUSTED_PROXIES=["10.0.0.4", "10.1.0.0/16", "unix", "nginx", "10.0.0.300"])
def test_a_proxy_that_is_no_address_is_named_at_the_start() -> None:
    found = [message.msg for message in trusted_proxies_are_addresses(None)]
    assert [message.split("“")[1].split("”")[0] for message in found] == ["nginx", "10.0.0.300"]
