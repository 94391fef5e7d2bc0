"""A mark of the text outlives the link that an editor takes out; what its record hides stays hidden all the same."""

from __future__ import annotations

from typing import Any

import pytest

from archive.models import EntityLink, ExternalId
from archive.own_types import works
from archive.revisions import save_revision
from tests.archive.factories import a_community, a_person, a_place, a_testimony, published
from tests.archive.what_is_public import rows_about

pytestmark = pytest.mark.django_db

PLACE = "https://www.geonames.org/616052"
PERSON = "https://viaf.org/viaf/4815162342"


def marked(record: Any, kind: str, uri: str, community: Any = None) -> str:
    """All that is public of a work whose text points to a record that it does not link."""
    ExternalId.objects.create(record=record, uri=uri)
    work = a_testimony(community or record.community, places=[record] if kind == "place" else [])
    EntityLink.objects.filter(record=work).delete()
    track = work.tracks.get(key="t1")
    track.cues[0]["marks"] = [{"start": 0, "end": 3, "type": kind, "ref": uri, "key": "", "data": {"source_ref": uri}}]
    track.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work)
    return rows_about(work.public_id)


def coarse() -> Any:
    return a_place("Kert", community=a_community(), latitude=40.1, longitude=44.6, precision="10km")


def test_a_coarse_place_is_not_given_away_by_a_mark(site):
    assert "616052" not in marked(coarse(), "place", PLACE)


def test_an_exact_place_keeps_its_mark(site):
    exact = a_place("Kert", community=a_community(), latitude=40.1, longitude=44.6, precision="exact")
    assert "616052" in marked(exact, "place", PLACE)


def test_a_person_under_another_name_is_not_given_away_by_a_mark(site):
    person = a_person(a_community(), "Zorvandikt", name_policy="initials")
    assert "4815162342" not in marked(person, "person", PERSON)


def test_what_another_community_hides_is_its_own(site):
    """Their record says how they show her; a stranger's edition that names the same place loses nothing by it."""
    assert "616052" in marked(coarse(), "place", PLACE, a_community("other-valley"))


def test_this_goes_red_when_marks_are_looked_up_by_links_alone(site, monkeypatch):
    monkeypatch.setattr(works, "views_unlinked", lambda snapshots, *_more: dict.fromkeys(snapshots, ()))
    assert "616052" in marked(coarse(), "place", PLACE)
