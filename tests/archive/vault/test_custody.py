"""The custody chain: any change, gap, swap or cut is found, by us and by the stand-alone verifier alike."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from archive.models.custody import AuditEvent, CustodyEvent
from archive.vault import custody, custody_log
from archive.vault.custody_log import Happening

VERIFIER = Path(__file__).resolve().parents[3] / "tools" / "verify_custody.py"


def chain(length: int) -> list[dict]:
    """A chain in memory."""
    events, previous = [], custody.GENESIS
    for sequence in range(1, length + 1):
        event = {
            "sequence": sequence,
            "previous_hash": previous,
            "uuid": f"00000000-0000-4000-8000-{sequence:012d}",
            "event_type": "ingestion",
            "at": "2026-11-21T10:00:00.000000+00:00",
            "agent": "user:7",
            "tool": "cairn-vault/1",
            "outcome": "success",
            "record_uuid": None,
            "asset_uuid": None,
            "object_sha512": "ab" * 64,
            "detail": {"vault_version": sequence, "ծանոթություն": "наблюдение"},
        }
        event["own_hash"] = previous = custody.hash_of(event)
        events.append(event)
    return events


def verify(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the verifier as a stranger would: nothing but Python."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(VERIFIER), str(path), *arguments], capture_output=True, text=True, check=False
    )


def write(path: Path, events: list[dict]) -> Path:
    path.write_text("".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events), "utf-8")
    return path


def test_a_whole_chain_is_whole():
    events = chain(5)
    assert list(custody.broken_links(events)) == []
    assert list(custody.broken_links(events, head=events[2]["own_hash"])) == []
    assert list(custody.broken_links([])) == []


@given(st.integers(2, 8), st.data())
def test_every_tampering_is_found(length, data):
    events = chain(length)
    place = data.draw(st.integers(0, length - 1))
    kind = data.draw(st.sampled_from(["change", "drop", "swap", "rehash"]))
    head = events[-1]["own_hash"]
    if kind == "change":
        events[place]["agent"] = "user:8"
    elif kind == "rehash":
        events[place]["detail"] = {"vault_version": 0}
        events[place]["own_hash"] = custody.hash_of(events[place])
    elif kind == "drop":
        del events[place]
    else:
        other = (place + 1) % length
        events[place], events[other] = events[other], events[place]
    assert list(custody.broken_links(events, head=head))


def test_the_stand_alone_verifier_agrees(tmp_path):
    events = chain(6)
    log = write(tmp_path / "log.jsonl", events)
    whole = verify(log, "--head", events[3]["own_hash"], "--at", "4")
    assert (whole.returncode, whole.stdout) == (0, f"WHOLE: 6 events, head {events[-1]['own_hash']}\n")

    changed = [dict(event) for event in events]
    changed[2]["outcome"] = "failure"
    said = verify(write(tmp_path / "changed.jsonl", changed))
    assert said.returncode == 1 and "line 3: event 3 was changed" in said.stdout

    cut = verify(write(tmp_path / "cut.jsonl", events[:4]), "--head", events[-1]["own_hash"])
    assert cut.returncode == 1 and "cut off" in cut.stdout

    assert verify(tmp_path / "absent.jsonl").returncode == 2
    (tmp_path / "noise.jsonl").write_text("no json\n")
    assert verify(tmp_path / "noise.jsonl").returncode == 1


def test_the_verifier_is_short_and_stands_alone():
    source = VERIFIER.read_text("utf-8")
    assert len(source.splitlines()) <= 100
    imports = {line.split()[1] for line in source.splitlines() if line.startswith(("import ", "from "))}
    assert imports <= {"argparse", "hashlib", "json", "sys"}


@pytest.fixture
def own_instance(tmp_path, settings):
    settings.CAIRN_DATA = tmp_path


@pytest.mark.django_db
def test_the_log_in_the_database_is_such_a_chain(own_instance, tmp_path):
    custody_log.note(Happening("ingestion", "user:1", detail={"vault_version": 1}))
    custody_log.publish_head()
    custody_log.note(Happening("fixity check", "system"), Happening("deletion", "user:2", outcome="failure"))
    head = custody_log.publish_head()
    assert custody_log.publish_head() == head and len(custody_log.published_heads()) == 2
    assert list(custody_log.faults()) == []
    log = write(tmp_path / "log.jsonl", list(custody_log.facts()))
    assert verify(log, "--head", head["hash"], "--at", "3").returncode == 0
    # Rewriting everything from the second event on satisfies the chain, but not the published head.
    CustodyEvent.objects.filter(sequence=3).update(agent="user:3")
    event = CustodyEvent.objects.get(sequence=3)
    CustodyEvent.objects.filter(sequence=3).update(own_hash=custody.hash_of(custody_log.as_facts(event)))
    assert [fault.sequence for fault in custody_log.faults()] == [3]


@pytest.mark.django_db(transaction=True)
def test_an_event_belongs_to_a_transaction():
    with pytest.raises(RuntimeError, match="transaction"):
        custody_log.append([Happening("ingestion", "system")])


@pytest.mark.django_db
def test_the_database_itself_refuses_to_change_an_event():
    custody_log.note(Happening("ingestion", "user:1"))
    # The guard: without its triggers (see tests/conftest.py) the table takes a change.
    assert CustodyEvent.objects.update(agent="user:1") == 1
    migration = import_module("archive.migrations.0004_append_only")
    assert set(migration.TABLES) == {CustodyEvent._meta.db_table, AuditEvent._meta.db_table}
    migration.install(None, SimpleNamespace(connection=connection))
    for forbidden in (CustodyEvent.objects.all().delete, lambda: CustodyEvent.objects.update(agent="user:9")):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            forbidden()
    custody_log.note(Happening("fixity check", "system"))
    assert CustodyEvent.objects.count() == 2
