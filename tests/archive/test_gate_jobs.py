"""The gate's jobs: what is due opens, what has run out goes, and whoever was handed a key is told what it is not."""

from __future__ import annotations

import pytest

from archive.gate_jobs import NotAWork, works_by_pk
from tests.archive.factories import a_person, a_testimony

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
