"""After a restore: everything that was withdrawn or erased since the backup is withdrawn and erased again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache

from archive.actions.erase import EraseAction
from archive.actions.withdraw import WithdrawAction
from archive.gate_jobs import works_by_pk
from archive.models.media import Derivative
from archive.models.record import Record, RecordState
from archive.vault import ledger
from archive.vault.deposit import instance_vault
from archive.vault.erasing import EraseObject, is_tombstone


@dataclass
class ReplayReport:
    """What a replay did; ``unknown`` are entries about records that this database never had."""

    withdrawn: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    unknown: int = 0


class ReplayLedger:
    """Go through the whole ledger, oldest first, then open the site. Doing it twice does nothing the second time.

    Of several entries on one record the last counts: ``reinstate`` takes a withdrawal back.
    """

    def check(self) -> None:
        """Raise :class:`~archive.vault.errors.VaultError` when the ledger cannot be read."""
        list(ledger.entries())

    def execute(self) -> ReplayReport:
        """Withdraw and erase; on any failure the site stays closed and the exception passes on."""
        report = ReplayReport()
        # Read whole first: withdrawing appends to the ledger.
        entries = list(ledger.entries())
        last = {entry["uuid"]: entry for entry in entries if entry.get("uuid")}
        for entry in last.values():
            if entry["action"] != "reinstate":
                self._withdraw(entry["uuid"], report)
        for entry in entries:
            if entry["action"] == "erase" and entry.get("uuid"):
                self._erase_work(entry, report)
            elif entry["action"] == "erase":
                self._erase(entry.get("objects", []), entry.get("reason", "legal"), report)
        cache.clear()
        ledger.clear_replay_pending()
        return report

    def _withdraw(self, uuid: str, report: ReplayReport) -> None:
        record = Record.objects.filter(uuid=uuid).first()
        if record is None:
            report.unknown += 1
            return
        if record.state in (RecordState.WITHDRAWN, RecordState.ERASED):
            return
        for work in works_by_pk([record.pk]):
            WithdrawAction(None, work, reason="ledger-replay").execute()
            report.withdrawn.append(record.public_id)

    def _erase_work(self, entry: dict[str, Any], report: ReplayReport) -> None:
        """The record side forgets it again; its files go with it, also where the database never had the record."""
        record = Record.objects.filter(uuid=entry["uuid"]).exclude(state=RecordState.ERASED).first()
        for work in works_by_pk([record.pk]) if record else ():
            EraseAction(None, work, reason=entry["reason"]).execute()
            report.erased += entry["objects"]
        self._erase(entry["objects"], entry["reason"], report)

    def _erase(self, objects: list[str], reason: str, report: ReplayReport) -> None:
        vault = instance_vault()
        for object_id in objects:
            if vault.has(object_id) and not is_tombstone(vault, object_id):
                EraseObject(object_id, reason=reason, agent="ledger-replay", vault=vault).execute()
                report.erased.append(object_id)
            Derivative.objects.filter(asset__vault_object=object_id).delete()
