"""Every damage to the ledger is found: by the chain, or by a head that was kept elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.vault.inventory import canonical_json
from archive.vault.ledger_lines import BEGIN, GENESIS, Head, check_of, hash_of, judge, line_of, parse


def legacy_line(entry: dict[str, Any]) -> bytes:
    """A line as it was written before lines were numbered."""
    return canonical_json({**entry, "check": check_of(entry)})


def chained(*entries: dict[str, Any], before: bytes = b"", instance: str = "here", accepted: Any = None) -> bytes:
    import hashlib

    number = before.count(b"\n") + 1
    begin: dict[str, Any] = {"action": BEGIN, "instance": instance}
    if accepted is not None:
        begin |= {"accepted": accepted, "lost": []}
    data = line_of(number, hashlib.sha256(before).hexdigest() if before else GENESIS, begin)
    for entry in entries:
        number += 1
        data += line_of(number, hash_of(data.splitlines()[-1]), entry)
    return before + data


def withdrawals(count: int) -> list[dict[str, Any]]:
    return [{"action": "withdraw", "uuid": f"u{number}", "reason": "danger"} for number in range(count)]


#: A few letters that JSON and UTF-8 treat apart: the whole of Unicode takes seconds to draw from.
words = st.text('aé،"\\{\n', max_size=6)
entries_of = st.lists(
    st.fixed_dictionaries(
        {"action": st.sampled_from(["withdraw", "erase", "hide", "unhide"]), "uuid": words},
        optional={"reason": words, "objects": st.lists(words, max_size=3)},
    ),
    max_size=6,
)


def uuids(reading: Any) -> list[str]:
    return [entry["uuid"] for entry in reading.entries if entry["action"] != BEGIN]


@given(old=entries_of, new=entries_of)
def test_what_is_written_is_read_with_and_without_older_lines(old, new):
    data = chained(*new, before=b"".join(map(legacy_line, old)))
    reading = parse(data)
    assert reading.faults == [] and reading.torn == 0 and reading.instance == "here"
    assert uuids(reading) == [entry["uuid"] for entry in [*old, *new]]
    assert reading.lines == len(old) + 1 + len(new) == data.count(b"\n")
    assert judge(reading, [reading.head]).state == "whole"


@settings(max_examples=120)
@given(old=entries_of, new=entries_of, data=st.data())
def test_one_changed_bit_is_found(old, new, data):
    whole = chained(*new, before=b"".join(map(legacy_line, old)))
    head = parse(whole).head
    place = data.draw(st.integers(0, len(whole) * 8 - 1))
    damaged = bytearray(whole)
    damaged[place // 8] ^= 1 << place % 8
    assert judge(parse(bytes(damaged)), [head]).state != "whole"
    if place // 8 < whole.rstrip(b"\n").rfind(b"\n"):
        # Not in the last line: the chain alone tells.
        assert parse(bytes(damaged)).faults


@settings(max_examples=80)
@given(old=entries_of, new=entries_of, data=st.data())
def test_a_line_that_is_dropped_doubled_or_moved_is_found(old, new, data):
    lines = chained(*new, before=b"".join(map(legacy_line, old))).splitlines(keepends=True)
    head = parse(b"".join(lines)).head
    first, second = data.draw(st.integers(0, len(lines) - 1)), data.draw(st.integers(0, len(lines) - 1))
    how = data.draw(st.sampled_from(["drop", "double", "swap"]))
    damaged = list(lines)
    if how == "drop":
        del damaged[first]
    elif how == "double":
        damaged.insert(second, lines[first])
    else:
        damaged[first], damaged[second] = damaged[second], damaged[first]
    if damaged == lines:
        return
    assert judge(parse(b"".join(damaged)), [head]).state != "whole"


@given(new=entries_of, cut=st.integers(1, 400))
def test_a_cut_tail_is_found_as_far_as_a_head_outside_still_stands(new, cut):
    whole = chained({"action": "withdraw", "uuid": "first"}, *new)
    heads = [Head(number, hash_of(line), "here") for number, line in enumerate(whole.splitlines(), start=1)]
    shorter = parse(whole[: max(0, len(whole) - cut)])
    assert shorter.faults == []
    for head in heads:
        expected = "whole" if head.lines <= shorter.lines else "lost" if shorter.empty else "damaged"
        assert judge(shorter, [head]).state == expected
    # An unfinished last line is torn, not damage: it was never acknowledged.
    assert judge(shorter, heads[: shorter.lines]).state == "whole"


@given(st.binary(max_size=300))
def test_no_bytes_at_all_break_the_reading(noise):
    parse(noise)
    reading = parse(chained(*withdrawals(2)) + noise)
    assert uuids(reading)[:2] == ["u0", "u1"]


def test_a_ledger_ahead_of_every_head_is_no_damage():
    lines = chained(*withdrawals(4)).splitlines(keepends=True)
    early = parse(b"".join(lines[:2])).head
    assert judge(parse(b"".join(lines)), [early]).state == "whole"


def test_the_ledger_of_another_instance_is_foreign_and_its_heads_say_nothing():
    ours, theirs = chained(*withdrawals(2)), chained(*withdrawals(2), instance="there")
    assert judge(parse(theirs), [], "here").state == "foreign"
    assert judge(parse(ours), [parse(theirs).head], "here").state == "whole"
    assert judge(parse(b""), [parse(theirs).head], "here").state == "whole"


@pytest.mark.parametrize("instance", ["", "here"])
def test_none_where_a_head_is_known_is_lost_and_an_empty_one_is_fine_where_none_is(instance: str):
    head = parse(chained(*withdrawals(2))).head
    assert judge(parse(b""), [head], instance).state == "lost"
    assert judge(parse(b""), [Head(0, GENESIS)], instance).state == "whole"


def test_damage_that_was_accepted_is_damage_no_more_but_later_damage_is():
    lines = chained(*withdrawals(4)).splitlines(keepends=True)
    head = parse(b"".join(lines)).head
    damaged = b"".join([*lines[:2], b"\x00" + lines[2], *lines[3:]])
    assert [fault.line for fault in parse(damaged).faults] == [3]
    again = chained({"action": "withdraw", "uuid": "later"}, before=damaged, accepted=3)
    reading = parse(again)
    assert reading.faults == [] and uuids(reading) == ["u0", "u2", "u3", "later"]
    assert judge(reading, [head]).state == "whole"
    worse = again.replace(lines[4], lines[4][:-5] + b"\n")
    assert parse(worse).faults
    shortened = b"".join(lines[:3])
    assert judge(parse(shortened), [head]).line == 4


def test_a_second_beginning_that_accepts_nothing_is_damage():
    first = chained(*withdrawals(1))
    assert [fault.what for fault in parse(chained(*withdrawals(1), before=first)).faults] == ["begins-again"]


def test_an_older_program_that_wrote_behind_the_chain_is_damage():
    data = chained(*withdrawals(1)) + legacy_line({"action": "withdraw", "uuid": "old", "at": "2026-01-01"})
    reading = parse(data)
    assert [(fault.line, fault.what) for fault in reading.faults] == [(3, "unnumbered")]
    assert uuids(reading) == ["u0", "old"]
