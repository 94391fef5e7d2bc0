"""Clips in public: part of their testimony's publication, and never more than it."""

from __future__ import annotations

import pytest
from django.test import Client

from archive.actions.publish import HideAction, PublishAction, ReviewAction
from archive.actions.withdraw import WithdrawAction
from archive.models import Clip, Publication, Redaction
from archive.projection.clips import project_clips
from archive.values.language_map import language_map
from tests.archive.factories import (
    a_community,
    a_member,
    committed,
    published,
)
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def a_clip(work, anchor: str = "", *, audience: str = "public", **fields) -> Clip:
    return Clip.objects.create(
        community=work.community,
        work=work,
        title=language_map("The ferry at night", "en"),
        context=language_map("He tells of the crossing.", "en"),
        first_anchor=anchor or work.tracks.get(key="t1").cues[0]["id"],
        audience=audience,
        **fields,
    )


def published_again(work) -> None:
    with committed():
        PublishAction(None, [work]).execute()


def page_of(work, client: Client | None = None):
    return (client or Client()).get(f"/en/testimonies/{work.public_id}/")


def test_a_clip_stands_on_its_testimonys_page_with_a_link_to_its_moment(site):
    work = published()
    clip = a_clip(work)
    published_again(work)
    page = page_of(work).content.decode()
    assert "The ferry at night" in page and "He tells of the crossing." in page
    assert f'href="#{clip.first_anchor}"' in page
    assert f'id="{clip.first_anchor}"' in page
    assert '"Clip"' in page  # JSON-LD


def test_a_clip_without_an_audience_stays_at_the_desk(site):
    work = published()
    a_clip(work, audience="")
    published_again(work)
    assert "The ferry at night" not in page_of(work).content.decode()


def test_a_clip_for_the_community_is_for_the_community(site):
    work = published()
    a_clip(work, audience="community")
    published_again(work)
    member = Client()
    member.force_login(a_member(work.community, "editor"))
    assert "The ferry at night" in page_of(work, member).content.decode()
    stranger = Client()
    stranger.force_login(a_member(a_community("elsewhere"), "editor"))
    for client in (Client(), stranger):
        answer = page_of(work, client)
        assert answer.status_code == 200 and "The ferry at night" not in answer.content.decode()


@pytest.mark.parametrize("end", ["withdraw", "hide"])
def test_a_clip_goes_with_its_testimony(site, end):
    work = published()
    a_clip(work)
    published_again(work)
    with committed():
        if end == "withdraw":
            WithdrawAction(None, work, reason="danger").execute()
        else:
            HideAction(None, work).execute()
    answer = page_of(work)
    assert answer.status_code == (410 if end == "withdraw" else 404)
    assert "The ferry at night" not in answer.content.decode()
    assert not Publication.objects.filter(payload__icontains="The ferry at night").exists()


def test_a_clip_over_a_withheld_passage_is_left_out(site):
    work = published()
    clip = a_clip(work)
    Redaction.objects.create(record=work, anchor=clip.first_anchor, mode="remove", reason="danger")
    published_again(work)
    assert "The ferry at night" not in page_of(work).content.decode()


def test_who_may_publish_shows_a_clip_and_a_change_by_another_takes_it_back(site, monkeypatch):
    work = published()
    clip = a_clip(work, audience="")
    form = {
        "work": f"{work} · {work.public_id}",
        "title-0-language": "en",
        "title-0-text": "The ferry at dawn",
        "title-original": "en",
        "context-0-language": "en",
        "context-0-text": "He tells of the crossing.",
        "context-original": "en",
        "first_anchor": clip.first_anchor,
    }
    address = f"/admin/clips/edit/{clip.pk}/"

    def save(client, **changes):
        seen = Clip.objects.get(pk=clip.pk).updated_at.isoformat()
        return client.post(address, {**form, "seen": seen, **changes})

    editor = at_the_desk(a_member(work.community, "editor"), monkeypatch)
    refused = save(editor, audience="public")
    assert "You may not publish" in refused.content.decode()
    both = at_the_desk(a_member(work.community, "editor", "publisher"), monkeypatch)
    shown = save(both, audience="public")
    assert shown.status_code == 302
    assert "The ferry at dawn" in page_of(work).content.decode()
    assert save(editor, audience="public", **{"title-0-text": "Other words"}).status_code == 302
    page = page_of(work).content.decode()
    assert "Other words" not in page and "The ferry at dawn" not in page
    # An editor counts passages; nobody knows anchors by heart.
    assert save(editor, first_anchor="1").status_code == 302
    clip.refresh_from_db()
    assert clip.first_anchor == form["first_anchor"]
    assert "not in its text" in save(editor, first_anchor="99").content.decode()


def test_clips_by_time_and_across_passages_come_in_the_order_of_the_telling():
    cues = [
        {"id": f"p-{n}", "text": "x", "marks": [], "start_ms": n * 1000, "end_ms": n * 1000 + 900} for n in range(4)
    ]
    tracks = [{"id": "t1", "language": "en", "cues": cues}]
    facts = {"audience": "public", "title": {}, "context": {}, "last": "", "start_ms": None, "end_ms": None}
    late = {**facts, "id": "late", "first": "p-2", "last": "p-3"}
    early = {**facts, "id": "early", "first": "", "start_ms": 1200, "end_ms": 2100}
    torn = {**facts, "id": "torn", "first": "p-3", "last": "p-1"}
    lost = {**facts, "id": "lost", "first": "p-9"}
    shown = project_clips([late, early, torn, lost], tracks, 0)
    assert [clip["id"] for clip in shown] == ["early", "late"]
    assert (shown[0]["anchor"], shown[0]["last"]) == ("p-1", "p-2")
    assert (shown[1]["start_ms"], shown[1]["end_ms"]) == (2000, 3900)


def test_a_review_is_not_needed_anew_for_a_clip(site):
    """A clip is no part of the reviewed text; showing it is an act of its own."""
    work = published()
    a_clip(work)
    published_again(work)
    with committed():
        ReviewAction(None, [work]).execute()
    assert "The ferry at night" in page_of(work).content.decode()
