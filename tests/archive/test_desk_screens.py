"""Redactions, revisions and previews of a work at the desk."""

from __future__ import annotations

import pytest

from archive.models import Publication, Redaction, TextTrack
from archive.values.language_map import language_map
from tests.archive.factories import a_community, a_member, a_person, a_testimony, a_user, committed, consent, published
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def screen(work, name):
    return f"/admin/testimonies/{work.pk}/{name}/"


def redaction(**changed):
    return {"add": "1", "mode": "remove", "hidden_up_to": "community", "reason": "living-person", **changed}


def test_words_are_hidden_at_once_in_text_and_translation_and_shown_again(site, monkeypatch):
    community = a_community()
    work = published(a_testimony(community, original="Արամը գիտեր։ Արամը լռեց։", english="Aram knew."))
    anchor = TextTrack.objects.get(record=work, key="t1").cues[0]["id"]
    user = a_member(community, "editor")
    client = at_the_desk(user, monkeypatch)
    page = client.get(screen(work, "redactions") + f"?passage={anchor}").content.decode()
    assert "Արամը գիտեր" in page
    wrong = client.post(screen(work, "redactions"), redaction(anchor=anchor, words="Արամ Մեծ"))
    assert "do not stand in this passage" in wrong.content.decode()
    with committed():
        client.post(screen(work, "redactions"), redaction(anchor=anchor, words="Արամը"))
    payload = str(Publication.objects.get(public_id=work.public_id).payload)
    assert "Արամը" not in payload and "Aram knew" not in payload and "գիտեր" in payload
    row = Redaction.objects.get()
    assert row.authorised_by == user
    with committed():
        client.post(screen(work, "redactions"), {"remove": row.pk})
    assert "Արամը" in str(Publication.objects.get(public_id=work.public_id).payload)


def test_a_redaction_needs_a_place_and_a_sensible_span(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "steward"), monkeypatch)
    assert "Choose a passage" in client.post(screen(work, "redactions"), redaction()).content.decode()
    backwards = client.post(screen(work, "redactions"), redaction(begins="2:00", ends="1:00"))
    assert "ends before it begins" in backwards.content.decode() and not Redaction.objects.exists()
    client.post(screen(work, "redactions"), redaction(begins="1:00", ends="2:00"))
    assert Redaction.objects.get().end_ms == 120_000


def test_revisions_are_compared_word_by_word_and_one_can_go_back(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, original="خرجنا من القرية ليلا", english="We left the village at night")
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    cue = TextTrack.objects.get(record=work, key="t2").cues[0]["id"]
    sent = {"op": "save", f"c-{cue}-text": "We left the town at night"}
    client.post(screen(work, "transcript"), sent)
    page = client.get(screen(work, "revisions")).content.decode()
    assert "<del>village</del>" in page and "<ins>town</ins>" in page
    client.post(screen(work, "revisions"), {"restore": "1"})
    work.refresh_from_db()
    assert work.current_revision == 3
    assert TextTrack.objects.get(record=work, key="t2").cues[0]["text"] == "We left the village at night"
    assert client.get(screen(work, "revisions") + "?from=9&to=x").status_code == 200


def test_a_preview_is_what_each_audience_would_read_and_publishes_nothing(site, monkeypatch):
    community = a_community()
    narrator = a_person(community, "Canaryname", name_policy="withheld")
    work = a_testimony(community, people=[narrator], original="Գաղտնի խոսք", english="Secret words")
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    assert "A preview needs consent" in client.get(screen(work, "preview")).content.decode()
    consent(work, {"preserve": "yes", "public-web": "ask", "research": "yes"}, identity="withheld")
    public = client.get(screen(work, "preview") + "public/")
    page = public.content.decode()
    assert "Secret words" not in page and "Preview for: public" in page
    registered = client.get(screen(work, "preview") + "registered/")
    assert "Secret words" in registered.content.decode() and "Canaryname" not in registered.content.decode()
    assert "no-store" in registered.headers["Cache-Control"]
    assert "unsafe-inline" not in registered.headers["Content-Security-Policy"]
    assert client.get(screen(work, "preview") + "nobody/").status_code == 404
    assert not Publication.objects.filter(public_id=work.public_id).exists()


@pytest.mark.parametrize(
    "name", ["transcript", "gate", "consent", "redactions", "revisions", "preview", "preview/public"]
)
def test_no_screen_of_a_work_opens_to_another_community_or_to_an_operator(site, monkeypatch, name):
    work = a_testimony(title=language_map("Canarytitle", "en"))
    consent(work)
    for user in (a_member(a_community(), "editor", "steward", "publisher"), a_user(is_superuser=True)):
        client = at_the_desk(user, monkeypatch)
        answers = [client.get(screen(work, name)), client.post(screen(work, name), {"action": "hide"})]
        assert [answer.status_code for answer in answers] == [404, 404], name
        assert not any("Canarytitle" in answer.content.decode() for answer in answers)


def test_a_contributor_is_changed_in_place_and_consent_says_where(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, people=[a_person(community, "Անահիտ")])
    row = work.contributions.get()
    client = at_the_desk(a_member(community, "editor", "steward"), monkeypatch)
    page = client.get(screen(work, "consent")).content.decode()
    assert f'<a href="{screen(work, "links")}#contributions">People and index</a>' in page
    address = screen(work, "links") + f"?contribution={row.pk}"
    assert address.partition("/links/")[2] in client.get(screen(work, "links")).content.decode()
    page = client.get(address).content.decode()
    assert "Change this person" in page and f"Անահիտ · {row.person.public_id}" in page
    sent = {"add": "contribution", "contribution-role": row.role, "contribution-person": row.person.public_id}
    client.post(address, {**sent, "contribution-credited_as": "Mira"})
    changed = work.contributions.get()
    assert (changed.pk, changed.credited_as, changed.person) == (row.pk, "Mira", row.person)


def test_whoever_may_not_read_who_speaks_changes_nobody(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, people=[a_person(community, "Canaryname")], sealed=["real_name"])
    row = work.contributions.get()
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    address = screen(work, "links") + f"?contribution={row.pk}"
    page = client.get(address).content.decode()
    assert "Canaryname" not in page and "Change this person" not in page
    client.post(address, {"add": "contribution", "contribution-role": "editor", "contribution-credited_as": "Mira"})
    row.refresh_from_db()
    assert row.credited_as == "" and work.contributions.count() == 2
    # She takes nobody out either, and who is there is answered as who is not.
    answers = [client.post(screen(work, "links"), {"remove": f"contribution:{key}"}) for key in (row.pk, row.pk + 99)]
    assert [answer.status_code for answer in answers] == [404, 404] and work.contributions.count() == 2
