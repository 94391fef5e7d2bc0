"""What was narrowed since a backup is narrowed again after its restore, and what was taken back stays taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.grants import GrantEducator, RevokeGrant
from accounts.models import EducatorGrant
from accounts.wagtail_user_viewset import UserForm
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import HideAction, PublishAction, ReviewAction, UnpublishAction
from archive.actions.redact import DecideOnRedactedAction, RedactAction, UnredactAction
from archive.assessment import consent_in_force
from archive.desk.works import TestimonyForm
from archive.memberships import join, leave
from archive.models import (
    AccessRequest,
    Contribution,
    IndexSegment,
    Membership,
    Protocol,
    Publication,
    Record,
    Redaction,
    Role,
    Scope,
    Testimony,
    Unfinished,
)
from archive.policy import viewer_of
from archive.revisions import save_revision
from archive.values.language_map import language_map
from archive.vault import ledger, ledger_file
from archive.vault.errors import VaultFull
from archive.vault.narrowings import of_state, state_of_record
from archive.vault.replay import ReplayLedger
from tests.archive.factories import (
    ALL_YES,
    a_community,
    a_member,
    a_person,
    a_testimony,
    a_user,
    committed,
    cue,
    published,
)
from tests.archive.sent_forms import as_shown
from tests.archive.vault.replayed import Undone, restored, since_the_backup

NARROW = {**dict.fromkeys(Scope.values, "no"), Scope.PRESERVE: "yes", Scope.RESEARCH: "yes"}


def again(work: Any) -> Any:
    return Testimony.objects.select_related("community", "collection").get(pk=work.pk)


def payloads(work: Any) -> str:
    return " ".join(str(row.payload) for row in Publication.objects.filter(public_id=work.public_id))


def consent_narrowed(work: Any) -> None:
    RecordConsentAction(None, again(work), {"basis": "informed-consent", "scopes": NARROW}).execute()


def consent_renewed(work: Any) -> None:
    RecordConsentAction(None, again(work), {"basis": "informed-consent", "scopes": ALL_YES}).execute()


def hidden(work: Any) -> None:
    HideAction(None, again(work)).execute()


def released(work: Any) -> None:
    HideAction(None, again(work), hide=False).execute()


def redacted(work: Any) -> None:
    row = Redaction(
        anchor=work.tracks.get(key="t2").cues[0]["id"], words="the river", mode="remove", reason="living-person"
    )
    RedactAction(None, again(work), [row]).execute()


def shown_again(work: Any) -> None:
    UnredactAction(None, again(work), work.redactions.get()).execute()


def save_seals(work: Any, seals: list[str]) -> None:
    steward = a_member(work.community, Role.STEWARD)
    form = TestimonyForm(data={"sealed": seals}, instance=again(work), viewer=viewer_of(steward))
    assert form.is_valid(), form.errors
    with transaction.atomic():
        form.save_record(user=steward, created=False)


def restricted(work: Any) -> None:
    save_seals(work, ["abstract"])


def opened(work: Any) -> None:
    save_seals(work, [])


def save_sensitivity(work: Any, *ticked: str) -> None:
    editor = a_member(work.community, Role.EDITOR)
    shown = TestimonyForm(instance=again(work), viewer=viewer_of(editor))
    form = TestimonyForm(data=as_shown(shown, sensitivity=ticked), instance=again(work), viewer=viewer_of(editor))
    assert form.is_valid(), form.errors
    with transaction.atomic():
        form.save_record(user=editor, created=False)


def save_age(work: Any, age: int) -> None:
    steward = a_member(work.community, Role.STEWARD)
    form = TestimonyForm(data={}, instance=again(work), viewer=viewer_of(steward))
    assert form.is_valid(), form.errors
    # The steward's form lacks it; an editor's has it among all the others.
    form.instance.minimum_age = age
    with transaction.atomic():
        form.save_record(user=steward, created=False)


def switch(work: Any, **rights: bool) -> None:
    """As an operator does on the account's screen."""
    user = Membership.objects.filter(community=work.community, role=Role.EDITOR).get().user
    data = {"display_name": "Editor", "is_active": True, "is_superuser": False, **rights}
    form = UserForm(data=data, instance=user)
    assert form.is_valid(), form.errors
    form.save()


def membership_of(work: Any) -> Membership:
    return Membership.objects.filter(community=work.community, role=Role.EDITOR).get()


def left(work: Any) -> None:
    leave(Membership.objects.current(timezone.now()).get(community=work.community, role=Role.EDITOR), None)


def joined(work: Any) -> None:
    ended = Membership.objects.filter(community=work.community, role=Role.EDITOR).first()
    assert ended is not None
    join(ended.user, work.community, Role.EDITOR)


def is_open(work: Any, name: str) -> bool:
    """Whether what the act of this name closes is open."""
    work = again(work)
    if name == "consent":
        return Publication.objects.filter(public_id=work.public_id, serves_public=True).exists()
    if name == "hide":
        return bool(payloads(work))
    if name == "redact":
        return "the river would save us" in payloads(work)
    if name == "age":
        return Publication.objects.get(public_id=work.public_id).payload["minimum_age"] == 0
    if name == "deactivate":
        return Membership.objects.filter(community=work.community, role=Role.EDITOR, user__is_active=True).exists()
    if name == "sensitivity":
        return not again(work).sensitivity
    if name == "restrict":
        return "abstract" not in work.sealed
    return Membership.objects.current(timezone.now()).filter(community=work.community, role=Role.EDITOR).exists()


ACTS: dict[str, tuple[Callable[[Any], None], Callable[[Any], None]]] = {
    "consent": (consent_narrowed, consent_renewed),
    "hide": (hidden, released),
    "redact": (redacted, shown_again),
    "restrict": (restricted, opened),
    "leave": (left, joined),
    "sensitivity": (lambda work: save_sensitivity(work, "sexual-violence"), save_sensitivity),
    "age": (lambda work: save_age(work, 16), lambda work: save_age(work, 0)),
    "deactivate": (lambda work: switch(work, is_active=False), lambda work: switch(work)),
}


def five_works() -> list[Any]:
    works = []
    for _number in range(5):
        work = published(a_testimony(a_community()))
        a_member(work.community, Role.EDITOR)
        works.append(work)
    return works


@pytest.mark.parametrize("name", ACTS)
def test_what_was_narrowed_since_the_backup_is_not_undone(instance, name: str):
    works = five_works()
    narrow, _open = ACTS[name]
    with since_the_backup():
        for work in works:
            narrow(work)
            assert not is_open(work, name)
    assert all(is_open(work, name) for work in works)
    lines = ledger_file.read().lines
    report = restored()
    assert [work.public_id for work in works if is_open(work, name)] == []
    assert len(report.narrowed) == 5
    # Nothing is written twice, and doing it again does nothing.
    assert ledger_file.read().lines == lines
    ledger.mark_replay_pending()
    assert restored().narrowed == []


@pytest.mark.parametrize("name", ACTS)
def test_what_was_taken_back_before_the_backup_stays_so(instance, name: str):
    works = five_works()
    narrow, take_back = ACTS[name]
    with committed():
        for work in works:
            narrow(work)
            take_back(work)
            assert is_open(work, name)
    with since_the_backup():
        pass
    restored()
    assert [work.public_id for work in works if not is_open(work, name)] == []


@pytest.mark.parametrize("name", ACTS)
def test_of_several_acts_since_the_backup_the_last_counts(instance, name: str):
    once, twice = five_works()[:2]
    narrow, take_back = ACTS[name]
    with since_the_backup():
        for work in (once, twice):
            narrow(work)
            take_back(work)
        narrow(twice)
    restored()
    assert is_open(once, name) and not is_open(twice, name)


@pytest.mark.parametrize("name", ["hide", "redact", "leave"])
def test_without_the_lines_a_restore_undoes_it(instance, monkeypatch, name: str):
    (work, *_others) = five_works()
    monkeypatch.setattr(ledger, "tell", lambda *_lines: None)
    with since_the_backup():
        ACTS[name][0](work)
    restored()
    assert is_open(work, name)


def test_what_was_decided_on_a_redaction_since_the_backup_is_not_undone(instance):
    """A clip hidden with a redaction stays hidden, a part of the index declared free before is free no longer."""
    work = a_testimony(a_community())
    anchor = work.tracks.get(key="t2").cues[0]["id"]
    IndexSegment.objects.create(record=work, key="s1", anchor=anchor, title=language_map("The crossing", "en"))
    IndexSegment.objects.create(record=work, key="s2", title=language_map("The bakery", "en"))
    save_revision(work, origin="edit")
    published(again(work))
    with committed():
        redacted(work)
        decide(work, "s1", hidden=False)
        decide(work, "s2", hidden=False)
    assert "The crossing" in payloads(work) and "The bakery" in payloads(work)
    with since_the_backup():
        decide(work, "s1", hidden=None)
        decide(work, "s2", hidden=True)
    assert "The crossing" in payloads(work) and "The bakery" in payloads(work)
    assert len(restored().narrowed) == 2
    assert "The crossing" not in payloads(work) and "The bakery" not in payloads(work)
    with committed():
        decide(work, "s1", hidden=False)
    with since_the_backup():
        decide(work, "s1", hidden=None)
        decide(work, "s1", hidden=False)
    restored()
    assert "The crossing" in payloads(work)


def decide(work: Any, segment: str, *, hidden: bool | None) -> None:
    DecideOnRedactedAction(
        None, again(work), work.redactions.get(), about="segment", key=segment, hidden=hidden
    ).execute()


def test_what_was_taken_back_and_never_committed_counts_for_nothing(instance):
    work = published(a_testimony(a_community()))
    with since_the_backup():
        hidden(work)
    with pytest.raises(Undone), transaction.atomic():
        # As a crash between the ledger and the commit leaves it: the line is there, its "done" is not.
        HideAction(None, again(work), hide=False).execute()
        raise Undone
    restored()
    assert not is_open(work, "hide")


def test_a_redaction_comes_back_as_its_whole_passage_and_the_desk_says_so(instance):
    from archive.desk.waiting import waiting_for

    work = published(a_testimony(a_community()))
    editor = a_member(work.community, Role.EDITOR, Role.STEWARD)
    with since_the_backup():
        redacted(work)
    assert "river" not in ledger_file.path().read_text("utf-8")
    restored()
    row = Redaction.objects.get(record_id=work.pk)
    assert row.words == "" and "would save us" not in payloads(work)
    (task,) = waiting_for(viewer_of(editor), timezone.now())[0].unfinished
    assert "whole passage" in str(task["said"]) and "redactions" in task["url"]
    # She hides the words and shows the rest again: nothing is left to do.
    redact = Redaction(anchor=row.anchor, words="the river", mode="remove", reason="living-person")
    RedactAction(editor, again(work), [redact]).execute()
    UnredactAction(editor, again(work), row).execute()
    assert waiting_for(viewer_of(editor), timezone.now())[0].unfinished == []
    assert "would save us" in payloads(work) and "that the river" not in payloads(work)


def test_a_redaction_whose_passage_the_backup_lacks_hides_the_work(instance):
    work = published(a_testimony(a_community()))
    with since_the_backup():
        track = work.tracks.get(key="t2")
        track.cues = [*track.cues, cue("p-later", "Words that the backup does not know.")]
        track.save()
        row = Redaction(anchor="p-later", words="Words", mode="remove", reason="living-person")
        RedactAction(None, again(work), [row]).execute()
    restored()
    assert again(work).hidden and not payloads(work)
    assert Unfinished.objects.get(record_id=work.pk).what == Unfinished.What.WORK


def test_a_narrowed_consent_keeps_the_words_and_takes_the_closer_of_both(instance):
    work = published(a_testimony(a_community()), witness="A. Witness", ends_at=None)
    protocol = Protocol.objects.create(community=work.community)
    until = timezone.now() + timezone.timedelta(days=30)
    with since_the_backup():
        RecordConsentAction(
            None,
            again(work),
            {"basis": "informed-consent", "scopes": ALL_YES, "identity": "withheld", "ends_at": until},
            protocols=[protocol],
        ).execute()
    assert "Witness" not in ledger_file.path().read_text("utf-8")
    restored()
    now = consent_in_force(work)
    assert now is not None
    assert (now.version, now.identity, now.ends_at, now.witness) == (2, "withheld", until, "A. Witness")
    assert list(now.protocols.all()) == [protocol] and now.answer(Scope.PUBLIC_WEB) == "yes"


def test_a_narrowed_identity_shows_no_credit_of_the_backup(instance):
    """The credit in the backup was written for the real name; the new one was words, and words are in no ledger."""
    work = published(a_testimony(a_community()), identity="real-name")
    Contribution.objects.create(record=work, role="narrator", credited_as="Zorvandikt Qelmarian")
    with committed():
        save_revision(again(work), origin="edit")
        ReviewAction(None, [again(work)]).execute()
        PublishAction(None, [again(work)]).execute()
    assert "Qelmarian" in payloads(work)
    with since_the_backup():
        RecordConsentAction(
            None, again(work), {"basis": "informed-consent", "scopes": ALL_YES, "identity": "pseudonym"}
        ).execute()
    restored()
    assert payloads(work) and "Qelmarian" not in payloads(work)
    assert Unfinished.objects.filter(record_id=work.pk, what=Unfinished.What.CONSENT).exists()


def test_a_protocol_that_the_backup_lacks_closes_the_work(instance):
    work = published(a_testimony(a_community()))
    with since_the_backup():
        protocol = Protocol.objects.create(community=work.community)
        RecordConsentAction(
            None, again(work), {"basis": "informed-consent", "scopes": ALL_YES}, protocols=[protocol]
        ).execute()
    restored()
    assert again(work).hidden and not payloads(work)


def test_what_was_unpublished_since_stays_unpublished_and_what_was_published_again_is_public(instance):
    gone, back = (published(a_testimony(a_community())) for _number in range(2))
    with since_the_backup():
        UnpublishAction(None, [again(gone), again(back)]).execute()
        PublishAction(None, [again(back)]).execute()
    restored()
    assert not payloads(gone) and payloads(back)


def test_publishing_writes_no_line_where_nothing_was_unpublished(instance):
    work = published(a_testimony(a_community()))
    before = ledger_file.read().lines
    PublishAction(None, [again(work)]).execute()
    assert ledger_file.read().lines == before


def test_a_grant_that_ended_does_not_live_again(instance):
    operator, teacher = a_user(is_superuser=True), a_user()
    grant = GrantEducator(teacher, by=operator, institution="School").execute()
    with since_the_backup():
        RevokeGrant(grant, operator).execute()
    assert teacher.is_educator()
    restored()
    assert not teacher.is_educator() and EducatorGrant.objects.count() == 1


@pytest.mark.parametrize("name", ["hide", "unpublish"])
def test_who_was_let_in_before_a_work_was_closed_asks_anew(instance, name: str):
    closed, open_ = (
        published(a_testimony(a_community()), {Scope.PRESERVE: "yes", Scope.PUBLIC_WEB: "ask"}) for _number in range(2)
    )
    reader, other = a_user(), a_user()

    def let_in(user: Any, work: Any) -> None:
        AccessRequest.objects.create(
            public_id=work.public_id, community=work.community.slug, user=user, state=AccessRequest.State.APPROVED
        )

    with committed():
        # Who was let in after an earlier closing is let in still.
        hidden(open_)
        released(open_)
    for work in (closed, open_):
        let_in(reader, work)
    with since_the_backup():
        if name == "hide":
            hidden(closed)
            released(closed)
        else:
            UnpublishAction(None, [again(closed)]).execute()
            PublishAction(None, [again(closed)]).execute()
        let_in(other, closed)
        assert viewer_of(reader).grants.keys() == {open_.public_id}
    restored()
    assert payloads(closed) and viewer_of(reader).grants.keys() == {open_.public_id}
    ledger.mark_replay_pending()
    assert restored().narrowed == []


def test_what_the_backup_never_had_is_counted(instance):
    with since_the_backup():
        work = published(a_testimony(a_community()))
        a_member(work.community, Role.EDITOR)
        hidden(work)
        left(work)
    assert restored().unknown == 2 and not Record.objects.filter(pk=work.pk).exists()


def test_a_replay_that_breaks_off_goes_on_where_it_was(instance, monkeypatch):
    from archive.vault import replay

    works = five_works()
    with since_the_backup():
        for work in works:
            redacted(work)
    narrow, seen = replay.narrow_again, []

    def breaks(entry: Any) -> bool:
        if len(seen) == 2:
            raise VaultFull("The disk is full.")
        seen.append(entry)
        return narrow(entry)

    monkeypatch.setattr(replay, "narrow_again", breaks)
    with pytest.raises(VaultFull):
        ReplayLedger().execute()
    assert ledger.replay_pending()
    monkeypatch.setattr(replay, "narrow_again", narrow)
    assert len(restored().narrowed) == 3
    assert Redaction.objects.count() == 5 and Unfinished.objects.count() == 5


def test_a_name_that_was_narrowed_is_withheld(instance):

    community = a_community()
    person = a_person(community, "Canary Name")
    work = published(a_testimony(community, people=[person]))
    assert "Canary Name" in payloads(work)
    with since_the_backup():
        before = state_of_record(person)
        person.name_policy = "initials"
        person.save()
        ledger.tell(*of_state("restrict", person, before, state_of_record(person)))
    restored()
    person.refresh_from_db()
    assert person.name_policy == "withheld" and "Canary Name" not in payloads(work)
