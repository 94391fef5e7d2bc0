"""What was published in an older form is closed at once, made again, and opens when all of it is done."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from archive.gate import Gate
from archive.models import AuditEvent, Person, Publication, PublicationLink, PublicClock
from archive.publications import remake_pending
from archive.remake_publications import RemakePublications
from archive.values.payload import PAYLOAD_SCHEMA
from config import health
from search import engines
from tests.archive.factories import a_community, a_person, a_testimony, published

PROJECT = Path(__file__).resolve().parents[2]


# --- from a database that the last program of the first form left --------------------------------


def drive(data: Path, *scenario: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.archive.older.driver", *scenario],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "CAIRN_DATA": str(data), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def old(django_db_setup, django_db_blocker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance of then, to be copied; beside it ``present.sqlite3``, an empty one of now."""
    if connection.vendor != "sqlite":
        pytest.skip("the rows of then come from SQLite")
    data = tmp_path_factory.mktemp("old") / "instance"
    (data / "db").mkdir(parents=True)
    with django_db_blocker.unblock():
        connection.ensure_connection()
        target = sqlite3.connect(data / "db" / "cairn.sqlite3")
        connection.connection.backup(target)
        target.close()
    shutil.copy(data / "db" / "cairn.sqlite3", data.parent / "present.sqlite3")
    drive(data, "become-old")
    return data


@pytest.fixture
def lived(old: Path, tmp_path: Path) -> Any:
    def lived(*scenario: str) -> dict[str, Any]:
        shutil.copytree(old, tmp_path / "instance")
        seen: dict[str, Any] = json.loads(drive(tmp_path / "instance", *scenario).splitlines()[-1])
        return seen

    return lived


CLOSED = {"page": 503, "api": 503, "ready": {"ok": False, "reason": "remake-pending"}}
OPEN = {"pending": False, "old": 0, "served": 0, "page": 200, "api": 200, "ready": {"ok": True}}


def assert_made_again(seen: dict[str, Any], *, withdrawn: tuple[str, ...] = ()) -> None:
    """Open, in the new form throughout, without what the old form gave away and without what may not be public."""
    assert seen["after"] == OPEN
    expected = dict.fromkeys(seen["works"], 302) | {"broken": 404, "hidden": 404, "person": 404}
    assert seen["statuses"] == expected | dict.fromkeys(withdrawn, 410)
    # A name behind a pseudonym, a sealed abstract, the hashes of what is hidden, and two works that are closed.
    assert seen["canaries"] == []
    assert seen["found"] == {"plumbrella": 1, "Quendelmor": 0, "Vexlenbrook": 0, "snozzcart": 0, "grumbleweed": 0}
    assert {schema for _id, schema, _kind in seen["rows"]} == {PAYLOAD_SCHEMA}
    assert not {public_id for public_id, _schema, _kind in seen["rows"]} & {"0rphanp1ac", "0rphanw0rk"}
    assert seen["outbox"] == 0
    assert seen["audited"] == {seen["works"]["broken"]: "failed", seen["works"]["hidden"]: "closed"}
    assert "made again" not in seen["again"] and "ERROR" not in seen["again"]


@pytest.mark.slow
def test_migrate_makes_again_what_the_last_program_of_the_first_form_published(lived):
    seen = lived("upgrade", "0")
    assert_made_again(seen)
    said, works = seen["said"], seen["works"]
    assert "7 of 7 works" in said and "4 of 4 pages" in said
    assert f"gate says no: 0rphanw0rk, {works['hidden']}." in said
    assert f"ERROR LeftClosed These could not be made again and are closed now: {works['broken']}." in said


def assert_closed_throughout(seen: dict[str, Any]) -> None:
    assert seen["killed_first"] and seen["migrated"] == {**CLOSED, "pending": True, "old": 12, "served": 0}
    assert "run “manage.py migrate”" in seen["serve"] and "ERROR CommandError" in seen["serve"]
    for state in seen["kills"]:
        assert state["served"] == 0
        assert state in ({**CLOSED, **{key: state[key] for key in ("old", "served")}, "pending": True}, OPEN)
    assert_made_again(seen)


def test_killed_on_the_way_it_stays_closed_and_goes_on(lived):
    seen = lived("upgrade", "7")
    assert len(seen["kills"]) >= 2
    assert_closed_throughout(seen)


@pytest.mark.slow
def test_killed_at_every_place_in_turn_it_stays_closed_and_goes_on(lived):
    seen = lived("upgrade", "1")
    assert len(seen["kills"]) >= 12
    assert_closed_throughout(seen)


@pytest.mark.slow
def test_a_backup_of_the_first_form_opens_made_again_and_without_what_was_withdrawn_since(lived, old: Path):
    seen = lived("restore", str(old.parent / "present.sqlite3"))
    assert_made_again(seen, withdrawn=("sealed",))
    assert "7 of 7 works" in seen["said"] and "Withdrawn again: 1" in seen["said"]
    assert f"are closed now: {seen['works']['broken']}." in seen["said"]


# --- rules, on any database ----------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def make_old(*public_ids: str) -> None:
    """As the migration leaves what is of an older form."""
    rows = Publication.objects.filter(public_id__in=public_ids)
    rows.update(schema=PAYLOAD_SCHEMA - 1)
    assert remake_pending()
    RemakePublications()._take_out_of_service()


@pytest.fixture
def ready():
    health.forget()
    yield lambda: Client().get("/readyz").json()["parts"]["publications"]
    health.forget()


def test_one_publication_of_an_older_form_closes_every_page_until_it_is_made_again(site, ready):
    work = published()
    page = f"/en/testimonies/{work.public_id}/"
    assert Client().get(page).status_code == 200 and ready() == {"ok": True}
    health.forget()
    make_old(work.public_id)
    for path in (page, "/en/", "/en/search/?q=river", "/admin/", "/api/v1/testimonies/"):
        assert Client().get(path).status_code == 503
    line = Client().get("/api/v1/testimonies/", headers={"accept": "application/json"})
    assert b"brought up to date" in line.content and line["Retry-After"] == "60"
    assert Client().get("/healthz").status_code == 200
    assert ready() == {"ok": False, "reason": "remake-pending"}
    health.forget()
    RemakePublications().execute()
    assert Client().get(page).status_code == 200 and ready() == {"ok": True}


def test_a_page_kept_in_memory_is_not_served_either(site):
    work = published()
    page = f"/en/testimonies/{work.public_id}/"
    assert Client().get(page).status_code == 200
    make_old(work.public_id)
    assert Client().get(page).status_code == 503


def test_without_the_guard_the_old_form_would_be_served(site, monkeypatch):
    """The switch: what the other tests see comes from the middleware's question."""
    work = published()
    Publication.objects.filter(public_id=work.public_id).update(schema=PAYLOAD_SCHEMA - 1)
    monkeypatch.setattr("archive.publications.remake_pending", lambda: False)
    assert Client().get(f"/en/testimonies/{work.public_id}/").status_code == 200


def test_a_work_that_cannot_be_made_is_closed_and_the_others_are_made(site, monkeypatch):
    works = [published() for _number in range(3)]
    make_old(*(work.public_id for work in works))
    build = Gate._build

    def fails_for_one(self: Gate, group: Any, *rest: Any) -> Any:
        if any(work.pk == works[1].pk for work in group):
            raise ValueError("words of the text")
        return build(self, group, *rest)

    monkeypatch.setattr(Gate, "_build", fails_for_one)
    report = RemakePublications().execute()
    assert report.failed == [works[1].public_id] and not remake_pending()
    there = set(Publication.objects.filter(kind="testimony").values_list("public_id", flat=True))
    assert there == {works[0].public_id, works[2].public_id}
    assert AuditEvent.objects.get(action="remake").outcome == "failed"


def test_what_fails_for_the_machines_sake_closes_no_work_and_the_site_stays_closed(site, monkeypatch):
    work = published()
    make_old(work.public_id)

    def full(*_arguments: Any) -> None:
        raise OperationalError("database or disk is full")

    with monkeypatch.context() as patched, pytest.raises(OperationalError):
        patched.setattr(Gate, "_build", full)
        RemakePublications().execute()
    assert remake_pending() and Publication.objects.filter(public_id=work.public_id).exists()
    assert RemakePublications().execute().failed == []
    assert not remake_pending() and Publication.objects.filter(public_id=work.public_id).exists()


def test_a_search_engine_that_is_down_does_not_keep_the_site_closed(site, monkeypatch):
    work = published()
    make_old(work.public_id)

    def down(*_arguments: Any, **_more: Any) -> None:
        raise RuntimeError

    engine = type(engines.current())
    with monkeypatch.context() as patched:
        patched.setattr(engine, "replace_many", down)
        patched.setattr(engine, "replace", down)
        patched.setattr(engine, "remove", down)
        assert RemakePublications().execute().unsearchable > 0
    assert not remake_pending()
    assert Client().get("/api/v1/search", {"q": "river"}).json()["total"] == 0
    assert Client().get(f"/en/testimonies/{work.public_id}/").status_code == 200


def test_a_page_made_for_a_work_of_the_older_form_goes_when_the_work_no_longer_names_it(site, monkeypatch):
    """A worker that publishes meanwhile counts the links of works that were not made again yet."""
    community = a_community()
    person = a_person(community, "Zaruhi Quendelmor")
    work = published(a_testimony(community, people=[person]))
    make_old(work.public_id)
    Person.objects.filter(pk=person.pk).update(name_policy=Person.NamePolicy.WITHHELD, public_name={})
    RemakePublications()._works()
    # As a worker left it: in the present form, with a name that no work leads to.
    assert not PublicationLink.objects.filter(target=person.public_id).exists()
    row = Publication.objects.get(public_id=person.public_id)
    assert row.schema == PAYLOAD_SCHEMA
    assert RemakePublications().execute().failed == []
    assert not Publication.objects.filter(public_id=person.public_id).exists()


def test_an_empty_archive_has_nothing_to_make_again(site):
    assert not remake_pending()
    turned = PublicClock.objects.get().version
    assert RemakePublications().execute().made == 0
    assert PublicClock.objects.get().version == turned
