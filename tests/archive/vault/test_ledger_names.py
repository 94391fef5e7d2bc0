"""After a restore: names shown instead, credits, invitations and accounts that were narrowed since the backup."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from accounts.invitations import Invite, RevokeInvitation
from accounts.models import Invitation
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import PublishAction, ReviewAction
from archive.models import Contribution, Role, Testimony, Unfinished
from archive.policy import viewer_of
from archive.revisions import save_revision
from archive.values.language_map import language_map
from archive.vault import ledger, ledger_file
from archive.vault.narrowings import of_state, state_of_record
from tests.archive.factories import ALL_YES, a_community, a_member, a_person, a_testimony, a_user, committed, published
from tests.archive.test_desk import at_the_desk
from tests.archive.vault.replayed import restored, since_the_backup
from tests.archive.vault.test_ledger_narrowings import again, payloads, switch


def credit(work: Any, name: str) -> None:
    Contribution.objects.update_or_create(record=work, role="narrator", defaults={"credited_as": name})
    save_revision(again(work), origin="edit")
    ReviewAction(None, [again(work)]).execute()
    PublishAction(None, [again(work)]).execute()


def test_a_credit_that_was_changed_since_is_shown_no_more_and_one_that_was_changed_back_is(instance):
    changed, back = (published(a_testimony(a_community()), identity="pseudonym") for _number in range(2))
    with committed():
        credit(changed, "Zorvandikt")
        credit(back, "Zorvandikt")
    with since_the_backup():
        for work in (changed, back):
            credit(work, "Qelmarian")
        credit(back, "Zorvandikt")
    assert "Zorvandikt" in payloads(changed)
    text = ledger_file.path().read_text("utf-8")
    assert "Zorvandikt" not in text and "Qelmarian" not in text and text.count('"credit"') == 5
    assert len(restored().narrowed) == 1
    assert payloads(changed) and "Zorvandikt" not in payloads(changed)
    assert "Zorvandikt" in payloads(back)
    waiting = set(Unfinished.objects.values_list("record_id", "what"))
    assert waiting == {(changed.pk, Unfinished.What.CONSENT), (changed.pk, Unfinished.What.NAME)}
    # A steward who follows the signed form brings the name of the backup not back.
    with committed():
        facts = {"scopes": ALL_YES, "identity": "pseudonym", "basis": "informed-consent"}
        RecordConsentAction(None, again(changed), facts).execute()
    assert payloads(changed) and "Zorvandikt" not in payloads(changed)


@pytest.mark.parametrize(("names", "withheld"), [(["Other"], True), (["Other", "Before"], False)])
def test_another_name_shown_for_a_person_since_withholds_the_one_of_the_backup(instance, names, withheld):
    person = a_person(a_community(), name_policy="pseudonym", public_name=language_map("Before", "en"))
    with since_the_backup():
        for name in names:
            before = state_of_record(person)
            person.public_name = language_map(name, "en")
            person.save()
            ledger.tell(*of_state("restrict", person, before, state_of_record(person)))
    assert "Other" not in ledger_file.path().read_text("utf-8")
    restored()
    person.refresh_from_db()
    assert (person.name_policy == "withheld") is withheld
    assert Unfinished.objects.exists() is withheld


def test_an_invitation_that_was_taken_back_is_not_good_again(instance):
    community = a_community()
    steward = a_member(community, Role.STEWARD)
    Invite(f"community:{community.slug}", "editor", "Valley", steward).execute()
    with since_the_backup():
        RevokeInvitation(Invitation.objects.get()).execute()
    assert Invitation.objects.open(timezone.now()).exists()
    restored()
    assert not Invitation.objects.open(timezone.now()).exists()


def test_who_is_no_operator_any_more_is_none_after_a_restore(instance):
    work = published(a_testimony(a_community()))
    user = a_member(work.community, Role.EDITOR)
    switch(work, is_superuser=True)
    with since_the_backup():
        switch(work)
    user.refresh_from_db()
    assert user.is_superuser
    restored()
    user.refresh_from_db()
    assert user.is_active and not user.is_superuser


def helped(work: Any, *, role: str = "interviewer", **facts: Any) -> None:
    """Somebody helped with a work as ``facts`` say, and it was reviewed; without any she is taken out."""
    rows = Contribution.objects.filter(record=work, role=role)
    rows.delete()
    if facts:
        Contribution.objects.create(record=work, role=role, **facts)
    save_revision(again(work), origin="edit")
    ReviewAction(None, [again(work)]).execute()
    PublishAction(None, [again(work)]).execute()


@pytest.mark.parametrize("role", sorted({*Contribution.Role.values} - {"narrator", "author"}))
def test_a_helper_whose_credit_was_changed_since_is_withheld(instance, role):
    work = published(a_testimony(a_community()), identity="real-name")
    with committed():
        helped(work, role=role, credited_as="Zorvandikt")
    with since_the_backup():
        helped(work, role=role, credited_as="Mira")
        assert "Zorvandikt" not in payloads(work)
    assert "Mira" not in ledger_file.path().read_text("utf-8") and "Zorvandikt" in payloads(work)
    restored()
    assert payloads(work) and "Zorvandikt" not in payloads(work)
    ledger.mark_replay_pending()
    assert restored().narrowed == []


def test_a_helper_who_was_taken_out_since_is_withheld_until_somebody_has_looked(instance, site, monkeypatch):
    from archive.desk.waiting import waiting_for

    community = a_community()
    helper = a_person(community, "Zorvandikt")
    kept, gone, back = (published(a_testimony(community), identity="real-name") for _number in range(3))
    with committed():
        for work in (kept, gone, back):
            helped(work, person=helper)
            helped(work, role="translator", credited_as="Qelmarian")
        # A draft that nobody has reviewed.
        Testimony.objects.filter(pk=gone.pk).update(abstract=language_map("A draft.", "en"))
        save_revision(again(gone), origin="edit")
    with since_the_backup():
        helped(gone)
        helped(kept, role="transcriber", credited_as="Another")
        helped(back)
        helped(back, person=helper)
    restored()
    assert "Zorvandikt" in payloads(kept) and "Zorvandikt" in payloads(back)
    shown = payloads(gone)
    assert "Zorvandikt" not in shown and helper.public_id not in shown and "Qelmarian" in shown
    assert "A draft." not in shown and again(gone).current_revision == again(gone).reviewed_revision + 1
    editor = a_member(community, Role.EDITOR)
    (task,) = waiting_for(viewer_of(editor), timezone.now())[0].unfinished
    assert task["url"].endswith(f"/{gone.pk}/links/")
    row = gone.contributions.get(role="interviewer")
    at_the_desk(editor, monkeypatch).post(task["url"], {"remove": f"contribution:{row.pk}"})
    assert not Unfinished.objects.filter(finished_at=None).exists()
    with committed():
        ReviewAction(None, [again(gone)]).execute()
        PublishAction(None, [again(gone)]).execute()
    assert "A draft." in payloads(gone) and "Zorvandikt" not in payloads(gone)


def test_accounts_that_were_switched_off_in_bulk_stay_so(instance, site, monkeypatch):
    community = a_community()
    off, back = (a_member(community, Role.EDITOR) for _number in range(2))
    client = at_the_desk(a_user(is_superuser=True, is_staff=True), monkeypatch)
    address = "/admin/bulk/accounts/user/set_active_state/?next=/admin/users/"
    with since_the_backup():
        client.post(f"{address}&id={off.pk}&id={back.pk}", {"mark_as_active": "False"})
        client.post(f"{address}&id={back.pk}", {"mark_as_active": "True"})
        off.refresh_from_db()
        assert not off.is_active
    restored()
    off.refresh_from_db()
    back.refresh_from_db()
    assert not off.is_active and back.is_active
