"""Reading without an account: a class link opens what its maker may show now, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone

from accounts.models import EducatorGrant
from archive.actions.base import ActionRefused
from archive.actions.consent import RecordConsentAction
from archive.actions.erase import EraseAction
from archive.actions.publish import PublishAction, ReviewAction
from archive.actions.reader_links import (
    LONGEST,
    MOST_WORKS,
    EndReaderLinkAction,
    MadeLink,
    MakeClassLinkAction,
)
from archive.actions.withdraw import WithdrawAction
from archive.models import (
    AccessRequest,
    AuditEvent,
    Membership,
    PinnedWork,
    Protocol,
    ReaderLink,
    Redaction,
)
from archive.public import page_cache, reader_links
from archive.values.language_map import language_map
from archive.values.tokens import hash_of, new_token
from tests.archive.factories import ENGLISH, a_community, a_member, a_testimony, a_user, committed, published
from tests.archive.reader_links import (
    BOTH,
    CLASSROOM,
    YES,
    a_class_link,
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

# --- A class reads ----------------------------------------------------------------------------------


def test_a_class_reads_what_its_teacher_chose_in_her_order_and_hears_it(site):
    community = a_community()
    second, first = (a_testimony(community, title=language_map(name, "en")) for name in ("Alder", "Birch"))
    file_id = a_recording(first)
    for work in (first, second):
        published(work, CLASSROOM)
    pupil = holder(a_class_link(a_teacher(), first, second))
    said = pupil.get("/en/class/").content.decode()
    assert 0 < said.index("Birch") < said.index("Alder")
    assert ENGLISH in pupil.get(page_of(first)).content.decode()
    media = f"/media-access/{first.public_id}/{file_id}/"
    assert b"".join(pupil.get(media).streaming_content) == b"OggS and words"
    assert pupil.get(media, HTTP_RANGE="bytes=0-3").status_code == 206
    assert pupil.get("/api/v1/search?q=river").json()["total"] == 2
    stranger = Client()
    for path in ("/en/class/", page_of(first), media):
        assert stranger.get(path).status_code == 404


def test_the_token_leaves_the_address_and_nothing_is_kept(site):
    work = published(scopes=BOTH)
    made = a_class_link(a_teacher(), work)
    client = Client()
    entered = client.get(path_of(made))
    assert entered["Location"] == "/en/class/"
    token = path_of(made).split("/")[2]
    assert len(token) >= 22 and made.link.token_hash == hash_of(token)
    assert token not in str(list(ReaderLink.objects.values()))
    for response in (entered, client.get("/en/class/"), client.get(page_of(work))):
        assert "no-store" in response["Cache-Control"] and "ETag" not in response
        assert token not in response.content.decode()
        assert response["Referrer-Policy"] == "no-referrer"
    assert client.get("/en/class/")["X-Robots-Tag"].startswith("noindex")
    assert client.cookies[django_settings.SESSION_COOKIE_NAME]["max-age"] == ""
    # An open work too: what this browser is answered serves no other, and the other way round.
    page_cache.MEMORY.clear()
    assert client.get(page_of(work)).status_code == 200 and not page_cache.MEMORY._pages


def test_the_button_takes_the_link_out_of_this_browser(site):
    work = published(scopes=CLASSROOM)
    pupil = holder(a_class_link(a_teacher(), work))
    assert pupil.post("/en/class/").status_code == 302
    assert pupil.get("/en/class/").status_code == pupil.get(page_of(work)).status_code == 404
    assert pupil.cookies[django_settings.SESSION_COOKIE_NAME].value == ""
    signed_in = a_user()
    pupil.force_login(signed_in)
    pupil.get(path_of(a_class_link(a_teacher(), work)))
    pupil.post("/en/class/")
    assert pupil.session["_auth_user_id"] == str(signed_in.pk)


def test_who_reads_more_by_herself_goes_on_reading_it(site):
    community = a_community()
    work = a_testimony(community)
    own = work.tracks.get(key="t2").cues[0]["id"]
    Redaction.objects.create(record=work, anchor=own, mode="remove", reason="x", hidden_up_to="educators")
    published(work, CLASSROOM)
    made = a_class_link(a_member(community, "editor"), work)
    assert ENGLISH not in holder(made).get(page_of(work)).content.decode()
    member = Client()
    member.force_login(a_member(community, "translator"))
    member.get(path_of(made))
    assert ENGLISH in member.get(page_of(work)).content.decode()


# --- What a class does not read ----------------------------------------------------------------------


def _no_teacher_any_more(work: Any, made: MadeLink) -> None:
    EducatorGrant.objects.filter(user=made.link.maker).update(revoked_at=timezone.now())


def _no_educator_but_a_member(work: Any, made: MadeLink) -> None:
    _no_teacher_any_more(work, made)
    Membership.objects.create(community=a_community(), user=made.link.maker, role="editor", since=timezone.now())


@pytest.mark.parametrize(
    "change",
    [
        withdrawn,
        hidden,
        narrowed,
        ended,
        run_out,
        _no_teacher_any_more,
        _no_educator_but_a_member,
        switched_off,
    ],
)
def test_what_was_taken_back_is_gone_from_the_link_in_the_next_request(site, change):
    work, other = published(scopes=CLASSROOM), published(scopes=BOTH)
    made = a_class_link(a_teacher(), work, other)
    pupil = holder(made)
    assert pupil.get(page_of(work)).status_code == 200
    with committed():
        change(work, made)
    assert pupil.get(page_of(work)).status_code == 404
    assert work.public_id not in pupil.get("/en/class/").content.decode()
    assert pupil.get("/api/v1/search?q=river").json()["total"] == 1
    # The other one is open to everybody, with a link and without.
    assert pupil.get(page_of(other)).status_code == 200


def test_what_is_no_classrooms_is_not_opened_though_its_pin_is_there(site):
    work = published(scopes={**YES, "research": "yes"})
    made = a_class_link(a_teacher(), published(scopes=CLASSROOM))
    PinnedWork.objects.create(link=made.link, record_id=work.pk)
    assert holder(made).get(page_of(work)).status_code == 404


def test_what_was_granted_to_a_person_is_not_hers_to_hand_on(site):
    asked = published(scopes={**YES, "public-web": "ask", "classroom": "yes"})
    member = a_member(a_community(), "editor")
    AccessRequest.objects.create(
        public_id=asked.public_id, community="x", user=member, state=AccessRequest.State.APPROVED
    )
    with pytest.raises(ActionRefused) as refused:
        a_class_link(member, asked)
    assert refused.value.code == "not-for-classrooms"


def test_a_member_whom_a_protocol_keeps_out_hands_nothing_on(site):
    community = a_community()
    elder, young = a_member(community, "editor"), a_member(community, "editor")
    protocol = Protocol.objects.create(community=community, name=language_map("Elders", "en"), openness="strict")
    protocol.admitted.add(elder)
    work = a_testimony(community)
    ReviewAction(None, [work]).execute()
    facts = {"basis": "informed-consent", "scopes": CLASSROOM}
    RecordConsentAction(None, work, facts, protocols=[protocol]).execute()
    with committed():
        PublishAction(None, [work]).execute()
    made = a_class_link(elder, work)
    assert holder(made).get(page_of(work)).status_code == 200
    with pytest.raises(ActionRefused):
        a_class_link(young, work)
    protocol.admitted.remove(elder)
    assert Client().get(path_of(made)).status_code == 302
    assert holder(made).get(page_of(work)).status_code == 404


# --- Making one ---------------------------------------------------------------------------------------


def test_who_may_make_a_class_link_of_what(site):
    work = published(scopes=CLASSROOM)
    teacher = a_teacher()
    cases = [
        (None, [work], 7, "not-signed-in"),
        (a_teacher(is_active=False), [work], 7, "not-signed-in"),
        (a_user(), [published(scopes=BOTH)], 7, "no-educator"),
        (a_user(is_superuser=True), [published(scopes=BOTH)], 7, "no-educator"),
        (teacher, [published(scopes=YES)], 7, "not-readable"),
        (teacher, [a_testimony()], 7, "not-readable"),
        (teacher, [published(scopes={**YES, "public-web": "ask"})], 7, "not-readable"),
        (teacher, [work, published(scopes={**YES, "public-web": "yes"})], 7, "not-for-classrooms"),
        (teacher, [published(scopes={**YES, "public-web": "yes"}).collection], 7, "not-readable"),
        (a_member(a_community(), "editor"), [work], 7, "not-readable"),
        (teacher, [], 7, "unknown-number"),
        (teacher, [work], LONGEST.days + 0.01, "unknown-term"),
        (teacher, [work], 0, "unknown-term"),
    ]
    for user, works, days, code in cases:
        with pytest.raises(ActionRefused) as refused:
            a_class_link(user, *works, days=days)
        assert refused.value.code == code, (user, code)
    with pytest.raises(ActionRefused, match=str(MOST_WORKS)):
        MakeClassLinkAction(teacher, [f"{n:010}" for n in range(MOST_WORKS + 1)], ends_at=in_days(1)).check()
    assert not ReaderLink.objects.exists()
    made = a_class_link(teacher, work, days=LONGEST.days - 0.01)
    event = AuditEvent.objects.get(action="class-link")
    assert (event.subject, event.community) == (work.public_id, work.community.slug)
    assert event.detail["link"] == made.link.pk and made.link.token_hash not in str(event.detail)


def test_who_may_end_a_link(site):
    community = a_community()
    work = published(a_testimony(community), CLASSROOM)
    editor = a_member(community, "editor")
    class_link, review_link = a_class_link(a_teacher(), work), a_review_link(editor, work, "educators")
    stranger, operator = a_member(a_community(), "steward"), a_user(is_superuser=True)
    for user, link in ((stranger, class_link), (stranger, review_link), (operator, review_link), (editor, class_link)):
        with pytest.raises(ActionRefused):
            EndReaderLinkAction(user, link.link).execute()
    EndReaderLinkAction(operator, class_link.link).execute()
    EndReaderLinkAction(a_member(community, "steward"), review_link.link).execute()
    assert not ReaderLink.objects.open(timezone.now()).exists()
    assert set(AuditEvent.objects.filter(action__endswith="-ended").values_list("action", "community")) == {
        ("class-link-ended", ""),
        ("reviewer-link-ended", community.slug),
    }
    first = ReaderLink.objects.get(pk=class_link.link.pk).ended_at
    EndReaderLinkAction(None, ReaderLink.objects.get(pk=class_link.link.pk)).execute()
    assert ReaderLink.objects.get(pk=class_link.link.pk).ended_at == first


def test_what_is_erased_is_pinned_nowhere(site):
    work, other = published(scopes=CLASSROOM), published(scopes=CLASSROOM)
    a_class_link(a_teacher(), work, other)
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
        EraseAction(None, work, reason="danger").execute()
    assert list(PinnedWork.objects.values_list("record_id", flat=True)) == [other.pk]


# --- The door -----------------------------------------------------------------------------------------


def test_whatever_opens_nothing_is_one_answer(site):
    work = published(scopes=BOTH)
    teacher, editor = a_teacher(), a_member(work.community, "editor")
    ended, late = a_class_link(teacher, work), a_class_link(teacher, work)
    reviewed = a_review_link(editor, work)
    EndReaderLinkAction(teacher, ended.link).execute()
    ReaderLink.objects.filter(pk=late.link.pk).update(ends_at=timezone.now())
    tokens = {made: path_of(made).split("/")[2] for made in (ended, late, reviewed)}
    client = Client()
    for door, wrong in (("class", reviewed), ("review", a_class_link(teacher, work))):
        nothing = client.get(f"/{door}/{new_token()}/")
        assert nothing.status_code == 404
        for token in (tokens[ended], tokens[late], path_of(wrong).split("/")[2], "x", "%00", "é" * 3000, "..", "'--"):
            answer = client.get(f"/{door}/{token}/")
            assert (answer.status_code, answer.content) == (404, nothing.content), token
            assert dict(answer.headers) == dict(nothing.headers)
        assert client.head(f"/{door}/{new_token()}/").status_code == 404
        assert client.get(f"/en/{door}/").status_code == 404
        assert client.get(f"/{door}/").status_code == 404
    assert not client.cookies


def test_a_link_that_is_no_more_and_one_that_never_was_are_asked_in_one_question(site, django_assert_num_queries):
    made = a_class_link(a_teacher(), published(scopes=BOTH))
    EndReaderLinkAction(made.link.maker, made.link).execute()
    from archive.class_links import class_link
    from archive.review_links import under_review

    for look_up in (class_link, under_review):
        for token_hash in (made.link.token_hash, hash_of(new_token()), ""):
            with django_assert_num_queries(1):
                assert look_up(token_hash, timezone.now()) is None


def test_the_door_counts_whoever_knocks(site, monkeypatch):
    made = a_class_link(a_teacher(), published(scopes=BOTH))
    monkeypatch.setattr(reader_links, "OPENINGS_AN_HOUR", 3)
    client = Client()
    assert [client.get(path).status_code for path in ("/class/x/", "/review/x/", path_of(made))] == [404, 404, 302]
    assert {client.get(path).status_code for path in ("/class/x/", "/review/x/", path_of(made))} == {429}
    # Whoever is inside is not counted.
    assert client.get("/en/class/").status_code == 200
