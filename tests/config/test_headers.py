"""What each kind of address says to the browser, error pages included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from django.views import View

from config.headers import ForwardedHeadersFromProxiesOnly, OriginOfOwnForms, SecurityHeaders
from config.urls import urlpatterns as site_urlpatterns
from tests.accounts.people import make_operator, make_user, sign_in, sign_in_with_factor

STRICT = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "font-src 'self'",
    "media-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
WAGTAIL = {
    "default-src 'none'",
    "script-src 'self' 'unsafe-inline'",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "frame-ancestors 'self'",
    "base-uri 'none'",
}


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a canary no reader may see")


class OwnScreen(View):
    """An admin screen of our own that needs nothing inline."""

    strict_content_policy = True

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("own")


urlpatterns = [
    path("broken/", broken),
    path("admin/broken/", broken),
    path("admin/own-screen/", OwnScreen.as_view()),
    *site_urlpatterns,
]


def policy(response: Any) -> set[str]:
    return {part.strip() for part in response["Content-Security-Policy"].split(";")}


def assert_common(response: Any) -> None:
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert "geolocation=()" in response["Permissions-Policy"]
    assert response["Referrer-Policy"] in {"no-referrer", "same-origin"}


@pytest.fixture
def lenient(client: Client) -> Iterator[Client]:
    """A client that gets the error page instead of the error."""
    client.raise_request_exception = False
    with override_settings(ROOT_URLCONF=__name__):
        yield client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status"),
    [("/accounts/login/", 200), ("/en/nothing-here/", 404), ("/broken/", 500), ("/admin/", 302), ("/accounts/", 302)],
)
def test_outside_everything_is_strict(lenient: Client, address: str, status: int) -> None:
    response = lenient.get(address)
    assert response.status_code == status
    assert_common(response)
    if not address.startswith("/admin/"):
        assert policy(response) == STRICT
        assert response["X-Frame-Options"] == "DENY"
    assert b"canary" not in response.content


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status"), [("/admin/", 200), ("/admin/nothing-here/", 404), ("/admin/broken/", 500)]
)
def test_wagtails_screens_get_what_they_need(lenient: Client, address: str, status: int) -> None:
    sign_in_with_factor(lenient, make_operator())
    response = lenient.get(address)
    assert response.status_code == status
    assert_common(response)
    assert policy(response) >= WAGTAIL
    assert "'unsafe-eval'" not in response["Content-Security-Policy"]
    assert "http" not in response["Content-Security-Policy"], "no other origin"
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert response["Cache-Control"] == "no-store, private"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/accounts/nothing-here/", "/api/v1/nothing-here/", "/accounts/demo/forged/", "/id/nothinghere/"]
)
def test_what_is_missing_outside_the_pages_is_one_404(lenient: Client, address: str) -> None:
    response = lenient.get(address)
    assert response.status_code == 404
    assert "Location" not in response
    assert policy(response) == STRICT


@pytest.mark.django_db
def test_a_page_without_its_language_is_still_led_there(client: Client) -> None:
    assert client.get("/testimonies/")["Location"] == "/en/testimonies/"


@pytest.mark.django_db
def test_an_admin_screen_of_our_own_may_be_strict(lenient: Client) -> None:
    sign_in_with_factor(lenient, make_operator())
    response = lenient.get("/admin/own-screen/")
    assert response.content == b"own"
    assert policy(response) == STRICT
    assert response["X-Frame-Options"] == "DENY"


@pytest.mark.django_db
def test_account_pages_are_stored_nowhere(client: Client) -> None:
    assert client.get("/accounts/login/")["Cache-Control"] == "no-store, private"
    sign_in(client, make_user())
    assert client.get("/accounts/")["Cache-Control"] == "no-store, private"


def test_what_may_differ_by_visitor_is_not_stored_unless_a_view_says_so(rf: RequestFactory, settings: object) -> None:
    def answer(**headers: str) -> HttpResponse:
        return HttpResponse("x", headers=headers)

    request = rf.get("/en/testimonies/")
    assert "Cache-Control" not in SecurityHeaders(lambda _: answer())(request)
    request.COOKIES[settings.SESSION_COOKIE_NAME] = "somebody"  # type: ignore[attr-defined]
    assert SecurityHeaders(lambda _: answer())(request)["Cache-Control"] == "no-store, private"
    kept = SecurityHeaders(lambda _: answer(**{"Cache-Control": "private, max-age=60"}))(request)
    assert kept["Cache-Control"] == "private, max-age=60"


@override_settings(
    SECURE_SSL_REDIRECT=True,
    SECURE_HSTS_SECONDS=31_536_000,
    SECURE_HSTS_INCLUDE_SUBDOMAINS=True,
    SECURE_HSTS_PRELOAD=False,
)
@pytest.mark.django_db
def test_https_says_so_for_a_year(client: Client) -> None:
    secure = client.get("/accounts/login/", secure=True)
    assert secure["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    plain = client.get("/accounts/login/")
    assert (plain.status_code, plain["Location"]) == (301, "https://testserver/accounts/login/")


def test_cookies_carry_the_host_prefix_but_on_plain_loopback(tmp_path: object) -> None:
    """The settings are read anew in a process of their own, once with https and once without."""
    import json
    import os
    import subprocess
    import sys

    names = [f"{kind}_COOKIE_NAME" for kind in ("SESSION", "CSRF", "LANGUAGE")]
    names += ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"]
    code = f"import json; from config import settings as s; print(json.dumps([getattr(s, n) for n in {names!r}]))"

    def read(url: str) -> list[object]:
        environment = {**os.environ, "PUBLIC_URL": url, "CAIRN_DATA": str(tmp_path), "CAIRN_MODE": "development"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    assert read("https://archive.example.org") == [
        "__Host-cairn_session",
        "__Host-cairn_csrf",
        "__Host-cairn_language",
        True,
        True,
    ]
    assert read("http://localhost:8000")[:3] == ["cairn_session", "cairn_csrf", "cairn_language"]


def _origin(rf: RequestFactory, **headers: str) -> str:
    request = rf.post("/accounts/login/", headers=headers)
    OriginOfOwnForms(lambda _: HttpResponse())(request)
    return request.META["HTTP_ORIGIN"]


def test_a_form_posted_under_no_referrer_gets_its_origin_back(rf: RequestFactory) -> None:
    assert _origin(rf, Origin="null", Sec_Fetch_Site="same-origin") == "http://testserver"


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_nobody_else_gets_our_origin(rf: RequestFactory, site: str) -> None:
    assert _origin(rf, Origin="null", Sec_Fetch_Site=site) == "null"
    assert _origin(rf, Origin="https://evil.example", Sec_Fetch_Site="same-origin") == "https://evil.example"


@pytest.mark.django_db
def test_a_form_from_elsewhere_is_refused_even_with_our_header_names() -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/accounts/login/")
    token = client.cookies["cairn_csrf"].value
    form = {"login": "amina", "password": "x", "csrfmiddlewaretoken": token}
    ours = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/accounts/login/", form, headers=ours).status_code == 200
    theirs = {"Origin": "null", "Sec-Fetch-Site": "cross-site"}
    assert client.post("/accounts/login/", form, headers=theirs).status_code == 403
    no_token = {"login": "amina", "password": "x"}
    assert client.post("/accounts/login/", no_token, headers=ours).status_code == 403


@pytest.mark.parametrize(("peer", "believed"), [("198.51.100.7", False), ("10.0.0.1", True), ("127.0.0.1", False)])
@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"], SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"))
def test_only_our_proxies_are_believed(rf: RequestFactory, peer: str, believed: bool) -> None:
    request = rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_PROTO="https", HTTP_X_FORWARDED_FOR="203.0.113.9")
    ForwardedHeadersFromProxiesOnly(lambda _: HttpResponse())(request)
    assert request.is_secure() is believed
    assert ("HTTP_X_FORWARDED_FOR" in request.META) is believed


@pytest.mark.django_db
def test_these_checks_go_red_without_their_guards(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("config.headers.")]
    response = client.get("/accounts/login/")
    assert "Content-Security-Policy" not in response
    with pytest.raises(KeyError):
        assert_common(response)
