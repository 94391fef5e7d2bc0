"""The lines of the withdrawal ledger as pure functions: how they are numbered and chained, and what is wrong with them.

Each line is canonical JSON with its number, the hash of the line before and a check of itself. A line *begin* opens the
chain: it names the instance, and its ``previous`` covers every byte before it, so that lines written before the ledger
was chained are as fixed as the others. A later *begin* says that a person accepted the damage before it. Whoever
changes, drops, inserts or moves a line breaks the chain; who cuts off the end is found out by a head that was kept
elsewhere (:func:`judge`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from archive.vault.inventory import canonical_json

#: The hash "before" the first line.
GENESIS = "0" * 64
BEGIN = "begin"
#: Lines about the ledger itself: nothing to do again.
OF_THE_LEDGER = frozenset({BEGIN, "done"})


@dataclass(frozen=True)
class Head:
    """How many lines a ledger had, and the hash of the last: what is kept elsewhere."""

    lines: int
    hash: str
    instance: str = ""

    def as_facts(self) -> dict[str, Any]:
        """As JSON values."""
        return {"lines": self.lines, "hash": self.hash, "instance": self.instance}

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Head:
        """Read what :meth:`as_facts` gave; raises ``KeyError``, ``TypeError`` or ``ValueError``."""
        return cls(int(facts["lines"]), str(facts["hash"]), str(facts["instance"]))


@dataclass(frozen=True)
class Fault:
    """A place where the ledger is not what was written: the line's number in the file, and what is wrong with it."""

    line: int
    what: str


@dataclass
class Reading:
    """A ledger as it was read. ``entries`` are all whole lines, also behind a fault."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    #: The hash of each entry's line, in the same order.
    hashes: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    #: Number and hash of the last line; 0 and ``GENESIS`` for an empty ledger.
    lines: int = 0
    last: str = GENESIS
    #: Empty until a line *begin* was read.
    instance: str = ""
    #: Bytes of a last line that a crash tore: it was never acknowledged.
    torn: int = 0
    #: Whether the last whole line still lacks its line feed.
    unended: bool = False
    #: Heads that a person accepted as lost.
    excused: set[tuple[int, str]] = field(default_factory=set)
    #: Lines of the file, which differ from ``lines`` behind an accepted gap.
    _places: int = 0
    _known: set[tuple[int, str]] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        """Whether there is no line: no ledger, an empty file, or bytes that never became a line."""
        return not self._places

    @property
    def head(self) -> Head:
        return Head(self.lines, self.last, self.instance)

    def holds(self, head: Head) -> bool:
        """Whether the ledger had this head once, or a person accepted that it is lost."""
        place = (head.lines, head.hash)
        return head.lines == 0 or place in self._known or place in self.excused

    def after(self, head: Head | None) -> list[dict[str, Any]]:
        """The entries behind a head that is really there; all of them behind none, or one that is lost."""
        places = zip(self.entries, self.hashes, strict=True)
        for index, (entry, own_hash) in enumerate(places, start=1):
            if head is not None and (entry["n"], own_hash) == (head.lines, head.hash):
                return self.entries[index:]
        return self.entries


def line_of(number: int, previous: str, entry: Mapping[str, Any]) -> bytes:
    """One line of the chain, with its line feed."""
    full = {**entry, "n": number, "previous": previous}
    return canonical_json({**full, "check": check_of(full)})


def hash_of(line: bytes) -> str:
    """What the next line names: sha256 over the line without its line feed."""
    return hashlib.sha256(line.rstrip(b"\n")).hexdigest()


def check_of(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(entry)).hexdigest()[:16]


def whole_entry(line: bytes) -> dict[str, Any] | None:
    """The entry of a line without its line feed; None when any byte of it is not as it was written."""
    try:
        entry = json.loads(line)
        if canonical_json(entry) != line + b"\n" or entry.pop("check") != check_of(entry):
            return None
        if not isinstance(entry["action"], str) or isinstance(entry.get("n", 0), bool):
            return None
        if not isinstance(entry.get("n", 0), int) or not isinstance(entry.get("previous", ""), str):
            return None
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        return None
    return dict(entry)


def parse(data: bytes) -> Reading:
    """Read a whole ledger; nothing is raised, what is wrong stands in ``faults``."""
    reading = Reading()
    *lines, tail = data.split(b"\n")
    so_far = hashlib.sha256()
    follows: str | None = GENESIS
    for line in lines:
        follows = _take(reading, line, so_far, follows)
        so_far.update(line + b"\n")
    if tail:
        if whole_entry(tail) is None:
            reading.torn = len(tail)
        else:
            _take(reading, tail, so_far, follows)
            reading.unended = True
    if reading.lines and not reading.instance:
        # Not chained yet: the head covers every byte, as the line that begins the chain will.
        reading.last = so_far.hexdigest()
        reading._known.add((reading.lines, reading.last))
    return reading


def _take(reading: Reading, line: bytes, so_far: Any, follows: str | None) -> str | None:
    """Add one line to what was read; returns the hash that the next must name, None when that cannot be known."""
    reading._places += 1
    reading.lines += 1
    number = reading.lines
    entry = whole_entry(line)
    reading.last = hash_of(line)
    if entry is None:
        _fault(reading, "damaged")
        return None
    if "n" not in entry:
        reading.entries.append({**entry, "n": number})
        reading.hashes.append(reading.last)
        if reading.instance:
            _fault(reading, "unnumbered")
        return reading.last
    if entry["action"] == BEGIN:
        _take_begin(reading, entry, so_far.hexdigest() if reading._places > 1 else GENESIS)
    elif entry["n"] != number:
        _fault(reading, "out-of-order")
    elif not reading.instance:
        _fault(reading, "no-beginning")
    elif follows is not None and entry.get("previous") != follows:
        _fault(reading, "does-not-follow")
    # Counted on from its own number: one gap is one fault.
    reading.lines = entry["n"]
    reading.entries.append(entry)
    reading.hashes.append(reading.last)
    reading._known.add((entry["n"], reading.last))
    return reading.last


def _take_begin(reading: Reading, entry: Mapping[str, Any], before: str) -> None:
    number, accepts = reading.lines, entry.get("accepted")
    instance = str(entry.get("instance", ""))
    if entry["n"] != number or entry.get("previous") != before or not instance:
        _fault(reading, "does-not-follow")
    elif reading.instance and (not accepts or instance != reading.instance):
        _fault(reading, "begins-again")
    else:
        if accepts:
            reading.faults.clear()
            reading.excused |= {(int(lines), str(own)) for lines, own in entry.get("lost", [])}
        reading._known.add((number - 1, before))
    reading.instance = reading.instance or instance


def _fault(reading: Reading, what: str) -> None:
    reading.faults.append(Fault(reading._places, what))


@dataclass(frozen=True)
class Verdict:
    """What a reading is worth, beside the heads that others know: ``whole``, ``damaged``, ``lost`` or ``foreign``."""

    state: str
    #: Where the damage begins: the number that a person has to name to accept it.
    line: int = 0
    faults: tuple[Fault, ...] = ()
    #: Heads that the ledger should have had.
    missing: tuple[Head, ...] = ()


def judge(reading: Reading, heads: Iterable[Head], instance: str = "") -> Verdict:
    """Compare a ledger with the heads that backup, database and custody log know, and with whose it should be.

    A ledger that goes on behind every head is no damage: a line is written before its transaction commits. Heads of
    another instance than the ledger's say nothing about it.
    """
    if instance and reading.instance and reading.instance != instance:
        return Verdict("foreign")
    own = reading.instance or instance
    known = {head for head in heads if head.lines and (not own or not head.instance or head.instance == own)}
    missing = tuple(sorted((head for head in known if not reading.holds(head)), key=lambda h: (h.lines, h.hash)))
    if reading.empty:
        return Verdict("lost", 0, (), missing) if missing else Verdict("whole")
    faults = [*reading.faults, *(Fault(min(head.lines, reading._places + 1), "missing") for head in missing)]
    if not faults:
        return Verdict("whole")
    faults.sort(key=lambda fault: fault.line)
    return Verdict("damaged", faults[0].line, tuple(faults), missing)
