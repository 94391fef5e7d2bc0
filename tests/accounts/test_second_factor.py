"""Setting up a second factor, using it, losing it."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client, override_settings

from accounts.adapter import SecondFactorAdapter
from accounts.recovery import ResetAuthenticator, ResetRefused
from accounts.signals import authenticator_reset
from tests.accounts.people import (
    PASSWORD,
    code_of,
    give_app,
    make_operator,
    make_user,
    secret_on,
    sign_in,
    sign_in_with_factor,
)

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_from_the_desk_to_a_first_factor_and_back(client: Client) -> None:
    """The whole way of a new operator: password, explanation, app, recovery codes, desk.

    Not to Wagtail's home: a test that really commits finds no root page when another has emptied the tables.
    """
    operator = make_operator()
    sign_in(client, operator)
    led = client.get("/admin/people/?from=a-link", follow=True)
    assert led.request["PATH_INFO"] == "/accounts/second-factor/"
    assert "/accounts/2fa/totp/activate/" in led.content.decode()

    ask = client.get("/accounts/2fa/totp/activate/")
    assert ask["Location"].startswith("/accounts/reauthenticate/")
    page = client.post(ask["Location"], {"password": PASSWORD, "next": "/accounts/2fa/totp/activate/"}, follow=True)
    assert b'<svg class="account-qr"' in page.content
    assert b"data:image" not in page.content  # img-src allows no data: addresses
    done = client.post("/accounts/2fa/totp/activate/", {"code": code_of(secret_on(page.content))})
    assert done["Location"] == "/accounts/2fa/recovery-codes/"

    codes = client.get("/accounts/2fa/recovery-codes/")
    assert codes.content.count(b"<code>") == 10
    again = client.get("/accounts/2fa/recovery-codes/")
    assert again.content.count(b"<code>") == 0, "recovery codes are shown once"

    assert client.get("/accounts/second-factor/continue/")["Location"] == "/admin/people/?from=a-link"
    assert client.get("/admin/people/").status_code == 200


def test_a_wrong_code_says_so_beside_the_field_and_on_top(client: Client) -> None:
    user = make_operator()
    give_app(user)
    sign_in(client, user)
    page = client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    assert 'class="error-summary" role="alert"' in page
    assert 'aria-invalid="true"' in page
    assert "Incorrect code." in page
    assert "_auth_user_id" not in client.session


def test_a_code_counts_once(client: Client) -> None:
    user = make_operator()
    _, secret = give_app(user)
    code = code_of(secret)
    sign_in(client, user)
    assert client.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 302
    thief = Client()
    sign_in(thief, user)
    assert thief.post("/accounts/2fa/authenticate/", {"code": code}).status_code == 200
    assert thief.get("/admin/")["Location"].startswith("/accounts/login/")


def test_somebody_with_an_app_is_asked_for_it_on_the_way_to_the_desk(client: Client) -> None:
    user = make_operator()
    sign_in(client, user)
    _, secret = give_app(user)
    ask = client.get("/admin/")["Location"]
    back = client.post(ask, {"code": code_of(secret), "next": "/admin/"})
    assert back["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_a_recovery_code_opens_the_desk(client: Client) -> None:
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    user = make_operator()
    give_app(user)
    code = RecoveryCodes.activate(user).get_unused_codes()[0]
    sign_in(client, user)
    client.post("/accounts/2fa/authenticate/", {"code": code})
    assert client.get("/admin/").status_code == 200


def test_the_way_back_leads_nowhere_else(client: Client) -> None:
    client.force_login(make_user())
    session = client.session
    session["second_factor_next"] = "https://example.org/admin/"
    session.save()
    assert client.get("/accounts/second-factor/continue/")["Location"] == "/accounts/"


def test_a_reset_ends_every_session_and_leaves_a_line(client: Client) -> None:
    operator = make_operator()
    sign_in_with_factor(client, operator)
    other = Client()
    other.force_login(make_user())
    told: list[dict[str, object]] = []

    def listen(sender: object, **said: object) -> None:
        told.append(said)

    authenticator_reset.connect(listen)
    try:
        kinds = ResetAuthenticator(user=operator, by="command line").execute()
    finally:
        authenticator_reset.disconnect(listen)
    assert kinds == ("totp",)
    assert (told[0]["user"], told[0]["by"], told[0]["kinds"]) == (operator, "command line", ("totp",))
    assert client.get("/admin/")["Location"].startswith("/accounts/login/")
    assert other.get("/accounts/").status_code == 200, "nobody else is signed out"


def test_a_removed_factor_closes_the_desk_in_a_session_that_lives_on(client: Client) -> None:
    factor = sign_in_with_factor(client, make_operator())
    assert client.get("/admin/").status_code == 200
    factor.delete()
    assert client.get("/admin/")["Location"] == "/accounts/second-factor/"


def test_nothing_to_reset_is_said() -> None:
    with pytest.raises(ResetRefused, match="amina"):
        ResetAuthenticator(user=make_user(), by="command line").execute()


def test_secrets_are_stored_encrypted() -> None:
    factor, secret = give_app(make_user())
    factor.refresh_from_db()
    assert secret not in str(factor.data)
    assert SecondFactorAdapter().decrypt(factor.data["secret"]) == secret


def test_a_changed_key_makes_a_factor_useless_not_guessable() -> None:
    factor, secret = give_app(make_user())
    with override_settings(SECRET_KEY="another key"):
        adapter = SecondFactorAdapter()
        first, second = adapter.decrypt(factor.data["secret"]), adapter.decrypt(factor.data["secret"])
        assert len({first, second, secret}) == 3
        assert not factor.wrap().validate_code(code_of(secret))


def test_an_old_key_still_reads() -> None:
    from django.conf import settings

    factor, secret = give_app(make_user())
    with override_settings(SECRET_KEY="another key", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert SecondFactorAdapter().decrypt(factor.data["secret"]) == secret


def test_a_factor_belongs_to_one_person(client: Client) -> None:
    """A session whose record names somebody else's authenticator is not verified by it."""
    operator, other = make_operator(), make_user("other")
    foreign, _ = give_app(other)
    give_app(operator)
    client.force_login(operator)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "id": foreign.pk, "type": "totp", "at": 0}]
    session["account_authentication_methods_user"] = str(operator.pk)
    session.save()
    assert Authenticator.objects.count() == 2
    assert client.get("/admin/").status_code == 302
