"""Originals enter the archive: the vault's ingest order with the database as its last step before the receipt."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from archive.models.custody import CustodyEvent
from archive.models.media import MediaAsset
from archive.models.record import Record
from archive.vault import custody_log
from archive.vault.ingest import Deposit, Ingest, StoredVersion, ingest_batch
from archive.vault.inventory import StoredFile
from archive.vault.ocfl import DEFAULT_RESERVE, Vault
from archive.vault.quarantine import Quarantine
from archive.vault.sweeping import SweepReport, sweep
from jobs import api as jobs

TOOL = "cairn-vault/1"
#: Media types of which a public derivative can be made.
DERIVABLE = ("image/", "audio/", "video/", "application/ogg")


@functools.lru_cache(maxsize=8)
def _opened(folder: Path, reserve: int) -> Vault:
    vault = Vault(folder, reserve=reserve)
    vault.initialise()
    return vault


def instance_vault() -> Vault:
    """The vault of this instance, made on first use."""
    reserve = int(getattr(settings, "VAULT_RESERVE_BYTES", DEFAULT_RESERVE))
    return _opened(Path(settings.CAIRN_DATA) / "vault", reserve)


def reopen_vault() -> Vault:
    """The vault again after its folder was replaced (a restore): its staging folders are made anew."""
    _opened.cache_clear()
    return instance_vault()


def object_id_of(identifier: uuid.UUID) -> str:
    """The vault's name for the object of a record (or of an upload without one)."""
    return f"urn:uuid:{identifier}"


def known(object_id: str, version: int) -> bool:
    """Whether the database has committed this version of this object."""
    return CustodyEvent.objects.filter(
        event_type="metadata-modification",
        detail__vault_object=object_id,
        detail__vault_version=version,
    ).exists()


def asset_for(file: StoredFile, object_id: str, version: int, **more: Any) -> MediaAsset:
    """The row, unsaved, of one original that a version brought; ``more`` are further fields of it."""
    return MediaAsset(
        role=file.role if file.role in MediaAsset.Role.values else MediaAsset.Role.ORIGINAL,
        original_name=file.name,
        media_type=file.mime,
        bytes=file.size,
        sha256=file.sha256,
        sha512=file.sha512,
        vault_object=object_id,
        vault_version=version,
        vault_path=file.path,
        **more,
    )


def originals_in(vault: Vault, object_id: str) -> Iterator[tuple[int, StoredFile]]:
    """Every original of an object once, with the version that brought it."""
    seen: set[str] = set()
    for version in range(1, vault.inventory(object_id).head + 1):
        for facts in vault.record(object_id, version=version)["files"]:
            if facts["path"] not in seen:
                seen.add(facts["path"])
                yield version, StoredFile.from_facts(facts)


@dataclass(frozen=True)
class Filing:
    """One deposit and what the database is to say about it.

    ``save`` runs in the transaction that the receipt stands for: it writes the record (and whatever belongs to it)
    and returns it, or ``None`` when there is none yet. It must not commit anything by itself.
    """

    deposit: Deposit
    save: Callable[[StoredVersion], Record | None]
    #: Technical facts for the assets, by logical path.
    technical: dict[str, dict[str, Any]] | None = None
    #: Whether jobs shall make public derivatives of what can be shown.
    derive: bool = True
    #: What the custody event of this version says beside object and version: codes and numbers only.
    note: dict[str, Any] = field(default_factory=dict)


class KeepOriginals:
    """Take originals into vault and database; each filing is one transaction with one receipt.

    Nothing may hold a transaction open around it: a receipt inside somebody else's transaction would be a lie, and
    ``execute`` then raises ``RuntimeError``.
    """

    def __init__(self, filings: Sequence[Filing], *, vault: Vault | None = None) -> None:
        self.filings = list(filings)
        self.vault = vault or instance_vault()

    def check(self) -> None:
        """Refuse early: bad identifiers, no room (:class:`~archive.vault.errors.VaultFull`)."""
        for filing in self.filings:
            Ingest(self.vault, filing.deposit, lambda _stored: None, known).check()

    def execute(
        self,
        *,
        on_receipt: Callable[[Filing, StoredVersion], None] = lambda filing, stored: None,
        on_refusal: Callable[[Filing, Exception], None] | None = None,
    ) -> list[StoredVersion]:
        """Store and commit; returns the receipts.

        With one filing every sync is its own; with several they share two syncs of the file system. A filing whose
        ``save`` raises is taken out again and handed to ``on_refusal`` (raised when there is none).
        """
        if len(self.filings) == 1 and on_refusal is None:
            filing = self.filings[0]
            stored = Ingest(self.vault, filing.deposit, functools.partial(self._commit, filing), known).execute()
            on_receipt(filing, stored)
            return [stored]
        by_deposit = {id(filing.deposit): filing for filing in self.filings}
        by_object = {filing.deposit.object_id: filing for filing in self.filings}
        if len(by_object) != len(self.filings):
            raise ValueError("Two filings of one batch are for the same object: file them one after the other.")
        return ingest_batch(
            self.vault,
            [filing.deposit for filing in self.filings],
            lambda stored: self._commit(by_object[stored.object_id], stored),
            known,
            on_receipt=lambda stored: on_receipt(by_object[stored.object_id], stored),
            on_refusal=(lambda deposit, error: on_refusal(by_deposit[id(deposit)], error)) if on_refusal else None,
        )

    def _commit(self, filing: Filing, stored: StoredVersion) -> None:
        with transaction.atomic(durable=True):
            record = filing.save(stored)
            assets = MediaAsset.objects.bulk_create(
                asset_for(
                    file,
                    stored.object_id,
                    stored.version,
                    record=record,
                    technical=(filing.technical or {}).get(file.path, {}),
                )
                for file in stored.added
            )
            place = {"vault_object": stored.object_id, "vault_version": stored.version}
            agent, record_uuid = filing.deposit.agent, record.uuid if record else None
            happenings = [
                custody_log.Happening(
                    "ingestion",
                    agent,
                    TOOL,
                    record_uuid=record_uuid,
                    asset_uuid=asset.uuid,
                    object_sha512=asset.sha512,
                    detail={**place, "path": asset.vault_path, "sha256": asset.sha256},
                )
                for asset in assets
            ]
            # The inventory's hash commits to the whole object, its record.json with it.
            happenings.append(
                custody_log.Happening(
                    "metadata-modification",
                    agent,
                    TOOL,
                    record_uuid=record_uuid,
                    object_sha512=stored.inventory_sha512,
                    detail={**filing.note, **place},
                )
            )
            custody_log.append(happenings)
            if filing.derive:
                for asset in assets:
                    if asset.media_type.startswith(DERIVABLE):
                        enqueue_derivatives(asset)


def enqueue_derivatives(asset: MediaAsset) -> None:
    """Ask for the public derivatives of an original; the message names it by its opaque id."""
    record = asset.record
    scope = f"community:{record.community.slug}" if record and record.community else ""
    jobs.enqueue(
        "make-derivatives", input={"asset": str(asset.uuid)}, scope=scope, dedupe_key=f"make-derivatives:{asset.uuid}"
    )


def quarantine() -> Quarantine:
    """The waiting room of uploads of this instance."""
    return Quarantine(instance_vault())


def sweep_vault() -> SweepReport:
    """Bring the vault in order after a crash: at every start of a worker and on its rounds."""
    vault = instance_vault()
    report = sweep(vault, known)
    Quarantine(vault).sweep()
    return report
