"""Keys in addresses: whoever holds one may read, and the archive keeps no more than its hash."""

from __future__ import annotations

import hashlib
import secrets

#: 192 bits: nobody guesses one, so that no limit of tries has to hold.
_BYTES = 24


def new_token() -> str:
    """A random token in letters that an address can hold."""
    return secrets.token_urlsafe(_BYTES)


def hash_of(token: str) -> str:
    """What is stored of a token; it is random and long, so one round of SHA-256 suffices. Takes any text."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
