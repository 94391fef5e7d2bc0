"""After a restore: what was withdrawn, erased or narrowed since the backup is withdrawn, erased and narrowed again."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.cache import cache
from django.db import transaction

from archive.actions.base import ActionRefused
from archive.actions.erase import EraseAction
from archive.actions.withdraw import REPLAYED, WithdrawAction
from archive.audit import note_about
from archive.models import AuditEvent, LedgerLine, Record, RecordState
from archive.models.media import Derivative
from archive.record_types import concrete
from archive.vault import custody_log, ledger
from archive.vault.deposit import instance_vault
from archive.vault.erasing import EraseObject, is_tombstone
from archive.vault.errors import VaultError
from archive.vault.ledger_lines import BEGIN, OF_THE_LEDGER, Head, Reading
from archive.vault.narrowings import ACTIONS, standing
from archive.vault.replay_narrowings import UnknownHere, narrow_again


@dataclass
class ReplayReport:
    """What a replay did; ``unknown`` are entries about records that this database never had."""

    withdrawn: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    #: Acts whose narrowing was done again, in the ledger's words, with what they were about.
    narrowed: list[str] = field(default_factory=list)
    unknown: int = 0
    #: Lines that could not be done again, with the reason: the site stays closed.
    failed: list[str] = field(default_factory=list)


class ReplayLedger:
    """Go through the whole ledger, oldest first, then open the site. Doing it twice does nothing the second time.

    Withdrawals and erasures are done again whole; narrowings from the line behind the backup's head. Of several
    withdrawals of one record the last counts: ``reinstate`` takes one back. Every step is a transaction of its own that
    asks first what is done already, so that a replay that was killed goes on where it was.

    :param decision: what a person decided about a ledger that is not whole.
    :param heads: heads of the ledger that are known from elsewhere, beside database and custody log.
    """

    def __init__(self, *, decision: ledger.Decision | None = None, heads: Iterable[Head] = ()) -> None:
        self.decision = decision or ledger.Decision()
        self.heads = [*heads]
        self.report = ReplayReport()

    def check(self) -> None:
        """Raise :class:`~archive.vault.ledger.LedgerNotWhole` when the ledger cannot be relied on."""
        _reading, verdict = ledger.verdict(ledger.pending(), self._heads())
        ledger.require_whole(verdict, self.decision)

    def execute(self) -> ReplayReport:
        """Withdraw, erase and narrow; on any failure the site stays closed and the exception passes on."""
        self.check()
        ledger.accept(self.decision, self._heads())
        pending = ledger.pending()
        reading, _verdict = ledger.verdict(pending)
        with ledger.nothing_is_new():
            self._withdrawals(reading.entries)
            self._erasures(reading.entries)
            for thing, entry in standing(reading.after(pending.since)).items():
                self._step(entry, functools.partial(self._narrow, thing))
        cache.clear()
        if self.report.failed:
            raise VaultError(
                f"{len(self.report.failed)} lines of the ledger could not be done again, so the site stays closed: "
                + "; ".join(self.report.failed)
            )
        _remember(reading)
        ledger.clear_replay_pending()
        return self.report

    def _heads(self) -> list[Head]:
        return [*self.heads, *ledger.known_to_database(), *custody_log.published_ledger_heads()]

    def _withdrawals(self, entries: list[dict[str, Any]]) -> None:
        known = {"withdraw", "erase", "reinstate"}
        last = {entry["uuid"]: entry for entry in entries if entry.get("uuid") and entry["action"] in known}
        for entry in last.values():
            if entry["action"] != "reinstate":
                self._step(entry, self._withdraw)
        for entry in entries:
            if entry["action"] not in known | OF_THE_LEDGER | ACTIONS:
                self.report.failed.append(f"line {entry['n']}: this program does not know “{entry['action']}”")

    def _narrow(self, thing: str, entry: Mapping[str, Any]) -> None:
        try:
            if narrow_again(entry):
                self.report.narrowed.append(thing)
        except UnknownHere:
            self.report.unknown += 1

    def _erasures(self, entries: list[dict[str, Any]]) -> None:
        for entry in entries:
            if entry["action"] == "erase":
                self._step(entry, self._erase_work if entry.get("uuid") else self._erase)

    def _step(self, entry: Mapping[str, Any], act: Any) -> None:
        """Do one line again; what an action refuses is said and keeps the site closed, the other lines are done."""
        try:
            act(entry)
        except (ActionRefused, LookupError, ValueError, TypeError) as error:
            self.report.failed.append(f"line {entry['n']}: {type(error).__name__}: {error}")

    def _withdraw(self, entry: Mapping[str, Any]) -> None:
        record = Record.objects.filter(uuid=entry["uuid"]).first()
        if record is None:
            self.report.unknown += 1
            return
        if record.state in (RecordState.WITHDRAWN, RecordState.ERASED):
            return
        WithdrawAction(None, concrete(record), reason=REPLAYED).execute()
        self.report.withdrawn.append(record.public_id)

    def _erase_work(self, entry: Mapping[str, Any]) -> None:
        """The record side forgets it again; its files go with it, also where the database never had the record."""
        record = Record.objects.filter(uuid=entry["uuid"]).exclude(state=RecordState.ERASED).first()
        if record is not None:
            EraseAction(None, concrete(record), reason=entry["reason"]).execute()
            self.report.erased += entry["objects"]
        self._erase(entry)

    def _erase(self, entry: Mapping[str, Any]) -> None:
        vault = instance_vault()
        for object_id in entry.get("objects", []):
            if vault.has(object_id) and not is_tombstone(vault, object_id):
                EraseObject(
                    object_id, reason=entry.get("reason", "legal"), agent="ledger-replay", vault=vault
                ).execute()
                self.report.erased.append(object_id)
            Derivative.objects.filter(asset__vault_object=object_id).delete()


def _remember(reading: Reading) -> None:
    """The database knows again every line of the ledger, and the trail what a person accepted."""
    with transaction.atomic():
        known = {(head.lines, head.hash) for head in ledger.known_to_database()}
        fresh = [line for line in ledger.rows_of(reading) if (line.number, line.hash) not in known]
        accepted = {line.number for line in fresh}
        for entry in reading.entries:
            if entry["action"] == BEGIN and entry.get("accepted") and entry["n"] in accepted:
                lost = len(entry["lost"])
                note_about("ledger-accepted", "ledger", None, accepted=entry["accepted"], line=entry["n"], lost=lost)
        LedgerLine.objects.bulk_create(fresh)


def accepted_damage() -> list[str]:
    """What people gave up in this instance's ledger, a sentence each, from the audit trail."""
    events = AuditEvent.objects.filter(action="ledger-accepted").order_by("sequence")
    return [
        f"{event.at:%Y-%m-%d %H:%M} UTC: "
        + (
            "the loss of the whole ledger was accepted"
            if event.detail["accepted"] == "lost"
            else f"the damage from line {event.detail['accepted']} of the ledger was accepted"
        )
        + "; what was withdrawn or narrowed there may have come back."
        for event in events
    ]
