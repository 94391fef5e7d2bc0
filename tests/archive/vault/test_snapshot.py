"""A backup holds everything, a restore brings it back, and what was withdrawn since does not come with it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from archive.vault.snapshot import Backup, BadBackup, Restore
from tests.archive.vault.lives import life_of


@pytest.fixture
def told(transactional_db, tmp_path: Path) -> dict[str, Any]:
    """What the driver saw, from a whole life of an instance."""
    return life_of(tmp_path, "tests.archive.vault.restore_driver", seconds=180)


def test_the_life_of_an_instance_through_backup_and_restore(told: dict[str, Any]):
    open_to_all = {"kept": 200, "withdrawn": 200, "erased": False}
    assert told["before"] == {**open_to_all, "late_known": None, "pending": False}

    # The file: all parts, and what must not be in it is not.
    folders = {name.split("/")[0] for name in told["members"]}
    assert {"database", "vault", "secrets", "custody", "MANIFEST.json"} <= folders <= {
        "database", "vault", "secrets", "custody", "media", "MANIFEST.json",
    }  # fmt: skip
    assert told["members"][-1] == "MANIFEST.json"
    assert not any("ledger" in name or "staging" in name or "search" in name for name in told["members"])
    assert "Custody head" in told["backup"] and "exists already" in told["again"]

    assert (told["since"]["kept"], told["since"]["withdrawn"], told["since"]["erased"]) == (200, 410, True)

    # Refused backups change nothing.
    assert "is damaged" in told["damaged"] and "ERROR" in told["damaged"]
    assert "ERROR" in told["cut"]
    assert "ERROR Line" in told["ledger_cut"] and "--accept-damaged-ledger" in told["ledger_cut"]
    assert "ERROR Line" in told["ledger_other_damage_accepted"]
    assert "ERROR There is no" in told["ledger_absent"] and "--accept-lost-ledger" in told["ledger_absent"]
    assert "ledger of another instance" in told["ledger_foreign"]
    assert told["after_refusals"] == told["since"]

    # A replay that breaks leaves the site closed.
    assert "ERROR The disk failed while replaying." in told["broken"]
    assert told["while_pending"] == {"status": 503, "pending": True}
    assert "ERROR Line" in told["replay_cut"] and told["still_pending"] == told["while_pending"]

    # And then: old state, minus what was withdrawn and erased since.
    assert "Withdrawn again: 1; erased again: 1" in told["restored"]
    assert told["after"]["kept"] == 200
    assert told["after"]["withdrawn"] == 410
    assert told["after"]["erased"] is True
    assert told["after"]["late_known"] is False
    assert told["after"]["pending"] is False
    # What was done again is not written again.
    assert told["ledger_same"] is True
    assert told["aside"] == ["before-restore"] and told["leftovers"] == []
    assert "ERROR" not in told["verify"] and "DAMAGED" not in told["verify"]


def tar_with(path: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for entry, data in entries:
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def link(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return entry


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([(tarfile.TarInfo("../../etc/evil"), b"x")], "no plain file of ours"),
        ([(tarfile.TarInfo("/etc/evil"), b"x")], "no plain file of ours"),
        ([(link("vault/ocfl/link"), b"")], "no plain file of ours"),
        ([(tarfile.TarInfo("ledger/withdrawals.jsonl"), b"x")], "belongs nowhere"),
        ([(tarfile.TarInfo("vault/ocfl/x"), b"x")], "no manifest"),
        ([(tarfile.TarInfo("MANIFEST.json"), b"{}")], "manifest of this backup cannot be read"),
        ([(tarfile.TarInfo("MANIFEST.json"), b'{"format": "other/9"}')], "not of the format"),
        ([(tarfile.TarInfo("vault/x"), b"x"), (tarfile.TarInfo("vault/x"), b"y")], "twice"),
    ],
)
def test_hostile_backups_are_refused_before_anything_is_touched(instance: Path, tmp_path: Path, entries, reason):
    before = sorted(instance.rglob("*"))
    (tmp_path / "outside").mkdir()
    backup = tar_with(tmp_path / "outside" / "backup.tar", *entries)
    with pytest.raises(BadBackup, match=reason):
        Restore(backup).execute()
    assert [path for path in sorted(instance.rglob("*")) if "outside" not in path.parts] == before


def test_no_tar_at_all_is_refused_in_a_sentence(instance: Path, tmp_path: Path):
    (tmp_path / "noise").write_bytes(b"not a tar" * 500)
    with pytest.raises(BadBackup, match="no whole backup"):
        Restore(tmp_path / "noise").check()
    with pytest.raises(BadBackup, match="cannot be read"):
        Restore(tmp_path / "absent").check()


def test_a_backup_needs_a_free_name_outside_the_instance(instance: Path, tmp_path_factory):
    with pytest.raises(BadBackup, match="lies in the instance"):
        Backup(instance / "backup.tar").execute()
    with pytest.raises(BadBackup, match="is no folder"):
        Backup(tmp_path_factory.mktemp("other") / "no" / "backup.tar").execute()


@pytest.mark.django_db(transaction=True)
def test_a_backup_is_readable_by_its_owner_alone_and_leaves_nothing_half_done(
    instance: Path, tmp_path_factory, monkeypatch
):
    folder = tmp_path_factory.mktemp("disk")
    Backup(folder / "whole.tar").execute()
    assert (folder / "whole.tar").stat().st_mode & 0o077 == 0
    monkeypatch.setattr(
        "archive.vault.snapshot.dump_database", lambda folder: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(Exception, match="disk is full"):
        Backup(folder / "half.tar").execute()
    assert [path.name for path in folder.iterdir()] == ["whole.tar"]
