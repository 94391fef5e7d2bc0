"""Scope is not rung: what may be done with a publication is asked of its consent, not of who can read it."""

from __future__ import annotations

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import publications
from archive.models import Answer, Publication, Scope
from archive.policy import Viewer
from archive.public.scopes import allowing, allows
from tests.archive.factories import published

pytestmark = pytest.mark.django_db

TEACHER = Viewer(user_id=1, educator=True)


def row_of(scopes: object, *, stub: bool = False) -> Publication:
    return Publication(stub=stub, payload={"consent": {"scopes": scopes}})


def test_a_teacher_reads_what_must_not_enter_a_lesson(site):
    work = published(scopes={"preserve": "yes", "public-web": "yes", "classroom": "no"})
    seen = publications.find(work.public_id, TEACHER)
    assert isinstance(seen, Publication) and not seen.stub
    assert not allows(seen, Scope.CLASSROOM) and allows(seen, Scope.CLASSROOM).reason == "no"
    assert allows(seen, Scope.PUBLIC_WEB)


def test_a_stub_may_be_used_for_nothing(site):
    work = published(scopes={"preserve": "yes", "public-web": "ask", "classroom": "yes"})
    stub = publications.find(work.public_id)
    assert isinstance(stub, Publication) and stub.stub
    assert {allows(stub, scope).reason for scope in Scope} == {"stub"}
    # Whatever else it said.
    assert not allows(row_of({"classroom": "yes"}, stub=True), Scope.CLASSROOM)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("ask", "ask"),
        ("", "not-answered"),
        ("YES", "not-answered"),
        (None, "not-answered"),
    ],
)
def test_only_yes_is_yes(answer, reason):
    decision = allows(row_of({"press": answer}), "press")
    assert (decision.allowed, decision.reason) == (answer == "yes", reason)


def test_what_nobody_answered_is_no_and_what_does_not_exist_is_a_mistake():
    for payload in ({}, {"consent": None}, {"consent": {}}, {"consent": {"scopes": None}}):
        assert allows(Publication(payload=payload), Scope.PRESS).reason == "not-answered"
    for ask in (lambda scope: allows(row_of({"everything": "yes"}), scope), allowing):
        with pytest.raises(ValueError, match="everything"):
            ask("everything")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scope=st.sampled_from(Scope),
    given_=st.dictionaries(st.sampled_from(Scope.values), st.sampled_from([*Answer.values, "", "YES"])),
    stub=st.booleans(),
)
def test_the_database_gives_the_same_answer(site, scope, given_, stub):
    now = timezone.now()
    row = row_of(given_, stub=stub)
    row.first_published_at = row.published_at = now
    row.save()
    assert Publication.objects.filter(allowing(scope), pk=row.pk).exists() == allows(row, scope).allowed
    row.delete()
