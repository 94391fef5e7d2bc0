"""Passkeys in a real browser, under the strict content policy."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.accounts.people import PASSWORD, make_operator

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_a_passkey_is_set_up_and_signs_in_while_the_account_is_attacked(browser: Any, live_server: Any) -> None:
    # A name of her own: the limits of other tests that really commit would stand in each other's way.
    operator = make_operator("holder-of-a-passkey")
    site = live_server.url.replace("127.0.0.1", "localhost")
    page = browser.new_page()
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    options |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    page.goto(f"{site}/admin/people/")
    page.fill("#id_login", operator.username)
    page.fill("#id_password", PASSWORD)
    page.click("form.account-form button[type=submit]")
    page.wait_for_url("**/accounts/second-factor/")
    page.goto(f"{site}/accounts/2fa/webauthn/add/")
    page.fill("#id_password", PASSWORD)
    page.click("form.account-form button[type=submit]")
    page.wait_for_url("**/webauthn/add/")
    page.check("#id_passwordless")
    page.click("[data-passkey=create]")
    page.wait_for_url("**/recovery-codes/")
    page.click("a.button >> nth=0")
    page.wait_for_url("**/admin/people/")
    assert page.locator("h1").count() >= 1

    page.goto(f"{site}/accounts/logout/")
    page.click("form.account-form button[type=submit]")
    page.wait_for_load_state()
    # Strangers have spent all wrong passwords that the account is allowed, and this browser is not known.
    for number in range(6):
        stranger = Client(REMOTE_ADDR=f"203.0.113.{number + 1}")
        stranger.post("/accounts/login/", {"login": operator.username, "password": f"wrong {number}"})
    refusal = stranger.post("/accounts/login/", {"login": operator.username, "password": PASSWORD})
    assert "Too many wrong passwords" in refusal.content.decode()
    page.context.clear_cookies()
    page.goto(f"{site}/accounts/login/?next=/admin/people/")
    page.click("[data-passkey=login]")
    page.wait_for_url("**/admin/people/")
    assert refused == []
