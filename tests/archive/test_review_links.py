"""A reviewer reads one revision by a link, as the gate would publish it, and it is kept nowhere."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from archive.actions.base import ActionRefused
from archive.actions.publish import ReviewAction
from archive.actions.reader_links import (
    MadeLink,
)
from archive.models import (
    Membership,
    Publication,
    ReaderLink,
    Redaction,
)
from archive.public import page_cache
from archive.revisions import save_revision
from tests.archive.factories import ENGLISH, a_member, a_testimony, a_user, committed, consent, published
from tests.archive.reader_links import (
    BOTH,
    CLASSROOM,
    NOTHING,
    YES,
    a_recording,
    a_review_link,
    a_teacher,
    ended,
    hidden,
    holder,
    in_days,
    narrowed,
    page_of,
    path_of,
    run_out,
    switched_off,
    withdrawn,
)

pytestmark = pytest.mark.django_db


def a_draft(scopes: dict[str, str], **fields: Any) -> Any:
    """A work with a consent that nobody has reviewed."""
    work = a_testimony(**fields)
    consent(work, scopes)
    return work


def test_a_reviewer_reads_a_revision_that_is_not_published(site):
    work = a_draft(BOTH)
    file_id = a_recording(work)
    editor = a_member(work.community, "editor")
    made = a_review_link(editor, work)
    # What is written later waits for a link of its own.
    track = work.tracks.get(key="t2")
    track.cues = [{**track.cues[0], "text": "Not written then."}]
    track.save()
    save_revision(work, origin="edit")
    reviewer = holder(made)
    page = reviewer.get("/en/review/")
    said = page.content.decode()
    assert ENGLISH in said and "Not written then." not in said
    assert "noindex" in said and page["X-Robots-Tag"].startswith("noindex") and "no-store" in page["Cache-Control"]
    media = f"/en/review/{file_id}/"
    assert media in said and b"".join(reviewer.get(media).streaming_content) == b"OggS and words"
    assert "no-store" in reviewer.get(media)["Cache-Control"]
    assert reviewer.get(f"/en/review/{NOTHING}/").status_code == 404
    assert Client().get(media).status_code == Client().get("/en/review/").status_code == 404
    # It is in no list, no index, and no row was made of it.
    assert reviewer.get(page_of(work)).status_code == 404
    assert reviewer.get("/api/v1/search?q=river").json()["total"] == 0
    assert not Publication.objects.filter(public_id=work.public_id).exists()
    assert not page_cache.MEMORY._pages


def test_a_reviewer_sees_what_her_audience_would_and_no_more(site):
    work = a_testimony()
    own = work.tracks.get(key="t2").cues[0]["id"]
    Redaction.objects.create(record=work, anchor=own, mode="remove", reason="x", hidden_up_to="registered")
    consent(work, BOTH)
    editor = a_member(work.community, "editor")
    for audience, seen in (("public", False), ("educators", True)):
        said = holder(a_review_link(editor, work, audience)).get("/en/review/").content.decode()
        assert (ENGLISH in said) == seen, audience


@pytest.mark.parametrize("audience", ["granted", "community", "nobody"])
def test_a_reviewer_is_of_no_audience_above_educators(site, audience):
    work = a_draft({**BOTH, "research": "ask"})
    with pytest.raises(ActionRefused) as refused:
        a_review_link(a_member(work.community, "editor"), work, audience)
    assert refused.value.code == "nothing-to-show"


def test_who_may_ask_a_reviewer_and_when_there_is_nothing_to_show(site):
    work = a_draft(BOTH)
    for user in (a_member(work.community, "translator"), a_user(is_superuser=True), a_teacher(), None):
        with pytest.raises(ActionRefused):
            a_review_link(user, work)
    for scopes in (YES, {**YES, "public-web": "ask"}, CLASSROOM):
        closed = a_draft(scopes)
        with pytest.raises(ActionRefused) as refused:
            a_review_link(a_member(closed.community, "editor"), closed)
        assert refused.value.code == "nothing-to-show"
    with pytest.raises(ActionRefused):
        a_review_link(a_member(work.community, "editor"), work, revision=99)
    assert not ReaderLink.objects.exists()


def _left(work: Any, made: MadeLink) -> None:
    Membership.objects.filter(user=made.link.maker).update(until=timezone.now())


def _consent_run_out(work: Any, made: MadeLink) -> None:
    consent(work, BOTH, ends_at=timezone.now())


def _embargoed(work: Any, made: MadeLink) -> None:
    consent(work, BOTH, embargo_until=in_days(1))


def _newer_passed(work: Any, made: MadeLink) -> None:
    work.date = "1922"
    work.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    ReviewAction(None, [work]).execute()


@pytest.mark.parametrize(
    "change",
    [
        _newer_passed,
        withdrawn,
        hidden,
        narrowed,
        ended,
        run_out,
        _left,
        switched_off,
        _consent_run_out,
        _embargoed,
    ],
)
def test_a_reviewer_reads_nothing_that_was_taken_back(site, change):
    work = published(scopes=BOTH)
    made = a_review_link(a_member(work.community, "editor"), work)
    reviewer = holder(made)
    assert reviewer.get("/en/review/").status_code == 200
    with committed():
        change(work, made)
    assert reviewer.get("/en/review/").status_code == 404
    assert Client().get(path_of(made)).status_code == 404
