"""Invitations: a link, for one person, for a while."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.invitations import AcceptInvitation, InvitationRefused, Invite, RevokeInvitation
from accounts.models import Invitation, User
from accounts.signals import invitation_accepted
from tests.accounts.people import PASSWORD, make_operator, make_user, same_for_everybody

pytestmark = pytest.mark.django_db
NEW_PERSON = {"username": "Грачья", "display_name": "Հրաչյա", "password": PASSWORD}


@pytest.fixture
def accepted() -> Iterator[list[tuple[User, str, str]]]:
    seen: list[tuple[User, str, str]] = []

    def listen(sender: object, user: User, scope: str, role: str, **rest: object) -> None:
        seen.append((user, scope, role))

    invitation_accepted.connect(listen)
    yield seen
    invitation_accepted.disconnect(listen)


def _invite(**fields: object) -> tuple[Invitation, str]:
    facts: dict[str, object] = {"scope": "choir:7", "role": "editor", "label": "Amahoro Kigali", **fields}
    invitation, link = Invite(by=make_operator(f"op{User.objects.count()}"), **facts).execute()  # type: ignore[arg-type]
    return invitation, link.partition("localhost:8000")[2]


def test_a_new_person_joins_without_an_address(client: Client, accepted: list[tuple[User, str, str]]) -> None:
    invitation, path = _invite()
    assert "Amahoro Kigali" in client.get(path).content.decode()
    response = client.post(path, NEW_PERSON)
    assert response.status_code == 302
    user = User.objects.get(username="грачья")
    assert (user.display_name, user.email, user.check_password(PASSWORD)) == ("Հրաչյա", "", True)
    assert accepted == [(user, "choir:7", "editor")]
    assert client.session["_auth_user_id"] == str(user.pk)
    invitation.refresh_from_db()
    assert invitation.accepted_by == user


def test_somebody_signed_in_accepts_with_one_button(client: Client, accepted: list[tuple[User, str, str]]) -> None:
    _, path = _invite()
    user = make_user()
    client.force_login(user)
    page = client.get(path).content.decode()
    assert accepted == [], "looking is not accepting"
    assert 'name="password"' not in page
    client.post(path)
    assert accepted == [(user, "choir:7", "editor")]


def test_a_link_works_once(client: Client, accepted: list[tuple[User, str, str]]) -> None:
    invitation, path = _invite()
    first = Invitation.objects.get(pk=invitation.pk)
    client.post(path, NEW_PERSON)
    assert Client().get(path).status_code == 410
    assert Client().post(path, {**NEW_PERSON, "username": "late"}).status_code == 410
    # A second person who opened the page before: the database says no, not only the page.
    with pytest.raises(InvitationRefused, match="new one"):
        AcceptInvitation(invitation=first, user=make_user("late")).execute()
    assert len(accepted) == 1


def test_nothing_is_made_when_the_room_refuses(client: Client) -> None:
    def refuse(sender: object, **rest: object) -> None:
        raise InvitationRefused("The community was closed.")

    _, path = _invite()
    invitation_accepted.connect(refuse)
    try:
        page = client.post(path, NEW_PERSON)
    finally:
        invitation_accepted.disconnect(refuse)
    assert page.status_code == 410
    assert not User.objects.filter(username="грачья").exists()
    assert Invitation.objects.get().accepted_at is None


def test_run_out_taken_back_and_unknown(client: Client) -> None:
    _, path = _invite()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(path).status_code == 410
    other, other_path = _invite()
    RevokeInvitation(invitation=other).execute()
    assert client.get(other_path).status_code == 410
    with pytest.raises(InvitationRefused):
        RevokeInvitation(invitation=other).execute()
    unknown = client.get("/accounts/invitations/nobody-made-this/")
    assert unknown.status_code == 410
    assert same_for_everybody(unknown.content) == same_for_everybody(client.get(other_path).content)


def test_the_link_is_not_in_the_database() -> None:
    invitation, path = _invite()
    token = path.rstrip("/").rpartition("/")[2]
    assert len(token) >= 32
    assert token not in str(Invitation.objects.filter(pk=invitation.pk).values())


def test_a_mailed_link_confirms_the_address_and_is_shown_to_nobody(client: Client) -> None:
    _, path = _invite(email="hasmik@example.org")
    assert path == ""
    (letter,) = mail.outbox
    assert letter.to == ["hasmik@example.org"]
    found = re.search(r"http://localhost:8000(/accounts/invitations/\S+)", str(letter.body))
    assert found
    client.post(found.group(1), NEW_PERSON)
    address = EmailAddress.objects.get()
    assert (address.email, address.verified, address.user.username) == ("hasmik@example.org", True, "грачья")


def test_an_address_somebody_has_already_stays_theirs(client: Client) -> None:
    make_user("first", email="hasmik@example.org")
    _invite(email="hasmik@example.org")
    found = re.search(r"http://localhost:8000(/accounts/invitations/\S+)", str(mail.outbox[0].body))
    assert found
    client.post(found.group(1), NEW_PERSON)
    assert User.objects.get(username="грачья").email == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"username": "amina"}, "already exists"),
        ({"username": "ami na"}, "valid username"),
        ({"password": "short"}, "at least 10 characters"),
        ({"password": "password123"}, "too common"),
        ({"password": "12345678901234"}, "numeric"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_lost(client: Client, change: dict[str, str], message: str) -> None:
    make_user("amina")
    _, path = _invite()
    page = client.post(path, {**NEW_PERSON, **change}).content.decode()
    assert message in page
    assert "Հրաչյա" in page
    assert PASSWORD not in page
    assert Invitation.objects.get().accepted_at is None


def test_an_educator_can_be_invited_to_the_platform(client: Client) -> None:
    _, path = _invite(scope="platform", role="educator", label="Cairn: Educator")
    client.post(path, NEW_PERSON)
    assert User.objects.get(username="грачья").is_educator()


def test_a_promise_of_somebody_who_is_no_operator_any_more_is_not_kept(client: Client) -> None:
    _, path = _invite(scope="platform", role="educator", label="Cairn: Educator")
    User.objects.update(is_superuser=False)
    assert client.post(path, NEW_PERSON).status_code == 410
    assert not User.objects.filter(username="грачья").exists()
