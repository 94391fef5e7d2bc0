"""Erasing: the one case in which an original leaves the vault; a tombstone stays in its place (safety.md rule 6)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from django.db import transaction

from archive.models.record import Record
from archive.vault import custody_log, ledger
from archive.vault.deposit import TOOL, instance_vault, known
from archive.vault.durable import Syncer, remove_tree
from archive.vault.errors import ObjectConflict, fault_of
from archive.vault.ingest import TOMBSTONE, Deposit, Ingest, StoredVersion
from archive.vault.ocfl import Vault


class EraseObject:
    """Purge every version of one object and leave a tombstone object with its identifier, a time and a code.

    The ledger is written first: a restore from an older backup erases again. ``reason`` is a code. Erasing what is
    erased, or what is not there, changes nothing but makes sure of the tombstone.
    """

    def __init__(
        self, object_id: str, *, reason: str, agent: str, record: Record | None = None, vault: Vault | None = None
    ) -> None:
        self.object_id = object_id
        self.reason = reason
        self.agent = agent
        self.record = record
        self.vault = vault or instance_vault()

    def check(self) -> None:
        """Raise ``ValueError`` when the identifier or the code is none."""
        self.vault.object_folder(self.object_id)
        if not self.reason or not self.reason.replace("-", "").isalnum():
            raise ValueError("The reason of an erasure is a code such as 'legal' or 'narrator-request'.")

    def execute(self) -> None:
        """Purge; raises :class:`~archive.vault.errors.VaultError` when the disk fails."""
        self.check()
        if is_tombstone(self.vault, self.object_id):
            return
        ledger.append({"action": "erase", "objects": [self.object_id], "reason": self.reason})
        target = self.vault.object_folder(self.object_id)
        # A name that no ingest uses: should we be killed now, the next sweep finishes the purge.
        away = self.vault.staging / f"erased-{secrets.token_hex(8)}"
        try:
            if target.is_dir():
                with self.vault.staging_lock(exclusive=False):
                    target.rename(away)
                    Syncer().folder(target.parent)
                    Syncer().folder(self.vault.staging)
            tombstone = {
                TOMBSTONE: {"erased_at": datetime.now(UTC).isoformat(timespec="seconds"), "reason": self.reason}
            }
            deposit = Deposit(self.object_id, [], tombstone, message="erased", agent=self.agent)
            try:
                Ingest(self.vault, deposit, self._commit, known).execute()
            except ObjectConflict:
                # The job that makes sure of an erasure came first: its tombstone is as good as ours.
                if not is_tombstone(self.vault, self.object_id):
                    raise
            remove_tree(away)
        except OSError as error:
            raise fault_of(error, "erasing an object") from error

    def _commit(self, stored: StoredVersion) -> None:
        place = {"vault_object": stored.object_id, "vault_version": stored.version}
        record_uuid = self.record.uuid if self.record else None
        with transaction.atomic():
            custody_log.append(
                [
                    custody_log.Happening(
                        "deletion", self.agent, TOOL, record_uuid=record_uuid, detail={**place, "reason": self.reason}
                    ),
                    custody_log.Happening(
                        "metadata-modification",
                        self.agent,
                        TOOL,
                        record_uuid=record_uuid,
                        object_sha512=stored.inventory_sha512,
                        detail=place,
                    ),
                ]
            )


def is_tombstone(vault: Vault, object_id: str) -> bool:
    """Whether the object was erased."""
    if not vault.has(object_id):
        return False
    record = vault.record(object_id).get("record")
    return isinstance(record, dict) and TOMBSTONE in record
