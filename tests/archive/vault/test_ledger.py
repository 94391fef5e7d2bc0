"""The withdrawal ledger survives crashes, damage of a line, and many writers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from archive.vault import ledger, ledger_file
from archive.vault.errors import VaultFull
from archive.vault.inventory import canonical_json
from archive.vault.ledger_lines import BEGIN, Head, check_of


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, settings):
    settings.CAIRN_DATA = tmp_path
    return tmp_path


def written() -> list[dict[str, Any]]:
    return [entry for entry in ledger.entries() if entry["action"] != BEGIN]


def write(**entry: Any) -> None:
    ledger_file.write([{"action": "withdraw", **entry}])


def test_entries_come_back_in_order_with_their_time():
    assert ledger.entries() == []
    write(public_id="abc", uuid="u1", reason="narrator-request")
    write(action="erase", objects=["urn:uuid:1"], reason="legal")
    first, second = written()
    assert (first["action"], first["public_id"], second["objects"]) == ("withdraw", "abc", ["urn:uuid:1"])
    assert first["at"] <= second["at"]
    assert ledger_file.read().faults == []


def test_a_torn_line_was_never_acknowledged_and_goes_with_the_next():
    write(uuid="u1")
    with ledger_file.path().open("ab") as file:
        file.write(b'{"uuid": "half')
    assert ledger_file.read().torn == 14 and ledger_file.read().faults == []
    write(uuid="u2")
    assert [entry["uuid"] for entry in written()] == ["u1", "u2"]
    assert ledger_file.read().faults == [] and b"half" not in ledger_file.path().read_bytes()


def test_a_last_line_that_lost_its_line_feed_is_kept():
    write(uuid="u1")
    ledger_file.path().write_bytes(ledger_file.path().read_bytes().rstrip(b"\n"))
    write(uuid="u2")
    assert [entry["uuid"] for entry in written()] == ["u1", "u2"] and ledger_file.read().faults == []


def test_a_damaged_line_harms_no_other_and_stays_known():
    for number in range(3):
        write(uuid=f"u{number}")
    lines = ledger_file.path().read_bytes().splitlines(keepends=True)
    lines[-1] = lines[-1].replace(b"u2", b"u9")
    ledger_file.path().write_bytes(b"".join(lines))
    write(uuid="u3")
    assert [entry["uuid"] for entry in written()] == ["u0", "u1", "u3"]
    assert [(fault.line, fault.what) for fault in ledger_file.read().faults] == [(4, "damaged")]


def test_lines_of_the_time_before_the_chain_are_kept_and_fixed_by_its_beginning():
    old = {"action": "withdraw", "at": "2026-01-01T00:00:00+00:00", "uuid": "u0"}
    ledger.folder().mkdir()
    ledger_file.path().write_bytes(canonical_json({**old, "check": check_of(old)}))
    write(uuid="u1")
    assert [entry["uuid"] for entry in written()] == ["u0", "u1"] and ledger_file.read().faults == []
    ledger_file.path().write_bytes(ledger_file.path().read_bytes().split(b"\n", 1)[1])
    assert ledger_file.read().faults


def test_a_line_longer_than_what_is_read_from_the_end_is_followed_all_the_same():
    write(uuid="u1", objects=["o" * 50] * 2000)
    write(uuid="u2", objects=["o" * 50] * 2000)
    write(uuid="u3")
    assert ledger_file.read().faults == [] and ledger_file.read().lines == 4


def test_many_writers_lose_nothing():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write(uuid=str(number)), range(64)))
    assert sorted(int(entry["uuid"]) for entry in written()) == list(range(64))
    assert ledger_file.read().faults == []


def test_a_full_disk_refuses_and_leaves_nothing_behind(monkeypatch):
    write(uuid="u0")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archive.vault.ledger_file.os.fsync", full)
    with pytest.raises(VaultFull):
        write(uuid="u1")
    assert [entry["uuid"] for entry in written()] == ["u0"]


@pytest.mark.django_db
def test_the_database_knows_every_line_of_a_committed_act_and_of_no_other():
    ledger.append({"uuid": "u1", "reason": "danger"})
    head = ledger.head()
    assert head is not None and head in ledger.known_to_database() and head.lines == 2
    with pytest.raises(RuntimeError), transaction.atomic():
        ledger.append({"uuid": "u2", "reason": "danger"})
        raise RuntimeError
    assert max(known.lines for known in ledger.known_to_database()) == 2
    # A ledger ahead of the database is no damage.
    _reading, verdict = ledger.verdict(ledger.Pending(), ledger.known_to_database())
    assert verdict.state == "whole"


@pytest.mark.django_db
def test_a_ledger_shorter_than_the_database_knows_is_said_and_the_withdrawal_still_written(caplog):
    for number in range(3):
        ledger.append({"uuid": f"u{number}", "reason": "danger"})
    ledger_file.path().write_bytes(b"".join(ledger_file.path().read_bytes().splitlines(keepends=True)[:2]))
    ledger.append({"uuid": "u4", "reason": "danger"})
    assert "lacks line 4" in caplog.text
    assert [entry["uuid"] for entry in written()] == ["u0", "u4"]
    _reading, verdict = ledger.verdict(ledger.Pending(), ledger.known_to_database())
    assert (verdict.state, verdict.line) == ("damaged", 3)


@pytest.mark.django_db
def test_only_the_very_damage_that_was_looked_at_can_be_accepted():
    for number in range(3):
        ledger.append({"uuid": f"u{number}", "reason": "danger"})
    ledger_file.path().write_bytes(b"".join(ledger_file.path().read_bytes().splitlines(keepends=True)[:2]))
    heads = ledger.known_to_database()
    _reading, verdict = ledger.verdict(ledger.Pending(), heads)
    for decision in (ledger.Decision(), ledger.Decision(2), ledger.Decision(4), ledger.Decision(lost=True)):
        with pytest.raises(ledger.LedgerNotWhole, match="--accept-damaged-ledger 3"):
            ledger.require_whole(verdict, decision)
    ledger.require_whole(verdict, ledger.Decision(3))
    ledger.accept(ledger.Decision(3), heads)
    assert ledger.verdict(ledger.Pending(), heads)[1].state == "whole"
    assert ledger_file.read().entries[-1]["accepted"] == 3


@pytest.mark.django_db
def test_what_a_restore_knows_survives_another_restore_that_does_not_finish():
    ledger.append({"uuid": "u1", "reason": "danger"})
    head = ledger.head()
    assert head is not None
    ledger.mark_replay_pending(ledger.Pending(head, head.instance, (head,), must_exist=True))
    ledger.mark_replay_pending(ledger.Pending(Head(9, "f" * 64), "", ()))
    assert ledger.pending() == ledger.Pending(head, head.instance, (head,), must_exist=True)
    (ledger.folder() / "restore-pending").write_bytes(b"")
    assert ledger.pending() == ledger.Pending() and ledger.replay_pending()


def test_the_marker_of_a_restore_stays_until_it_is_taken_away():
    assert not ledger.replay_pending()
    ledger.mark_replay_pending()
    ledger.mark_replay_pending()
    assert ledger.replay_pending()
    ledger.clear_replay_pending()
    ledger.clear_replay_pending()
    assert not ledger.replay_pending()
