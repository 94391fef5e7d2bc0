"""The gate's jobs: what is due opens, what has run out goes, and whoever was handed a key is told what it is not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from archive import gate_jobs
from archive.gate_jobs import NotAWork, works_by_pk
from archive.models import AuditEvent, Publication, Record
from tests.archive.factories import a_community, a_person, a_place, a_testimony, committed, consent, published

pytestmark = pytest.mark.django_db


# --- Works by their keys --------------------------------------------------------------------------


def test_works_come_in_the_order_asked_for():
    first, second = a_testimony(), a_testimony()
    assert works_by_pk([second.pk, first.pk, second.pk]) == [second, first]
    assert works_by_pk([]) == []


def test_a_key_of_no_work_is_refused_and_never_left_out_in_silence():
    work = a_testimony()
    person = a_person(work.community)
    for key in (person.pk, work.collection_id, 10**9):
        with pytest.raises(NotAWork, match=str(key)):
            works_by_pk([work.pk, key])


# --- Embargoes ------------------------------------------------------------------------------------


def test_an_embargo_that_ends_opens_nothing_that_was_taken_back_in_between(site, monkeypatch):
    work = published(embargo_until=timezone.now() + timedelta(hours=1))
    Record.objects.filter(pk=work.pk).update(opens_at=timezone.now() - timedelta(seconds=1))
    consent(work)
    read = gate_jobs.works_by_pk

    def taken_back_meanwhile(keys):
        works = read(keys)
        Record.objects.filter(pk__in=keys).update(wanted_public=False)
        return works

    monkeypatch.setattr(gate_jobs, "works_by_pk", taken_back_meanwhile)
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
    read = gate_jobs.works_by_pk

    def renewed_meanwhile(keys):
        works = read(keys)
        consent(work)
        return works

    monkeypatch.setattr(gate_jobs, "works_by_pk", renewed_meanwhile)
    with committed():
        gate_jobs.delete_expired(None)
    rows = Publication.objects.filter(public_id=work.public_id)
    assert {(row.not_after, row.first_published_at) for row in rows} == {(None, first)}
    assert not gate_jobs.something_expired()
