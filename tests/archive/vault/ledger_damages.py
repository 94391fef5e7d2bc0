"""Thirty ways in which a ledger can be damaged, shortened, lost or taken for another's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from archive.vault.ledger_lines import BEGIN, GENESIS, hash_of, line_of

#: Takes the whole ledger; returns what lies there instead, None for nothing at all.
Damage = Callable[[bytes], bytes | None]


def damages(lines: int) -> Iterator[tuple[str, Damage]]:
    """Each with a name; ``lines`` is how many the whole ledger has (six at least)."""
    for share in (2, 20, 35, 50, 65, 80, 95, 99):
        yield f"a bit at {share} per cent", lambda data, share=share: _flipped(data, len(data) * share // 100)
    for line in range(lines - 1, lines - 6, -1):
        yield f"without line {line}", lambda data, line=line: _joined(data, lambda rows: rows.pop(line - 1))
    for line in (2, lines - 2):
        yield f"line {line} twice", lambda data, line=line: _joined(data, lambda r: r.insert(line, r[line - 1]))
    for count in (1, 2, 4, lines - 1):
        yield f"without the last {count}", lambda data, count=count: b"".join(data.splitlines(keepends=True)[:-count])
    for cut in (3, 40, 700):
        yield f"without the last {cut} bytes", lambda data, cut=cut: data[:-cut]
    yield "the last two exchanged", lambda data: _joined(data, lambda rows: rows.insert(-1, rows.pop()))
    yield "backwards", lambda data: _joined(data, lambda rows: rows.reverse())
    yield "another beginning", lambda data: _another("here-not", data)
    yield "a chain of one's own", lambda data: _another("", data)
    yield "absent", lambda data: None
    yield "empty", lambda data: b""
    yield "noise", lambda data: b"\x00" * len(data)
    yield "another's", lambda data: _another("11111111-1111-4111-8111-111111111111", b"")


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]


def _joined(data: bytes, change: Callable[[list[bytes]], object]) -> bytes:
    rows = data.splitlines(keepends=True)
    change(rows)
    return b"".join(rows)


def _another(instance: str, data: bytes) -> bytes:
    """A chain that is whole in itself; with ``data`` its lines but the first withdrawal's, chained anew."""
    made = line_of(1, GENESIS, {"action": BEGIN, "instance": instance or json.loads(data.split(b"\n")[0])["instance"]})
    for number, row in enumerate(data.splitlines()[2:], start=2):
        entry = {key: value for key, value in json.loads(row).items() if key not in ("n", "previous", "check")}
        made += line_of(number, hash_of(made.splitlines()[-1]), entry)
    return made
