"""Two engines are kept current: what is withdrawn leaves both, also one that was away meanwhile."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from search import checks, engines, outbox, service
from search.engines.base import AbsenceNotProven, AbsenceProof, Engine, SearchUnavailable
from search.models import OutboxEntry
from tests.search.conftest import PUBLIC, Site, passage
from tests.search.test_outbox import publish, total, withdraw

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def second(site: Site, tmp_path: Path, settings: Any) -> Engine:
    """The second engine of this instance: a file of its own behind the one that answers."""
    settings.SEARCH_URL = f"fts5: fts5://{tmp_path}/second.sqlite3"
    return engines.configured()[1].open()


class Away:
    """Takes one engine away and brings it back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def goes(self, engine: Engine) -> None:
        def away(*_arguments: Any, **_options: Any) -> Any:
            raise SearchUnavailable("away")

        for name in ("replace_many", "replace", "prove_absence", "rebuild"):
            self._patch.setattr(engine, name, away, raising=False)

    def comes_back(self) -> None:
        self._patch.undo()


@pytest.fixture
def away() -> Any:
    patch = pytest.MonkeyPatch()
    yield Away(patch)
    patch.undo()


def labels() -> list[str]:
    return [address.label for address in engines.configured()]


def test_a_change_is_done_when_every_engine_has_it(site: Site, second: Engine) -> None:
    publish(site, passage("w1", "water"), passage("w2", "water"))
    assert engines.current() is not second
    assert engines.current().works() == second.works() == {"w1", "w2"}
    withdraw(site, "w1")
    assert engines.current().works() == second.works() == {"w2"}
    assert not OutboxEntry.objects.exists()


def test_while_one_is_away_the_other_goes_on_and_nothing_is_lost(site: Site, second: Engine, away: Away) -> None:
    publish(site, passage("w1", "water"), passage("w2", "water"))
    away.goes(second)
    withdraw(site, "w1")
    publish(site, passage("w3", "water"))
    # The one that answers hides nothing for the other's sake.
    assert total() == 2
    assert engines.current().works() == {"w2", "w3"}
    assert second.works() == {"w1", "w2"}
    assert set(OutboxEntry.objects.values_list("engine", "work", "attempts")) == {
        (labels()[1], "w1", 1),
        (labels()[1], "w3", 1),
    }
    assert outbox.something_waits()
    assert outbox.apply_all_pending() == outbox.Applied(applied=0, failed=2)
    away.comes_back()
    assert outbox.apply_pending() == outbox.Applied(applied=2, failed=0)
    assert second.works() == {"w2", "w3"}
    assert not outbox.something_waits()


def test_one_that_missed_a_withdrawal_never_answers_with_it(
    site: Site, second: Engine, away: Away, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(site, passage("w1", "water"), passage("w2", "water"))
    away.goes(second)
    withdraw(site, "w1")
    away.comes_back()
    # Its turn to answer, whatever the check against the publications would say.
    settings.SEARCH_URL = " ".join(reversed(settings.SEARCH_URL.split()))
    assert engines.current() is second
    monkeypatch.setattr(site, "still_published", set)
    assert [result.id for result in service.search("water", PUBLIC).results] == ["w2"]
    assert service.suggest("conversation w1", PUBLIC) == []
    # The switch: without its own rows it would.
    monkeypatch.setattr(outbox, "unapplied", lambda engine: frozenset())
    assert total() == 2


def test_many_changes_reach_the_one_that_is_there(
    site: Site, second: Engine, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the other owes stands at the head of the queue; it must not keep this one from what is behind."""
    monkeypatch.setattr(outbox, "_ROUND", 2)
    away.goes(second)
    works = [f"w{number}" for number in range(7)]
    for work in works:
        site.publish(passage(work, "water"))
    with transaction.atomic(), outbox.index_later():
        for work in works:
            outbox.put(work)
    outbox.apply_all_pending()
    assert engines.current().works() == set(works)
    assert set(OutboxEntry.objects.values_list("engine", flat=True)) == {labels()[1]}
    away.comes_back()
    assert outbox.apply_all_pending() == outbox.Applied(applied=7, failed=0)
    assert second.works() == set(works)


def test_absence_is_proven_when_every_engine_has_proven_it(
    site: Site, second: Engine, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(site, passage("w1", "Zdzisławanowicz"), passage("w2", "water"))
    away.goes(second)
    withdraw(site, "w1")
    with pytest.raises(SearchUnavailable):
        service.prove_absence("w1", ["Zdzisławanowicz"])
    away.comes_back()
    assert second.works() == {"w1", "w2"}
    assert service.prove_absence("w1", ["Zdzisławanowicz"]).holds
    assert second.works() == {"w2"}
    left = AbsenceProof("w1", words_checked=1, bytes_scanned=1, leftovers=1, problems=("a word is still in the file",))
    monkeypatch.setattr(second, "prove_absence", lambda *_arguments: left, raising=False)
    with pytest.raises(AbsenceNotProven, match=f"w1: {labels()[1]}: a word is still in the file"):
        service.prove_absence("w1", ["Zdzisławanowicz"])


def test_a_rebuild_of_one_leaves_what_the_other_owes(site: Site, second: Engine, away: Away) -> None:
    publish(site, passage("w1", "water"), passage("w2", "water"))
    away.goes(second)
    withdraw(site, "w1")
    engines.current().rebuild(["w2"], site.documents_of)
    assert OutboxEntry.objects.get().engine == labels()[1]
    away.comes_back()
    assert "w1: in the index, but not published." not in " ".join(service.verify())
    outbox.apply_pending()
    assert second.works() == {"w2"}


def test_the_command_builds_and_compares_every_engine(site: Site, second: Engine) -> None:
    site.publish(passage("w1", "water"))
    out = StringIO()
    call_command("rebuild_search", "--verify", stdout=out)
    assert [line.partition(":")[2].split(" in ")[0] for line in out.getvalue().splitlines()[:2]] == [
        " 1 works, 1 passages",
        f"{labels()[1].partition(':')[2]}: 1 works, 1 passages",
    ]
    second.remove("w1")
    assert service.verify() == [f"{labels()[1]}: w1: published, but not in the index."]


def test_an_engine_is_known_by_its_address_and_not_by_its_password() -> None:
    here, later, elsewhere = (
        engines.Address(url) for url in ("https://a:old@host/x", "https://a:new@host/x", "https://a:old@other/x")
    )
    assert here.label == later.label != elsewhere.label
    assert not any(word in here.label for word in ("old", "host"))
    assert engines.Address("fts5:").label == "fts5"


def test_a_scheme_names_one_engine(monkeypatch: pytest.MonkeyPatch, site: Site, settings: Any) -> None:
    with pytest.raises(ImproperlyConfigured):
        engines.register("fts5", lambda url: engines.current())
    monkeypatch.setattr(engines, "_makers", dict(engines._makers))
    made = engines.current()
    engines.register("https", lambda url: made)
    settings.SEARCH_URL = "https://search.example fts5:"
    assert engines.current() is made
    assert checks.engine_exists(None) == []


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("fts5: solr://u:secret@h/", "search.E002", "“solr:” is unknown"),
        ("fts5:index.sqlite3", "search.E004", "names no file"),
        ("", "search.E002", "names no search engine"),
    ],
)
def test_an_address_that_cannot_be_read_is_refused_at_the_start(settings: Any, url: str, code: str, said: str) -> None:
    settings.SEARCH_URL = url
    [message] = checks.engine_exists(None)
    assert message.id == code and said in message.msg
    assert "secret" not in f"{message.msg}{message.hint}"
    assert checks.index_is_current(None) == []


def test_what_waited_before_there_were_several_engines_still_waits_for_the_embedded_one(site: Site) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("search", "0001_initial")])
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO search_outboxentry (work, operation, enqueued_at, attempts, last_failure) "
                "VALUES ('w1', 'remove', CURRENT_TIMESTAMP, 0, '')"
            )
    finally:
        MigrationExecutor(connection).migrate([("search", "0002_an_outbox_for_each_engine")])
    assert outbox.unapplied("fts5") == {"w1"}
    outbox.apply_pending()
    assert not OutboxEntry.objects.exists()
