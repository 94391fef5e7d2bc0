"""The gate: what opens which rung, what closes it, and that nobody ever sees two projections of one work."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import gate_jobs, publications
from archive.actions.base import ActionRefused
from archive.actions.consent import RecordConsentAction
from archive.actions.publish import HideAction, PublishAction, ReviewAction, UnpublishAction
from archive.actions.withdraw import WithdrawAction
from archive.assessment import assess, consent_in_force
from archive.gate import Gate
from archive.models import (
    LADDER,
    AccessRequest,
    Audience,
    Person,
    Protocol,
    Publication,
    PublicationLink,
    Redaction,
    Tombstone,
)
from archive.naming import rebuild_naming
from archive.policy import ANONYMOUS, Viewer, group_of, published_to, stand_for, viewer_of
from archive.publications import Gone
from archive.revisions import save_revision
from archive.values.language_map import language_map
from tests.archive.factories import (
    ALL_YES,
    ENGLISH,
    a_collection,
    a_community,
    a_member,
    a_person,
    a_place,
    a_testimony,
    a_user,
    committed,
    consent,
    published,
)
from tests.archive.what_is_public import lists_with, pages_about, rows_about

pytestmark = pytest.mark.django_db

PUBLIC_ONLY = {"preserve": "yes", "public-web": "yes"}
RESEARCH_ONLY = {"preserve": "yes", "research": "yes"}
CLASSROOM_ONLY = {"preserve": "yes", "classroom": "yes"}
ASK = {"preserve": "yes", "public-web": "ask"}
COMMUNITY_ONLY = {"preserve": "yes"}


def rungs(work):
    return {row.audience: row.stands for row in Publication.objects.filter(public_id=work.public_id)}


def registered():
    return Viewer(user_id=1)


def teacher():
    return Viewer(user_id=2, educator=True)


def member_of(community):
    return Viewer(user_id=3, roles={community.slug: frozenset({"editor"})}, groups=frozenset({community.slug}))


# --- Which scope opens which rung -----------------------------------------------------------------


def test_consent_to_the_open_web_makes_one_publication_that_serves_everybody(site):
    work = published(scopes=PUBLIC_ONLY)
    assert rungs(work) == {"public": [str(rung) for rung in LADDER]}


def test_research_opens_from_registered_readers_up(site):
    work = published(scopes=RESEARCH_ONLY)
    assert publications.find(work.public_id) is None
    assert publications.find(work.public_id, registered()).audience == "registered"


def test_classroom_opens_for_educators_and_not_for_readers(site):
    work = published(scopes=CLASSROOM_ONLY)
    assert publications.find(work.public_id, registered()) is None
    assert publications.find(work.public_id, teacher()).audience == "educators"


def test_without_any_scope_only_the_community_reads_it(site):
    work = published(scopes=COMMUNITY_ONLY)
    assert publications.find(work.public_id, teacher()) is None
    assert publications.find(work.public_id, member_of(work.community)).audience == "community"


def test_what_is_on_request_shows_a_stub_and_nothing_of_its_words(site):
    work = published(scopes=ASK)
    stub = publications.find(work.public_id)
    assert stub.stub
    assert ENGLISH not in str(stub.payload) and "river" not in str(stub.payload["title"])
    granted = Viewer(user_id=9, grants={work.public_id: timezone.now() + timedelta(days=1)})
    assert not publications.find(work.public_id, granted).stub
    late = Viewer(user_id=9, grants={work.public_id: timezone.now() - timedelta(seconds=1)})
    assert publications.find(work.public_id, late).stub


def test_an_old_grant_opens_no_more_than_signing_in_once_nothing_is_on_request(site):
    work = published(scopes=CLASSROOM_ONLY)
    granted = Viewer(user_id=9, grants={work.public_id: None})
    assert publications.find(work.public_id, granted) is None


# --- What closes the gate -------------------------------------------------------------------------


def test_without_consent_nothing_is_published(site):
    work = a_testimony()
    ReviewAction(None, [work]).execute()
    answer = PublishAction(None, [work]).execute()[work.public_id]
    assert not answer.allowed
    assert [reason.code for reason in answer.blocking] == ["consent"]


def test_without_review_nothing_is_published(site):
    work = a_testimony()
    consent(work)
    answer = PublishAction(None, [work]).execute()[work.public_id]
    assert [reason.code for reason in answer.blocking] == ["review"]


def test_an_edition_without_its_licence_is_not_published(site):
    work = published(a_testimony(licence_uri=""), basis="published-edition", given_by="nobody")
    assert not rungs(work)


def test_an_embargo_holds_until_its_moment_and_a_job_then_opens_it(site):
    work = published(embargo_until=timezone.now() + timedelta(hours=1))
    assert not rungs(work)
    work.refresh_from_db()
    assert work.opens_at is not None
    with committed():
        gate_jobs.open_due(None)
    assert not rungs(work), "a job must never be early"
    consent_row = consent_in_force(work)
    later = timezone.now() + timedelta(hours=2)
    assert assess(work, consent_row, later).allowed
    type(work).objects.filter(pk=work.pk).update(opens_at=timezone.now() - timedelta(seconds=1))
    consent(work, embargo_until=timezone.now() - timedelta(seconds=1))
    with committed():
        gate_jobs.open_due(None)
    assert rungs(work)


def test_consent_that_ends_is_gone_at_that_moment_even_before_the_job_deletes_it(site):
    work = published(ends_at=timezone.now() + timedelta(hours=1))
    assert publications.find(work.public_id) is not None
    assert publications.find(work.public_id, now=timezone.now() + timedelta(hours=1, seconds=1)) is None
    Publication.objects.update(not_after=timezone.now() - timedelta(seconds=1))
    consent(work, ends_at=timezone.now() - timedelta(seconds=1))
    assert not publications.listing().exists()
    with committed():
        gate_jobs.delete_expired(None)
    assert not rungs(work)


def test_sexual_violence_is_not_on_the_open_web_unless_a_steward_says_so(site):
    work = published(a_testimony(sensitivity=["sexual-violence"]))
    assert publications.find(work.public_id) is None
    assert publications.find(work.public_id, registered()) is not None
    cleared = published(a_testimony(sensitivity=["sexual-violence"], sensitivity_cleared=True))
    assert publications.find(cleared.public_id) is not None


def test_narrower_consent_takes_effect_in_the_same_transaction(site):
    work = published()
    with committed():
        RecordConsentAction(None, work, {"basis": "informed-consent", "scopes": RESEARCH_ONLY}).execute()
    assert publications.find(work.public_id) is None
    assert publications.find(work.public_id, registered()) is not None


def test_hide_now_closes_at_once_and_releasing_opens_again(site):
    work = published()
    with committed():
        HideAction(None, work).execute()
    assert publications.find(work.public_id) is None
    with committed():
        HideAction(None, work, hide=False).execute()
    assert publications.find(work.public_id) is not None


def test_later_edits_wait_for_review_while_the_public_sees_the_reviewed_text(site):
    work = published()
    track = work.tracks.get(key="t2")
    track.cues = [{**track.cues[0], "text": "A secret sentence nobody has reviewed."}]
    track.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    with committed():
        PublishAction(None, [work]).execute()
    assert "secret sentence" not in str(publications.find(work.public_id).payload)
    with committed():
        ReviewAction(None, [work]).execute()
        PublishAction(None, [work]).execute()
    assert "secret sentence" in str(publications.find(work.public_id).payload)


def test_publishing_again_without_a_change_changes_nothing(site):
    work = published()
    before = list(Publication.objects.order_by("pk").values_list("pk", "version"))
    with committed():
        PublishAction(None, [work]).execute()
    assert list(Publication.objects.order_by("pk").values_list("pk", "version")) == before


def test_the_gate_refuses_to_write_outside_a_transaction(site, monkeypatch):
    from archive import gate

    monkeypatch.setattr(gate.transaction.get_connection(), "in_atomic_block", False)
    with pytest.raises(RuntimeError, match="inside a transaction"):
        Gate().publish([])


# --- Withdrawal -----------------------------------------------------------------------------------


def test_withdrawal_answers_410_to_whoever_could_see_it_and_404_to_everybody_else(site):
    work = published(scopes=RESEARCH_ONLY)
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    assert publications.find(work.public_id) is None
    assert isinstance(publications.find(work.public_id, registered()), Gone)
    assert Tombstone.objects.get(public_id=work.public_id).text == {}


def test_withdrawing_twice_is_one_withdrawal(site):
    work = published()
    with committed():
        first = WithdrawAction(None, work, reason="danger").execute()
        second = WithdrawAction(None, work, reason="mistake").execute()
    assert first.pk == second.pk


def test_a_withdrawn_work_does_not_open_again_by_publishing(site):
    work = published()
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
        answer = PublishAction(None, [work]).execute()[work.public_id]
    assert not answer.allowed and not rungs(work)
    assert Tombstone.objects.filter(public_id=work.public_id).exists(), "the stone must stay"


def test_a_review_does_not_bring_back_what_was_withdrawn(site):
    work = published()
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    with pytest.raises(ActionRefused) as refused:
        ReviewAction(None, [work]).execute()
    assert refused.value.code == "withdrawn"


def test_unpublishing_leaves_no_stone(site):
    work = published()
    with committed():
        UnpublishAction(None, [work]).execute()
    assert publications.find(work.public_id) is None
    assert not Tombstone.objects.exists()


# --- Names, places, seals, redactions ---------------------------------------------------------------


def test_a_sealed_real_name_is_in_no_publication(site):
    community = a_community()
    narrator = a_person(community, "Zarouhi Canaryname", sealed=["real_name"])
    work = published(a_testimony(community, people=[narrator]))
    rows = list(Publication.objects.all()) + list(PublicationLink.objects.all())
    assert "Canaryname" not in str([getattr(r, "payload", r.__dict__) for r in rows])
    assert publications.find(work.public_id).payload["contributors"][0]["withheld"]
    assert not Publication.objects.filter(kind="person").exists()


def test_a_pseudonym_is_shown_and_leads_to_no_external_id(site):
    community = a_community()
    narrator = a_person(
        community,
        "Zarouhi Canaryname",
        name_policy=Person.NamePolicy.PSEUDONYM,
        public_name=language_map("Mariam", "hy"),
    )
    narrator.external_ids.create(uri="https://viaf.example/canary-id", owner=community.slug)
    work = a_testimony(community)
    work.contributions.create(person=narrator, role="interviewer")
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work)
    everything = str([row.payload for row in Publication.objects.all()]) + str(list(PublicationLink.objects.values()))
    assert "Mariam" in everything
    assert "Canaryname" not in everything and "canary-id" not in everything


def test_a_redaction_reaches_the_translation_that_says_the_same(site):
    work = a_testimony(english="My neighbour Hovsep Canary hid us.")
    own = work.tracks.get(key="t1").cues[0]["id"]
    Redaction.objects.create(record=work, anchor=own, start=0, end=4, mode="remove", reason="danger")
    published(work)
    assert "Canary" not in str(Publication.objects.get(public_id=work.public_id).payload)


def test_a_redaction_may_hold_for_the_public_and_not_for_the_community(site):
    work = a_testimony()
    own = work.tracks.get(key="t2").cues[0]["id"]
    Redaction.objects.create(record=work, anchor=own, mode="remove", reason="family", hidden_up_to=Audience.EDUCATORS)
    published(work)
    assert set(rungs(work)) == {"public", "granted"}
    assert ENGLISH not in str(publications.find(work.public_id, teacher()).payload)
    assert ENGLISH in str(publications.find(work.public_id, member_of(work.community)).payload)


def test_machine_translation_is_private_until_somebody_has_reviewed_it(site):
    work = a_testimony()
    work.tracks.filter(key="t2").update(origin="machine", reviewed=False)
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work)
    assert ENGLISH not in str([row.payload for row in Publication.objects.all()])


# --- Protocols --------------------------------------------------------------------------------------


def test_a_strict_protocol_keeps_out_members_who_are_not_admitted(site):
    community = a_community()
    elder, young = a_member(community, "editor"), a_member(community, "editor")
    protocol = Protocol.objects.create(community=community, name=language_map("Elders", "en"), openness="strict")
    protocol.admitted.add(elder)
    work = a_testimony(community)
    ReviewAction(None, [work]).execute()
    RecordConsentAction(
        None, work, {"basis": "informed-consent", "scopes": COMMUNITY_ONLY}, protocols=[protocol]
    ).execute()
    with committed():
        PublishAction(None, [work]).execute()
    assert publications.find(work.public_id, viewer_of(elder)) is not None
    assert publications.find(work.public_id, viewer_of(young)) is None


def test_group_names_combine_protocols_in_one_order():
    assert group_of("valley", [5, 3]) == group_of("valley", [3, 5]) == "valley#all:3,5"
    assert group_of("valley") == "valley"


# --- Companions -------------------------------------------------------------------------------------


def test_an_operator_without_membership_may_not_publish_a_communitys_testimony(site):
    work = a_testimony()
    with pytest.raises(ActionRefused) as refused:
        PublishAction(a_user(is_superuser=True), [work]).execute()
    assert refused.value.code == "not-a-member"


def test_a_publisher_of_another_community_may_not_publish(site):
    work = a_testimony()
    stranger = a_member(a_community(), "publisher")
    with pytest.raises(ActionRefused):
        PublishAction(stranger, [work]).execute()


# --- One projection each, however the facts fall ------------------------------------------------------

answers = st.sampled_from(["yes", "no", "ask"])
scopes = st.fixed_dictionaries(
    {"preserve": st.just("yes"), "public-web": answers, "research": answers, "classroom": answers}
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scopes=scopes, redact_up_to=st.sampled_from([None, *LADDER]), sensitive=st.booleans())
def test_every_viewer_sees_at_most_one_projection_and_lists_agree_with_pages(site, scopes, redact_up_to, sensitive):
    work = a_testimony(sensitivity=["sexual-violence"] if sensitive else [])
    if redact_up_to:
        own = work.tracks.get(key="t2").cues[0]["id"]
        Redaction.objects.create(record=work, anchor=own, mode="remove", reason="x", hidden_up_to=redact_up_to)
    published(work, scopes=scopes)
    now = timezone.now()
    granted = Viewer(user_id=9, grants={work.public_id: now + timedelta(days=1)})
    for viewer in (ANONYMOUS, registered(), teacher(), granted, member_of(work.community)):
        listed = list(Publication.objects.filter(published_to(viewer, now), public_id=work.public_id))
        found = publications.find(work.public_id, viewer)
        assert [row.pk for row in listed] == ([found.pk] if found else [])
        stand = stand_for(viewer, work.community.slug, work.public_id)
        serving = [r for r in Publication.objects.filter(public_id=work.public_id) if stand in r.stands]
        assert len(serving) <= 1
    # The open web never sees more than consent's own word.
    open_row = publications.find(work.public_id)
    if open_row is not None:
        assert scopes["public-web"] == ("ask" if open_row.stub else "yes")
        assert not sensitive


def test_public_requests_read_no_table_of_the_record_side(site, django_assert_max_num_queries):
    """Whatever a public view asks, it asks of publications: the statements themselves are looked at."""
    from django.db import connection

    community = a_community()
    work = published(a_testimony(community, people=[a_person(community)], places=[a_place()]))
    allowed = {
        "archive_publication",
        "archive_publicationlink",
        "archive_moved",
        "archive_publishedfile",
        "archive_tombstone",
        "archive_publicclock",
        "archive_homepage",
        "archive_essaypage",
        "archive_aboutpage",
        "archive_helppage",
    }
    seen: set[str] = set()

    def watch(execute, sql, params, many, context):
        seen.update(part.strip('"') for part in sql.replace('"."', " ").split() if part.startswith('"archive_'))
        return execute(sql, params, many, context)

    client = Client()
    place = PublicationLink.objects.filter(relation="place").first().target
    with connection.execute_wrapper(watch):
        for path in (
            "/en/",
            f"/en/testimonies/{work.public_id}/",
            "/en/testimonies/",
            "/en/places/",
            f"/en/places/{place}/",
            "/en/languages/",
            "/en/languages/hy/",
            "/en/search/?q=river",
            "/api/v1/search?q=river",
            "/api/v1/testimonies/",
            f"/api/v1/testimonies/{work.public_id}",
            "/sitemap-publications.xml",
            "/en/feeds/new.atom",
            f"/id/{work.public_id}",
            "/en/testimonies/zzzzzzzzzz/",
        ):
            response = client.get(path)
            assert response.status_code in (200, 302, 404), path
    tables = {name.split('"')[0] for name in seen}
    assert {t for t in tables if not t.endswith(("_id", "_idx"))} <= allowed
    assert "archive_publication" in tables, "the watch must have seen something"


def test_scope_names_of_the_tests_are_real():
    assert set(PUBLIC_ONLY) | set(RESEARCH_ONLY) | set(CLASSROOM_ONLY) | set(ASK) <= set(ALL_YES)


def test_requests_for_access_end_with_the_publication(site):
    work = published(scopes=ASK)
    reader = a_user()
    AccessRequest.objects.create(
        public_id=work.public_id, community=work.community.slug, user=reader, purpose="x", state="approved"
    )
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    assert AccessRequest.objects.get().state == "expired"


@pytest.mark.parametrize("closed", [{"hidden": True}, {"state": "withdrawn"}])
def test_a_collection_that_is_closed_is_named_by_none_of_its_works(site, closed):
    community = a_community()
    collection = a_collection(community, title=language_map("Canaryvoices", "en"))
    work = published(a_testimony(community, collection=collection))

    def said():
        text = rows_about(work.public_id) + pages_about("testimony", work.public_id)
        text += lists_with({"testimony", "collection"})
        return {word for word in ("Canaryvoices", collection.public_id) if word in text}

    assert said() == {"Canaryvoices", collection.public_id}
    for field, value in closed.items():
        setattr(collection, field, value)
    collection.save()
    with committed():
        rebuild_naming(collection)
    assert said() == set()
    assert Client().get(f"/en/testimonies/{work.public_id}/").status_code == 200
    type(collection).objects.filter(pk=collection.pk).update(hidden=False, state="draft")
    with committed():
        rebuild_naming(collection)
    assert said() == {"Canaryvoices", collection.public_id}
