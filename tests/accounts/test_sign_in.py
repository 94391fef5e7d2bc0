"""Signing in and up: by the setting, in one's language, without telling who has an account."""

from __future__ import annotations

import re
from smtplib import SMTPException

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client, override_settings

from accounts.models import User
from tests.accounts.people import PASSWORD, make_user, same_for_everybody, sign_in

pytestmark = pytest.mark.django_db
NEW = {"email": "hasmik@example.org", "display_name": "Հասմիկ", "password1": PASSWORD, "password2": PASSWORD}


def test_passwords_are_kept_as_argon2id_at_its_full_cost() -> None:
    from config import settings as configured

    with override_settings(PASSWORD_HASHERS=configured.PASSWORD_HASHERS):
        kept = make_user().password
    assert kept.startswith("argon2$argon2id$v=19$m=102400,t=2,p=8$")


def test_one_signs_in_by_name_or_address_without_an_address_being_needed(client: Client) -> None:
    sign_in(client, make_user("nadège"))
    assert "_auth_user_id" in client.session
    other = Client()
    user = make_user("hrachya", email="hrachya@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    other.post("/accounts/login/", {"login": "Hrachya@Example.org", "password": PASSWORD})
    assert other.session["_auth_user_id"] == str(user.pk)


def test_the_session_ends_with_the_browser(client: Client) -> None:
    response = sign_in(client, make_user())
    cookie = response.cookies["cairn_session"]  # type: ignore[attr-defined]
    assert (cookie["max-age"], cookie["expires"]) == ("", "")
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_the_interface_follows_the_person(client: Client) -> None:
    response = sign_in(client, make_user(preferred_language="fr"))
    assert response.cookies["cairn_language"].value == "fr"  # type: ignore[attr-defined]
    assert 'lang="fr"' in client.get("/accounts/").content.decode()


def test_a_stranger_and_a_wrong_password_look_alike(client: Client) -> None:
    make_user("amina", email="amina@example.org")

    def answer(login: str) -> str:
        page = client.post("/accounts/login/", {"login": login, "password": "wrong"}).content
        return same_for_everybody(page).replace(login, "…").replace("email address", "username")

    assert answer("amina") == answer("nobody")
    assert answer("amina@example.org") == answer("nobody@example.org")


def test_a_forgotten_password_is_answered_alike_for_everybody(client: Client) -> None:
    user = make_user("amina", email="amina@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    known = client.post("/accounts/password/reset/", {"email": "amina@example.org"}, follow=True)
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.org"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert same_for_everybody(known.content) == same_for_everybody(unknown.content)
    assert [letter.to for letter in mail.outbox] == [["amina@example.org"], ["nobody@example.org"]]


def test_a_password_is_reset_by_the_link(client: Client) -> None:
    user = make_user("amina", email="amina@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    client.post("/accounts/password/reset/", {"email": "amina@example.org"})
    found = re.search(r"http://\S+(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert found
    form = client.get(found.group(1), follow=True)
    new = "quatre pierres de plus"
    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})
    user.refresh_from_db()
    assert user.check_password(new)
    again = Client().get(found.group(1), follow=True)
    assert "link was invalid" in again.content.decode()


def test_sign_up_is_closed_by_default(client: Client) -> None:
    assert "by invitation" in client.get("/accounts/signup/").content.decode()
    client.post("/accounts/signup/", NEW)
    assert not User.objects.exists()
    assert "/accounts/signup/" not in client.get("/accounts/login/").content.decode()


def test_sign_up_opens_by_the_setting_and_confirms_the_address(client: Client, settings: object) -> None:
    settings.CAIRN_SIGNUP = True  # type: ignore[attr-defined]
    assert "/accounts/signup/" in client.get("/accounts/login/").content.decode()
    response = client.post("/accounts/signup/", NEW)
    assert response["Location"] == "/accounts/confirm-email/"
    user = User.objects.get()
    assert user.display_name == "Հասմիկ"
    assert re.fullmatch(r"reader-[0-9a-z]{6}", user.username), "the username says nothing about the person"
    sign_in(client, user)
    assert "_auth_user_id" not in client.session, "an unconfirmed address opens nothing"
    found = re.search(r"http://\S+(/accounts/confirm-email/\S+)", str(mail.outbox[0].body))
    assert found
    assert client.get(found.group(1)).status_code == 200
    assert not EmailAddress.objects.get().verified, "looking is not confirming: mail scanners follow links"
    client.post(found.group(1))
    client.post("/accounts/login/", {"login": NEW["email"], "password": PASSWORD})
    assert "_auth_user_id" in client.session


def test_signing_up_twice_does_not_tell_that_there_is_an_account(client: Client, settings: object) -> None:
    settings.CAIRN_SIGNUP = True  # type: ignore[attr-defined]
    user = make_user("hasmik", email=NEW["email"])
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    response = client.post("/accounts/signup/", NEW)
    assert response["Location"] == "/accounts/confirm-email/"
    assert User.objects.count() == 1
    assert mail.outbox[0].to == [NEW["email"]], "its owner hears of it"


def test_a_weak_password_is_refused_in_words(client: Client, settings: object) -> None:
    settings.CAIRN_SIGNUP = True  # type: ignore[attr-defined]
    page = client.post("/accounts/signup/", {**NEW, "password1": "hasmik", "password2": "hasmik"}).content.decode()
    assert "at least 10 characters" in page
    assert 'value="hasmik@example.org"' in page
    assert not User.objects.exists()


def test_a_dead_mail_server_is_said_and_breaks_nothing(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, messages: object) -> int:
        raise SMTPException("no route")

    user = make_user("amina", email="amina@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    for address in ("amina@example.org", "nobody@example.org"):
        page = client.post("/accounts/password/reset/", {"email": address}, follow=True)
        assert page.status_code == 200
        assert "no mail was sent" in page.content.decode()


def test_letters_name_no_network_address(client: Client) -> None:
    user = make_user("amina", email="amina@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    sign_in(client, user)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    new = "quatre pierres de plus"
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": new, "password2": new})
    (letter,) = mail.outbox
    assert "password" in letter.body
    assert "127.0.0.1" not in letter.body
    assert "IP address" not in letter.body


def test_one_may_change_what_others_see(client: Client) -> None:
    user = make_user()
    client.force_login(user)
    response = client.post("/accounts/", {"display_name": "Амина", "preferred_language": "ru"})
    assert response.cookies["cairn_language"].value == "ru"
    user.refresh_from_db()
    assert (str(user), user.preferred_language) == ("Амина", "ru")
    page = client.post("/accounts/", {"display_name": "x" * 151}).content.decode()
    assert 'class="error-summary"' in page


def test_an_account_that_is_switched_off_stays_outside(client: Client) -> None:
    sign_in(client, make_user(is_active=False))
    assert "_auth_user_id" not in client.session
