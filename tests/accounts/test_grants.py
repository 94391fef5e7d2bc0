"""Educators and platform roles: given by a person, for a time, taken back at will."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from accounts.grants import GrantEducator, GrantPlatformRole, GrantRefused, RevokeGrant
from accounts.models import EducatorGrant, PlatformRole, User
from accounts.signals import grant_changed
from tests.accounts.people import make_operator, make_user

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 4, 24, 9, 0, tzinfo=UTC)


def test_an_educator_is_one_for_a_year() -> None:
    teacher, operator = make_user("Shushan"), make_operator()
    grant = GrantEducator(user=teacher, by=operator, institution="Երևանի թիվ 5 դպրոց", now=NOW).execute()
    assert (grant.granted_by, grant.institution) == (operator, "Երևանի թիվ 5 դպրոց")
    assert not teacher.is_educator(NOW - timedelta(seconds=1))
    assert teacher.is_educator(NOW)
    assert teacher.is_educator(NOW + timedelta(days=364))
    assert not teacher.is_educator(NOW + timedelta(days=365))


def test_a_revoked_grant_ends_at_once() -> None:
    teacher, operator = make_user(), make_operator()
    grant = GrantEducator(user=teacher, by=operator, now=NOW).execute()
    RevokeGrant(grant=grant, by=operator, now=NOW + timedelta(days=1)).execute()
    assert not teacher.is_educator(NOW + timedelta(days=1))
    with pytest.raises(GrantRefused, match="no longer in force"):
        RevokeGrant(grant=grant, by=operator, now=NOW + timedelta(days=2)).execute()


def test_a_new_grant_replaces_the_old_one() -> None:
    teacher, operator = make_user(), make_operator()
    GrantEducator(user=teacher, by=operator, now=NOW).execute()
    GrantEducator(user=teacher, by=operator, now=NOW + timedelta(days=300)).execute()
    assert EducatorGrant.objects.current(NOW + timedelta(days=301)).count() == 1
    assert teacher.is_educator(NOW + timedelta(days=600))


def test_nobody_but_an_operator_gives_rights() -> None:
    teacher, other = make_user(), make_user("other", is_staff=True)
    for act in (
        GrantEducator(user=teacher, by=other),
        GrantEducator(user=other, by=other),
        GrantPlatformRole(user=teacher, role="translator", by=other),
    ):
        with pytest.raises(GrantRefused, match="Only an operator"):
            act.execute()
    assert not EducatorGrant.objects.exists()


def test_an_account_that_is_switched_off_holds_nothing() -> None:
    teacher, operator = make_user(), make_operator()
    GrantEducator(user=teacher, by=operator, now=NOW).execute()
    GrantPlatformRole(user=teacher, role="translator", by=operator, now=NOW).execute()
    User.objects.filter(pk=teacher.pk).update(is_active=False)
    teacher.refresh_from_db()
    assert not teacher.is_educator(NOW)
    assert teacher.platform_roles(NOW) == frozenset()
    with pytest.raises(GrantRefused, match="switched off"):
        GrantEducator(user=teacher, by=operator).execute()


def test_roles_hold_until_revoked_and_only_once() -> None:
    user, operator = make_user(), make_operator()
    role = GrantPlatformRole(user=user, role="heritage_specialist", by=operator, now=NOW).execute()
    same = GrantPlatformRole(user=user, role="heritage_specialist", by=operator, now=NOW).execute()
    assert role == same
    assert user.has_platform_role("heritage_specialist", NOW + timedelta(days=4000))
    assert not user.has_platform_role("translator", NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        PlatformRole.objects.create(user=user, role="heritage_specialist", granted_by=operator)
    with pytest.raises(GrantRefused, match="emperor"):
        GrantPlatformRole(user=user, role="emperor", by=operator).execute()


def test_others_are_told() -> None:
    told: list[tuple[object, bool]] = []

    def listen(sender: object, grant: object, by: object, given: bool, **rest: object) -> None:
        told.append((by, given))

    grant_changed.connect(listen)
    try:
        user, operator = make_user(), make_operator()
        grant = GrantEducator(user=user, by=operator).execute()
        RevokeGrant(grant=grant, by=operator).execute()
    finally:
        grant_changed.disconnect(listen)
    assert told == [(operator, True), (operator, False)]


def test_one_account_per_address_and_many_without() -> None:
    make_user("a", email="Nadège@example.org")
    make_user("b")
    make_user("c")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user("d", email="nadège@EXAMPLE.org")
