"""Verification finds what is damaged, names it, and does so again every cycle."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from archive.models import CustodyEvent, MediaAsset
from archive.vault import custody_log, fixity
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, object_id_of
from archive.vault.erasing import EraseObject, is_tombstone
from archive.vault.ingest import Deposit, Original
from archive.vault.ledger import entries
from tests.append_only import lifted


def keep(*contents: bytes) -> list[str]:
    """One object for each content; returns their identifiers."""
    identifiers = [object_id_of(uuid.uuid4()) for _ in contents]
    KeepOriginals(
        [
            Filing(Deposit(object_id, [Original("a.txt", data)], {}), lambda stored: None)
            for object_id, data in zip(identifiers, contents, strict=True)
        ]
    ).execute()
    return identifiers


def damage(object_id: str) -> Path:
    path = instance_vault().object_folder(object_id) / "v1/content/0001.txt"
    path.chmod(0o600)
    path.write_bytes(b"not what was said")
    return path


def verify(*arguments: str) -> tuple[str, str, int]:
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_vault", *arguments, stdout=out, stderr=err)
    except CommandError as error:
        return out.getvalue(), err.getvalue() + str(error), error.returncode
    return out.getvalue(), err.getvalue(), 0


def test_a_whole_vault_is_whole(instance, tmp_path):
    keep(b"words one", b"words two")
    out, err, status = verify("--report", str(tmp_path / "report.json"))
    assert (status, err) == (0, "")
    assert "2 objects" in out
    assert json.loads((tmp_path / "report.json").read_text())["damage"] == []


def test_damage_is_named_with_its_file(instance):
    first, second = keep(b"words one", b"words two")
    path = damage(second)
    _out, err, status = verify()
    assert status == 1
    assert str(path.relative_to(instance_vault().root)) in err and "E092" in err
    assert instance_vault().object_folder(first).name not in err


def test_what_the_database_acknowledged_must_be_there(instance):
    object_id, _other = keep(b"words", b"more words")
    folder = instance_vault().object_folder(object_id)
    folder.rename(instance / "stolen")
    _out, err, status = verify()
    assert status == 1 and f"version 1 of {object_id} is not in the vault" in err
    (instance / "stolen").rename(folder)
    MediaAsset.objects.filter(vault_object=object_id).update(sha512="ab" * 64)
    _out, err, status = verify()
    assert status == 1 and "holds other bytes" in err


def test_what_only_the_vault_knows_is_a_notice_not_damage(instance):
    keep(b"words")
    MediaAsset.objects.all().delete()
    out, _err, status = verify()
    assert status == 0 and "NOTICE DATABASE" in out


def test_a_tampered_custody_log_is_damage_and_goes_out_for_strangers_to_see(instance, tmp_path):
    keep(b"words", b"more")
    log = tmp_path / "custody.jsonl"
    assert verify("--custody-log", str(log))[2] == 0
    tool = Path(__file__).resolve().parents[3] / "tools" / "verify_custody.py"
    said = subprocess.run([sys.executable, str(tool), str(log)], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("WHOLE: 4 events")
    with lifted():
        CustodyEvent.objects.filter(sequence=2).update(agent="user:9")
    _out, err, status = verify("--custody-log", str(log))
    assert status == 1 and "custody event 2: it was changed" in err
    assert subprocess.run([sys.executable, str(tool), str(log)], capture_output=True, check=False).returncode == 1


def test_a_vault_that_cannot_be_read_says_so(instance):
    keep(b"words")
    _out, err, status = verify("--report", str(instance / "no" / "folder.json"))
    assert status == 2 and "folder.json" in err


def test_the_rolling_cycle_reads_everything_once_and_begins_again(instance, monkeypatch):
    monkeypatch.setattr(fixity, "SLICE_OBJECTS", 2)
    identifiers = keep(*(f"words {number}".encode() for number in range(5)))
    slices = [fixity.verify_slice() for _ in range(3)]
    assert [one["objects"] for one in slices] == [2, 2, 1]
    assert [one["cycle_finished"] for one in slices] == [False, False, True]
    damage(identifiers[0])
    again = [fixity.verify_slice() for _ in range(3)]
    assert sum(len(one["damage"]) for one in again) == 1
    events = CustodyEvent.objects.filter(event_type="fixity check")
    assert events.count() == 6 and events.filter(outcome="failure").count() == 1
    assert custody_log.published_heads()[-1]["hash"] == custody_log.head()["hash"]


def test_an_erased_object_is_gone_and_says_so(instance):
    object_id, other = keep(b"words that must go", b"words that stay")
    EraseObject(object_id, reason="narrator-request", agent="user:4").execute()
    vault = instance_vault()
    assert is_tombstone(vault, object_id) and not is_tombstone(vault, other)
    everything = b"".join(path.read_bytes() for path in vault.folder.rglob("*") if path.is_file())
    assert b"words that must go" not in everything and b"words that stay" in everything
    assert [entry["objects"] for entry in entries() if entry["action"] == "erase"] == [[object_id]]
    assert CustodyEvent.objects.filter(event_type="deletion").count() == 1
    out, err, status = verify()
    assert status == 0, err
    # Once more changes nothing.
    EraseObject(object_id, reason="narrator-request", agent="user:4").execute()
    assert CustodyEvent.objects.filter(event_type="deletion").count() == 1 and out
    with pytest.raises(ValueError, match="code"):
        EraseObject(object_id, reason="her son wrote to us", agent="user:4").execute()
