"""The gate's jobs: what is due opens, what has run out goes, and whoever was handed a key is told what it is not."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from archive import gate_jobs
from archive.actions.withdraw import WithdrawAction
from archive.models import AuditEvent, Clip, Publication, Record, WithdrawalCase
from archive.record_types import NotGated, load_gated
from archive.revisions import save_revision
from archive.values.language_map import language_map
from search import engines, service
from search.engines.base import AbsenceNotProven
from search.engines.fts5 import Fts5Engine
from search.wiring import wiring
from tests.archive.factories import a_community, a_person, a_place, a_testimony, committed, consent, published

pytestmark = pytest.mark.django_db


# --- Works by their keys --------------------------------------------------------------------------


def test_works_come_in_the_order_asked_for():
    first, second = a_testimony(), a_testimony()
    assert load_gated([second.pk, first.pk, second.pk]) == [second, first]
    assert load_gated([]) == []


def test_a_key_of_no_work_is_refused_and_never_left_out_in_silence():
    work = a_testimony()
    person = a_person(work.community)
    for key in (person.pk, work.collection_id, 10**9):
        with pytest.raises(NotGated, match=str(key)):
            load_gated([work.pk, key])


# --- Embargoes ------------------------------------------------------------------------------------


def test_an_embargo_that_ends_opens_nothing_that_was_taken_back_in_between(site, monkeypatch):
    work = published(embargo_until=timezone.now() + timedelta(hours=1))
    Record.objects.filter(pk=work.pk).update(opens_at=timezone.now() - timedelta(seconds=1))
    consent(work)
    read = gate_jobs.load_gated

    def taken_back_meanwhile(keys):
        works = read(keys)
        Record.objects.filter(pk__in=keys).update(wanted_public=False)
        return works

    monkeypatch.setattr(gate_jobs, "load_gated", taken_back_meanwhile)
    with committed():
        gate_jobs.open_due(None)
    assert not Publication.objects.filter(public_id=work.public_id).exists()


# --- Consent that ends ----------------------------------------------------------------------------


def in_a_moment() -> dict[str, Any]:
    return {"ends_at": timezone.now() + timedelta(hours=1)}


def an_hour_later(monkeypatch) -> None:
    later = timezone.now() + timedelta(hours=1, seconds=1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)


def test_when_consent_ends_nothing_that_named_it_alone_is_left(site, monkeypatch):
    community = a_community()
    place, shared = a_place(), a_place("Ani")
    ending = published(a_testimony(community, people=[a_person(community)], places=[place, shared]), **in_a_moment())
    lasting = published(a_testimony(places=[shared]))
    an_hour_later(monkeypatch)
    assert gate_jobs.something_expired()
    with committed():
        gate_jobs.delete_expired(None)
    left = set(Publication.objects.values_list("public_id", flat=True))
    assert left == {lasting.public_id, lasting.collection.public_id, shared.public_id}
    assert not gate_jobs.something_expired(), "or the job would come back every half minute for ever"
    assert AuditEvent.objects.get(action="consent-expired").subject == ending.public_id


def test_a_page_of_a_name_that_has_run_out_goes_also_when_its_work_went_before(site, monkeypatch):
    place = a_place()
    work = published(a_testimony(places=[place]), **in_a_moment())
    an_hour_later(monkeypatch)
    Publication.objects.filter(public_id=work.public_id).delete()
    assert Publication.objects.filter(public_id=place.public_id).exists()
    with committed():
        gate_jobs.delete_expired(None)
    assert not Publication.objects.exists() and not gate_jobs.something_expired()
    assert not AuditEvent.objects.filter(action="consent-expired").exists()


def test_a_renewal_after_the_list_was_read_is_kept(site, monkeypatch):
    work = published(a_testimony(places=[a_place()]), **in_a_moment())
    first = Publication.objects.filter(public_id=work.public_id).first().first_published_at
    an_hour_later(monkeypatch)
    read = gate_jobs.load_gated

    def renewed_meanwhile(keys):
        works = read(keys)
        consent(work)
        return works

    monkeypatch.setattr(gate_jobs, "load_gated", renewed_meanwhile)
    with committed():
        gate_jobs.delete_expired(None)
    rows = Publication.objects.filter(public_id=work.public_id)
    assert {(row.not_after, row.first_published_at) for row in rows} == {(None, first)}
    assert not gate_jobs.something_expired()


# --- Proof of absence -----------------------------------------------------------------------------

SAID = {
    "title": "Zqwtitle of the mill",
    "abstract": "She tells zqwabstract slowly.",
    "segment": "Zqwsegment by the weir",
    "synopsis": "The zqwsynopsis in short",
    "clip": "Zqwclip at night",
    "context": "Said in zqwcontext only",
    "name": "Zqwcredited Großmutter",
    "passage": "Մենք zqwpassage գիտեինք",
    "earlier passage": "And zqwearlier was taken out again.",
    # Every word of it is said by others; all of them together by nobody.
    "common words": "mother river stone bread",
}


@pytest.fixture
def withdrawn(site):
    """A case that waits for its proof: the work said each of ``SAID``, once."""
    published(a_testimony(english="The mother went to the river; her bread was like stone."))
    work = a_testimony(
        title=language_map(SAID["title"], "en"),
        abstract=language_map(SAID["abstract"], "en"),
        original=SAID["passage"],
        english=SAID["earlier passage"],
    )
    track = work.tracks.get(language="en")
    track.cues[0]["text"] = SAID["common words"]
    track.save()
    anchor = track.cues[0]["id"]
    work.segments.create(
        key="s1",
        anchor=anchor,
        title=language_map(SAID["segment"], "en"),
        synopsis=language_map(SAID["synopsis"], "en"),
    )
    work.contributions.create(role="narrator", credited_as=SAID["name"])
    save_revision(work, origin="edit")
    work.refresh_from_db()
    Clip.objects.create(
        community=work.community,
        work=work,
        first_anchor=anchor,
        title=language_map(SAID["clip"], "en"),
        context=language_map(SAID["context"], "en"),
    )
    published(work)
    with committed():
        return WithdrawAction(None, work, reason="narrator-request").execute()


def prove(case: WithdrawalCase) -> None:
    """Run the job's handler as the worker does."""
    context = SimpleNamespace(input={"case": case.pk, "public_id": case.record.public_id}, commit=transaction.atomic)
    gate_jobs.prove_absence(context)


def leave_behind(text: str) -> None:
    """As if something had written these bytes into the index's file and no row knew of them."""
    engine = engines.current()
    assert isinstance(engine, Fts5Engine)
    with engine.store.writing() as (connection, _epoch):
        connection.execute("CREATE TABLE left_behind (what TEXT)")
        connection.execute("INSERT INTO left_behind VALUES (?)", (f"… {text}",))


def test_the_job_after_a_withdrawal_proves_it_and_says_when(withdrawn):
    prove(withdrawn)
    withdrawn.refresh_from_db()
    assert withdrawn.proven_absent_at and withdrawn.done[-1]["action"] == "proven-absent"


@pytest.mark.parametrize("where", SAID)
def test_one_thing_left_in_the_index_is_found_whatever_it_was(withdrawn, where):
    leave_behind(SAID[where])
    with pytest.raises(AbsenceNotProven, match="words of the work are still in"):
        prove(withdrawn)
    withdrawn.refresh_from_db()
    assert withdrawn.proven_absent_at is None


def test_every_text_is_known_to_the_proof_and_the_search_for_it_can_fail(withdrawn, monkeypatch):
    texts = gate_jobs.texts_of(withdrawn.record.public_id)
    assert set(SAID.values()) <= set(texts)
    # Without the texts the proof knows nothing to look for: the switch of the test above.
    leave_behind(SAID["title"])
    monkeypatch.setattr(gate_jobs, "texts_of", lambda public_id: [])
    assert SAID["title"] in withdrawn.said, "what was public is kept with the case until it is proven"
    with pytest.raises(AbsenceNotProven):
        prove(withdrawn)
    WithdrawalCase.objects.filter(pk=withdrawn.pk).update(said=[])
    prove(withdrawn)


def test_what_other_works_still_say_is_no_alarm(withdrawn):
    other = a_testimony(
        title=language_map(SAID["title"], "en"),
        abstract=language_map(SAID["abstract"], "en"),
        original=f"{SAID['passage']}: {SAID['clip']}, {SAID['context']}",
        english="; ".join(SAID.values()),
    )
    published(other)
    prove(withdrawn)
    assert service.search("zqwtitle", wiring().reach_of(None)).total == 1


def test_a_work_that_is_public_again_is_not_proven_absent(withdrawn):
    Publication.objects.create(
        public_id=withdrawn.record.public_id,
        kind="testimony",
        audience="public",
        payload={},
        title={},
        version="1",
        first_published_at=timezone.now(),
        published_at=timezone.now(),
    )
    with pytest.raises(RuntimeError, match="still has a publication"):
        prove(withdrawn)
