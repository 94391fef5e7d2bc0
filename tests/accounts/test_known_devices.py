"""Wrong passwords from elsewhere lock nobody out of a device she is known on; nothing but that device helps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts import known_devices
from accounts.models import User
from tests.accounts.people import PASSWORD, code_of, give_app, make_operator, make_user, sign_in

pytestmark = pytest.mark.django_db
DEVICE = configured.DEVICE_COOKIE_NAME
TOO_MANY = "Too many wrong passwords"


def steward_and_her_device(username: str = "steward") -> tuple[User, Client, str]:
    """Somebody of the desk, the browser in which she signed in whole and out again, and her app's secret."""
    user = make_operator(username)
    _factor, secret = give_app(user)
    home = Client(REMOTE_ADDR="198.51.100.1")
    sign_in(home, user)
    assert DEVICE not in home.cookies, "a password alone makes no device known"
    home.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert home.get("/admin/people/").status_code == 200
    home.post("/accounts/logout/")
    assert "_auth_user_id" not in home.session
    return user, home, secret


def attacked(user: User, attempts: int = 5) -> None:
    """Strangers spend the wrong passwords that the account is allowed, each from an address of their own."""
    for number in range(attempts):
        Client(REMOTE_ADDR=f"203.0.113.{number + 1}").post(
            "/accounts/login/", {"login": user.username, "password": f"wrong {number}"}
        )


def passes(client: Client, user: User, password: str = PASSWORD) -> bool:
    """Whether the password is looked at, and right: she is led on to her second factor."""
    answer: Any = sign_in(client, user, password)
    return bool(answer.status_code == 302 and answer["Location"].startswith("/accounts/2fa/authenticate/"))


def test_a_known_device_passes_and_strangers_do_not() -> None:
    user, home, secret = steward_and_her_device()
    attacked(user)
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert TOO_MANY in sign_in(elsewhere, user).content.decode()  # type: ignore[attr-defined]
    assert passes(home, user)
    # The second factor is asked for as ever. (A code counts once; the next stands for the next half minute.)
    assert "_auth_user_id" not in home.session
    home.post("/accounts/2fa/authenticate/", {"code": code_of(secret, 1)})
    assert home.get("/admin/people/").status_code == 200


def test_the_test_above_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    user, home, _secret = steward_and_her_device()
    attacked(user)
    monkeypatch.setattr(known_devices, "device_known_to", lambda user, request: "")
    assert not passes(home, user)


@pytest.mark.parametrize("how", ["forged", "foreign", "expired", "cut", "of an older password", "none"])
def test_no_other_cookie_helps(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    user, home, _secret = steward_and_her_device()
    mark = home.cookies[DEVICE].value
    if how == "forged":
        device, at, signature = mark.split(":")
        mark = f"{device}:{at}:{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}"
    elif how == "foreign":
        _other, theirs, _secret = steward_and_her_device("another")
        mark = theirs.cookies[DEVICE].value
    elif how == "expired":
        monkeypatch.setattr(known_devices, "KNOWN_FOR", -1)
    elif how == "cut":
        mark = mark.rpartition(":")[0]
    elif how == "of an older password":
        user.set_password(PASSWORD)
        user.save()
    elif how == "none":
        mark = ""
    attacked(user)
    home.cookies[DEVICE] = mark
    assert TOO_MANY in sign_in(home, user).content.decode()  # type: ignore[attr-defined]
    assert not passes(home, user)


def test_a_stolen_device_is_allowed_no_more_guesses_than_a_stranger() -> None:
    user, home, _secret = steward_and_her_device()
    for number in range(5):
        sign_in(home, user, f"wrong {number}")
    assert TOO_MANY in sign_in(home, user).content.decode()  # type: ignore[attr-defined]
    # Its own wrong guesses lock out nobody else.
    assert passes(Client(REMOTE_ADDR="192.0.2.7"), user)


def test_the_limit_of_an_address_stays_on_a_known_device() -> None:
    user, home, _secret = steward_and_her_device()
    for number in range(10):
        Client(REMOTE_ADDR="198.51.100.1").post("/accounts/login/", {"login": f"nobody-{number}", "password": "x"})
    assert TOO_MANY in sign_in(home, user).content.decode()  # type: ignore[attr-defined]


def test_a_cookie_says_nothing_about_anybody_and_is_the_desks_alone() -> None:
    user, home, _secret = steward_and_her_device("nadège")
    cookie = home.cookies[DEVICE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Strict", "/", "")
    assert int(cookie["max-age"]) == known_devices.KNOWN_FOR
    device, _at, _signature = cookie.value.split(":")
    assert len(device) == 22
    assert user.username not in cookie.value and "nad" not in cookie.value
    reader = Client()
    sign_in(reader, make_user("reader"))
    reader.get("/accounts/")
    assert DEVICE not in reader.cookies, "a reader's browser keeps nothing"


def test_over_https_the_cookie_is_bound_to_the_host(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEVICE_COOKIE_NAME, settings.SESSION_COOKIE_SECURE = "__Host-cairn_device", True
    monkeypatch.setattr("tests.accounts.test_known_devices.DEVICE", "__Host-cairn_device")
    _user, home, _secret = steward_and_her_device()
    cookie = home.cookies["__Host-cairn_device"]
    assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


def test_people_who_share_a_computer_are_all_known_on_it() -> None:
    first, home, _secret = steward_and_her_device()
    second = make_operator("second")
    _factor, secret = give_app(second)
    sign_in(home, second)
    home.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    home.get("/admin/people/")
    home.post("/accounts/logout/")
    for user in (first, second):
        attacked(user)
        assert passes(home, user)


def test_a_device_is_renewed_in_use_and_otherwise_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    user, home, secret = steward_and_her_device()
    before = home.cookies[DEVICE].value
    sign_in(home, user)
    home.post("/accounts/2fa/authenticate/", {"code": code_of(secret, 1)})
    home.get("/admin/people/")
    assert home.cookies[DEVICE].value == before
    monkeypatch.setattr(known_devices, "RENEWED_AFTER", -1)
    home.get("/admin/people/")
    renewed = home.cookies[DEVICE].value
    assert renewed != before and known_devices._BETWEEN not in renewed, "it takes the place of the old one"


def test_whoever_is_signed_in_can_give_her_password_again_while_she_is_attacked() -> None:
    user = make_user("reader")
    inside = Client(REMOTE_ADDR="198.51.100.1")
    sign_in(inside, user)
    attacked(user)
    answer = inside.post("/accounts/reauthenticate/", {"password": PASSWORD, "next": "/accounts/"})
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/")


@pytest.mark.parametrize("spelling", ["{}", "{}:8000", "{}:81"])
def test_another_port_or_spelling_is_no_fresh_counter(spelling: str) -> None:
    user = make_user("amina")
    attacked(user)
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    for login in ("amina", "AMINA", " Amina ", "\uff21mina"):
        answer = elsewhere.post(
            "/accounts/login/", {"login": login, "password": PASSWORD}, headers={"host": spelling.format("localhost")}
        )
        assert TOO_MANY in answer.content.decode(), login


def test_name_and_address_do_not_tell_that_they_belong_together() -> None:
    user = make_user("amina", email="amina@example.org")
    attacked(user)
    for login in ("amina@example.org", "nobody@example.org"):
        answer = Client(REMOTE_ADDR="192.0.2.7").post("/accounts/login/", {"login": login, "password": "wrong"})
        assert TOO_MANY not in answer.content.decode()


def test_the_lock_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    user = make_user("amina")
    attacked(user)
    later = timezone.now() + timedelta(minutes=6)
    monkeypatch.setattr(time, "time", later.timestamp)
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    sign_in(elsewhere, user)
    assert "_auth_user_id" in elsewhere.session
    cache.clear()
