"""Public ids: opaque, never derived from a name, unique over all kinds of record."""

from __future__ import annotations

import re
import secrets

#: Crockford's base 32, lower case: no i, l, o, u, so an id read aloud is not misheard
#: (https://www.crockford.com/base32.html).
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 10
PATTERN = re.compile(rf"^[{ALPHABET}]{{{LENGTH}}}$")


def new_public_id() -> str:
    """Return a random public id of 50 bits."""
    bits = secrets.randbits(5 * LENGTH)
    return "".join([ALPHABET[bits >> shift & 31] for shift in range(0, 5 * LENGTH, 5)])


def is_public_id(text: str) -> bool:
    """Whether ``text`` has the form of a public id."""
    return bool(PATTERN.match(text))
