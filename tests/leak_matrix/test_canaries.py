"""The search for canaries finds them in every form that it names."""

from __future__ import annotations

import base64
import gzip
import html
import io
import json
import zipfile
import zlib
from urllib.parse import quote

import pytest

from tests.leak_matrix.canaries import found_in, new_canary

#: Not a new one each time: workers that share the tests must collect the same.
CANARY = "canarytested0123456789"
FORMS = (
    *("plain", "escaped", "quoted", "json", "utf-16", "hex", "base64", "base64+1", "base64+2"),
    *("gzip", "zip", "pdf"),
)


def zipped() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", f"Գետը {CANARY}")
    return packed.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        f"the river {CANARY} rose".encode(),
        html.escape(f"<{CANARY}>").encode(),
        quote(f"?q={CANARY}&x").encode(),
        json.dumps({"q": CANARY}).encode(),
        f"{CANARY}".encode("utf-16-le"),
        CANARY.encode().hex().encode(),
        *(base64.b64encode(b"x" * shift + CANARY.encode() + b"yy") for shift in range(3)),
        gzip.compress(CANARY.encode()),
        zipped(),
        b"%PDF-1.7 stream\n" + zlib.compress(CANARY.encode()) + b"endstream",
    ],
    ids=FORMS,
)
def test_a_canary_is_found_in_every_form(body):
    other = new_canary("other")
    assert found_in(body, {CANARY, other}) == {CANARY}


def test_nothing_is_found_where_there_is_none():
    assert found_in(b"a canary sang, Y2Fu, and a river rose", {CANARY}) == set()
