"""The withdrawal ledger: what was withdrawn, erased or narrowed, kept outside every backup.

A backup is older than what was taken back since; restoring it would bring back what somebody asked us to take away.
So each withdrawal, and each narrowing of what readers see, is appended here, synced, before its transaction commits,
and :mod:`archive.vault.replay` does it again after a restore. Until it has, a marker keeps the site from serving.

A line never counts by itself: its head (:class:`~archive.vault.ledger_lines.Head`) is written into the database by the
same transaction, into every backup's manifest and beside the head of the custody log. A ledger that lacks one of them
keeps the site closed until a person has decided (:func:`require_whole`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, connection, transaction

from archive.models.ledger import LedgerLine, OwedLine
from archive.vault import ledger_file
from archive.vault.durable import FOLDER_MODE, Syncer, write_file
from archive.vault.errors import VaultError
from archive.vault.ledger_file import folder
from archive.vault.ledger_lines import BEGIN, Head, Reading, Verdict, judge
from archive.vault.narrowings import opens, thing_of

log = logging.getLogger(__name__)

#: Appenders hold it shared until they commit; a backup waits for them (PostgreSQL; SQLite has one writer anyway).
_LOCK = 0x6C65_6467_6572
_replaying: ContextVar[bool] = ContextVar("replaying", default=False)


class LedgerNotWhole(VaultError):
    """The ledger is damaged, lost or another's; the text says what to do, and nothing may be served by it."""


# --- writing --------------------------------------------------------------------------------------


def append(entry: Mapping[str, Any]) -> None:
    """Write one entry durably; it survives a power cut when this returns.

    ``entry`` holds ids and codes only (``public_id``, ``uuid``, ``reason``; for an erasure ``action: "erase"`` and the
    vault's ``objects``): never a name or a text. Raises :class:`~archive.vault.errors.VaultFull` or ``VaultFault``;
    then the withdrawal must not commit.
    """
    if not _replaying.get():
        append_all([{"action": "withdraw", **entry}], [("", False)])


def append_all(entries: Sequence[Mapping[str, Any]], things: Sequence[tuple[str, bool]]) -> list[Head]:
    """Append entries and let the database know them; ``things`` says of each what it is about and if it opens.

    Raises what :func:`append` raises. Returns the heads of these entries.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK])
    last = LedgerLine.objects.order_by("-id").first()
    heads = ledger_file.write(entries, lambda: last.instance if last else "")
    begun = len(heads) - len(entries)
    instance = ledger_file.instance()
    if last is not None and (begun or last.number >= heads[0].lines):
        log.error(
            "The withdrawal ledger lacks line %d, which the database knows. Look for the file that was there; "
            "a restore will refuse this one.",
            last.number,
        )
    LedgerLine.objects.bulk_create(
        LedgerLine(number=head.lines, hash=head.hash, instance=instance, thing=thing, takes_back=takes_back)
        for head, (thing, takes_back) in zip(heads, [*[("", False)] * begun, *things], strict=True)
    )
    return heads[begun:]


def tell(*entries: Mapping[str, Any]) -> None:
    """Write narrowings, and what takes them back, in the transaction that makes them true.

    A record is hidden also while the ledger's disk is full: who is in danger is helped at once, the line is owed and
    written with the next one or by a job (:func:`write_owed`). What takes something back is confirmed once committed:
    until then a restore does not count it.
    """
    if _replaying.get():
        return
    with transaction.atomic():
        # Under lock and in order: no later line may overtake one that is owed.
        owed = list(OwedLine.objects.select_for_update().order_by("id"))
        lines = [*(row.entry for row in owed), *entries]
        if not lines:
            return
        things = [(thing_of(entry), opens(entry)) for entry in lines]
        try:
            heads = append_all(lines, things)
        except VaultError as error:
            log.error("The withdrawal ledger could not be written; what it must get is owed. %s", error)
            fresh = list(zip(entries, things[len(owed) :], strict=True))
            OwedLine.objects.bulk_create(
                OwedLine(entry=dict(entry), thing=thing, takes_back=opening) for entry, (thing, opening) in fresh
            )
            return
        OwedLine.objects.filter(pk__in=[row.pk for row in owed]).delete()
        opened = [head.lines for head, (_thing, opening) in zip(heads, things, strict=True) if opening]
        if opened:
            transaction.on_commit(lambda: _confirm(opened), robust=True)


def _confirm(numbers: list[int]) -> None:
    try:
        append_all([{"action": "done", "of": numbers}], [("", False)])
    except VaultError as error:
        # A restore keeps closed what these lines opened: that harms nobody.
        log.error("The withdrawal ledger could not be told that something was opened again. %s", error)


def something_owed() -> bool:
    """Whether the ledger lacks a line."""
    return OwedLine.objects.exists()


def require_nothing_owed() -> None:
    """Write what the database here still owes the ledger, before that database is replaced.

    :raises LedgerNotWhole: when the ledger cannot take it: a restore would lose what was hidden last.
    """
    try:
        if not something_owed():
            return
    except DatabaseError:
        # No database, or none of ours: it owes nothing.
        return
    tell()
    if left := OwedLine.objects.count():
        raise LedgerNotWhole(
            f"{left} lines, of what was hidden last, still have to be written into the withdrawal ledger, and its disk "
            f"does not take them. Make {folder()} writable, then restore again."
        )


def write_owed(context: Any = None) -> None:
    """Write what the ledger lacks; a job does it again and again until the disk takes it."""
    tell()


def narrowed(things: Sequence[str]) -> set[str]:
    """Those of these things whose newest line closes: only they need one that opens."""
    last: dict[str, bool] = {}
    for model in (LedgerLine, OwedLine):
        for start in range(0, len(things), 500):
            rows = model.objects.filter(thing__in=things[start : start + 500]).order_by("id")
            last.update(rows.values_list("thing", "takes_back"))
    return {thing for thing, taken_back in last.items() if not taken_back}


@contextmanager
def nothing_is_new() -> Iterator[None]:
    """What is done in this block stands in the ledger already: a replay writes no line a second time."""
    token = _replaying.set(True)
    try:
        yield
    finally:
        _replaying.reset(token)


def replaying() -> bool:
    """Whether what happens now is done again from the ledger."""
    return _replaying.get()


def settled_head() -> Head:
    """The head that a backup begun now may rely on: every line up to it is committed, or never will be.

    An absent ledger is begun: from the first backup on, every restore knows that there must be one.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        last = LedgerLine.objects.order_by("-id").first()
        head = ledger_file.begin(lambda: last.instance if last else "")
        if last is None:
            LedgerLine.objects.create(number=head.lines, hash=head.hash, instance=head.instance)
        return head


# --- reading --------------------------------------------------------------------------------------


def entries() -> list[dict[str, Any]]:
    """Every whole entry, oldest first, whether or not the ledger as a whole can be relied on."""
    return ledger_file.read().entries


def head() -> Head | None:
    """The head of the ledger as it lies there; None when it has not begun."""
    reading = ledger_file.read()
    return reading.head if reading.instance else None


def known_to_database() -> list[Head]:
    """Every head that the database knows; empty where there is no database to ask."""
    try:
        with transaction.atomic():
            rows = list(LedgerLine.objects.values_list("number", "hash", "instance"))
    except DatabaseError:
        return []
    return [Head(*row) for row in rows]


@dataclass(frozen=True)
class Decision:
    """What a person decided about a ledger that is not whole: the line of the damage, or that it is lost."""

    damaged_at: int | None = None
    lost: bool = False

    def accepts(self, verdict: Verdict) -> bool:
        """Only the very damage that was looked at."""
        if verdict.state == "lost":
            return self.lost
        return verdict.state == "damaged" and self.damaged_at == verdict.line


def require_whole(verdict: Verdict, decision: Decision = Decision()) -> None:
    """Raise :class:`LedgerNotWhole` with what is wrong and the remedy, unless a person decided on just this."""
    if verdict.state == "whole" or decision.accepts(verdict):
        return
    place = ledger_file.path()
    if verdict.state == "foreign":
        raise LedgerNotWhole(
            f"{place} is the ledger of another instance. Put the ledger of the instance that was backed up in its "
            "place, then try again."
        )
    if verdict.state == "lost":
        lines = max((head.lines for head in verdict.missing), default=0)
        written = f", and at least {lines} lines were written" if lines else ""
        raise LedgerNotWhole(
            f"There is no {place}{written}. Copy the ledger of the instance that was backed up there, then try "
            "again. Without it, everything that was withdrawn since the backup comes back: only when no copy is left "
            "anywhere, say --accept-lost-ledger."
        )
    said = {
        "damaged": "is damaged",
        "unnumbered": "has no number (was an older version of the program at work?)",
        "out-of-order": "is not the line that belongs there: lines are missing or were moved",
        "no-beginning": "belongs to a chain whose beginning is missing",
        "does-not-follow": "does not follow the line before",
        "begins-again": "begins a chain inside another",
        "missing": "should be there: backup, database or custody log know it",
    }
    first = verdict.faults[0]
    others = f" (faults in all: {len(verdict.faults)})" if len(verdict.faults) > 1 else ""
    raise LedgerNotWhole(
        f"Line {first.line} of {place} {said[first.what]}{others}. What it said may come back. Take a better copy of "
        "the ledger where there is one, and try again. When there is none, look at the file, find out what is lost, "
        f"then say --accept-damaged-ledger {first.line}."
    )


# --- the marker of a restore ------------------------------------------------------------------------


@dataclass(frozen=True)
class Pending:
    """What a restore knows about the ledger before it changes anything; kept in the marker until it is done.

    Narrowings up to the line ``since`` are in the backup; None: all are to be done again. ``heads`` are those that
    manifest, database and custody log knew; ``instance`` is whose ledger it must be ("" when an old backup does not
    say). After a restore there must be a ledger (``must_exist``): whether nothing was withdrawn since cannot be told
    without one.
    """

    since: Head | None = None
    instance: str = ""
    heads: tuple[Head, ...] = field(default=())
    must_exist: bool = False


def replay_pending() -> bool:
    """Whether a restore has happened whose withdrawals are not replayed yet. While True, nothing may be served."""
    return _marker().exists()


def pending() -> Pending:
    """What the marker holds; everything is replayed where it holds nothing."""
    try:
        facts = json.loads(_marker().read_bytes())
        heads = tuple(Head.of(one) for one in facts["heads"])
        since = Head.of(facts["since"]) if facts["since"] else None
        return Pending(since, str(facts["instance"]), heads, bool(facts["must_exist"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Pending()


def mark_replay_pending(facts: Pending | None = None) -> None:
    """Close the site until the ledger is replayed; durable, and written before a restore changes anything.

    A restore that did not finish is remembered: what it had to replay is added to what this one must.
    """
    folder().mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    facts = facts or Pending()
    if replay_pending():
        before = pending()
        heads = tuple(dict.fromkeys([*before.heads, *facts.heads]))
        must_exist = facts.must_exist or before.must_exist
        both = [head for head in (before.since, facts.since) if head is not None]
        since = min(both, key=lambda head: head.lines) if len(both) == 2 else None
        facts = Pending(since, facts.instance or before.instance, heads, must_exist)
    fresh = _marker().with_suffix(".new")
    fresh.unlink(missing_ok=True)
    text = {
        **vars(facts),
        "since": facts.since.as_facts() if facts.since else None,
        "heads": [head.as_facts() for head in facts.heads],
    }
    write_file(fresh, json.dumps(text).encode("ascii"), Syncer(), 0o600)
    fresh.replace(_marker())
    for place in (folder(), folder().parent):
        Syncer().folder(place)


def clear_replay_pending() -> None:
    """Open the site again: only :mod:`archive.vault.replay` may say so."""
    if replay_pending():
        _marker().unlink(missing_ok=True)
        Syncer().folder(folder())


def _marker() -> Any:
    return folder() / "restore-pending"


def verdict(pending: Pending, heads: Iterable[Head] = ()) -> tuple[Reading, Verdict]:
    """The ledger as it is now, and what it is worth beside everything that is known of it."""
    reading = ledger_file.read()
    known = [*pending.heads, *heads]
    found = judge(reading, known, pending.instance)
    if pending.must_exist and reading.empty and found.state == "whole":
        found = Verdict("lost")
    missing_only = found.state == "damaged" and all(one.what == "missing" for one in found.faults)
    if missing_only and _begun_as_lost(reading, known):
        # What the restored database knows of the lost one: nobody has to decide twice.
        found = Verdict("lost", 0, found.faults, found.missing)
    return reading, found


def _begun_as_lost(reading: Reading, known: Iterable[Head]) -> bool:
    """Whether there is nothing in the ledger but that the restore which is not done yet accepted its loss.

    Who knows a line of that knows later ones too: what is missing then was written behind the acceptance, and cut off.
    """
    accepted = all(entry["action"] == BEGIN and entry.get("accepted") == "lost" for entry in reading.entries)
    own = {(entry["n"], own_hash) for entry, own_hash in zip(reading.entries, reading.hashes, strict=True)}
    later = any((head.lines, head.hash) in own for head in known)
    return bool(reading.entries) and accepted and not later and replay_pending()


def rows_of(reading: Reading) -> Iterator[LedgerLine]:
    """What the database keeps of every line of the chain."""
    for entry, own_hash in zip(reading.entries, reading.hashes, strict=True):
        if "previous" in entry:
            yield LedgerLine(
                number=entry["n"],
                hash=own_hash,
                instance=reading.instance,
                thing=thing_of(entry),
                takes_back=opens(entry),
            )


def accept(decision: Decision, heads: Iterable[Head] = ()) -> None:
    """Write into the ledger what a person accepted, where it is needed: the chain goes on behind the damage."""
    known = pending()
    _reading, found = verdict(known, heads)
    if found.state != "whole" and decision.accepts(found):
        ledger_file.accept(found.line or "lost", found.missing, known.instance)
