"""What the tests of the vault share."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from archive.vault.ingest import Deposit, Ingest, Original, StoredVersion
from archive.vault.ocfl import Vault


@dataclass
class Ledgered:
    """A vault with a set that stands for the committed database."""

    vault: Vault
    committed: set[tuple[str, int]] = field(default_factory=set)

    def commit(self, stored: StoredVersion) -> None:
        self.committed.add((stored.object_id, stored.version))

    def known(self, object_id: str, version: int) -> bool:
        return (object_id, version) in self.committed

    def store(self, object_id: str, *files: bytes, record: dict[str, object] | None = None) -> StoredVersion:
        originals = [Original(f"file {number}", data) for number, data in enumerate(files)]
        return Ingest(self.vault, Deposit(object_id, originals, record or {}), self.commit, self.known).execute()


@pytest.fixture
def ledgered(tmp_path: Path) -> Ledgered:
    vault = Vault(tmp_path / "vault", reserve=0)
    vault.initialise()
    return Ledgered(vault)


@pytest.fixture
def object_id() -> Callable[[int], str]:
    return lambda number: f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def rows_of(folder: Path) -> list[tuple[str, int, str, str]]:
    """What the driver's database has committed."""
    database = sqlite3.connect(folder / "db.sqlite3")
    try:
        return database.execute("SELECT object, version, path, sha512 FROM stored").fetchall()
    finally:
        database.close()


@pytest.fixture
def instance(db, tmp_path: Path, settings) -> Path:
    """An instance's folder of its own, with an empty vault."""
    settings.CAIRN_DATA = tmp_path
    settings.VAULT_RESERVE_BYTES = 0
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    return tmp_path
