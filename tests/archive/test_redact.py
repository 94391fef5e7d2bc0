"""Hiding something of a work and showing it again: one act, one transaction, one line in the trail."""

from __future__ import annotations

import pytest

from archive.actions.base import ActionRefused
from archive.actions.redact import RedactAction, UnredactAction
from archive.gate import Gate
from archive.models import AuditEvent, Publication, Redaction
from tests.archive.factories import a_community, a_member, a_testimony, committed, published

pytestmark = pytest.mark.django_db


def a_work(community):
    return published(a_testimony(community, original="Արամը գիտեր։", english="Aram knew."))


def hiding(work, **changed):
    anchor = work.tracks.get(key="t1").cues[0]["id"]
    facts = {"anchor": anchor, "words": "Արամը", "mode": "remove", "reason": "living-person"}
    return Redaction(**{**facts, **changed})


def text_of(work):
    return str(Publication.objects.get(public_id=work.public_id).payload["rows"])


@pytest.mark.parametrize("role", ["editor", "steward"])
def test_an_editor_or_a_steward_hides_and_shows_again(site, role):
    community = a_community()
    work, user = a_work(community), a_member(community, role)
    with committed():
        (row,) = RedactAction(user, work, [hiding(work)]).execute()
    assert "Արամը" not in text_of(work)
    assert (row.pk, row.record_id, row.authorised_by) == (Redaction.objects.get().pk, work.pk, user)
    with committed():
        UnredactAction(user, work, row).execute()
    assert "Արամը" in text_of(work) and not Redaction.objects.exists()
    trail = AuditEvent.objects.filter(subject=work.public_id, actor=f"user:{user.pk}").order_by("pk")
    assert [event.action for event in trail] == ["redaction", "redaction-removed"]
    assert "Արամը" not in str([event.detail for event in trail])


@pytest.mark.parametrize("role", ["translator", "publisher", "contributor"])
def test_nobody_else_does(site, role):
    community = a_community()
    work, user = a_work(community), a_member(community, role)
    with pytest.raises(ActionRefused):
        RedactAction(user, work, [hiding(work)]).execute()
    (row,) = RedactAction(None, work, [hiding(work)]).execute()
    with pytest.raises(ActionRefused):
        UnredactAction(user, work, row).execute()
    with pytest.raises(ActionRefused):
        RedactAction(a_member(a_community(), "editor", "steward"), work, [hiding(work)]).execute()
    assert Redaction.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"anchor": ""}, "no-place"),
        ({"anchor": "", "start_ms": 5, "end_ms": 5}, "no-place"),
        ({"anchor": "", "start_ms": 5}, "no-place"),
        ({"reason": "Her brother lives at 4 Mill Lane"}, "reason"),
        ({"reason": ""}, "reason"),
    ],
)
def test_what_says_no_place_or_no_code_is_refused(site, changed, code):
    community = a_community()
    work, user = a_work(community), a_member(community, "steward")
    with pytest.raises(ActionRefused) as refused:
        RedactAction(user, work, [hiding(work), hiding(work, **changed)]).execute()
    assert refused.value.code == code and not Redaction.objects.exists()
    with pytest.raises(ActionRefused):
        RedactAction(user, work, []).execute()


def test_a_redaction_is_taken_back_once_and_of_its_own_work(site):
    community = a_community()
    work, other = a_work(community), a_work(community)
    (row,) = RedactAction(None, work, [hiding(work)]).execute()
    with pytest.raises(ActionRefused):
        UnredactAction(None, other, row).execute()
    UnredactAction(None, work, row).execute()
    with pytest.raises(ActionRefused):
        UnredactAction(None, work, row).execute()


def test_nothing_is_written_when_the_gate_fails(site, monkeypatch):
    work = a_work(a_community())

    def broken(self, works):
        raise RuntimeError("the gate")

    monkeypatch.setattr(Gate, "refresh", broken)
    with pytest.raises(RuntimeError):
        RedactAction(None, work, [hiding(work)]).execute()
    assert not Redaction.objects.exists() and not AuditEvent.objects.filter(action="redaction").exists()
