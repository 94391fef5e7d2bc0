"""The withdrawal ledger survives crashes, damage of a line, and many writers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from archive.vault import ledger
from archive.vault.errors import VaultFull


@pytest.fixture(autouse=True)
def own_ledger(tmp_path: Path, settings):
    settings.CAIRN_DATA = tmp_path
    return tmp_path


def path() -> Path:
    return ledger.folder() / "withdrawals.jsonl"


def test_entries_come_back_in_order_with_their_time():
    assert list(ledger.entries()) == []
    ledger.append({"public_id": "abc", "uuid": "u1", "reason": "narrator-request"})
    ledger.append({"action": "erase", "objects": ["urn:uuid:1"], "reason": "legal"})
    first, second = ledger.entries()
    assert (first["action"], first["public_id"], second["objects"]) == ("withdraw", "abc", ["urn:uuid:1"])
    assert first["at"] <= second["at"]


def test_a_torn_line_is_neither_read_nor_does_it_tear_the_next():
    ledger.append({"uuid": "u1"})
    with path().open("ab") as file:
        file.write(b'{"uuid": "half')
    ledger.append({"uuid": "u2"})
    assert [entry["uuid"] for entry in ledger.entries()] == ["u1", "u2"]


def test_a_damaged_line_is_said_and_harms_no_other(caplog):
    for number in range(3):
        ledger.append({"uuid": f"u{number}"})
    lines = path().read_bytes().splitlines(keepends=True)
    damaged = json.loads(lines[1])
    damaged["uuid"] = "u9"
    lines[1] = json.dumps(damaged).encode() + b"\n"
    path().write_bytes(b"".join(lines))
    assert [entry["uuid"] for entry in ledger.entries()] == ["u0", "u2"]
    assert "Line 2 of the withdrawal ledger" in caplog.text


def test_many_writers_lose_nothing():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ledger.append({"uuid": str(number)}), range(64)))
    assert sorted(int(entry["uuid"]) for entry in ledger.entries()) == list(range(64))


def test_a_full_disk_refuses_so_that_the_withdrawal_does_not_commit(monkeypatch):
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("archive.vault.ledger.os.fsync", full)
    with pytest.raises(VaultFull):
        ledger.append({"uuid": "u1"})


def test_the_marker_of_a_restore_stays_until_it_is_taken_away():
    assert not ledger.replay_pending()
    ledger.mark_replay_pending()
    ledger.mark_replay_pending()
    assert ledger.replay_pending()
    ledger.clear_replay_pending()
    ledger.clear_replay_pending()
    assert not ledger.replay_pending()
