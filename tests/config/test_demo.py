"""The demo's links: on this machine, in demo mode, of this instance, and nowhere else."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.grants import RevokeGrant
from accounts.models import EducatorGrant, User
from accounts.second_factor import is_verified
from accounts.signals import demo_role_assigned
from archive.memberships import leave
from archive.models import Membership, Role
from config import demo
from tests.accounts.people import make_user
from tests.archive.factories import a_community

pytestmark = pytest.mark.django_db
HERE: dict[str, Any] = {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8000"}


@pytest.fixture(autouse=True)
def demo_instance(settings: object, tmp_path: Path) -> None:
    settings.CAIRN_MODE = "demo"  # type: ignore[attr-defined]
    settings.CAIRN_DATA = tmp_path  # type: ignore[attr-defined]


def _path(role: str) -> str:
    return demo.link_of(role).partition("localhost:8000")[2]


def _follow(client: Client, address: str, **where: str) -> int:
    return client.get(address, follow=True, **{**HERE, **where}).status_code


def test_a_link_signs_in_with_the_second_factor(client: Client) -> None:
    demo.ensure_demo_accounts()
    response = client.get(_path("operator"), **HERE)
    assert (response.status_code, response["Location"]) == (302, "/admin/")
    assert client.get("/admin/", **HERE).status_code == 200


def test_the_teacher_reads_as_an_educator_and_stays_off_the_desk(client: Client) -> None:
    accounts = demo.ensure_demo_accounts()
    assert client.get(_path("teacher"), **HERE)["Location"] == "/"
    assert accounts["teacher"].is_educator()
    assert accounts["specialist"].has_platform_role("heritage_specialist")
    assert [role for role, user in accounts.items() if user.is_superuser] == ["operator"]


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"REMOTE_ADDR": "192.168.1.20"},
        {"HTTP_HOST": "archive.example.org"},
        # A page elsewhere that rebinds its own name to 127.0.0.1.
        {"HTTP_HOST": "127.0.0.1.evil.example:8000"},
        # A proxy on the same machine, with the world behind it.
        {"HTTP_X_FORWARDED_FOR": "203.0.113.9"},
        {"HTTP_FORWARDED": "for=203.0.113.9"},
        {"HTTP_X_REAL_IP": "203.0.113.9"},
    ],
)
def test_a_link_is_nothing_anywhere_else(client: Client, settings: object, elsewhere: dict[str, str]) -> None:
    settings.ALLOWED_HOSTS = ["*"]  # type: ignore[attr-defined]
    demo.ensure_demo_accounts()
    assert _follow(client, _path("operator"), **elsewhere) == 404
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("elsewhere", [{"REMOTE_ADDR": "192.168.1.20"}, {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}])
def test_a_session_made_here_is_not_verified_elsewhere(client: Client, elsewhere: dict[str, str]) -> None:
    demo.ensure_demo_accounts()
    client.get(_path("operator"), **HERE)
    assert client.get("/admin/", **{**HERE, **elsewhere})["Location"] == "/accounts/second-factor/"


@pytest.mark.parametrize("mode", ["development", "production"])
def test_only_a_demo_has_links(client: Client, settings: object, mode: str) -> None:
    demo.ensure_demo_accounts()
    path = _path("operator")
    client.get(path, **HERE)
    settings.CAIRN_MODE = mode  # type: ignore[attr-defined]
    assert client.get("/admin/", **HERE).status_code == 302, "a session from the demo is worth nothing now"
    assert _follow(Client(), path) == 404
    for command in (["demo_links"], ["demo_code", "editor"]):
        with pytest.raises(CommandError, match="not a demo"):
            call_command(*command)
    with pytest.raises(demo.DemoRefused):
        demo.ensure_demo_accounts()


def test_another_instance_has_other_links_names_and_passwords(settings: object, tmp_path: Path) -> None:
    first = {(demo.link_of(role), demo.username_of(role), demo.password_of(role)) for role in demo.DEMO_ROLES}
    settings.CAIRN_DATA = tmp_path / "second"  # type: ignore[attr-defined]
    second = {(demo.link_of(role), demo.username_of(role), demo.password_of(role)) for role in demo.DEMO_ROLES}
    assert len(first) == 5
    assert not {part for row in first for part in row} & {part for row in second for part in row}


def test_a_forged_or_foreign_link_is_nothing(client: Client, settings: object, tmp_path: Path) -> None:
    demo.ensure_demo_accounts()
    ours = _path("editor")
    assert _follow(client, ours.replace("editor", "operator", 1)) == 404
    settings.CAIRN_DATA = tmp_path / "second"  # type: ignore[attr-defined]
    assert _follow(client, ours) == 404


def test_a_second_start_makes_nothing_new_and_tells_again() -> None:
    told: list[str] = []

    def listen(sender: object, user: User, role: str, **rest: object) -> None:
        told.append(role)

    demo_role_assigned.connect(listen)
    try:
        first, second = demo.ensure_demo_accounts(), demo.ensure_demo_accounts()
    finally:
        demo_role_assigned.disconnect(listen)
    assert first == second
    assert told == [*demo.DEMO_ROLES, *demo.DEMO_ROLES]
    assert User.objects.count() == 5


def test_what_was_taken_away_is_not_given_back_and_the_next_start_says_so() -> None:
    community = a_community(fiction=True)
    accounts = demo.ensure_demo_accounts()
    roles = Membership.objects.filter(community=community, user=accounts["editor"])
    assert roles.current(timezone.now()).count() == 3
    leave(roles.get(role=Role.EDITOR), None)
    RevokeGrant(EducatorGrant.objects.get(), accounts["operator"]).execute()
    shown = StringIO()
    call_command("demo_links", stdout=shown)
    assert "not given back: teacher, editor: " in shown.getvalue()
    now = roles.current(timezone.now())
    assert now.count() == 2 and not now.filter(role=Role.EDITOR).exists()
    assert not accounts["teacher"].is_educator()


def test_the_real_way_in(client: Client) -> None:
    """Username, password and code as the commands print them."""
    shown = StringIO()
    call_command("demo_links", "--passwords", stdout=shown)
    name, password = demo.username_of("operator"), demo.password_of("operator")
    assert name in shown.getvalue()
    assert password in shown.getvalue()
    code, aside = StringIO(), StringIO()
    call_command("demo_code", "operator", stdout=code, stderr=aside)
    assert "one was made" in aside.getvalue()
    client.post("/accounts/login/", {"login": name, "password": password}, **HERE)
    response = client.post("/accounts/2fa/authenticate/", {"code": code.getvalue().strip()}, **HERE)
    assert response.status_code == 302
    assert client.get("/admin/", **HERE).status_code == 200
    assert is_verified(client.get("/accounts/", **HERE).wsgi_request)


def test_a_code_is_given_for_demo_accounts_only() -> None:
    user = make_user("somebody")
    with pytest.raises(CommandError, match="not one of the demo's accounts"):
        call_command("demo_code", user.username)
    with pytest.raises(CommandError, match="no account"):
        call_command("demo_code", "nobody")


def test_the_check_of_elsewhere_goes_red_without_its_guard(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.ensure_demo_accounts()
    monkeypatch.setattr(demo, "is_demo_on_loopback", lambda request: True)
    client.get(_path("operator"), **{**HERE, "REMOTE_ADDR": "192.168.1.20"})
    assert "_auth_user_id" in client.session
