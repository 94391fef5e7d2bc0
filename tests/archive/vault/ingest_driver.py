"""A small process that takes originals into a vault, to be traced, killed and failed from outside.

``python -m tests.archive.vault.ingest_driver FOLDER SCENARIO``: warms itself up with one deposit, says ``BEGIN`` on
standard output, does the scenario, and says ``RECEIPT object version sha512`` for what it acknowledges or
``REFUSED kind`` for what it refuses. It needs no Django: the database is one SQLite table with the same durability
settings as the archive's. The environment can take a guard away, to prove that the tests notice:
``DROP_SYNC=n`` swallows the n-th sync after BEGIN, ``DROP_DATABASE_SYNC=1`` runs the database without any.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

from archive.vault import ingest, ocfl, sweeping
from archive.vault.errors import VaultError
from archive.vault.quarantine import Quarantine

WARM_UP = "urn:uuid:00000000-0000-4000-8000-000000000000"
#: What each scenario deposits: object, its files.
DEPOSITS: dict[str, list[tuple[str, list[bytes]]]] = {
    "new": [("urn:uuid:00000000-0000-4000-8000-000000000001", [b"<?xml version='1.0'?><TEI>first</TEI>"])],
    "version": [(WARM_UP, ["Réponse tardive — ответ".encode()])],
    "batch": [
        (
            f"urn:uuid:00000000-0000-4000-8000-00000000010{number}",
            [f"témoignage {number}".encode(), b"the same photograph"],
        )
        for number in range(3)
    ],
    "quarantine": [("urn:uuid:00000000-0000-4000-8000-000000000002", [b"uploaded words\n"])],
}


def connect(folder: Path) -> sqlite3.Connection:
    """Open the table that stands for the archive's database."""
    database = sqlite3.connect(folder / "db.sqlite3", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    off = os.environ.get("DROP_DATABASE_SYNC")
    database.execute(f"PRAGMA synchronous={'OFF' if off else 'FULL'}")
    database.execute("CREATE TABLE IF NOT EXISTS stored (object TEXT, version INT, path TEXT, sha512 TEXT)")
    return database


class Driver:
    """The vault, the database and the voice of one process."""

    def __init__(self, folder: Path) -> None:
        self.vault = ocfl.Vault(folder / "vault", reserve=0)
        self.database = connect(folder)

    def commit(self, stored: ingest.StoredVersion) -> None:
        self.database.execute("BEGIN IMMEDIATE")
        try:
            for file in stored.added:
                row = (stored.object_id, stored.version, file.path, file.sha512)
                self.database.execute("INSERT INTO stored VALUES (?, ?, ?, ?)", row)
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise

    def known(self, object_id: str, version: int) -> bool:
        query = "SELECT 1 FROM stored WHERE object = ? AND version = ?"
        return self.database.execute(query, (object_id, version)).fetchone() is not None

    def start(self) -> None:
        self.vault.initialise()
        sweeping.sweep(self.vault, self.known)

    def warm_up(self) -> None:
        if not self.known(WARM_UP, 1):
            deposit = ingest.Deposit(WARM_UP, [ingest.Original("warm.txt", b"warm")], {})
            ingest.Ingest(self.vault, deposit, self.commit, self.known).execute()

    def run(self, scenario: str) -> None:
        deposits = [
            ingest.Deposit(
                object_id, [ingest.Original(f"{n}.bin", data) for n, data in enumerate(files)], {"scenario": scenario}
            )
            for object_id, files in DEPOSITS[scenario]
        ]
        if scenario == "batch":
            ingest.ingest_batch(self.vault, deposits, self.commit, self.known, on_receipt=receipt)
        elif scenario == "quarantine":
            self.run_quarantine(DEPOSITS[scenario][0][0])
        else:
            for deposit in deposits:
                receipt(ingest.Ingest(self.vault, deposit, self.commit, self.known).execute())

    def run_quarantine(self, object_id: str) -> None:
        quarantine = Quarantine(self.vault)
        upload = quarantine.receive("testimony.txt", [DEPOSITS["quarantine"][0][1][0]])
        say(f"UPLOADED {upload.token} {upload.sha512}")
        original = quarantine.original(upload.token)
        deposit = ingest.Deposit(object_id, [original], {"scenario": "quarantine"})
        receipt(ingest.Ingest(self.vault, deposit, self.commit, self.known).execute())
        quarantine.discard(upload.token)


def say(line: str) -> None:
    """One line, one system call, no buffer."""
    os.write(1, f"{line}\n".encode())


def receipt(stored: ingest.StoredVersion) -> None:
    """Acknowledge: from here on the bytes must survive everything."""
    for file in stored.added:
        say(f"RECEIPT {stored.object_id} {stored.version} {file.sha512}")


def drop_sync(ordinal: int) -> None:
    """Swallow the n-th sync of the vault from now on."""
    real, seen = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal seen
        seen += 1
        if seen != ordinal:
            real(descriptor)

    os.fsync = fsync  # type: ignore[assignment]


def main() -> int:
    driver = Driver(Path(sys.argv[1]))
    driver.start()
    driver.warm_up()
    if "DROP_SYNC" in os.environ:
        drop_sync(int(os.environ["DROP_SYNC"]))
    say("BEGIN")
    try:
        driver.run(sys.argv[2])
    except VaultError as error:
        say(f"REFUSED {type(error).__name__}")
        return 3
    except sqlite3.Error as error:
        say(f"REFUSED {type(error).__name__}")
        return 4
    say("END")
    return 0


if __name__ == "__main__":
    sys.exit(main())
