"""Canary words and the search for them in whatever form an answer could carry them."""

from __future__ import annotations

import base64
import gzip
import io
import secrets
import zipfile
import zlib
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

#: How every canary begins.
BEGINNING = "canary"


def new_canary(what: str) -> str:
    """A word that occurs nowhere else; ``what`` tells a person who reads a failure where it was planted."""
    return f"{BEGINNING}{what}{secrets.token_hex(5)}"


@cache
def encodings_of(canary: str) -> tuple[bytes, ...]:
    """The canary where it cannot be read: UTF-16, hex, base64 at every alignment.

    A canary is letters and digits, so that HTML, JSON and addresses write it as it is.
    """
    raw = canary.encode()
    forms = [canary.encode("utf-16-le"), raw.hex().encode()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        # The first and last characters depend on the neighbours.
        forms.append(encoded[4 if shift else 0 : len(encoded) - 4])
    return tuple(forms)


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


def found_in(body: bytes, canaries: Collection[str], facts: Collection[str] = ()) -> set[str]:
    """Which canaries an answer carries in any form, and which ``facts`` (ids, dates, hashes) it says as they are."""
    found: set[str] = set()
    for layer in layers(body):
        found |= {fact for fact in facts if fact.encode() in layer}
        found |= _read_in(layer, canaries)
        # Most answers hold no encoded canary at all: their common beginning, in any form, is looked for once.
        if any(sign in layer for sign in encodings_of(BEGINNING)):
            found |= {c for c in canaries if any(form in layer for form in encodings_of(c))}
    return found


def _read_in(layer: bytes, canaries: Collection[str]) -> set[str]:
    """The canaries that stand in a layer as they are, found from where they begin: there are hundreds of them."""
    beginning = BEGINNING.encode()
    at = layer.find(beginning)
    if at < 0:
        return set()
    wanted = {canary.encode(): canary for canary in canaries}
    lengths = {len(raw) for raw in wanted}
    found = set()
    while at >= 0:
        found |= {wanted[part] for length in lengths if (part := layer[at : at + length]) in wanted}
        at = layer.find(beginning, at + 1)
    return found


def body_of(response: Any) -> bytes:
    """Everything an answer says, headers too."""
    content = b"".join(response.streaming_content) if response.streaming else response.content
    headers = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    return content + headers.encode()
