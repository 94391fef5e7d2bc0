"""Addresses that a page may lead to: of the web, and of nothing that a browser would run.

``javascript:`` and ``data:`` are addresses too. Whoever imports, types or publishes one asks here.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

#: Nothing that ends an attribute, a line or the address itself for some reader of it.
_WEB = re.compile(r"https?://[^\s\x00-\x20\x7f-\x9f\"'<>\\^`{|}]+", re.IGNORECASE)
_NAME = re.compile(r"urn:[a-z0-9][a-z0-9-]+:[^\s\x00-\x20\x7f-\x9f\"'<>\\^`{|}]+", re.IGNORECASE)


def web_address(written: str) -> str:
    """The address without the space around it when it is one of the web, else an empty string."""
    address = written.strip()
    if not _WEB.fullmatch(address):
        return ""
    try:
        host = urlsplit(address).hostname
    except ValueError:
        # A bracket that opens no IPv6 address.
        return ""
    return address if host else ""


def identifier(written: str) -> str:
    """What names a thing in a scheme outside: an address of the web or a URN, else an empty string."""
    name = written.strip()
    return name if _NAME.fullmatch(name) else web_address(name)
