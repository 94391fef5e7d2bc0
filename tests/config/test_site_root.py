"""No header moves the site: what is admin stays admin, and no reader's links lead where another reader wanted."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.admin_address import is_admin_path
from config.serving.prefix import at_the_root_only
from tests.config.conftest import Front
from tests.config.served import ROOT, ask, free_port

# One worker serves the instance for all of them.
pytestmark = pytest.mark.xdist_group("front")

#: What the desk shows to whoever is in.
DESK = "wagtail"
MOVING = [
    {"SCRIPT_NAME": "/evil"},
    {"Script-Name": "/evil"},
    {"script_name": "/evil"},
    {"PATH_INFO": "/admin/"},
    {"Path-Info": "/admin/"},
    {"X-Script-Name": "/evil"},
    {"Script_Name": "/evil"},
]


class PassingProxy:
    """A proxy on this machine that hands on every byte, as careless ones do."""

    def __init__(self, to: int) -> None:
        self.to = to
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                visitor, _address = self.listener.accept()
            except OSError:
                return
            site = socket.create_connection(("127.0.0.1", self.to))
            for one, other in ((visitor, site), (site, visitor)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket) -> None:
        try:
            while piece := one.recv(65536):
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        self.listener.close()


@pytest.fixture(scope="module", params=["direct", "behind a proxy that forwards the header"])
def port(request: pytest.FixtureRequest, front: Front) -> Iterator[int]:
    if request.param == "direct":
        yield front.port
        return
    proxy = PassingProxy(front.port)
    yield proxy.port
    proxy.close()


def opens_desk(port: int, path: str, session: str, headers: dict[str, str]) -> bool:
    """Whether ``session`` gets to see the desk at ``path``."""
    answer = ask(port, path, {"Cookie": f"cairn_session={session}", **headers})
    return answer.status == 200 and DESK in answer.text


@pytest.mark.parametrize("header", MOVING, ids=lambda header: next(iter(header)))
@pytest.mark.parametrize("path", ["/evil/admin/", "/admin/", "/evil/en/", "/en/"])
def test_who_says_where_the_site_stands_is_refused(port: int, front: Front, path: str, header: dict[str, str]) -> None:
    assert not opens_desk(port, path, front.with_password, header)
    assert ask(port, path, header).status == 400


def test_the_desk_opens_with_the_second_factor_alone(port: int, front: Front) -> None:
    assert opens_desk(port, "/admin/", front.with_factor, {})
    assert not opens_desk(port, "/admin/", front.with_password, {})


@pytest.mark.parametrize(
    "path",
    [
        "/Admin/",
        "//admin/",
        "/%61dmin/",
        "/admin//",
        "/en/../admin/",
        "/./admin/",
        "/admin;x/",
        "/evil/admin/",
        "/ADMIN",
    ],
)
def test_no_spelling_of_the_address_opens_the_desk(front: Front, path: str) -> None:
    assert not opens_desk(front.port, path, front.with_password, {})
    assert not opens_desk(front.port, f"http://localhost:{front.port}{path}", front.with_password, {})


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/pages/", "//admin/", "/Admin/x", "/admin//"])
def test_what_is_admin_is_decided_by_a_constant(path: str) -> None:
    assert is_admin_path(path)
    assert not is_admin_path("/evil" + path)
    assert not is_admin_path("/administration/")


def test_links_of_later_readers_stay_as_they_are(front: Front) -> None:
    for page in ("/en/", "/en/testimonies/", "/accounts/login/"):
        ask(front.port, f"/evil{page}", {"SCRIPT_NAME": "/evil"})
        ask(front.port, page, {"SCRIPT_NAME": "/evil"})
        answer = ask(front.port, page)
        assert answer.status == 200
        assert "evil" not in answer.text


@pytest.mark.parametrize("name", ["X-Forwarded-Ssl", "X-Forwarded-Protocol", "X-Forwarded-Proto"])
def test_nobody_who_is_no_trusted_proxy_says_that_this_is_https(port: int, name: str) -> None:
    said = {"X-Forwarded-Ssl": "on", "X-Forwarded-Protocol": "ssl", "X-Forwarded-Proto": "https"}[name]
    # The origin is only right if the request came by https.
    form = {name: said, "Origin": f"https://localhost:{port}", "Host": f"localhost:{port}"}
    login = ask(port, "/accounts/login/")
    cookie = login.headers["set-cookie"].partition(";")[0]
    token = cookie.partition("=")[2]
    body = f"csrfmiddlewaretoken={token}&login=nobody&password=x"
    assert ask(port, "/accounts/login/", {"Cookie": cookie, **form}, method="POST", body=body).status == 403
    plain = {**form, "Origin": f"http://localhost:{port}"}
    assert ask(port, "/accounts/login/", {"Cookie": cookie, **plain}, method="POST", body=body).status == 200


def _application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"inside"]


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "HTTP_SCRIPT_NAME", "HTTP_PATH_INFO"])
def test_another_server_that_believes_the_header_is_refused_too(rf: RequestFactory, name: str) -> None:
    statuses: list[str] = []
    guarded = at_the_root_only(_application)
    answer = b"".join(guarded({name: "/evil"}, lambda status, _headers: statuses.append(status)))
    assert (statuses, answer) == (["400 Bad Request"], b"Bad request\n")
    assert b"".join(guarded({"SCRIPT_NAME": ""}, lambda *_: None)) == b"inside"


_UNGUARDED = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from django.conf import settings
django.setup()
settings.FORCE_SCRIPT_NAME = None
import accounts.middleware, config.headers
from django.urls import reverse
asked = lambda path: path.startswith(reverse("wagtailadmin_home"))
accounts.middleware.is_admin_path = config.headers.is_admin_path = asked
from django.core.handlers.wsgi import WSGIHandler
application = WSGIHandler()
"""


def test_these_tests_can_fail(front: Front, tmp_path: Any) -> None:
    """The same instance on a bare gunicorn, with the guards of the settings, the prefix and the constant off."""
    (tmp_path / "unguarded.py").write_text(_UNGUARDED)
    port = free_port()
    environment = {**front.site.environment, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "-m", "gunicorn", "unguarded:application", f"--bind=127.0.0.1:{port}"]
    server = subprocess.Popen([*command, "--no-control-socket", "--log-level=error"], env=environment, cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                ask(port, "/healthz")
                break
            except OSError:
                time.sleep(0.1)
        assert opens_desk(port, "/evil/admin/", front.with_password, {"SCRIPT_NAME": "/evil"})
        moved = ask(port, "/evil/accounts/login/", {"SCRIPT_NAME": "/evil"})
        assert moved.status == 200
        assert "/evil/" in moved.text
    finally:
        server.terminate()
        server.wait(timeout=30)
