"""What hits and facets are called comes from the rung of whoever reads, in one question for a page."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from archive.models import Publication
from archive.policy import ANONYMOUS, Viewer, reach_of
from archive.values.language_map import language_map
from search import outbox, service
from tests.archive.factories import ALL_YES, a_community, a_person, a_place, a_testimony, committed, published

pytestmark = pytest.mark.django_db
SECRET = "Zdzisławanowicz"


@pytest.fixture
def two_rungs(site):
    """A work and its place, each with a page for everybody and another, differently called, for members."""
    community = a_community()
    place = a_place("Kertavan", "en")
    work = published(a_testimony(community, places=[place]), ALL_YES)
    for public_id in (work.public_id, place.public_id):
        [row] = Publication.objects.filter(public_id=public_id)
        # The members' row comes first in the table: which one is asked for first must not decide.
        title = row.title
        row.title = language_map(f"{SECRET} {public_id}", "en")
        row.audience, row.group = "community", community.slug
        row.serves_public = row.serves_registered = row.serves_educators = row.serves_granted = False
        row.serves_community = True
        row.save()
        row.pk, row.title, row.audience, row.serves_public, row.serves_community = None, title, "public", True, False
        row.version = "public"
        row.serves_registered = row.serves_educators = row.serves_granted = True
        row.save()
    with committed():
        outbox.put(work.public_id)
        outbox.put(place.public_id)
    return community, work, place


def test_a_stranger_never_reads_what_only_members_call_it(two_rungs):
    _community, _work, place = two_rungs
    answer = service.search("river", reach_of(ANONYMOUS))
    assert [value.label for value in answer.facets["place"]] == ["Kertavan"]
    assert SECRET not in json.dumps(answer.as_json(timed=True), ensure_ascii=False)
    for address in ("/en/search/?q=river", "/api/v1/search?q=river", f"/en/search/?place={place.public_id}"):
        said = Client().get(address).content.decode()
        assert SECRET not in said and json.dumps(SECRET)[1:-1] not in said
    # Nor is it a name by which she could ask.
    assert service.search(f'place:"{SECRET} {place.public_id}"', reach_of(ANONYMOUS)).total == 0
    assert service.search('place:"kertavan"', reach_of(ANONYMOUS)).total == 1


def test_a_member_reads_her_own_rung(two_rungs):
    community, _work, place = two_rungs
    member = reach_of(Viewer(user_id=1, groups=frozenset({community.slug})))
    answer = service.search("river", member)
    assert [value.label for value in answer.facets["place"]] == [f"{SECRET} {place.public_id}"]
    assert answer.results[0].title.startswith(SECRET)


def test_who_was_given_a_work_reads_what_it_calls_its_places(site):
    """The page of a place that only this work names is open to members alone; its name stands in the work."""
    place = a_place("Kertavan", "en")
    work = published(a_testimony(places=[place]), {"preserve": "yes", "public-web": "ask"})
    [page] = Publication.objects.filter(public_id=place.public_id)
    assert page.audience == "community"
    reach = reach_of(Viewer(user_id=1, grants={work.public_id: None}))
    answer = service.search("river", reach)
    assert [value.label for value in answer.facets["place"]] == ["Kertavan"]


def test_a_page_asks_once_however_many_values_its_facets_have(site):
    community = a_community()

    def queries():
        with CaptureQueriesContext(connection) as asked:
            answer = service.search("river", reach_of(ANONYMOUS))
        return answer, len(asked.captured_queries)

    published(a_testimony(community, people=[a_person(community, "Anahit")], places=[a_place("Arpavan")]))
    few, before = queries()
    for number in range(4):
        people, places = [a_person(community, f"Ani {number}")], [a_place(f"Village {number}")]
        published(a_testimony(community, people=people, places=places))
    many, after = queries()
    assert len(many.facets["place"]) == 5 > len(few.facets["place"])
    # What is hidden, what still stands, what it is called.
    assert before == after == 3
    with CaptureQueriesContext(connection) as asked:
        assert service.search('place:"village 2" -person:"ani 1"', reach_of(ANONYMOUS)).total == 1
    assert len(asked.captured_queries) == 4
