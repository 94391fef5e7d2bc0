"""The way in: temp file → hash → fsync → rename → fsync folder → database commit → receipt (safety.md rule 5).

A receipt means that the bytes survive a power cut. What makes it safe to kill the process anywhere on the way:

- A version is made in ``staging/<object>.v<number>.<token>/`` and enters the storage root by one rename.
- That staging folder stays, locked by the process, until the database has committed. Whatever is found there
  without a living owner was never acknowledged, or was committed and only not tidied up; the database says which.
  :func:`archive.vault.sweeping.sweep` takes the first back out and tidies the second: nothing is lost, nothing is
  doubled.
- A version that no staging folder claims is never touched: a restored, older database must not make the vault
  forget what it acknowledged later.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from archive.vault.durable import (
    FOLDER_MODE,
    HEAD_BYTES,
    Digests,
    Syncer,
    adopt_file,
    batch_syncer,
    remove_tree,
    require_space,
    store_stream,
    sync_up_to,
    write_file,
)
from archive.vault.errors import ObjectConflict, UnknownObject, fault_of
from archive.vault.inventory import (
    CONTENT,
    INVENTORY_NAME,
    OBJECT_DECLARATION,
    RECORD_NAME,
    SIDECAR_NAME,
    Inventory,
    StoredFile,
    VersionEntry,
    canonical_json,
    checked_object_id,
    sidecar_of,
)
from archive.vault.ocfl import Vault
from archive.vault.sniffing import printable_name, sniff
from archive.vault.sweeping import Known, file_name_of, take_back

RECORD_SCHEMA = "cairn-vault-record/1"
#: The key in a record that says that its object was erased.
TOMBSTONE = "tombstone"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Original:
    """One file to be kept. ``source`` is bytes, an open binary stream or a path.

    ``adopt`` says that the path lies in the vault's quarantine: it gets a second name instead of a copy, and the
    caller removes the first after the receipt. ``name`` is what its giver called it; it is kept (escaped) in the
    record and never becomes a name on the disk.
    """

    name: str
    source: bytes | Path | BinaryIO
    role: str = "original"
    adopt: bool = False

    def size(self) -> int:
        """Bytes to expect; 0 when a stream does not know."""
        if isinstance(self.source, bytes):
            return len(self.source)
        if isinstance(self.source, Path):
            return 0 if self.adopt else self.source.stat().st_size
        return 0


@dataclass(frozen=True)
class Deposit:
    """What is to become one version of one object.

    ``record`` is whatever :mod:`archive.vault.rebuild` needs to make the record again without the database (JSON).
    ``replaces`` names logical paths of the version before that the new one no longer shows; their bytes stay.
    ``agent`` is an opaque id, never a person's name.
    """

    object_id: str
    originals: Sequence[Original]
    record: Mapping[str, Any]
    message: str = "deposit"
    agent: str = "system"
    replaces: Iterable[str] = ()


@dataclass(frozen=True)
class StoredVersion:
    """A version whose every byte is durable; what the commit callback and the receipt speak of."""

    object_id: str
    version: int
    files: tuple[StoredFile, ...]
    #: sha512 of the inventory: commits to the whole object.
    inventory_sha512: str
    created: str
    #: The files this version added, without those it carries on from the version before.
    added: tuple[StoredFile, ...] = ()


@dataclass
class _Staged:
    folder: Path
    descriptor: int
    stored: StoredVersion
    inventory: Inventory
    published: bool = False
    settled: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


class Ingest:
    """Takes one deposit into the vault and the database, in the order that makes its receipt true.

    ``commit`` gets the :class:`StoredVersion` and returns only when the database has durably committed rows that
    name it; ``known`` answers whether it did (asked only when ``commit`` failed half-way).
    """

    def __init__(
        self,
        vault: Vault,
        deposit: Deposit,
        commit: Callable[[StoredVersion], None],
        known: Known,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.vault = vault
        self.deposit = deposit
        self.commit = commit
        self.known = known
        self.now = now

    def check(self) -> None:
        """Refuse what cannot be stored: a bad identifier, nothing to store, no room (:class:`VaultFull`)."""
        _check(self.vault, [self.deposit])

    def execute(self) -> StoredVersion:
        """Store, commit, and return the receipt.

        Raises :class:`VaultFull`, :class:`VaultFault`, :class:`ObjectConflict` or what ``commit`` raised. After any
        of them nothing of the deposit is acknowledged and nothing is left behind.
        """
        self.check()
        with _storing(self.vault, [self.deposit], Syncer(), self.now) as (staged,):
            _commit(self.vault, staged, self.commit, self.known)
            return staged.stored


def ingest_batch(
    vault: Vault,
    deposits: Sequence[Deposit],
    commit: Callable[[StoredVersion], None],
    known: Known,
    *,
    on_receipt: Callable[[StoredVersion], None] = lambda stored: None,
    on_refusal: Callable[[Deposit, Exception], None] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[StoredVersion]:
    """Take many deposits with few syncs: two ``syncfs`` for all of them, and one database commit each.

    Each deposit is still its own transaction. Where ``commit`` refuses one, that one is taken out again, handed to
    ``on_refusal`` (or raised, when there is none), and the others go on.
    """
    _check(vault, deposits)
    receipts: list[StoredVersion] = []
    with batch_syncer(vault.staging) as syncer, _storing(vault, deposits, syncer, now) as batch:
        for deposit, staged in zip(deposits, batch, strict=True):
            try:
                _commit(vault, staged, commit, known)
            except Exception as error:
                if on_refusal is None:
                    raise
                on_refusal(deposit, error)
                continue
            receipts.append(staged.stored)
            on_receipt(staged.stored)
    return receipts


def _check(vault: Vault, deposits: Sequence[Deposit]) -> None:
    for deposit in deposits:
        checked_object_id(deposit.object_id)
    try:
        expected = sum(original.size() for deposit in deposits for original in deposit.originals)
        # Inventories and records take a few kilobytes beside the files.
        require_space(vault.folder, expected + 16_384 * len(deposits), vault.reserve)
    except OSError as error:
        raise fault_of(error, "measuring the room in the vault") from error


@contextmanager
def _storing(vault: Vault, deposits: Sequence[Deposit], syncer: Syncer, now: Callable[[], datetime]) -> Any:
    """Stage and publish all deposits; whatever the caller does not settle is taken out again."""
    batch: list[_Staged] = []
    try:
        try:
            for deposit in deposits:
                _stage(vault, deposit, syncer, now, batch)
            # The names in staging are the claims that the sweep goes by: durable before anything is published.
            syncer.folder(vault.staging)
            syncer.barrier()
            for staged in batch:
                _publish(vault, staged, syncer)
            syncer.barrier()
        except OSError as error:
            raise fault_of(error, "storing originals in the vault") from error
        yield batch
    finally:
        for staged in batch:
            _let_go(vault, staged)


def _stage(vault: Vault, deposit: Deposit, syncer: Syncer, now: Callable[[], datetime], batch: list[_Staged]) -> None:
    """Write the next version of the deposit's object into a staging folder of its own."""
    try:
        previous = vault.inventory(deposit.object_id)
    except UnknownObject:
        previous = Inventory(deposit.object_id)
    number = previous.head + 1
    folder, descriptor = claim_version(vault, deposit.object_id, number)
    staged = _Staged(folder, descriptor, StoredVersion(deposit.object_id, number, (), "", ""), previous)
    batch.append(staged)

    version_folder = folder / "object" / f"v{number}"
    content = version_folder / CONTENT
    for made in (folder / "object", version_folder, content):
        made.mkdir(mode=FOLDER_MODE)
    carried = _carried_files(vault, previous, deposit.replaces)
    added: list[StoredFile] = []
    new_content: dict[str, tuple[str, str]] = {}
    ordinal = max((int(path[:4]) for path in _all_paths(previous)), default=0)
    for original in deposit.originals:
        ordinal += 1
        file = _store_original(original, content, f"{ordinal:04d}", vault, syncer)
        added.append(file)
        if previous.holds(file.sha512) or any(pair[0] == file.sha512 for pair in new_content.values()):
            # OCFL keeps equal bytes once; the state may name them twice.
            (content / file.path).unlink()
        else:
            new_content[f"v{number}/{CONTENT}/{file.path}"] = (file.sha512, file.sha256)
    files = (*carried, *added)
    record = canonical_json(
        {
            "schema": RECORD_SCHEMA,
            "object": deposit.object_id,
            "version": number,
            "record": deposit.record,
            "files": [file.facts() for file in files],
        }
    )
    digests = store_stream(BytesIO(record), content / RECORD_NAME, syncer)
    new_content[f"v{number}/{CONTENT}/{RECORD_NAME}"] = (digests.sha512, digests.sha256)
    state = {file.path: file.sha512 for file in files} | {RECORD_NAME: digests.sha512}
    created = now().isoformat(timespec="seconds")
    inventory = previous.with_version(VersionEntry(created, state, deposit.message, deposit.agent), new_content)
    data = inventory.to_bytes()
    sidecar = sidecar_of(data)
    for target in (version_folder, folder / "object"):
        write_file(target / INVENTORY_NAME, data, syncer)
        write_file(target / SIDECAR_NAME, sidecar, syncer)
    if number == 1:
        write_file(folder / "object" / OBJECT_DECLARATION, b"ocfl_object_1.1\n", syncer)
    # A later version leaves the staged object folder behind: only a first one takes it along.
    for made in (content, version_folder) if number > 1 else (content, version_folder, folder / "object"):
        syncer.folder(made)
    staged.stored = StoredVersion(
        deposit.object_id, number, files, sidecar.split(b" ")[0].decode("ascii"), created, tuple(added)
    )
    staged.inventory = inventory


def claim_version(vault: Vault, object_id: str, number: int) -> tuple[Path, int]:
    """Make the locked staging folder that says who is making which version; gives its path and descriptor."""
    folder = vault.staging / f"{file_name_of(object_id)}@v{number}@{secrets.token_hex(8)}"
    with vault.staging_lock(exclusive=False):
        folder.mkdir(mode=FOLDER_MODE)
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            folder.rmdir()
            raise
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return folder, descriptor


def _store_original(original: Original, content: Path, ordinal: str, vault: Vault, syncer: Syncer) -> StoredFile:
    """Bring one file into ``content`` under its ordinal and the extension of its real type."""
    if original.adopt:
        if not isinstance(original.source, Path):
            raise TypeError("Only a path can be adopted.")
        with original.source.open("rb") as stream:
            kind = sniff(stream.read(HEAD_BYTES))
        path = f"{ordinal}.{kind.extension}"
        digests = adopt_file(original.source, content / path, syncer)
    else:
        facts = os.statvfs(vault.folder)
        limit = max(facts.f_bavail * facts.f_frsize - vault.reserve, 0)
        with _opened(original.source) as stream:
            head = stream.read(HEAD_BYTES)
            kind = sniff(head)
            path = f"{ordinal}.{kind.extension}"
            digests = store_stream(_Rejoined(head, stream), content / path, syncer, limit=limit)
    return _stored_file(path, digests, kind.mime, original)


def _stored_file(path: str, digests: Digests, mime: str, original: Original) -> StoredFile:
    return StoredFile(
        path=path,
        size=digests.size,
        sha256=digests.sha256,
        sha512=digests.sha512,
        mime=mime,
        name=printable_name(original.name),
        role=original.role,
    )


def _publish(vault: Vault, staged: _Staged, syncer: Syncer) -> None:
    """Move the staged version into the storage root."""
    target = vault.object_folder(staged.stored.object_id)
    source = staged.folder / "object"
    number = staged.stored.version
    staged.published = True
    if number == 1:
        target.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        try:
            source.rename(target)
        except OSError as error:
            staged.published = False
            if target.exists():
                raise ObjectConflict(f"{staged.stored.object_id} was stored by somebody else meanwhile.") from error
            raise
        sync_up_to(target.parent, vault.root, syncer)
        return
    with vault.locked(staged.stored.object_id):
        # Not the number alone: an erasure begins to count anew.
        if vault.inventory(staged.stored.object_id).versions != staged.inventory.versions[: number - 1]:
            staged.published = False
            raise ObjectConflict(
                f"Version {number} of {staged.stored.object_id} was stored by somebody else meanwhile."
            )
        (source / f"v{number}").rename(target / f"v{number}")
        syncer.folder(target)
        (source / INVENTORY_NAME).rename(target / INVENTORY_NAME)
        (source / SIDECAR_NAME).rename(target / SIDECAR_NAME)
        syncer.folder(target)


def _commit(vault: Vault, staged: _Staged, commit: Callable[[StoredVersion], None], known: Known) -> None:
    """Commit to the database. After a failure the database is asked, because a commit can fail after it happened."""
    try:
        commit(staged.stored)
    except BaseException:
        try:
            staged.settled = known(staged.stored.object_id, staged.stored.version)
        except BaseException:
            # Nobody can say: leave the claim where it is; the next sweep asks again.
            staged.settled = True
            staged.extra["keep"] = True
            raise
        raise
    staged.settled = True


def _let_go(vault: Vault, staged: _Staged) -> None:
    """Tidy up after one deposit; a failure here is left to the next sweep."""
    try:
        if staged.published and not staged.settled:
            take_back(vault, staged.stored.object_id, staged.stored.version, staged.folder)
        if not staged.extra.get("keep"):
            remove_tree(staged.folder)
    except OSError as error:
        log.warning("A staging folder was left for the next sweep: %s", error.strerror)
    finally:
        os.close(staged.descriptor)


def _carried_files(vault: Vault, previous: Inventory, replaces: Iterable[str]) -> tuple[StoredFile, ...]:
    if not previous.head:
        return ()
    gone = set(replaces)
    document = vault.record(previous.object_id)
    if isinstance(document.get("record"), dict) and TOMBSTONE in document["record"]:
        raise ObjectConflict(f"{previous.object_id} was erased; nothing is stored under its name again.")
    return tuple(StoredFile.from_facts(facts) for facts in document["files"] if facts["path"] not in gone)


def _all_paths(inventory: Inventory) -> set[str]:
    return {path for version in inventory.versions for path in version.state if path != RECORD_NAME}


@contextmanager
def _opened(source: bytes | Path | BinaryIO) -> Any:
    if isinstance(source, bytes):
        yield BytesIO(source)
    elif isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    else:
        yield source


class _Rejoined:
    """A stream whose beginning was read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head, self._head = self._head, b""
            return head
        return self._rest.read(size)
