"""Objects go to another archive and come back with every version; hostile bags stay outside."""

from __future__ import annotations

import shutil
import uuid
from io import StringIO
from pathlib import Path

import bagit
import pytest
from django.core.management import CommandError, call_command

from archive.models import CustodyEvent, MediaAsset, Revision, Testimony
from archive.revisions import snapshot_of
from archive.vault import sealing
from archive.vault.bags import BadBag, ExportBag, ImportBag
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, known, object_id_of, reopen_vault
from archive.vault.errors import ObjectConflict, UnknownObject
from archive.vault.fixity import verify_all
from archive.vault.ingest import Deposit, Original
from tests.append_only import lifted
from tests.archive.factories import a_testimony


@pytest.fixture
def object_in_vault(instance: Path) -> str:
    object_id = object_id_of(uuid.uuid4())
    for words in ("first words", "պատասխան"):
        deposit = Deposit(object_id, [Original("Zeuge.txt", words.encode())], {"n": words})
        KeepOriginals([Filing(deposit, lambda stored: None)]).execute()
    return object_id


def elsewhere(tmp_path: Path, settings) -> None:
    """Another archive, with an empty vault and database."""
    settings.CAIRN_DATA = tmp_path / "elsewhere"
    (tmp_path / "elsewhere").mkdir()
    MediaAsset.objects.all().delete()
    with lifted():
        CustodyEvent.objects.all()._raw_delete("default")
        Revision.objects.all()._raw_delete("default")
    reopen_vault()


def test_an_object_travels_with_every_version(object_in_vault: str, tmp_path: Path, settings):
    bag = ExportBag(object_in_vault, tmp_path / "bag").execute()
    assert bagit.Bag(str(bag)).is_valid()
    elsewhere(tmp_path, settings)
    imported = ImportBag(bag).execute()
    assert (imported.object_id, imported.whole, imported.files) == (object_in_vault, True, 2)
    vault = instance_vault()
    assert vault.read(object_in_vault, "0002.txt") == "պատասխան".encode()
    assert vault.record(object_in_vault, version=1)["record"] == {"n": "first words"}
    assert [known(object_in_vault, version) for version in (1, 2, 3)] == [True, True, False]
    report = verify_all(vault)
    assert (report.damage, report.notices) == ([], [])
    assert list(vault.staging.iterdir()) == []
    with pytest.raises(ObjectConflict, match="already"):
        ImportBag(bag).execute()


def test_the_record_that_a_bag_describes_can_be_made_from_it(instance: Path, tmp_path: Path, settings):
    work = a_testimony()
    deposit = Deposit(object_id_of(work.uuid), [Original("tape.txt", b"the tape")], sealing.facts_of(work))
    KeepOriginals([Filing(deposit, lambda stored: None)]).execute()
    bag = ExportBag(object_id_of(work.uuid), tmp_path / "bag").execute()
    elsewhere(tmp_path, settings)
    before = snapshot_of(work)
    work.delete()
    ImportBag(bag).execute()
    call_command("rebuild_from_vault", "--missing", stdout=StringIO())
    again = Testimony.objects.get(uuid=work.uuid)
    assert {**snapshot_of(again), "links": 0} == {**before, "links": 0}
    assert MediaAsset.objects.get().record_id == again.pk


def test_the_files_of_anybodys_bag_become_originals(instance: Path, tmp_path: Path):
    bag = tmp_path / "bag"
    (bag / "letters").mkdir(parents=True)
    (bag / "letters" / "Brief 1.txt").write_text("Liebe Mutter", "utf-8")
    (bag / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 photo")
    bagit.make_bag(str(bag), checksums=["sha256"])
    before = {path: path.stat().st_mtime_ns for path in bag.rglob("*")}
    imported = ImportBag(bag).execute()
    assert (imported.whole, imported.files) == (False, 2)
    assert {asset.original_name for asset in MediaAsset.objects.all()} == {"Brief 1.txt", "photo.jpg"}
    assert {path: path.stat().st_mtime_ns for path in bag.rglob("*")} == before


def plain_bag(tmp_path: Path) -> Path:
    bag = tmp_path / "bag"
    bag.mkdir()
    (bag / "letter.txt").write_text("Liebe Mutter", "utf-8")
    bagit.make_bag(str(bag), checksums=["sha256"])
    return bag


def append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def weaken(bag: Path) -> None:
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        (bag / name).unlink()
    (bag / "manifest-md5.txt").write_text("00000000000000000000000000000000  data/letter.txt\n")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda bag: (bag / "bagit.txt").unlink(), "no bagit.txt"),
        (lambda bag: (bag / "data" / "letter.txt").write_text("Liebe Muttel"), "not a whole bag"),
        (lambda bag: (bag / "data" / "letter.txt").unlink(), "not a whole bag"),
        (lambda bag: (bag / "data" / "more.txt").write_text("planted"), "not a whole bag"),
        (lambda bag: (bag / "data" / "link").symlink_to("/etc/passwd"), "a link"),
        (lambda bag: append(bag / "manifest-sha256.txt", f"{'0' * 64}  data/../../etc/passwd\n"), "outside the bag"),
        (lambda bag: append(bag / "manifest-sha256.txt", f"{'0' * 64}  data/%2e%2e/%2E%2E/x\n"), "outside the bag"),
        (lambda bag: append(bag / "manifest-sha256.txt", f"{'0' * 64}  /etc/passwd\n"), "outside the bag"),
        (lambda bag: append(bag / "manifest-sha256.txt", f"{'0' * 64}  bag-info.txt\n"), "outside data/"),
        (lambda bag: (bag / "fetch.txt").write_text("http://127.0.0.1/x 5 data/x\n"), "fetch.txt"),
        (weaken, "cannot be trusted"),
        (lambda bag: (bag / "manifest-sha256.txt").write_bytes(b"\xff\xfe\xff"), "not UTF-8"),
    ],
)
def test_broken_and_hostile_bags_leave_nothing(instance: Path, tmp_path: Path, spoil, reason):
    bag = plain_bag(tmp_path)
    spoil(bag)
    with pytest.raises(BadBag, match=reason):
        ImportBag(bag).execute()
    assert next(instance_vault().object_folders(), None) is None
    assert not MediaAsset.objects.exists()


def test_an_object_broken_inside_a_whole_bag_is_refused(object_in_vault: str, tmp_path: Path, settings):
    bag = ExportBag(object_in_vault, tmp_path / "bag").execute()
    payload = tmp_path / "again" / "object"
    shutil.copytree(bag / "data" / "object", payload)
    (payload / "v1" / "content" / "0001.txt").chmod(0o600)
    (payload / "v1" / "content" / "0001.txt").write_text("other words")
    bagit.make_bag(str(payload.parent), checksums=["sha256"])
    elsewhere(tmp_path, settings)
    with pytest.raises(BadBag, match="broken: E092"):
        ImportBag(payload.parent).execute()


def test_a_failed_commit_takes_the_object_back(object_in_vault: str, tmp_path: Path, settings, monkeypatch):
    bag = ExportBag(object_in_vault, tmp_path / "bag").execute()
    elsewhere(tmp_path, settings)
    monkeypatch.setattr(ImportBag, "_commit", lambda self, object_id: (_ for _ in ()).throw(LookupError("no database")))
    with pytest.raises(LookupError):
        ImportBag(bag).execute()
    assert not instance_vault().has(object_in_vault)
    assert list(instance_vault().staging.iterdir()) == []


def test_the_commands_say_what_they_did(object_in_vault: str, tmp_path: Path):
    out = StringIO()
    call_command("export_bag", object_in_vault, str(tmp_path / "bag"), stdout=out)
    assert "not public" in out.getvalue()
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_bag", object_in_vault, str(tmp_path / "bag"))
    with pytest.raises(CommandError, match="There is no record zzzzzzzzzz"):
        call_command("export_bag", "zzzzzzzzzz", str(tmp_path / "other"))
    with pytest.raises(CommandError, match="already"):
        call_command("import_bag", str(tmp_path / "bag"))
    with pytest.raises(UnknownObject):
        ExportBag(object_id_of(uuid.uuid4()), tmp_path / "other").execute()
