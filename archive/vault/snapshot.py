"""One file with everything an instance owns, and an instance made from such a file.

The file is a plain tar: ``database/``, ``vault/``, ``media/``, ``secrets/``, ``custody/``, and last ``MANIFEST.json``
with the sha256 of every member. Not in it: the search index (rebuilt), the broker, logs, and the withdrawal ledger,
which must survive a restore as it is. The database is copied first: whatever it names was in the vault before.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections

from archive.vault import custody_log, ledger
from archive.vault.deposit import instance_vault, reopen_vault
from archive.vault.durable import CHUNK, FOLDER_MODE, Syncer, require_space, write_all
from archive.vault.errors import VaultError, fault_of
from archive.vault.ledger_lines import Head
from archive.vault.ocfl import lock_folder

FORMAT = "cairn-backup/2"
#: What can be restored; the first form does not know the head of the ledger.
FORMATS = (FORMAT, "cairn-backup/1")
MANIFEST = "MANIFEST.json"
#: Folders of ``CAIRN_DATA`` that go in whole, beside database and vault.
FOLDERS = ("media", "secrets", "custody")
_MEMBER = re.compile(r"(database|vault|media|secrets|custody)/[^\x00]+\Z")
Tell = Callable[[str], None]


class BadBackup(VaultError):
    """The file is no backup of ours, or not whole."""


@dataclass
class Manifest:
    """What is in a backup: ``members`` maps each path to its sha256."""

    vendor: str
    created: str
    members: dict[str, str] = field(default_factory=dict)
    custody_head: dict[str, Any] = field(default_factory=dict)
    #: Head of the withdrawal ledger when the copying began; empty in backups of the first form.
    ledger: dict[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The bytes of ``MANIFEST.json``."""
        return json.dumps({"format": FORMAT, **vars(self)}, ensure_ascii=False, indent=1).encode("utf-8")

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """Read a manifest; raises :class:`BadBackup`."""
        try:
            raw = json.loads(data)
            if raw.pop("format") not in FORMATS:
                raise BadBackup(f"This backup is not of the format {FORMAT}. Restore it with the version that made it.")
            manifest = cls(**raw)
            if manifest.ledger:
                Head.of(manifest.ledger)
            return manifest
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadBackup("The manifest of this backup cannot be read. Take another backup.") from error


class Backup:
    """Write a backup into ``target``, which must not exist; nothing stands there until it is whole."""

    def __init__(self, target: Path, *, tell: Tell = lambda text: None) -> None:
        self.target = target
        self.tell = tell
        self.data = Path(settings.CAIRN_DATA)

    def check(self) -> None:
        """Raise :class:`VaultError` when the target is in the way or has no room."""
        if self.target.exists():
            raise BadBackup(f"{self.target} exists already. Give a name that is free.")
        if not self.target.parent.is_dir():
            raise BadBackup(f"{self.target.parent} is no folder. Make it, or give another place.")
        if self.data in self.target.resolve().parents:
            raise BadBackup(f"{self.target} lies in the instance itself. A backup belongs on another disk.")
        needed = sum(path.stat().st_size for path in self._files())
        require_space(self.target.parent, needed, 0)

    def execute(self) -> Manifest:
        """Copy everything; returns what is in the file. Raises :class:`VaultError`."""
        self.check()
        manifest = Manifest(connection.vendor, datetime.now(UTC).isoformat(timespec="seconds"))
        partial = self.target.with_name(f".{self.target.name}.{secrets.token_hex(4)}.partial")
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                    self._write(tar, manifest)
                stream.flush()
                os.fsync(stream.fileno())
            partial.rename(self.target)
            Syncer().folder(self.target.parent)
        except OSError as error:
            raise fault_of(error, "writing the backup") from error
        finally:
            partial.unlink(missing_ok=True)
        return manifest

    def _write(self, tar: tarfile.TarFile, manifest: Manifest) -> None:
        manifest.ledger = ledger.settled_head().as_facts()
        manifest.custody_head = custody_log.publish_head()
        with tempfile.TemporaryDirectory(dir=self.data, prefix=".backup-") as scratch:
            self.tell("database")
            for path in dump_database(Path(scratch)):
                self._add(tar, path, f"database/{path.name}", manifest)
        self.tell("vault")
        vault = instance_vault()
        for path in sorted(vault.root.rglob("*")):
            if path.is_file() and "extensions" in path.relative_to(vault.root).parts[:1]:
                self._add(tar, path, f"vault/ocfl/{path.relative_to(vault.root)}", manifest)
        for path in sorted(vault.root.iterdir()):
            if path.is_file():
                self._add(tar, path, f"vault/ocfl/{path.name}", manifest)
        for folder in vault.object_folders():
            # Under the lock that a new version takes, so that none enters half-way.
            with lock_folder(folder, exclusive=False):
                for path in sorted(folder.rglob("*")):
                    if path.is_file():
                        self._add(tar, path, f"vault/ocfl/{path.relative_to(vault.root)}", manifest)
        for upload in vault.quarantine.glob("*/*"):
            self._add(tar, upload, f"vault/quarantine/{upload.relative_to(vault.quarantine)}", manifest)
        for name in FOLDERS:
            self.tell(name)
            for path in self._of_folder(name):
                self._add(tar, path, f"{name}/{path.relative_to(self.data / name)}", manifest)
        data = manifest.to_bytes()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size, entry.mode = len(data), 0o600
        tar.addfile(entry, io.BytesIO(data))

    def _files(self) -> Iterator[Path]:
        for name in ("vault", "db", *FOLDERS):
            yield from self._of_folder(name)

    def _of_folder(self, name: str) -> Iterator[Path]:
        folder = self.data / name
        if folder.is_dir():
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink() and ".making" not in path.parts:
                    yield path

    def _add(self, tar: tarfile.TarFile, path: Path, name: str, manifest: Manifest) -> None:
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            # A derivative was replaced, or an upload taken in, since we looked; its successor is named elsewhere.
            return
        with stream:
            facts = os.fstat(stream.fileno())
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = facts.st_size, facts.st_mode & 0o777, int(facts.st_mtime)
            hashed = _Hashing(stream)
            tar.addfile(entry, hashed)  # type: ignore[arg-type]
        manifest.members[name] = hashed.hexdigest()


class _Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def dump_database(folder: Path) -> list[Path]:
    """A consistent copy of the database, taken while others write. Raises :class:`VaultError`.

    Not inside a transaction: SQLite would wait for its end for ever.
    """
    if connection.in_atomic_block:
        raise RuntimeError("The database cannot be copied inside a transaction.")
    if connection.vendor == "sqlite":
        target = folder / "cairn.sqlite3"
        connection.ensure_connection()
        with closing(sqlite3.connect(target)) as copy:
            # All pages in one step: in smaller steps every write of another process begins the copy anew.
            connection.connection.backup(copy, pages=-1)
            # A single file: the copy must not carry a journal of its own.
            copy.execute("PRAGMA journal_mode=DELETE")
        return [target]
    target = folder / "cairn.pgdump"
    _run_postgresql("pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={target}")
    return [target]


def load_database(folder: Path) -> None:
    """Put the copy that :func:`dump_database` made in the place of the database. Raises :class:`VaultError`."""
    if connection.vendor == "sqlite":
        place = Path(settings.DATABASES["default"]["NAME"])
        connections.close_all()
        for suffix in ("-wal", "-shm"):
            place.with_name(place.name + suffix).unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        (folder / "cairn.sqlite3").rename(place)
        Syncer().folder(place.parent)
        return
    connections.close_all()
    script, emptied = folder / "cairn.sql", folder / "empty.sql"
    _run_postgresql("pg_restore", "--no-owner", "--no-acl", f"--file={script}", folder / "cairn.pgdump")
    # Whole and in the same transaction: of a newer program there are tables that the backup does not know.
    emptied.write_text("DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n", encoding="ascii")
    flags = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--dbname={name}")
    _run_postgresql("psql", *flags, f"--file={emptied}", f"--file={script}")


def _run_postgresql(program: str, *arguments: object) -> None:
    facts = settings.DATABASES["default"]
    environment = {
        **os.environ,
        # In the environment, never on the command line, where every user of the machine can read it.
        "PGPASSWORD": str(facts.get("PASSWORD") or ""),
        "PGUSER": str(facts.get("USER") or ""),
        "PGHOST": str(facts.get("HOST") or ""),
        "PGPORT": str(facts.get("PORT") or ""),
        "PGDATABASE": str(facts["NAME"]),
    }
    command = [program, *(str(argument).format(name=facts["NAME"]) for argument in arguments)]
    environment = {name: value for name, value in environment.items() if value}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    except FileNotFoundError as error:
        raise VaultError(f"{program} is not installed. Install the client programs of PostgreSQL.") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no reason given"]
        reason = next((line for line in said if "error" in line.lower()), said[-1])
        raise VaultError(f"{program} failed: {reason}. The database is as it was.")


class Restore:
    """Make the instance what a backup says, then do again every withdrawal made since.

    What was there is moved to ``before-restore-<time>/`` in the instance's folder, never deleted. The site is closed
    (:func:`archive.vault.ledger.replay_pending`) from before the first change until the replay is done.
    """

    def __init__(
        self,
        source: Path,
        *,
        tell: Tell = lambda text: None,
        decision: ledger.Decision = ledger.Decision(),  # noqa: B008 - frozen
    ) -> None:
        self.source = source
        self.tell = tell
        self.decision = decision
        self.data = Path(settings.CAIRN_DATA)

    def check(self, saying: str = "checking the backup") -> Manifest:
        """Read the whole backup and every hash in it, and the ledger.

        Raises :class:`BadBackup` or :class:`~archive.vault.ledger.LedgerNotWhole` before anything is touched.
        """
        self.tell(saying)
        seen: dict[str, str] = {}
        manifest: Manifest | None = None
        try:
            with self._opened() as tar:
                for entry in tar:
                    stream = self._stream_of(tar, entry)
                    if entry.name == MANIFEST:
                        manifest = Manifest.parse(stream.read())
                        continue
                    hashed = _Hashing(stream)
                    while hashed.read(CHUNK):
                        pass
                    if entry.name in seen:
                        raise BadBackup(f"The backup holds {entry.name} twice.")
                    seen[entry.name] = hashed.hexdigest()
        except (tarfile.TarError, EOFError) as error:
            raise BadBackup(f"{self.source} is no whole backup ({error}). Take another one.") from error
        except OSError as error:
            raise BadBackup(f"{self.source} cannot be read ({error.strerror or error}).") from error
        if manifest is None:
            raise BadBackup(f"{self.source} has no manifest: it was cut off. Take another one.")
        stored = manifest.members
        wrong = sorted(name for name in seen.keys() | stored.keys() if seen.get(name) != stored.get(name))
        if wrong:
            raise BadBackup(
                f"{self.source} is damaged: {wrong[0]} and {len(wrong) - 1} others are not what was stored."
            )
        if manifest.vendor != connection.vendor:
            raise BadBackup(
                f"This backup is of a {manifest.vendor} database, the instance uses {connection.vendor}. "
                "Set DATABASE_URL accordingly."
            )
        require_space(self.data, self.source.stat().st_size, 0)
        _reading, verdict = ledger.verdict(self._pending(manifest))
        ledger.require_whole(verdict, self.decision)
        if not manifest.ledger:
            self.tell(
                "This backup is older than the numbering of the ledger: whether the ledger is whole can be told only "
                "as far as this machine knows its lines."
            )
        return manifest

    def _pending(self, manifest: Manifest) -> ledger.Pending:
        """What is known of the ledger here and in the backup, gathered while both still stand."""
        heads = [*ledger.known_to_database(), *custody_log.published_ledger_heads(), *ledger.pending().heads]
        if not manifest.ledger:
            # Whose backup it is cannot be told: of the instance whose lines are known here, or of the ledger.
            known = next((head.instance for head in heads if head.instance), "")
            return ledger.Pending(None, known, tuple(heads), must_exist=True)
        own = Head.of(manifest.ledger)
        return ledger.Pending(own, own.instance, tuple(dict.fromkeys([own, *heads])), must_exist=True)

    def execute(self) -> Manifest:
        """Put everything in place and leave the site closed; :mod:`archive.vault.replay` opens it."""
        # Whoever was asked in between may have taken her time.
        manifest = self.check("checking it once more, before anything is moved")
        ledger.mark_replay_pending(self._pending(manifest))
        # Now, while this machine's own database still tells which lines are missing.
        ledger.accept(self.decision)
        ledger.require_nothing_owed()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        fresh = self.data / f".restoring-{secrets.token_hex(4)}"
        try:
            self.tell("unpacking")
            self._extract(fresh, manifest)
            before = self.data / f"before-restore-{stamp}"
            before.mkdir(mode=FOLDER_MODE)
            self.tell("putting everything in place")
            connections.close_all()
            # The database first: when a server refuses it, the vault beside the old one is still the old one.
            self._keep_database(before)
            load_database(fresh / "database")
            for name in ("vault", *FOLDERS):
                self._swap(name, fresh, before)
            Syncer().folder(self.data)
        except OSError as error:
            raise fault_of(error, "restoring") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        reopen_vault()
        return manifest

    def _keep_database(self, before: Path) -> None:
        if connection.vendor != "sqlite":
            return
        place = Path(settings.DATABASES["default"]["NAME"])
        (before / "db").mkdir(mode=FOLDER_MODE)
        for suffix in ("", "-wal", "-shm"):
            path = place.with_name(place.name + suffix)
            if path.exists():
                path.rename(before / "db" / path.name)

    def _swap(self, name: str, fresh: Path, before: Path) -> None:
        if (self.data / name).exists():
            (self.data / name).rename(before / name)
        if (fresh / name).exists():
            (fresh / name).rename(self.data / name)

    def _extract(self, fresh: Path, manifest: Manifest) -> None:
        folders = {fresh}
        fresh.mkdir(mode=0o700)
        with self._opened() as tar:
            for entry in tar:
                if entry.name == MANIFEST:
                    continue
                target = fresh / entry.name
                target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                folders |= set(target.parents) - set(fresh.parents)
                hashed = _Hashing(self._stream_of(tar, entry))
                descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode & 0o700)
                try:
                    while chunk := hashed.read(CHUNK):
                        write_all(descriptor, chunk)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
                if hashed.hexdigest() != manifest.members.get(entry.name):
                    raise BadBackup(f"{entry.name} changed while it was unpacked. Check the disk of the backup.")
        syncer = Syncer()
        for folder in sorted(folders):
            syncer.folder(folder)

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        with self.source.open("rb") as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            yield tar

    def _stream_of(self, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Any:
        """The bytes of a member that may be there at all: a plain file, in one of our folders, without tricks."""
        parts = entry.name.split("/")
        if not entry.isreg() or any(part in {"", ".", ".."} for part in parts):
            raise BadBackup(f"The backup holds {entry.name!r}, which is no plain file of ours.")
        if entry.name != MANIFEST and not _MEMBER.match(entry.name):
            raise BadBackup(f"The backup holds {entry.name!r}, which belongs nowhere.")
        stream = tar.extractfile(entry)
        if stream is None:
            raise BadBackup(f"The backup holds {entry.name!r} without bytes.")
        return stream
