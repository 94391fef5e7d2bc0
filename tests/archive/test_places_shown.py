"""How exactly a place is shown, and for how long."""

from __future__ import annotations

import pytest

from archive import publications
from archive.actions.publish import UnpublishAction
from archive.interchange import EXPORTS
from archive.models import (
    Publication,
)
from archive.revisions import save_revision
from tests.archive.factories import (
    a_community,
    a_place,
    a_testimony,
    committed,
    published,
)
from tests.archive.test_gate import RESEARCH_ONLY, registered

pytestmark = pytest.mark.django_db


def test_a_place_is_shown_as_a_cell_of_the_grid_unless_its_precision_says_exact(site):
    community = a_community()
    place = a_place(latitude=40.123456, longitude=44.654321)
    published(a_testimony(community, places=[place]))
    point = Publication.objects.get(public_id=place.public_id).payload["point"]
    assert "40.123" not in str(point) and point["precision"] == "10km"
    assert abs(point["latitude"] - 40.123456) < 0.06


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"precision": "10km"}, False),
        ({"precision": "country"}, False),
        ({"precision": "exact"}, True),
        ({"precision": "10km", "place_type": "country"}, True),
    ],
)
def test_a_place_shown_coarsely_is_published_without_the_ids_by_which_gazetteers_know_it(site, facts, shown):
    place = a_place(latitude=40.123456, longitude=44.654321, **facts)
    uri = place.external_ids.get().uri
    work = a_testimony(a_community(), places=[place])
    track = work.tracks.get(key="t1")
    track.cues[0]["marks"] = [{"start": 0, "end": 3, "type": "place", "ref": uri, "key": "", "data": {}}]
    track.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work)
    payloads = {row.kind: row.payload for row in Publication.objects.all()}
    assert place.public_id in str(payloads["testimony"])
    assert all((uri in str(payloads[kind])) is shown for kind in ("testimony", "place"))
    exported = EXPORTS["tei"].write(payloads["testimony"], "")
    assert (uri.encode() in exported) is shown


def test_a_place_is_public_exactly_as_long_as_a_work_that_names_it(site):
    community = a_community()
    place = a_place()
    first = published(a_testimony(community, places=[place]))
    second = published(a_testimony(community, places=[place]), scopes=RESEARCH_ONLY)
    assert publications.find(place.public_id) is not None
    with committed():
        UnpublishAction(None, [first]).execute()
    assert publications.find(place.public_id) is None
    assert publications.find(place.public_id, registered()) is not None
    with committed():
        UnpublishAction(None, [second]).execute()
    assert publications.find(place.public_id, registered()) is None


# --- Who may act ------------------------------------------------------------------------------------
