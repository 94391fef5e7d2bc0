"""The gate and consent at the desk: what the screens say and do is what the actions do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from archive.assessment import assess
from archive.models import ConsentRecord, Publication, Review, Scope, WithdrawalCase
from tests.archive.factories import a_community, a_member, a_testimony, committed, consent, published
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def gate(work):
    return f"/admin/testimonies/{work.pk}/gate/"


def test_the_gate_names_what_is_missing_and_opens_when_it_is_there(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "publisher"), monkeypatch)
    page = client.get(gate(work)).content.decode()
    assert "It stays closed." in page and "Nobody has reviewed the text yet." in page
    # What is not so is never told as if it were.
    assert "Somebody has reviewed the text." not in page and "shown, is recorded." not in page
    client.post(gate(work), {"action": "publish"})
    assert not Publication.objects.filter(public_id=work.public_id).exists()
    consent(work)
    client.post(gate(work), {"action": "pass", "revision": work.current_revision})
    with committed():
        client.post(gate(work), {"action": "publish"})
    assert Publication.objects.filter(public_id=work.public_id).exists()
    assert "It may be published." in client.get(gate(work)).content.decode()


def test_every_line_that_is_not_met_says_what_is_so_and_leads_to_the_remedy(site, monkeypatch):
    community = a_community()
    work = a_testimony(
        community, hidden=True, sensitivity=["sacred"], licence_uri="", title={"original": "", "values": {}}
    )
    yesterday = timezone.now() - timedelta(days=1)
    given = consent(
        work,
        scopes=dict.fromkeys(Scope.values, "no"),
        basis=ConsentRecord.Basis.EDITION,
        embargo_event="the end of the trial",
        ends_at=yesterday,
    )
    unmet = [one for one in assess(work, given, timezone.now()).reasons if not one.ok]
    assert {one.code for one in unmet} == {
        "not-hidden", "review", "review-current", "title", "consent-alive", "embargo", "licence", "preserve",
        "sensitivity", "scope",
    }  # fmt: skip
    client = at_the_desk(a_member(community, "steward"), monkeypatch)
    page = client.get(gate(work)).content.decode()
    for one in unmet:
        assert str(one.met) not in page and str(one.unmet).replace("'", "&#x27;") in page, one.code
    checklist = page.partition('class="desk-checklist"')[2].partition("</ul>")[0]
    for screen in ("consent", "edit"):
        assert f'href="/admin/testimonies/{work.pk if screen == "consent" else f"edit/{work.pk}"}' in checklist


def test_a_review_of_an_older_text_does_not_count_and_sending_back_needs_a_note(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    client.post(gate(work), {"action": "pass", "revision": "0"})
    client.post(gate(work), {"action": "return", "revision": "1", "note": " "})
    assert not Review.objects.exists()
    client.post(gate(work), {"action": "return", "revision": "1", "note": "Տարեթիվը սխալ է"})
    work.refresh_from_db()
    assert work.state == "draft" and Review.objects.get().note == "Տարեթիվը սխալ է"


def test_hiding_closes_at_once_and_releasing_asks_the_gate_again(site, monkeypatch):
    community = a_community()
    work = published(a_testimony(community))
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    with committed():
        client.post(gate(work), {"action": "hide"})
    assert not Publication.objects.filter(public_id=work.public_id).exists()
    with committed():
        client.post(gate(work), {"action": "release"})
    assert Publication.objects.filter(public_id=work.public_id).exists()


def test_withdrawing_shows_its_reach_and_needs_a_reason(site, monkeypatch):
    community = a_community()
    work = published(a_testimony(community))
    client = at_the_desk(a_member(community, "steward"), monkeypatch)
    assert "1 published version" in client.get(gate(work)).content.decode()
    answer = client.post(gate(work), {"action": "withdraw", "withdraw-reason": "", "withdraw-sure": "on"})
    assert answer.status_code == 200 and not WithdrawalCase.objects.exists()
    sent = {
        "action": "withdraw",
        "withdraw-reason": "family-request",
        "withdraw-sure": "on",
        "withdraw-tombstone-0-language": "hy",
        "withdraw-tombstone-0-text": "Հետ է վերցված",
    }
    with committed():
        assert client.post(gate(work), sent).status_code == 302
    assert WithdrawalCase.objects.get().tombstone["values"]["hy"]["text"] == "Հետ է վերցված"
    assert client.get(f"/en/testimonies/{work.public_id}/").status_code in (404, 410)


def test_a_contributor_reads_the_gate_and_changes_nothing(site, monkeypatch):
    community = a_community()
    work = published(a_testimony(community))
    client = at_the_desk(a_member(community, "contributor"), monkeypatch)
    page = client.get(gate(work)).content.decode()
    assert 'value="hide"' not in page and 'value="publish"' not in page
    client.post(gate(work), {"action": "hide"})
    work.refresh_from_db()
    assert not work.hidden


def answers(**changed):
    sent = {f"scope_{scope}": "yes" for scope in Scope.values}
    sent |= {"basis": "informed-consent", "given_by": "narrator", "identity": "real-name", "protocols_all": "on"}
    return sent | changed


def test_a_steward_records_the_next_version_and_publications_follow(site, monkeypatch):
    community = a_community()
    work = published(a_testimony(community))
    client = at_the_desk(a_member(community, "steward"), monkeypatch)
    address = f"/admin/testimonies/{work.pk}/consent/"
    assert client.get(address).status_code == 200
    wrong = client.post(address, answers(given_by="proxy", form_language="klingonish-x"))
    assert "how the person who consented stands" in wrong.content.decode()
    assert "is not a language tag" in wrong.content.decode()
    with committed():
        answer = client.post(address, answers(**{"scope_public-web": "no", "ends_at": "2031-05-01T10:00"}))
    assert answer.status_code == 302, answer.content.decode()[-4000:]
    newest = ConsentRecord.objects.filter(record_id=work.pk).order_by("-version").first()
    assert newest.version == 2 and newest.answer("public-web") == "no"
    assert not Publication.objects.filter(public_id=work.public_id, serves_public=True).exists()
    assert "narrowed" in client.get(address).content.decode()


def test_only_stewards_open_consent(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor", "publisher"), monkeypatch)
    assert client.get(f"/admin/testimonies/{work.pk}/consent/").status_code == 302
    client.post(f"/admin/testimonies/{work.pk}/consent/", answers())
    assert not ConsentRecord.objects.exists()
