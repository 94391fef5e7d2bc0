"""What reviewers broke: acts that meet, rights that end, and input from people who mean harm."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import EducatorGrant
from archive import publications
from archive.actions.base import ActionRefused
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import HideAction, PublishAction, ReviewAction, UnpublishAction
from archive.actions.withdraw import WithdrawAction
from archive.memberships import LastSteward, leave
from archive.models import (
    ConsentRecord,
    ImportBatch,
    Membership,
    Proposal,
    Protocol,
    Publication,
    Record,
    Testimony,
    Tombstone,
    WithdrawalCase,
)
from archive.policy import viewer_of
from archive.revisions import restore_snapshot, snapshot_of
from archive.values.language_map import language_map
from config.logging import without_traces
from jobs.api import enqueue
from tests.archive.factories import (
    ALL_YES,
    a_collection,
    a_community,
    a_member,
    a_person,
    a_place,
    a_testimony,
    a_user,
    committed,
    published,
)
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def as_read_before(work):
    """The work as another request has read it, before anything below happens."""
    return Testimony.objects.select_related("community", "collection").get(pk=work.pk)


# --- Acts that meet -------------------------------------------------------------------------------


def test_a_publication_asked_for_before_a_withdrawal_opens_nothing_after_it(site):
    work = published()
    earlier = as_read_before(work)
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
        assessment = PublishAction(None, [earlier]).execute()[work.public_id]
    assert not assessment.allowed
    assert not Publication.objects.filter(public_id=work.public_id).exists()
    assert not Record.objects.get(pk=work.pk).wanted_public


def test_a_publication_asked_for_before_work_is_hidden_opens_nothing_after_it(site):
    work = published()
    earlier = as_read_before(work)
    with committed():
        HideAction(None, work).execute()
        PublishAction(None, [earlier]).execute()
    assert not Publication.objects.filter(public_id=work.public_id).exists()


def test_consent_recorded_while_work_is_withdrawn_or_taken_back_opens_nothing(site):
    for act in (lambda w: WithdrawAction(None, w, reason="danger"), lambda w: UnpublishAction(None, [w])):
        work = published()
        earlier = as_read_before(work)
        with committed():
            act(work).execute()
            facts = {"basis": ConsentRecord.Basis.INFORMED, "scopes": ALL_YES}
            RecordConsentAction(None, earlier, facts).execute()
        assert not Publication.objects.filter(public_id=work.public_id).exists()


def test_a_review_begun_before_a_withdrawal_does_not_take_it_back(site):
    work = published()
    earlier = as_read_before(work)
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    with pytest.raises(ActionRefused):
        ReviewAction(None, [earlier]).execute()
    assert Record.objects.get(pk=work.pk).state == "withdrawn"


def test_two_withdrawals_at_once_are_one(site):
    work = published()
    earlier = as_read_before(work)
    with committed():
        first = WithdrawAction(None, work, reason="danger").execute()
        second = WithdrawAction(None, earlier, reason="mistake").execute()
    assert first.pk == second.pk and WithdrawalCase.objects.count() == 1
    assert Tombstone.objects.filter(public_id=work.public_id).count() == 1


def test_a_form_sent_while_work_is_withdrawn_does_not_open_it_again(site, monkeypatch):
    """The form has read the record; the withdrawal commits; then the form saves."""
    community = a_community()
    work = published(a_testimony(community))
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    from archive.desk.forms import RecordForm

    check = RecordForm.clean

    def withdrawn_meanwhile(form):
        cleaned = check(form)
        WithdrawAction(None, as_read_before(work), reason="danger").execute()
        return cleaned

    address = f"/admin/testimonies/edit/{work.pk}/"
    shown = desk.get(address).context["form"]
    sent = {name: shown[name].value() for name in shown.fields}
    sent = {name: value for name, value in sent.items() if value not in (None, "", [], False)}
    sent |= {"title-original": "hy", "title-0-language": "hy", "title-0-text": "Գետը", "minimum_age": "12"}
    monkeypatch.setattr(RecordForm, "clean", withdrawn_meanwhile)
    with committed():
        answer = desk.post(address, sent)
    assert answer.status_code == 302, answer.context["form"].errors
    record = Record.objects.get(pk=work.pk)
    assert record.state == "withdrawn" and not record.wanted_public


# --- Rights that end ------------------------------------------------------------------------------


def test_a_place_named_in_public_ends_with_the_public_work_whatever_the_community_keeps(site, client):
    """The scheduler may be dead: the clock alone must close the page."""
    place = a_place("Kertavan")
    community = a_community()
    ends = timezone.now() + timedelta(hours=1)
    published(a_testimony(community, places=[place]), ends_at=ends)
    published(a_testimony(community, places=[place]), {"preserve": "yes"})
    assert publications.find(place.public_id) is not None
    assert publications.find(place.public_id, now=ends + timedelta(seconds=1)) is None


# --- Sealed fields --------------------------------------------------------------------------------


def test_a_proposal_does_not_show_an_editor_what_is_sealed(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, sealed=["date", "abstract"], date="1921-04-24")
    changed = snapshot_of(work) | {"date": "1922-05-25", "abstract": language_map("Canaryabstract", "en")}
    batch = ImportBatch.objects.create(community=community, source_format="tei", options={})
    facts = {"source_sha256": "0" * 64, "base_revision": 1}
    Proposal.objects.create(record_id=work.pk, batch=batch, snapshot=changed, **facts)
    address = f"/admin/desk/community/{community.slug}/proposals/"
    page = at_the_desk(a_member(community, "editor"), monkeypatch).get(address).content.decode()
    assert "1921-04-24" not in page and "1922-05-25" not in page and "Canaryabstract" not in page
    page = at_the_desk(a_member(community, "editor", "steward"), monkeypatch).get(address).content.decode()
    assert "Canaryabstract" in page


# --- Hostile input --------------------------------------------------------------------------------

HUGE = "9" * 26
LONGER_THAN_PYTHON_READS = "9" * 5000


@pytest.mark.parametrize("number", [HUGE, "9223372036854775807", LONGER_THAN_PYTHON_READS, "-5", "0"])
def test_no_page_number_breaks_a_list(site, client, number):
    published()
    for address in ("/api/v1/testimonies/", "/en/testimonies/", "/api/v1/search", "/en/search/"):
        assert client.get(address, {"page": number}).status_code in (200, 404, 422), address


def test_report_answers_head_as_it_answers_get(site, client):
    assert client.head("/en/report/").status_code == client.get("/en/report/").status_code == 200


def test_no_range_breaks_a_file(tmp_path, rf):
    from archive.public.media import _ranged

    file = tmp_path / "voice.opus"
    file.write_bytes(b"0123456789")
    for asked in (f"bytes={LONGER_THAN_PYTHON_READS}-", f"bytes=0-{LONGER_THAN_PYTHON_READS}", f"bytes={HUGE}-"):
        answer = _ranged(rf.get("/", headers={"Range": asked}), file, "audio/ogg")
        assert answer.status_code in (200, 416) and b"".join(answer.streaming_content) == b"0123456789"


def test_who_only_contributes_or_translates_ends_no_job_of_the_community(site, monkeypatch):
    community = a_community()
    job = enqueue("prove-absence", input={"case": 0, "public_id": "x"}, scope=f"community:{community.slug}")
    address = f"/admin/jobs/{job.public_id}/cancel/"
    for role, status in (("contributor", 404), ("translator", 404), ("steward", 302)):
        assert at_the_desk(a_member(community, role), monkeypatch).post(address).status_code == status, role
    foreign = at_the_desk(a_member(a_community(), "steward", "editor"), monkeypatch)
    assert foreign.post(address).status_code == 404


@pytest.mark.parametrize("key", [HUGE, LONGER_THAN_PYTHON_READS])
def test_no_key_breaks_a_screen_of_the_desk(site, monkeypatch, key):
    community = a_community()
    work = a_testimony(community)
    desk = at_the_desk(a_member(community, "editor", "steward", "publisher"), monkeypatch)
    for address, sent in (
        (f"/admin/desk/community/{community.slug}/members/", {"action": f"leave:{key}"}),
        (f"/admin/desk/community/{community.slug}/members/", {"action": f"revoke:{key}"}),
        (f"/admin/desk/community/{community.slug}/readers/", {"action": f"handled:{key}"}),
        (f"/admin/desk/community/{community.slug}/readers/", {"action": f"approve:{key}", "days": "30"}),
        (f"/admin/desk/community/{community.slug}/readers/", {"action": "approve:1", "days": f"00001{key}"}),
        (f"/admin/desk/community/{community.slug}/proposals/", {"action": f"accept:{key}"}),
        (f"/admin/testimonies/{work.pk}/links/", {"remove": f"link:{key}"}),
        (f"/admin/testimonies/{work.pk}/redactions/", {"remove": key}),
        (f"/admin/testimonies/{work.pk}/revisions/", {"restore": key}),
        ("/admin/testimonies/act/", {"action": "hide", "work": [key, str(work.pk)]}),
    ):
        assert desk.post(address, sent).status_code in (200, 302, 404), (address, sent)


@pytest.mark.parametrize("address", ["203.0.113.7", "2001:db8::7", "::1"])
@pytest.mark.parametrize("after", [": Request Line is too large", ".", ", refused", ""])
def test_no_address_stays_in_a_line_of_the_log_whatever_follows_it(address, after):
    assert address not in without_traces(f"Invalid request from ip={address}{after}")


# --- One member of two communities ----------------------------------------------------------------


def test_work_names_nothing_of_another_community_even_for_who_is_a_member_of_both(site, monkeypatch):
    """What a public work names has a public page: only its own community decides on that."""
    ours, theirs = a_community(), a_community()
    work, foreign = a_testimony(ours), a_person(theirs, "Canaryname")
    user = a_member(ours, "editor")
    Membership.objects.create(community=theirs, user=user, role="translator", since=timezone.now())
    desk = at_the_desk(user, monkeypatch)
    address = f"/admin/testimonies/{work.pk}/links/"
    for sent in (
        {"add": "link", "link-target": foreign.public_id, "link-relation": "mentioned"},
        {"add": "contribution", "contribution-person": foreign.public_id, "contribution-role": "narrator"},
    ):
        assert "belongs to another community" in desk.post(address, sent).content.decode()
    assert not work.entity_links.exists() and not work.contributions.exists()
    collection, place = a_collection(theirs), a_place("Mets", community=theirs)
    shown = desk.get(f"/admin/testimonies/edit/{work.pk}/").context["form"]
    sent = {name: shown[name].value() for name in shown.fields}
    sent = {name: value for name, value in sent.items() if value not in (None, "", [], False)}
    sent |= {"title-original": "hy", "title-0-language": "hy", "title-0-text": "Գետը", "minimum_age": "12"}
    for changed in ({"collection": collection.pk}, {"place": place.public_id}):
        answer = desk.post(f"/admin/testimonies/edit/{work.pk}/", sent | changed)
        assert answer.status_code == 200 and "belongs to another community" in answer.content.decode()
    shared = a_place("Everybody's")
    answer = desk.post(f"/admin/testimonies/edit/{work.pk}/", sent | {"place": shared.public_id})
    assert answer.status_code == 302 and Testimony.objects.get(pk=work.pk).place_id == shared.pk


def test_no_number_of_casualties_breaks_the_form_of_an_event(site, monkeypatch):
    desk = at_the_desk(a_member(a_community(), "editor"), monkeypatch)
    sent = {"name-original": "en", "name-0-language": "en", "name-0-text": "A night", "date_from": "1921"}
    lines = f"{LONGER_THAN_PYTHON_READS} | {LONGER_THAN_PYTHON_READS} | count | a book"
    answer = desk.post("/admin/events/new/", sent | {"casualty_estimates": lines})
    assert answer.status_code == 200 and "lowest and a highest number" in answer.content.decode()


def test_going_back_to_a_revision_while_work_is_withdrawn_does_not_open_it_again(site, monkeypatch):
    from archive.desk.revisions_screen import RevisionsScreen

    community = a_community()
    work = published(a_testimony(community))
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    found = RevisionsScreen._revision

    def withdrawn_meanwhile(screen, number):
        WithdrawAction(None, as_read_before(work), reason="danger").execute()
        return found(screen, number)

    monkeypatch.setattr(RevisionsScreen, "_revision", withdrawn_meanwhile)
    with committed():
        assert desk.post(f"/admin/testimonies/{work.pk}/revisions/", {"restore": "1"}).status_code == 302
    record = Record.objects.get(pk=work.pk)
    assert record.state == "withdrawn" and not record.wanted_public


def test_restoring_a_text_brings_back_no_withdrawn_work(site):
    work = published()
    stale = type(work).objects.get(pk=work.pk)
    snapshot = stale.revisions.get(number=1).snapshot
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    restore_snapshot(stale, snapshot)
    work.refresh_from_db()
    assert work.state == "withdrawn" and not work.wanted_public


@pytest.mark.parametrize(
    "path", ["/id/%00", "/en/testimonies/?language=%00", "/en/testimonies/?language=xx-nothing", "/captions/%00/t1.vtt"]
)
def test_what_is_no_id_and_no_language_is_a_404(site, path):
    assert Client().get(path).status_code == 404


# --- What the first session left open ---------------------------------------------------------------


def test_two_stewards_who_leave_at_once_leave_one(site):
    community = a_community()
    first, second = a_member(community, "steward"), a_member(community, "steward")
    # Both requests have read their row and counted two stewards before either acts.
    rows = [Membership.objects.get(user=user) for user in (first, second)]
    leave(rows[0], first)
    with pytest.raises(LastSteward, match="invite another one first"):
        leave(rows[1], second)
    assert [row.user for row in Membership.objects.current(timezone.now())] == [second]


def test_a_steward_who_cannot_sign_in_is_none(site):
    community = a_community()
    first = a_member(community, "steward", "editor")
    a_member(community, "steward", is_active=False)
    with pytest.raises(LastSteward):
        leave(Membership.objects.get(user=first, role="steward"), first)
    leave(Membership.objects.get(user=first, role="editor"), first)
    assert not Membership.objects.current(timezone.now()).filter(role="editor").exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time; PostgreSQL needs the lock.")
def test_the_lock_holds_between_two_processes(site):
    community = a_community()
    rows = [Membership.objects.get(user=a_member(community, "steward")) for _ in range(2)]
    meeting = threading.Barrier(2)

    def go(row):
        try:
            meeting.wait(10)
            leave(row, row.user)
            return "left"
        except LastSteward:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(go, rows)) == ["left", "refused"]


def test_names_are_looked_for_in_each_kind_once(site, monkeypatch):
    community = a_community()
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    a_person(community, "Anahit Sarian")
    address = "/admin/desk/names/"
    once = desk.get(address, {"kinds": "person", "q": "Anahit"}).json()["names"]
    with CaptureQueriesContext(connection) as few:
        desk.get(address, {"kinds": "person,place", "q": "Anahit"})
    with CaptureQueriesContext(connection) as many:
        again = desk.get(address, {"kinds": ",".join(["person", "place"] * 300), "q": "Anahit"}).json()["names"]
    assert again == once and len(once) == 1
    assert len(many) == len(few)


@pytest.mark.parametrize("protocol", [False, True])
def test_a_place_that_only_an_educators_work_names_opens_for_its_community(site, protocol):
    community, foreign = a_community(), a_community()
    member, stranger = a_member(community, "contributor"), a_member(foreign, "contributor")
    place = a_place()
    work = a_testimony(community, places=[place])
    classroom = {"preserve": "yes", "classroom": "yes"}
    published(work, classroom)
    if protocol:
        rule = Protocol.objects.create(community=community, name=language_map("Elders", "en"), openness="open")
        with committed():
            RecordConsentAction(
                None, work, {"basis": "informed-consent", "scopes": classroom}, protocols=[rule]
            ).execute()
            ReviewAction(None, [work]).execute()
            PublishAction(None, [work]).execute()
    teacher = a_user()
    EducatorGrant.objects.create(user=teacher, expires_at=timezone.now() + timedelta(days=9))
    for reader, sees in ((member, True), (teacher, True), (stranger, False), (a_user(), False)):
        found = [publications.find(key, viewer_of(reader)) for key in (work.public_id, place.public_id)]
        assert [one is not None for one in found] == [sees, sees]
    # Who is both meets the place once in a list.
    EducatorGrant.objects.create(user=member, expires_at=timezone.now() + timedelta(days=9))
    assert publications.listing(viewer_of(member), kind="place").count() == 1
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    assert not Publication.objects.filter(public_id=place.public_id).exists()
