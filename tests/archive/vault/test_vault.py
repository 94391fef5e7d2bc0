"""Objects in the vault: what goes in comes out, versions stay, names never reach the disk."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive.vault import ingest, sweeping
from archive.vault.errors import ObjectConflict, UnknownObject, VaultCorrupt, VaultFull
from archive.vault.ingest import Deposit, Ingest, Original, ingest_batch
from archive.vault.inventory import RECORD_NAME, Inventory
from archive.vault.ocfl import Vault
from archive.vault.validation import validate_object, validate_root
from tests.archive.vault.conftest import Ledgered


def paths_of(vault: Vault) -> str:
    return "\n".join(str(path.relative_to(vault.folder)) for path in vault.folder.rglob("*"))


def test_an_original_comes_out_as_it_went_in(ledgered: Ledgered, object_id):
    receipt = ledgered.store(object_id(1), "Վկայություն".encode(), record={"title": "Գետը"})
    (file,) = receipt.added
    assert file.sha512 == hashlib.sha512("Վկայություն".encode()).hexdigest()
    assert file.sha256 == hashlib.sha256("Վկայություն".encode()).hexdigest()
    assert ledgered.vault.read(object_id(1), file.path) == "Վկայություն".encode()
    record = ledgered.vault.record(object_id(1))
    assert (record["schema"], record["version"], record["record"]) == ("cairn-vault-record/1", 1, {"title": "Գետը"})
    assert [facts["sha512"] for facts in record["files"]] == [file.sha512]


def test_names_of_users_never_become_names_on_the_disk(ledgered: Ledgered, object_id):
    name = "../../Zeugin \u202egpj.Müller\n.xml"
    deposit = Deposit(object_id(1), [Original(name, b"<?xml version='1.0'?><TEI/>")], {})
    Ingest(ledgered.vault, deposit, ledgered.commit, ledgered.known).execute()
    listing = paths_of(ledgered.vault)
    assert "ller" not in listing and "Zeugin" not in listing and "gpj" not in listing
    assert "v1/content/0001.xml" in listing
    assert ledgered.vault.record(object_id(1))["files"][0]["name"] == "Zeugin \\u{202E}gpj.Müller\\u{000A}.xml"


def test_later_versions_add_and_never_change_earlier_ones(ledgered: Ledgered, object_id):
    first = ledgered.store(object_id(1), b"first words", b"a photograph")
    before = {
        p: p.read_bytes() for p in ledgered.vault.object_folder(object_id(1)).joinpath("v1").rglob("*") if p.is_file()
    }
    deposit = Deposit(
        object_id(1),
        [Original("again", io.BytesIO(b"better words")), Original("copy", b"a photograph")],
        {"revision": 2},
        replaces=[first.files[0].path],
    )
    second = Ingest(ledgered.vault, deposit, ledgered.commit, ledgered.known).execute()
    assert [file.path for file in second.files] == ["0002.txt", "0003.txt", "0004.txt"]
    inventory = ledgered.vault.inventory(object_id(1))
    assert set(inventory.state(1)) == {"0001.txt", "0002.txt", RECORD_NAME}
    assert set(inventory.state(2)) == {"0002.txt", "0003.txt", "0004.txt", RECORD_NAME}
    # Equal bytes are stored once.
    assert inventory.content_path("0004.txt") == inventory.content_path("0002.txt") == "v1/content/0002.txt"
    assert ledgered.vault.read(object_id(1), "0001.txt", version=1) == b"first words"
    assert all(path.read_bytes() == data for path, data in before.items())
    assert validate_object(ledgered.vault.object_folder(object_id(1)), ledgered.vault.root) == []


def test_sealed_files_cannot_be_written_and_are_read_with_their_fixity(ledgered: Ledgered, object_id):
    receipt = ledgered.store(object_id(1), b"x" * 3_000_000)
    path = ledgered.vault.verified_path(object_id(1), receipt.files[0].path)
    assert path.stat().st_mode & 0o222 == 0
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(2_999_999)
        file.write(b"y")
    with pytest.raises(VaultCorrupt, match="Restore this object from a copy"):
        ledgered.vault.read(object_id(1), receipt.files[0].path)
    with pytest.raises(VaultCorrupt):
        ledgered.vault.verified_path(object_id(1), receipt.files[0].path)


def test_a_damaged_inventory_is_never_believed(ledgered: Ledgered, object_id):
    ledgered.store(object_id(1), b"words")
    path = ledgered.vault.object_folder(object_id(1)) / "inventory.json"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"0001", b"0002"))
    with pytest.raises(VaultCorrupt, match="sidecar"):
        ledgered.vault.inventory(object_id(1))


def test_what_is_not_there_is_unknown(ledgered: Ledgered, object_id):
    with pytest.raises(UnknownObject):
        ledgered.vault.read(object_id(9), "0001.txt")
    ledgered.store(object_id(1), b"words")
    with pytest.raises(UnknownObject):
        ledgered.vault.read(object_id(1), "0009.txt")
    with pytest.raises(ValueError, match="identifier"):
        ledgered.vault.object_folder("../../etc")


def test_a_refused_commit_leaves_nothing(ledgered: Ledgered, object_id):
    def refuse(stored: object) -> None:
        raise LookupError("the database said no")

    before = paths_of(ledgered.vault)
    with pytest.raises(LookupError):
        Ingest(ledgered.vault, Deposit(object_id(1), [Original("a", b"words")], {}), refuse, ledgered.known).execute()
    assert not ledgered.vault.has(object_id(1))
    assert set(paths_of(ledgered.vault).split("\n")) - set(before.split("\n")) <= {
        f"ocfl/{ledgered.vault.object_folder(object_id(1)).parent.name}"
    }
    ledgered.store(object_id(1), b"words")
    with pytest.raises(LookupError):
        Ingest(ledgered.vault, Deposit(object_id(1), [Original("b", b"more")], {}), refuse, ledgered.known).execute()
    assert ledgered.vault.inventory(object_id(1)).head == 1
    assert validate_object(ledgered.vault.object_folder(object_id(1)), ledgered.vault.root) == []


def test_a_commit_that_failed_after_it_happened_is_kept(ledgered: Ledgered, object_id):
    def commit_and_lose_the_line(stored) -> None:
        ledgered.commit(stored)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        Ingest(
            ledgered.vault,
            Deposit(object_id(1), [Original("a", b"words")], {}),
            commit_and_lose_the_line,
            ledgered.known,
        ).execute()
    assert ledgered.vault.read(object_id(1), "0001.txt") == b"words"
    assert list(ledgered.vault.staging.iterdir()) == []


def test_when_nobody_knows_whether_it_was_committed_the_next_sweep_decides(ledgered: Ledgered, object_id):
    def lose_the_line(stored) -> None:
        raise ConnectionError

    def nobody_knows(object_id: str, version: int) -> bool:
        raise ConnectionError

    deposit = Deposit(object_id(1), [Original("a", b"words")], {})
    with pytest.raises(ConnectionError):
        Ingest(ledgered.vault, deposit, lose_the_line, nobody_knows).execute()
    assert ledgered.vault.has(object_id(1))
    assert sweeping.sweep(ledgered.vault, lambda *_: True).kept == 1
    assert ledgered.vault.has(object_id(1)) and list(ledgered.vault.staging.iterdir()) == []


def test_one_refusal_in_a_batch_takes_no_other_down(ledgered: Ledgered, object_id):
    def commit(stored) -> None:
        if stored.object_id == object_id(2):
            raise LookupError("refused")
        ledgered.commit(stored)

    deposits = [Deposit(object_id(n), [Original("a", f"words {n}".encode())], {}) for n in (1, 2, 3)]
    refused: list[str] = []
    receipts = ingest_batch(
        ledgered.vault,
        deposits,
        commit,
        ledgered.known,
        on_refusal=lambda deposit, error: refused.append(deposit.object_id),
    )
    assert [receipt.object_id for receipt in receipts] == [object_id(1), object_id(3)]
    assert refused == [object_id(2)]
    assert [ledgered.vault.has(object_id(n)) for n in (1, 2, 3)] == [True, False, True]


def test_two_ingests_of_one_version_do_not_overwrite_each_other(ledgered: Ledgered, object_id):
    other = Deposit(object_id(1), [Original("b", b"other words")], {})

    def while_committing(stored) -> None:
        # Between our staging and publishing nobody came; now the object exists, a second first version must lose.
        staged = ingest._stage
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ingest, "_stage", lambda *arguments: staged(*arguments))
            patch.setattr(
                type(ledgered.vault),
                "inventory",
                lambda self, object_id: (_ for _ in ()).throw(UnknownObject("hidden")),
            )
            with pytest.raises(ObjectConflict):
                Ingest(ledgered.vault, other, ledgered.commit, ledgered.known).execute()
        ledgered.commit(stored)

    Ingest(
        ledgered.vault, Deposit(object_id(1), [Original("a", b"words")], {}), while_committing, ledgered.known
    ).execute()
    assert ledgered.vault.read(object_id(1), "0001.txt") == b"words"
    assert list(ledgered.vault.staging.iterdir()) == []


def test_a_full_disk_is_refused_early_and_leaves_nothing(ledgered: Ledgered, object_id):
    full = Vault(ledgered.vault.folder, reserve=1 << 62)
    before = paths_of(full)
    with pytest.raises(VaultFull, match=r"no room for .* more bytes") as refused:
        Ingest(full, Deposit(object_id(1), [Original("a", b"words")], {}), ledgered.commit, ledgered.known).execute()
    assert refused.value.http_status == 507
    assert paths_of(full) == before
    # Reading goes on.
    ledgered.store(object_id(2), b"words")
    assert full.read(object_id(2), "0001.txt") == b"words"


def test_a_sweep_never_touches_what_was_acknowledged_even_if_the_database_is_older(ledgered: Ledgered, object_id):
    ledgered.store(object_id(1), b"words")
    ledgered.committed.clear()
    assert sweeping.sweep(ledgered.vault, ledgered.known).taken_back == 0
    assert ledgered.vault.read(object_id(1), "0001.txt") == b"words"


files = st.lists(st.binary(min_size=0, max_size=300), min_size=0, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(files, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_any_history_follows_the_specification_and_reads_back(tmp_path_factory, versions, random):
    vault = Vault(tmp_path_factory.mktemp("vault"), reserve=0)
    vault.initialise()
    ledgered = Ledgered(vault)
    name = "urn:uuid:00000000-0000-4000-8000-000000000001"
    given_at: list[dict[str, bytes]] = []
    for contents in versions:
        earlier = given_at[-1] if given_at else {}
        gone = {path for path in earlier if random.random() < 0.3}
        deposit = Deposit(name, [Original(f"{n}", data) for n, data in enumerate(contents)], {}, replaces=gone)
        stored = Ingest(vault, deposit, ledgered.commit, ledgered.known).execute()
        kept = {path: data for path, data in earlier.items() if path not in gone}
        given_at.append(kept | dict(zip([file.path for file in stored.added], contents, strict=True)))
    assert validate_object(vault.object_folder(name), vault.root) == []
    assert list(validate_root(vault.root)) == []
    for number, expected in enumerate(given_at, start=1):
        state = vault.inventory(name).state(number)
        assert set(state) == {*expected, RECORD_NAME}
        assert all(vault.read(name, path, version=number) == data for path, data in expected.items())
    data = (vault.object_folder(name) / "inventory.json").read_bytes()
    assert Inventory.parse(data, "here").to_bytes() == data


def test_another_implementation_of_the_specification_agrees(ledgered: Ledgered, object_id, capsys):
    validator = pytest.importorskip(
        "ocfl.validator", reason="ocfl-py is not installed: no second opinion on our layout"
    )
    ledgered.store(object_id(1), b"first", b"second")
    ledgered.store(object_id(1), b"third")
    for folder in ledgered.vault.object_folders():
        check = validator.Validator()
        valid = check.validate_object(str(folder))
        assert valid, check


def test_the_root_says_what_it_is(ledgered: Ledgered):
    root = ledgered.vault.root
    assert (root / "0=ocfl_1.1").read_bytes() == b"ocfl_1.1\n"
    layout = json.loads((root / "ocfl_layout.json").read_bytes())
    config = json.loads((root / "extensions" / layout["extension"] / "config.json").read_bytes())
    assert (config["extensionName"], config["digestAlgorithm"]) == ("0004-hashed-n-tuple-storage-layout", "sha256")
    folder = ledgered.vault.object_folder("urn:uuid:00000000-0000-4000-8000-000000000001")
    assert len(folder.name) == 64 and folder.parent.name == folder.name[: config["tupleSize"]]
    assert isinstance(folder, Path)
