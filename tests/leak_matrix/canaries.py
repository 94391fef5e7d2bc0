"""Canary words and the search for them in whatever form an answer could carry them."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import secrets
import zipfile
import zlib
from collections.abc import Iterator
from functools import cache
from urllib.parse import quote

#: How every canary begins.
BEGINNING = "canary"


def new_canary(what: str) -> str:
    """A word that occurs nowhere else; ``what`` tells a person who reads a failure where it was planted."""
    return f"{BEGINNING}{what}{secrets.token_hex(5)}"


@cache
def forms_of(canary: str) -> set[bytes]:
    """The canary as it could stand in bytes: plain, escaped, URL-encoded, base64 at every alignment, UTF-16."""
    raw = canary.encode()
    forms = {
        raw,
        html.escape(canary).encode(),
        quote(canary).encode(),
        json.dumps(canary)[1:-1].encode(),
        canary.encode("utf-16-le"),
        raw.hex().encode(),
    }
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # The first and last characters depend on the neighbours.
        forms.add(encoded[4 if shift else 0 : len(encoded) - 4])
    return forms


def layers(body: bytes, depth: int = 3) -> Iterator[bytes]:
    """The body and everything packed inside it: zip members, gzip and deflate streams (PDF streams among them)."""
    yield body
    if depth == 0:
        return
    if body[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from layers(archive.read(name), depth - 1)
    if body[:2] == b"\x1f\x8b":
        yield from layers(gzip.decompress(body), depth - 1)
    for piece in body.split(b"stream\n")[1:] + body.split(b"stream\r\n")[1:]:
        try:
            yield zlib.decompressobj().decompress(piece)
        except zlib.error:
            continue


def found_in(body: bytes, canaries: set[str]) -> set[str]:
    """Which canaries an answer carries in any form."""
    found: set[str] = set()
    for layer in layers(body):
        # Most answers hold no canary at all: their common beginning, in any form, is looked for once.
        if not any(sign in layer for sign in forms_of(BEGINNING)):
            continue
        for canary in canaries - found:
            if any(form in layer for form in forms_of(canary)):
                found.add(canary)
    return found
