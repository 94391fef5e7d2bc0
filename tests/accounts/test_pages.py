"""Every account page: no inline script or style, every field labelled, never stored."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from lxml import html

from accounts.second_factor import has_second_factor
from tests.accounts.people import PASSWORD, code_of, give_app, make_user, sign_in, sign_in_with_factor

pytestmark = pytest.mark.django_db

OUTSIDE = [
    "login/",
    "signup/",
    "password/reset/",
    "password/reset/done/",
    "password/reset/key/done/",
    "password/reset/key/1-nonsense/",
    "confirm-email/",
    "confirm-email/nonsense/",
    "inactive/",
    "invitations/nonsense/",
]
INSIDE = [
    "",
    "email/",
    "logout/",
    "password/change/",
    "2fa/",
    "2fa/totp/deactivate/",
    "2fa/recovery-codes/",
    "2fa/recovery-codes/generate/",
    "2fa/webauthn/",
    "2fa/webauthn/add/",
    "2fa/reauthenticate/",
]


def _assert_sound(response: object, address: str) -> html.HtmlElement:
    assert response.status_code in {200, 410}, f"{address}: {response.status_code}"  # type: ignore[attr-defined]
    assert "no-store" in response["Cache-Control"], address  # type: ignore[index]
    page = html.document_fromstring(response.content.decode())  # type: ignore[attr-defined]
    for script in page.iter("script"):
        assert script.get("src") or script.get("type") == "application/json", f"{address}: an inline script"
    assert not list(page.iter("style")), f"{address}: an inline style"
    for element in page.iter():
        if isinstance(element.tag, str):
            wrong = [name for name in element.attrib if name == "style" or name.startswith("on")]
            assert not wrong, f"{address}: {element.tag} has {wrong}"
    labels = {label.get("for") for label in page.iter("label")}
    for field in page.xpath("//main//input | //main//select | //main//textarea"):
        if field.get("type") not in {"hidden", "submit"}:
            assert field.get("id") in labels, f"{address}: {field.get('name')} has no label"
    assert len(page.xpath("//h1")) == 1, address
    title = page.findtext(".//title")
    assert title and not title.strip().startswith("·"), f"{address}: no title"
    return page


@pytest.mark.parametrize("address", OUTSIDE)
def test_pages_outside(client: Client, address: str) -> None:
    _assert_sound(client.get(f"/accounts/{address}"), address)


def test_open_sign_up(client: Client, settings: object) -> None:
    settings.CAIRN_SIGNUP = True  # type: ignore[attr-defined]
    page = _assert_sound(client.get("/accounts/signup/"), "signup")
    kinds = {field.get("name"): field.get("autocomplete") for field in page.xpath("//main//input")}
    assert (kinds["email"], kinds["password1"], kinds["display_name"]) == ("email", "new-password", "nickname")


def test_pages_inside(client: Client) -> None:
    user = make_user(email="amina@example.org")
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    _, secret = give_app(user)
    sign_in(client, user)
    _assert_sound(client.get("/accounts/2fa/authenticate/"), "2fa/authenticate")
    client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    client.post("/accounts/2fa/reauthenticate/", {"code": code_of(secret, 1)})
    client.post("/accounts/2fa/recovery-codes/generate/")
    for address in INSIDE:
        _assert_sound(client.get(f"/accounts/{address}"), address)


def test_setting_up(client: Client) -> None:
    user = make_user()
    sign_in(client, user)
    _assert_sound(client.get("/accounts/second-factor/"), "second-factor")
    _assert_sound(client.get("/accounts/reauthenticate/"), "reauthenticate")
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = _assert_sound(client.get("/accounts/2fa/totp/activate/"), "totp")
    assert page.xpath("//*[local-name()='svg' and @role='img' and @aria-label]")
    passkey = _assert_sound(client.get("/accounts/2fa/webauthn/add/"), "passkey")
    assert passkey.xpath("//noscript"), "without JavaScript the page says what works instead"
    assert not has_second_factor(user)


def test_pages_speak_arabic_from_the_right(client: Client) -> None:
    page = _assert_sound(client.get("/accounts/login/", headers={"Accept-Language": "ar"}), "login")
    assert (page.get("lang"), page.get("dir")) == ("ar", "rtl")


def test_the_language_is_changed_without_javascript(client: Client) -> None:
    client.post("/accounts/language/", {"language": "hy", "next": "/accounts/login/"})
    assert '<html lang="hy"' in client.get("/accounts/login/").content.decode()


def test_the_overview_says_what_one_holds(client: Client) -> None:
    from accounts.grants import GrantEducator, GrantPlatformRole
    from tests.accounts.people import make_operator

    user, operator = make_user(), make_operator()
    client.force_login(user)
    assert "/admin/" not in client.get("/accounts/").content.decode()
    GrantEducator(user=user, by=operator, institution="GS Nyamata").execute()
    GrantPlatformRole(user=user, role="heritage_specialist", by=operator).execute()
    page = client.get("/accounts/").content.decode()
    assert "GS Nyamata" in page
    assert "Heritage specialist" in page
    assert 'href="/admin/"' in page


def test_the_desk_opens_for_those_with_work_there(client: Client) -> None:
    from accounts.grants import GrantPlatformRole, RevokeGrant
    from tests.accounts.people import make_operator

    user, operator = make_user(), make_operator()
    role = GrantPlatformRole(user=user, role="heritage_specialist", by=operator).execute()
    sign_in_with_factor(client, user)
    assert client.get("/admin/").status_code == 200
    assert client.get("/admin/people/").status_code == 302
    assert client.get("/admin/users/").status_code == 302
    RevokeGrant(grant=role, by=operator).execute()
    assert client.get("/admin/").status_code == 403
