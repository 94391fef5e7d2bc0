"""The gate's jobs: what is due opens, what has run out goes, and whoever was handed a key is told what it is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from archive import gate_jobs
from archive.gate_jobs import NotAWork, works_by_pk
from archive.models import Publication, Record
from tests.archive.factories import a_person, a_testimony, committed, consent, published

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
