"""Merging, imports, members, readers and proposals at the desk."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone

from accounts.models import Invitation
from archive.importing.job import do_import
from archive.models import (
    AccessRequest,
    EntityLink,
    ImportBatch,
    Membership,
    Proposal,
    Protocol,
    Publication,
    ReaderReport,
    Testimony,
)
from archive.revisions import snapshot_of
from archive.values.language_map import language_map
from jobs.models import Job
from tests.archive.factories import (
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


def test_a_merged_place_leads_on_and_every_page_names_the_one_kept(site, monkeypatch, client):
    community = a_community()
    kept = a_place("Կերտավան", community=community)
    other = a_place("Kertavan", "en", community=community, note=language_map("By the river", "en"))
    work = published(a_testimony(community, places=[other]))
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    page = desk.get(f"/admin/places/{kept.pk}/merge/?other={other.public_id}").content.decode()
    assert "By the river" in page and "1 public work is made anew" in page
    with committed():
        desk.post(f"/admin/places/{kept.pk}/merge/", {"other": other.public_id, "field-note": "other"})
    kept.refresh_from_db()
    other.refresh_from_db()
    assert other.merged_into_id == kept.pk and kept.note["values"]["en"]["text"] == "By the river"
    assert {"text": "Kertavan", "language": "en", "type": "variant"} in kept.other_names
    assert kept.external_ids.count() == 2 and EntityLink.objects.get().target_id == kept.pk
    payload = Publication.objects.get(public_id=work.public_id).payload
    assert [e["id"] for e in payload["entities"]] == [kept.public_id]
    assert not Publication.objects.filter(public_id=other.public_id).exists()
    answer = client.get(f"/id/{other.public_id}")
    assert answer.status_code == 302 and kept.public_id in answer.headers["Location"]
    assert (
        kept.public_id in desk.get(f"/admin/places/edit/{other.pk}/").content.decode()
        or "Merged into" in desk.get(f"/admin/places/edit/{other.pk}/").content.decode()
    )


def test_records_of_different_owners_or_kinds_are_not_merged(site, monkeypatch):
    community = a_community()
    person, platform = a_place("Mine", community=community), a_place("Everybody's")
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    page = desk.post(f"/admin/places/{person.pk}/merge/", {"other": platform.public_id}).content.decode()
    assert "belong to different owners" in page or "does not include this" in page or "belongs to the platform" in page
    foreign = a_person(a_community(), "Canaryname")
    mine = a_person(community, "Anahit")
    page = desk.post(f"/admin/people-records/{mine.pk}/merge/", {"other": foreign.public_id}).content.decode()
    assert "no such record" in page and "Canaryname" not in page


SRT = "1\n00:00:01,000 --> 00:00:02,000\nԳիշեր էր։\n"


def test_files_are_read_dry_then_imported_then_taken_back(site, monkeypatch):
    community = a_community()
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    sent = {"community": community.pk, "collection": "voices", "format": "auto", "kind": "auto"}
    files = [
        SimpleUploadedFile("night.hy.srt", SRT.encode()),
        SimpleUploadedFile("<script>bad\u202e.xml", b"<TEI><unclosed>"),
    ]
    with committed():
        answer = desk.post("/admin/desk/imports/", {**sent, "uploads": files})
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    run_jobs()
    page = desk.get(answer.headers["Location"]).content.decode()
    assert "nothing was written" in page and "night.hy.srt" in page and "Import these files now" in page
    assert "<script>bad" not in page and "\u202e" not in page
    assert not Testimony.objects.exists()
    with committed():
        answer = desk.post(answer.headers["Location"], {"action": "import"})
    run_jobs()
    assert Testimony.objects.get().collection.slug == "voices"
    page = desk.get(answer.headers["Location"]).content.decode()
    assert "Take this import back" in page
    with committed():
        desk.post(answer.headers["Location"], {"action": "undo"})
    assert Testimony.objects.get().state == "erased"


def run_jobs():
    """Do every waiting import here and now, as a worker would."""
    for job in Job.objects.filter(state="queued", kind="import").order_by("pk"):
        with committed():
            do_import(ContextHere(job))
        Job.objects.filter(pk=job.pk).update(state="done")


class ContextHere:
    """What a handler sees of its job, without a lease: the test is one transaction."""

    def __init__(self, job):
        self.input = job.input

    def stage(self, name):
        pass

    def progress(self, done, total):
        pass

    def commit(self):
        return transaction.atomic()


def test_an_import_without_files_or_into_another_community_is_said(site, monkeypatch):
    community, foreign = a_community(), a_community()
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    sent = {"community": foreign.pk, "collection": "Voices of old", "format": "auto", "kind": "auto"}
    page = desk.post("/admin/desk/imports/", sent).content.decode()
    assert "Select a valid choice" in page and "This field is required" in page and "slug" in page
    assert not ImportBatch.objects.exists() and foreign.slug not in page
    batch = ImportBatch.objects.create(community=foreign, source_format="auto", options={})
    assert desk.get(f"/admin/desk/imports/{batch.uuid}/").status_code == 404


def test_a_steward_invites_ends_roles_and_makes_protocols(site, monkeypatch):
    community = a_community()
    editor = a_member(community, "editor", username="anahit")
    desk = at_the_desk(a_member(community, "steward"), monkeypatch)
    address = f"/admin/desk/community/{community.slug}/members/"
    page = desk.post(address, {"action": "invite", "invite-role": "translator", "invite-email": ""}).content.decode()
    invitation = Invitation.objects.get()
    assert invitation.scope == f"community:{community.slug}" and "/accounts/" in page
    desk.post(address, {"action": f"revoke:{invitation.pk}"})
    invitation.refresh_from_db()
    assert invitation.revoked_at is not None
    membership = Membership.objects.get(user=editor)
    desk.post(address, {"action": f"leave:{membership.pk}"})
    membership.refresh_from_db()
    assert membership.until is not None
    only = Membership.objects.get(role="steward")
    refused = desk.post(address, {"action": f"leave:{only.pk}"}, follow=True).content.decode()
    only.refresh_from_db()
    assert "needs one consent steward" in refused and only.until is None
    sent = {"protocol-name-0-language": "en", "protocol-name-0-text": "Elders", "protocol-openness": "strict"}
    desk.post(address, {"action": "protocol", **sent})
    assert str(Protocol.objects.get()) == "Elders"


def test_requests_are_granted_for_some_days_and_reports_marked(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    reader = a_user(username="reader")
    request = AccessRequest.objects.create(
        public_id=work.public_id, community=community.slug, user=reader, purpose="<b>family</b>"
    )
    report = ReaderReport.objects.create(community=community.slug, kind="mistake", message="Wrong year")
    desk = at_the_desk(a_member(community, "steward"), monkeypatch)
    address = f"/admin/desk/community/{community.slug}/readers/"
    page = desk.get(address).content.decode()
    assert "&lt;b&gt;family" in page and "Wrong year" in page
    desk.post(address, {"action": f"approve:{request.pk}", "days": "0"})
    request.refresh_from_db()
    assert request.state == "pending"
    desk.post(address, {"action": f"approve:{request.pk}", "days": "30"})
    request.refresh_from_db()
    assert request.state == "approved" and 29 <= (request.expires_at - timezone.now()).days <= 30
    desk.post(address, {"action": f"handled:{report.pk}"})
    report.refresh_from_db()
    assert report.handled_at is not None


def test_a_proposal_is_shown_beside_the_text_and_taken_over(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, english="Corrected words")
    snapshot = snapshot_of(work)
    snapshot["tracks"][1]["cues"][0]["text"] = "Imported words"
    batch = ImportBatch.objects.create(community=community, source_format="tei", options={})
    proposal = Proposal.objects.create(
        record=work, batch=batch, snapshot=snapshot, source_sha256="0" * 64, base_revision=1
    )
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    address = f"/admin/desk/community/{community.slug}/proposals/"
    page = desk.get(address).content.decode()
    assert "<del>Corrected</del>" in page and "<ins>Imported</ins>" in page
    stale = desk.post(address, {"action": f"accept:{proposal.pk}", "revision": "0"}, follow=True)
    assert "changed since you looked" in stale.content.decode()
    desk.post(address, {"action": f"accept:{proposal.pk}", "revision": "1"})
    work.refresh_from_db()
    assert work.current_revision == 2 and work.tracks.get(key="t2").cues[0]["text"] == "Imported words"


def test_the_first_page_says_what_waits_and_to_nobody_else(site, monkeypatch):
    community = a_community()
    a_testimony(community, title=language_map("Canarytitle", "en"))
    desk = at_the_desk(a_member(community, "editor"), monkeypatch)
    page = desk.get("/admin/").content.decode()
    assert "Canarytitle" in page and "1 work waits for review" in page
    for user in (a_member(a_community(), "editor"), a_user(is_superuser=True)):
        assert "Canarytitle" not in at_the_desk(user, monkeypatch).get("/admin/").content.decode()


@pytest.mark.parametrize("name", ["members", "readers", "proposals"])
def test_pages_of_a_community_are_closed_to_others(site, monkeypatch, name):
    community = a_community()
    address = f"/admin/desk/community/{community.slug}/{name}/"
    stranger = at_the_desk(a_member(a_community(), "steward", "editor"), monkeypatch)
    operator = at_the_desk(a_user(is_superuser=True), monkeypatch)
    assert stranger.get(address).status_code == 404 and operator.get(address).status_code == 404
    contributor = at_the_desk(a_member(community, "contributor"), monkeypatch)
    assert contributor.get(address).status_code == 302
