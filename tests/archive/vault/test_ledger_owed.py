"""Lines that could not be written are owed: no act is refused for it, and none of them is lost."""

from __future__ import annotations

import pytest

from archive.models import (
    LedgerLine,
    OwedLine,
)
from archive.vault import ledger
from archive.vault.narrowings import standing
from tests.archive.factories import (
    a_community,
    a_testimony,
    committed,
    published,
)
from tests.archive.vault.test_ledger_narrowings import hidden, payloads, released


def test_what_is_owed_is_written_before_the_database_that_owes_it_goes(instance):
    OwedLine.objects.create(entry={"action": "hide", "uuid": "u1"}, thing="hide:u1")
    place = ledger.folder()
    if place.is_dir():
        place.rename(place.with_name("away"))
    place.write_text("its disk is gone")
    with pytest.raises(ledger.LedgerNotWhole, match="1 lines"):
        ledger.require_nothing_owed()
    place.unlink()
    ledger.require_nothing_owed()
    assert [entry["action"] for entry in ledger.entries()] == ["begin", "hide"]


def test_a_hiding_is_not_refused_by_a_full_disk_and_its_line_is_written_before_any_later_one(instance, monkeypatch):
    work = published(a_testimony(a_community()))
    ledger.settled_head()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("archive.vault.ledger_file.os.fsync", full)
        hidden(work)
        assert not payloads(work) and ledger.something_owed()
    with committed():
        released(work)
    assert [entry["action"] for entry in ledger.entries()[1:]] == ["hide", "unhide", "done"]
    assert not OwedLine.objects.exists() and standing(ledger.entries()) == {}


def test_a_job_writes_what_is_owed(instance):
    OwedLine.objects.create(entry={"action": "hide", "uuid": "u1"}, thing="hide:u1")
    ledger.write_owed()
    assert [entry["action"] for entry in ledger.entries()] == ["begin", "hide"]
    assert not ledger.something_owed() and LedgerLine.objects.filter(thing="hide:u1").exists()
