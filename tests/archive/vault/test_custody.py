"""The custody log and the audit trail as chains: any change, gap, swap or cut is found, by us and by strangers."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import CharField, F
from django.db.models.functions import Cast
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from archive import audit
from archive.models.custody import AuditEvent, CustodyEvent
from archive.vault import custody, custody_log
from archive.vault.custody_log import Happening
from tests.append_only import lifted
from tests.archive.factories import a_testimony, a_user

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
    with lifted():
        CustodyEvent.objects.filter(sequence=3).update(agent="user:3")
        event = CustodyEvent.objects.get(sequence=3)
        CustodyEvent.objects.filter(sequence=3).update(own_hash=custody.hash_of(custody_log.as_facts(event)))
    assert [fault.sequence for fault in custody_log.faults()] == [3]


@pytest.mark.django_db
def test_the_audit_trail_is_such_a_chain_and_its_head_goes_out_with_the_other(own_instance, tmp_path):
    first, second = a_testimony(), a_testimony()
    user = a_user()
    audit.note_all("review", [first, second], user, outcome="passed", by="import")
    audit.note("hide", first, None, ծանոթություն="наблюдение", days={1: None})
    audit.note_about("member-joined", "user:7", user, community="valley", role="editor")
    head = custody_log.publish_head()
    assert head["audit"]["sequence"] == AuditEvent.objects.count() == 4
    assert custody_log.publish_head() == head and len(custody_log.published_heads()) == 1
    audit.note("unhide", first, None)
    assert custody_log.publish_head()["audit"]["sequence"] == 5 and len(custody_log.published_heads()) == 2
    assert list(custody_log.audit_faults()) == [] == list(custody_log.faults())
    log = write(tmp_path / "trail.jsonl", list(audit.facts()))
    assert verify(log, "--head", head["audit"]["hash"], "--at", "4").returncode == 0

    with lifted():
        AuditEvent.objects.filter(sequence=2).update(actor="user:9")
    assert [(one.sequence, one.message) for one in custody_log.audit_faults()] == [
        (2, "it was changed after it was written")
    ]
    assert "line 2: event 2 was changed" in verify(write(log, list(audit.facts()))).stdout
    # Who cuts off the end is found out by the head that was published.
    with lifted():
        AuditEvent.objects.filter(sequence=2).update(actor=audit.actor_of(user))
        assert list(custody_log.audit_faults()) == []
        AuditEvent.objects.filter(sequence__gt=3)._raw_delete("default")
    assert [one.sequence for one in custody_log.audit_faults()] == [4, 5]


@pytest.mark.django_db
def test_a_trail_from_before_is_chained_as_it_stands(own_instance):
    work = a_testimony()
    for days in range(1, 4):
        audit.note("access", work, None, days=days)
    whole = list(audit.facts())
    with lifted():
        AuditEvent.objects.update(sequence=F("sequence") + 100, previous_hash="", own_hash=Cast("id", CharField()))
        assert list(custody_log.audit_faults())
        import_module("archive.migrations.0009_written_once").chain(apps, None)
    assert list(audit.facts()) == whole and list(custody_log.audit_faults()) == []


@pytest.mark.django_db
def test_a_batch_of_the_trail_is_one_statement():
    works = [a_testimony() for _ in range(3)]
    with CaptureQueriesContext(connection) as asked:
        audit.note_all("publish", works, None)
    written = [one["sql"] for one in asked if one["sql"].startswith("INSERT")]
    assert len(written) == 1 and AuditEvent.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_an_event_belongs_to_a_transaction():
    with pytest.raises(RuntimeError, match="transaction"):
        custody_log.append([Happening("ingestion", "system")])
