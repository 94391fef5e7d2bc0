"""Works that a link opens: one stand for each viewer and work, whoever is asked for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive import publications
from archive.models import LADDER, Audience, Publication
from archive.policy import Viewer, may_open_to_others, published_to, reach_of, stand_for
from archive.search_documents import documents_of
from search.engines.base import View
from search.engines.fts5 import Fts5Engine
from tests.archive.factories import a_community, a_testimony, published

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CLASSROOM_ONLY = {"preserve": "yes", "classroom": "yes"}
ASK = {"preserve": "yes", "public-web": "ask", "classroom": "yes"}
#: Which stands the rows of one work serve: cut in one, two or three, with and without something below.
CUTS = (
    [LADDER],
    [LADDER[:1], LADDER[1:]],
    [LADDER[:2], LADDER[2:3], LADDER[3:]],
    [LADDER[2:]],
    [LADDER[1:3], LADDER[4:]],
    [LADDER[3:4]],
)
GROUPS = ("valley", "valley#all:1", "hill")
WORKS = [f"w{number:09}" for number in range(len(GROUPS) * len(CUTS))]


def a_world(tmp_path: Any) -> Any:
    """A work of every group and cut; their rows in the database and in an index."""
    for number, public_id in enumerate(WORKS):
        group, cut = GROUPS[number // len(CUTS)], CUTS[number % len(CUTS)]
        for rung, stands in enumerate(cut):
            Publication.objects.create(
                public_id=public_id,
                kind="testimony",
                community=group.split("#")[0],
                group=group,
                audience=stands[0],
                version=f"v{rung}",
                payload={},
                title={"original": "en", "values": {"en": {"text": f"{public_id}@v{rung}"}}},
                first_published_at=NOW,
                published_at=NOW,
                not_after=NOW if number % 5 == 4 else None,
                **{f"serves_{stand}": True for stand in stands},
            )
    engine = Fts5Engine(tmp_path / "index.sqlite3")
    engine.replace_many((public_id, list(documents_of(public_id)), None) for public_id in WORKS)
    with engine.store.reading() as (connection, epoch):
        return engine._catalogues.at(connection, epoch)


ends = st.sampled_from([None, NOW - timedelta(seconds=1), NOW, NOW + timedelta(seconds=1)])
works = st.sampled_from(WORKS)
viewers = st.builds(
    Viewer,
    user_id=st.sampled_from([None, 1]),
    educator=st.booleans(),
    groups=st.frozensets(st.sampled_from(GROUPS)),
    grants=st.dictionaries(works, ends, max_size=6),
    opened=st.dictionaries(works, st.tuples(st.sampled_from([*Audience.values, "nobody"]), ends), max_size=12),
)


def test_database_policy_and_index_agree_on_what_anybody_sees(site, tmp_path):
    catalogue = a_world(tmp_path)
    rows = list(Publication.objects.all())
    documents = [document for public_id in WORKS for document in documents_of(public_id)]

    @settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(viewer=viewers)
    def agree(viewer: Viewer) -> None:
        alive = [row for row in rows if row.not_after is None or row.not_after > NOW]
        stands = {row.public_id: stand_for(viewer, row.group, row.public_id, NOW) for row in rows}
        by_policy = {f"{row.public_id}@{row.version}" for row in alive if stands[row.public_id] in row.stands}
        in_database = Publication.objects.filter(published_to(viewer, NOW)).values_list("public_id", "version")
        assert {"@".join(row) for row in in_database} == by_policy
        reach = reach_of(viewer, NOW)
        now = NOW.timestamp()
        by_reach = {
            document.key
            for document in documents
            if reach.sees(document) and (document.not_after is None or document.not_after > NOW)
        }
        assert by_reach == by_policy
        in_index = catalogue.visible(catalogue.profiles.values(), View(reach, now))
        assert {profile.title for profile in in_index} == by_policy

    agree()


@settings(max_examples=100, deadline=None)
@given(viewer=viewers, work=works, group=st.sampled_from(GROUPS))
def test_a_link_never_lowers_a_stand_ends_at_its_end_and_is_no_grant(viewer, work, group):
    without = stand_for(Viewer(**{**vars(viewer), "opened": {}}), group, work, NOW)
    stand = stand_for(viewer, group, work, NOW)
    assert LADDER.index(Audience(stand)) >= LADDER.index(Audience(without))
    opened, end = viewer.opened.get(work, ("", None))
    if not opened or (end is not None and end <= NOW):
        assert stand == without
    if stand != without:
        assert stand == opened and LADDER.index(Audience(stand)) <= LADDER.index(Audience.EDUCATORS)


def test_a_link_opens_what_an_educator_reads_and_nothing_on_request(site):
    taught, asked = published(scopes=CLASSROOM_ONLY), published(scopes={"preserve": "yes", "public-web": "ask"})
    both = published(scopes=ASK)
    later = timezone.now() + timedelta(hours=1)
    pupil = Viewer(opened={work.public_id: ("educators", later) for work in (taught, asked, both)})
    assert publications.find(taught.public_id) is None
    assert publications.find(taught.public_id, pupil).audience == "educators"
    # Without an ask nothing changes, and with one a link opens no more than its stand does.
    assert publications.find(asked.public_id, pupil).stub
    assert not publications.find(both.public_id, pupil).stub
    # What stands above educators is given to persons.
    for stand in ("granted", "community"):
        assert publications.find(asked.public_id, Viewer(opened={asked.public_id: (stand, later)})).stub
        assert publications.find(taught.public_id, Viewer(opened={taught.public_id: (stand, later)})) is None


def test_a_file_is_served_as_far_as_the_link_opens_its_work(site):
    work = published(a_testimony(a_community()), CLASSROOM_ONLY)
    row = Publication.objects.get(public_id=work.public_id)
    file = row.files.create(uuid="00000000-0000-4000-8000-000000000001", path="x", media_type="audio/ogg", bytes=1)
    now = timezone.now()
    for end, served in ((now + timedelta(minutes=1), True), (now - timedelta(minutes=1), False)):
        pupil = Viewer(opened={work.public_id: ("educators", end)})
        assert (publications.published_file(work.public_id, file.uuid, pupil) is not None) == served


def test_educators_and_members_may_open_works_to_others():
    assert may_open_to_others(Viewer(user_id=1, educator=True))
    assert may_open_to_others(Viewer(user_id=1, roles={"valley": frozenset({"translator"})}))
    assert may_open_to_others(Viewer(user_id=1)).reason == "no-educator"
    assert may_open_to_others(Viewer()).reason == "not-signed-in"
