#!/usr/bin/env python3
"""Check an exported custody log without the archive: `verify_custody.py LOG.jsonl [--head HASH] [--at SEQUENCE]`.

The log is what `manage.py verify_vault --custody-log FILE` writes, or the audit trail that `--audit-log FILE` writes:
one event a line, oldest first. HASH is a head that the archive published earlier (and, given --at, at which event): it
must still be in the chain. Exit status 0: the chain holds; 1: it does not, each place is named; 2: the log cannot be
read. Standard library only.
"""

import argparse
import hashlib
import json
import sys


def hash_of(event):
    """sha256 of all the event says but its own hash, as JSON: UTF-8, sorted keys, no spaces, a line feed at the end."""
    body = {name: value for name, value in event.items() if name != "own_hash"}
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8") + b"\n").hexdigest()


def verify(lines, head=None, at=None):
    """Yield every place where the chain does not hold, then the number of events and the head."""
    previous, expected, found = "0" * 64, 1, head is None
    for number, line in enumerate(lines, start=1):
        try:
            event = json.loads(line)
            own, sequence, before, computed = (
                event["own_hash"], event["sequence"], event["previous_hash"], hash_of(event),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield f"line {number}: not an event ({type(error).__name__}: {error})"
            continue
        if sequence != expected:
            yield f"line {number}: event {expected} is missing or out of order (this is {sequence})"
        if before != previous:
            yield f"line {number}: event {sequence} does not follow the event before"
        if own != computed:
            yield f"line {number}: event {sequence} was changed after it was written"
        if own == head and at in (None, sequence):
            found = True
        previous, expected = own, sequence + 1
    if not found:
        yield "the published head is not in this log: its end was cut off or rewritten"
    return expected - 1, previous


def main():
    """Read the command line and the log, say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("log", help="exported custody log or audit trail, JSON Lines")
    parser.add_argument("--head", help="hash that the archive published earlier (64 hexadecimal digits)")
    parser.add_argument("--at", type=int, help="number of the event that had this hash")
    options = parser.parse_args()
    try:
        with open(options.log, encoding="utf-8") as stream:
            places = verify(stream, options.head and options.head.lower(), options.at)
            faults = 0
            while True:
                try:
                    fault = next(places)
                except StopIteration as end:
                    events, head = end.value
                    break
                faults += 1
                sys.stdout.write(f"BROKEN {fault}\n")
    except (OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"{options.log}: cannot be read ({error})\n")
        return 2
    sys.stdout.write(f"{'BROKEN' if faults else 'WHOLE'}: {events} events, head {head}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
