"""A withdrawal does not wait for the search index, which hides the work already."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from django.test import Client

from archive.gate_jobs import apply_outbox
from archive.models import PublicationLink, WithdrawalCase
from search import engines, outbox
from search.models import OutboxEntry
from tests.archive.factories import a_community, a_member, a_person, a_place, a_testimony, published
from tests.archive.test_desk import at_the_desk
from tests.archive.test_desk_gate import gate
from tests.search.conftest import locked_by_another_process

pytestmark = pytest.mark.django_db(transaction=True)


class NeverCancelled:
    @staticmethod
    def cancelled() -> bool:
        return False


def test_a_withdrawal_with_many_companions_answers_while_the_index_is_locked(site, settings, monkeypatch):
    community = a_community()

    def with_companions():
        people = [a_person(community, f"Anahit {number}") for number in range(5)]
        return published(a_testimony(community, people=people, places=[a_place("Kertavan"), a_place("Arpavan")]))

    usual, work = with_companions(), with_companions()
    companions = set(PublicationLink.objects.filter(publication__public_id=work.public_id).values_list("target"))
    assert len(companions) >= 7
    client = at_the_desk(a_member(community, "steward"), monkeypatch)
    sent = {
        "action": "withdraw",
        "withdraw-reason": "family-request",
        "withdraw-sure": "on",
        "withdraw-tombstone-0-language": "",
        "withdraw-tombstone-0-text": "",
    }
    started = time.monotonic()
    client.post(gate(usual), sent)
    usually = time.monotonic() - started
    with locked_by_another_process(Path(settings.SEARCH_PATH)):
        started = time.monotonic()
        answer = client.post(gate(work), sent)
        took = time.monotonic() - started
        assert answer.status_code == 302 and WithdrawalCase.objects.count() == 2
        # Not a second for each of its companions either, however busy this machine is.
        assert took < 3 * usually + outbox.REQUEST_PATIENCE + 1, "the withdrawal waited for the index"
        for query in ("river", "Anahit", "Kertavan"):
            assert Client().get("/api/v1/search", {"q": query}).json()["total"] == 0
        assert work.public_id in engines.current().works()
    apply_outbox(NeverCancelled)
    assert engines.current().works() == set()
    assert not OutboxEntry.objects.exists()
