"""From the commit on, nothing shows what was withdrawn, whatever fails afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import transaction

from search import engines, outbox, service, sources
from search.documents import SearchDocument
from search.engines.base import SearchBusy, SearchUnavailable, waiting_at_most
from search.models import OutboxEntry
from tests.search.conftest import PUBLIC, Site, locked_by_another_process, passage

pytestmark = pytest.mark.django_db(transaction=True)


class Engine:
    """Breaks and mends every write of the embedded engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self._sound = engines.Fts5Engine.replace_many

    def breaks(self) -> None:
        self._patch.setattr(engines.Fts5Engine, "replace_many", _failing)

    def mends(self) -> None:
        self._patch.setattr(engines.Fts5Engine, "replace_many", self._sound)


def _failing(*_arguments: Any, **_options: Any) -> bool:
    raise SearchUnavailable("the disk is full of Zdzisławanowicz")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(monkeypatch)


def publish(site: Site, *documents: SearchDocument) -> None:
    with transaction.atomic():
        for document in documents:
            site.publish(document)
            outbox.put(document.work)


def withdraw(site: Site, work: str) -> None:
    with transaction.atomic():
        site.published.pop(work, None)
        outbox.remove(work)


def total(text: str = "water") -> int:
    return service.search(text, PUBLIC).total


def test_published_is_found_and_withdrawn_is_not(site: Site) -> None:
    publish(site, passage("w1", "water"), passage("w2", "water"))
    assert total() == 2
    withdraw(site, "w1")
    assert total() == 1
    assert not OutboxEntry.objects.exists()
    assert engines.current().works() == {"w2"}


def test_a_rolled_back_publication_leaves_no_trace(site: Site) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.put("w1")
        raise RuntimeError
    assert not OutboxEntry.objects.exists()
    assert engines.current().works() == set()


def test_a_change_must_be_part_of_the_transaction_it_belongs_to(site: Site) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        outbox.remove("w1")


def test_a_withdrawn_work_is_hidden_although_the_engine_fails(
    site: Site, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    publish(site, passage("w1", "water", facets={"place": ("mill",)}), passage("w2", "water"))
    engine.breaks()
    withdraw(site, "w1")
    answer = service.search("water", PUBLIC)
    assert [result.id for result in answer.results] == ["w2"]
    assert answer.total == 1
    assert "place" not in answer.facets
    assert service.suggest("conversation w1", PUBLIC) == []
    entry = OutboxEntry.objects.get()
    assert (entry.work, entry.operation, entry.attempts, entry.last_failure) == ("w1", "remove", 1, "SearchUnavailable")
    assert "Zdzisławanowicz" not in caplog.text
    assert service.health().pending == 1

    engine.mends()
    assert outbox.apply_pending() == outbox.Applied(applied=1, failed=0)
    assert engines.current().works() == {"w2"}
    assert not OutboxEntry.objects.exists()


def test_the_test_above_can_fail(site: Site, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both guards off, the outbox and the check before display, the withdrawn work is shown."""
    publish(site, passage("w1", "water"))
    engine.breaks()
    withdraw(site, "w1")
    engine.mends()
    monkeypatch.setattr(outbox, "unapplied", lambda engine: frozenset())
    assert total() == 0  # the check against the publications still stands
    monkeypatch.setattr(site, "still_published", set)
    monkeypatch.setattr(service, "_stands", lambda work, alive: True)
    assert total() == 1


def test_a_put_not_yet_applied_hides_the_work(site: Site, engine: Engine) -> None:
    publish(site, passage("w1", "water"))
    engine.breaks()
    publish(site, passage("w1", "water and bread", anchor="p-2"))
    assert total() == 0
    engine.mends()
    outbox.apply_pending()
    assert total("bread") == 1


def test_a_late_put_does_not_bring_a_withdrawn_work_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process withdraws, and applies that, while this one is still reading the old publication."""
    publish(site, passage("w1", "water"))

    def slowly(work: str) -> Iterable[SearchDocument]:
        documents = site.documents_of(work)
        monkeypatch.undo()
        withdraw(site, "w1")
        return documents

    monkeypatch.setattr(sources, "documents_of", slowly)
    with transaction.atomic():
        outbox.put("w1")
    assert engines.current().works() == set()
    assert total() == 0
    assert not OutboxEntry.objects.exists()


def test_a_failing_publication_does_not_disturb_the_request(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: str) -> Iterable[SearchDocument]:
        raise KeyError("text of the testimony")

    monkeypatch.setattr(sources, "documents_of", broken)
    publish(site, passage("w1", "water"))
    assert OutboxEntry.objects.get().last_failure == "KeyError"
    assert total() == 0


def test_the_oldest_changes_are_applied_first_and_as_many_as_asked(site: Site) -> None:
    for work in ("w2", "w1", "w3"):
        site.publish(passage(work, "water"))
        OutboxEntry.objects.create(engine="fts5", work=work, operation="put")
    assert outbox.apply_pending(limit=2) == outbox.Applied(applied=2, failed=0)
    assert [entry.work for entry in OutboxEntry.objects.all()] == ["w3"]


def test_many_changes_are_one_transaction_and_one_at_fault_fails_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for work in ("w1", "w2", "w3"):
        site.publish(passage(work, "water"))
        OutboxEntry.objects.create(engine="fts5", work=work, operation="put")
    before = engines.current().stats().generation

    def broken(work: str) -> Iterable[SearchDocument]:
        if work == "w2":
            raise KeyError("text of the testimony")
        return site.documents_of(work)

    with monkeypatch.context() as patch:
        patch.setattr(sources, "documents_of", broken)
        assert outbox.apply_pending() == outbox.Applied(applied=2, failed=1)
    assert OutboxEntry.objects.get().work == "w2"
    assert OutboxEntry.objects.get().last_failure == "KeyError"
    assert total() == 2
    for work in ("w1", "w3"):
        site.published.pop(work)
        OutboxEntry.objects.create(engine="fts5", work=work, operation="remove")
    with monkeypatch.context() as patch:
        # Never asked one by one: all three are one step of the engine.
        patch.setattr(engines.Fts5Engine, "replace", _failing)
        assert outbox.apply_pending() == outbox.Applied(applied=3, failed=0)
    assert total() == 1
    assert engines.current().stats().generation == before + 5


def test_a_late_change_in_a_batch_does_not_undo_a_newer_one(site: Site) -> None:
    site.publish(passage("w1", "water"))
    engine = engines.current()
    engine.replace("w1", (), 9)
    engine.replace_many([("w1", [passage("w1", "water")], 8), ("w2", [passage("w2", "water")], 8)])
    assert engine.works() == {"w2"}


def test_what_a_transaction_changed_is_one_step_of_the_engine(site: Site) -> None:
    before = engines.current().stats().generation
    with transaction.atomic():
        outbox.put("w0")
        with pytest.raises(RuntimeError), transaction.atomic():
            outbox.put("w1")
            raise RuntimeError
        for work in ("w2", "w3", "w2"):
            site.published.setdefault(work, [passage(work, "water")])
            outbox.put(work)
    assert engines.current().works() == {"w2", "w3"}
    assert not OutboxEntry.objects.exists()
    # Three changes and no fourth for the savepoint that was rolled back; each was accepted once.
    assert engines.current().stats().generation == before + 3


def test_after_a_transaction_that_was_rolled_back_the_next_is_applied(site: Site) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        outbox.put("w1")
        raise RuntimeError
    publish(site, passage("w2", "water"))
    publish(site, passage("w3", "water"))
    assert total() == 2


class TestWhileAnotherProcessHoldsTheIndex:
    def test_a_request_waits_a_second_in_all_and_the_job_does_the_rest(self, site: Site) -> None:
        works = [f"w{number}" for number in range(8)]
        publish(site, *(passage(work, "water") for work in works))
        request_started.send(sender=None, environ={})
        try:
            with locked_by_another_process(engines.current().store.path):  # type: ignore[attr-defined]
                started = time.monotonic()
                for work in works[:6]:
                    # Each in a transaction of its own, as the desk's acts on many works are.
                    withdraw(site, work)
                took = time.monotonic() - started
                assert [result.id for result in service.search("water", PUBLIC).results] == ["w6", "w7"]
                assert service.suggest("conversation w0", PUBLIC) == []
                # Six seconds if each waited for itself.
                assert outbox.REQUEST_PATIENCE * 0.8 < took < outbox.REQUEST_PATIENCE + 3
        finally:
            request_finished.send(sender=None)
        assert set(OutboxEntry.objects.values_list("work", flat=True)) == set(works[:6])
        assert set(OutboxEntry.objects.values_list("attempts", "last_failure")) == {(1, "SearchBusy")}
        assert outbox.apply_pending() == outbox.Applied(applied=6, failed=0)
        assert engines.current().works() == {"w6", "w7"}

    def test_the_test_above_can_fail(self, site: Site) -> None:
        """Without the bound of a request, the first withdrawal waits longer than all of them may."""
        publish(site, passage("w1", "water"))
        with locked_by_another_process(engines.current().store.path, seconds=8):  # type: ignore[attr-defined]
            started = time.monotonic()
            withdraw(site, "w1")
            assert time.monotonic() - started > outbox.REQUEST_PATIENCE + 3
        # Jobs and commands keep their patience: it was worth waiting.
        assert not OutboxEntry.objects.exists()

    def test_the_next_request_has_a_patience_of_its_own(self, site: Site) -> None:
        publish(site, passage("w1", "water"), passage("w2", "water"))
        request_started.send(sender=None, environ={})
        with locked_by_another_process(engines.current().store.path):  # type: ignore[attr-defined]
            withdraw(site, "w1")
        # Free again, but this request has waited long enough.
        withdraw(site, "w2")
        assert OutboxEntry.objects.count() == 2
        request_finished.send(sender=None)
        request_started.send(sender=None, environ={})
        publish(site, passage("w3", "water"))
        request_finished.send(sender=None)
        assert engines.current().works() == {"w1", "w2", "w3"}

    def test_the_job_gives_up_after_one_wait_and_not_one_for_every_work(self, site: Site) -> None:
        publish(site, *(passage(f"w{number}", "water") for number in range(6)))
        with transaction.atomic():
            for number in range(6):
                OutboxEntry.objects.create(engine="fts5", work=f"w{number}", operation="remove")
        with locked_by_another_process(engines.current().store.path), waiting_at_most(0.3):  # type: ignore[attr-defined]
            started = time.monotonic()
            assert outbox.apply_pending() == outbox.Applied(applied=0, failed=6)
            assert time.monotonic() - started < 5

    def test_queries_do_not_wait(self, site: Site) -> None:
        publish(site, passage("w1", "water"))
        for hold in ("IMMEDIATE", "EXCLUSIVE"):
            with locked_by_another_process(engines.current().store.path, hold=hold):  # type: ignore[attr-defined]
                engines.current().store.close()  # type: ignore[attr-defined]
                started = time.monotonic()
                assert total() == 1
                assert service.health().ok
                assert time.monotonic() - started < 10, "the engine's own patience is 20 s"

    def test_an_engine_that_ran_out_of_patience_says_so(self, site: Site) -> None:
        publish(site, passage("w1", "water"))
        with (
            locked_by_another_process(engines.current().store.path),  # type: ignore[attr-defined]
            waiting_at_most(0.1) as left,
            pytest.raises(SearchBusy),
        ):
            engines.current().remove("w1")
        assert left.over
