"""The operators' screen, and Wagtail's screens for users without the powers that are not theirs."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.test import Client

from accounts.models import EducatorGrant, Invitation, PlatformRole, User
from tests.accounts.people import make_operator, make_user, sign_in_with_factor

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> User:
    user = make_operator()
    sign_in_with_factor(client, user)
    return user


def test_an_educator_is_granted_and_revoked(client: Client, operator: User) -> None:
    teacher = make_user("shushan", email="shushan@example.org")
    form = {"grant-person": "Shushan@example.org", "grant-right": "educator", "grant-institution": "Դպրոց 5"}
    client.post("/admin/people/grant/", form)
    grant = EducatorGrant.objects.get()
    assert (grant.user, grant.granted_by, grant.institution) == (teacher, operator, "Դպրոց 5")
    page = client.get("/admin/people/").content.decode()
    assert "Դպրոց 5" in page
    client.post(f"/admin/people/revoke/educator/{grant.pk}/")
    assert not teacher.is_educator()
    assert "Դպրոց 5" not in client.get("/admin/people/").content.decode()


def test_a_role_is_granted_and_revoked(client: Client, operator: User) -> None:
    make_user("leyla")
    client.post("/admin/people/grant/", {"grant-person": "leyla", "grant-right": "heritage_specialist"})
    role = PlatformRole.objects.get()
    client.post(f"/admin/people/revoke/role/{role.pk}/")
    assert User.objects.get(username="leyla").platform_roles() == frozenset()


def test_an_unknown_name_is_said_beside_the_field(client: Client, operator: User) -> None:
    response = client.post("/admin/people/grant/", {"grant-person": "<b>nobody", "grant-right": "educator"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "There is no account" in page
    assert "<b>nobody" not in page


def test_a_link_is_shown_once(client: Client, operator: User) -> None:
    page = client.post("/admin/people/invite/", {"invite-right": "translator"}).content.decode()
    found = re.search(r"http://localhost:8000(/accounts/invitations/[^<]+)", page)
    assert found
    assert "/accounts/invitations/" not in client.get("/admin/people/").content.decode()
    assert Client().get(found.group(1)).status_code == 200
    client.post(f"/admin/people/invitations/{Invitation.objects.get().pk}/revoke/")
    assert Client().get(found.group(1)).status_code == 410


def test_an_address_gets_the_link_by_mail_only(client: Client, operator: User) -> None:
    form = {"invite-right": "educator", "invite-email": "hasmik@example.org"}
    page = client.post("/admin/people/invite/", form, follow=True).content.decode()
    assert "/accounts/invitations/" not in page
    assert mail.outbox[0].to == ["hasmik@example.org"]


@pytest.mark.parametrize(
    "permissions", [[], ["access_admin", "change_user", "add_user", "delete_user", "change_group"]]
)
def test_nobody_but_operators_gets_in(client: Client, permissions: list[str]) -> None:
    """Not even with every permission that Wagtail would accept for it."""
    user = make_user()
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    sign_in_with_factor(client, user)
    teacher = make_user("teacher")
    for address in ("/admin/people/", f"/admin/users/edit/{teacher.pk}/", "/admin/users/", "/admin/groups/"):
        # Wagtail leads who may enter the desk back to its first screen.
        assert client.get(address).status_code == (302 if permissions else 403), address
    client.post("/admin/people/grant/", {"grant-person": user.username, "grant-right": "educator"})
    client.post("/admin/people/invite/", {"invite-right": "educator"})
    client.post(f"/admin/users/edit/{user.pk}/", {"is_superuser": "on", "is_active": "on"})
    user.refresh_from_db()
    assert not (user.is_superuser or EducatorGrant.objects.exists() or Invitation.objects.exists())


def test_an_operator_switches_an_account_off_and_on(client: Client, operator: User) -> None:
    user = make_user("somebody", email="somebody@example.org")
    address = f"/admin/users/edit/{user.pk}/"
    page = client.get(address).content.decode()
    assert 'name="is_active"' in page
    for not_theirs in ("password1", "email", "username"):
        assert f'name="{not_theirs}"' not in page, "an operator cannot sign in as somebody else"
    group = Group.objects.create(name="Essay writers")
    client.post(address, {"display_name": "Somebody", "groups": [group.pk], "email": "evil@example.org"})
    user.refresh_from_db()
    assert (user.is_active, user.email, list(user.groups.all())) == (False, "somebody@example.org", [group])


def test_an_operator_cannot_lock_themselves_out(client: Client, operator: User) -> None:
    page = client.get(f"/admin/users/edit/{operator.pk}/").content.decode()
    assert 'name="is_active"' not in page
    assert 'name="is_superuser"' not in page


def test_accounts_are_neither_added_nor_deleted_here(client: Client, operator: User) -> None:
    user = make_user("somebody")
    assert client.get("/admin/users/new/").status_code == 302
    client.post(f"/admin/users/delete/{user.pk}/")
    client.post(f"/admin/bulk/accounts/user/delete/?id={user.pk}")
    assert User.objects.filter(pk=user.pk).exists()


def test_wagtails_account_page_leaves_names_addresses_and_passwords_alone(client: Client, operator: User) -> None:
    page = client.get("/admin/account/").content.decode()
    assert "Locale" in page or "locale" in page
    for field in ("name_email-", "avatar-", "password-"):
        assert f'name="{field}' not in page
