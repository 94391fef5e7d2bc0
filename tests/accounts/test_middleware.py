"""No address of the admin opens without a second factor, whichever room or version adds it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.middleware import SecondFactorRequired
from accounts.models import User
from tests.accounts.people import give_app, make_operator, make_user, sign_in, sign_in_with_factor

_SAMPLES = {"int": "1", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e", "str": "x", "slug": "x", "path": "x/y"}
#: These lead to the site's own sign-in and show nothing.
_SIGNING_IN = re.compile(r"^/admin/(login|logout|password_reset)/")


def _flatten(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix(r"\Z")
        route = re.sub(r"<(?:(\w+):)?\w+>", lambda found: _SAMPLES.get(found.group(1) or "str", "x"), route)
        route = re.sub(r"\(\?P<\w+>[^)]*\)", "1", route).replace(".*", "anything").replace("\\", "")
        if isinstance(pattern, URLResolver):
            yield from _flatten(pattern.url_patterns, prefix + route)
        else:
            yield prefix + route


def admin_addresses() -> list[str]:
    """Return one address for every pattern registered below /admin/."""
    found = {"/" + address for address in _flatten(get_resolver().url_patterns) if address.startswith("admin/")}
    return sorted(address for address in found if not _SIGNING_IN.match(address))


def _opened_with_one_factor(client: Client) -> list[str]:
    opened = []
    for address in admin_addresses():
        for send in (client.get, client.post):
            response = send(address)
            led_away = response.status_code == 302 and response["Location"].startswith("/accounts/")
            if not led_away and response.status_code != 403:
                opened.append(f"{send.__name__} {address} answered {response.status_code}")
    return opened


def test_there_is_an_admin_to_walk() -> None:
    addresses = admin_addresses()
    assert len(addresses) > 150
    assert {"/admin/", "/admin/pages/", "/admin/people/", "/admin/users/", "/admin/sprite/"} <= set(addresses)


@pytest.mark.django_db
def test_no_admin_address_opens_with_one_factor(client: Client) -> None:
    operator = make_operator()
    client.force_login(operator)
    assert _opened_with_one_factor(client) == []


@pytest.mark.django_db
def test_no_admin_address_opens_with_one_factor_of_two(client: Client) -> None:
    operator = make_operator()
    give_app(operator)
    client.force_login(operator)
    assert _opened_with_one_factor(client) == []
    assert client.get("/admin/pages/")["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fadmin%2Fpages%2F"


@pytest.mark.django_db
def test_no_admin_address_opens_to_strangers(client: Client) -> None:
    assert _opened_with_one_factor(client) == []


@pytest.mark.django_db
def test_the_walk_goes_red_without_the_guard(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SecondFactorRequired, "_refusal", lambda self, request: None)
    client.force_login(make_operator())
    client.raise_request_exception = False
    monkeypatch.setattr("tests.accounts.test_middleware.admin_addresses", lambda: ["/admin/", "/admin/users/"])
    assert "get /admin/ answered 200" in _opened_with_one_factor(client)


@pytest.mark.django_db
def test_the_second_factor_opens_the_admin(client: Client) -> None:
    sign_in_with_factor(client, make_operator())
    assert client.get("/admin/").status_code == 200


@pytest.mark.django_db
def test_a_script_gets_a_plain_refusal(client: Client) -> None:
    client.force_login(make_operator())
    response = client.get("/admin/tag-autocomplete/", headers={"X-Requested-With": "XMLHttpRequest"})
    assert (response.status_code, response["Content-Type"]) == (403, "text/plain")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/admin/login/", "/admin/password_reset/", "/admin/password_reset/confirm/MQ/set/"]
)
def test_wagtails_own_sign_in_is_never_shown(client: Client, address: str) -> None:
    response = client.get(address)
    assert response.status_code == 302
    assert response["Location"].split("?")[0] in {"/accounts/login/", "/accounts/password/reset/"}


@pytest.mark.django_db
def test_wagtails_menu_signs_out_by_our_page(client: Client) -> None:
    sign_in_with_factor(client, make_operator())
    assert client.post("/admin/logout/").status_code == 302
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db
def test_a_password_alone_cannot_replace_the_factor(client: Client) -> None:
    """An old session from before the factor was set up must not get at the settings of the account."""
    user = make_user()
    sign_in(client, user)
    give_app(user)
    for address in (
        "/accounts/2fa/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/2fa/totp/deactivate/",
        "/accounts/2fa/recovery-codes/generate/",
        "/accounts/email/",
        "/accounts/password/change/",
    ):
        for send in (client.get, client.post):
            response = send(address)
            assert response.status_code == 302, address
            assert response["Location"].startswith("/accounts/2fa/reauthenticate/"), address
    assert client.get("/accounts/").status_code == 200


@pytest.mark.django_db
@override_settings(CAIRN_MODE="production", PUBLIC_URL="http://testserver")
def test_the_guard_does_not_depend_on_the_mode(client: Client) -> None:
    client.force_login(make_operator())
    assert client.get("/admin/", headers={"host": "testserver"})["Location"] == "/accounts/second-factor/"


@pytest.mark.django_db
def test_an_inactive_operator_is_out_at_once(client: Client) -> None:
    operator = make_operator()
    sign_in_with_factor(client, operator)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert client.get("/admin/")["Location"].startswith("/accounts/login/")


@pytest.mark.django_db
@pytest.mark.parametrize("sign", [sign_in, sign_in_with_factor])
def test_who_has_no_business_at_the_desk_is_told_so_and_not_led_in_a_circle(client: Client, sign) -> None:
    sign(client, make_user())
    refused = client.get("/admin/", headers={"accept-language": "fr"})
    assert refused.status_code == 403
    assert "Vous ne pouvez pas faire cela ici" in refused.content.decode()
    assert client.get("/admin/testimonies/").status_code == 403
