"""What a first visit to the longest edition weighs on the wire: ``python -m bench.weight``.

Debian's Chromium opens the page with an empty cache; the bytes of HTML, CSS, JavaScript and fonts as they were
transferred are added up. The baseline is the same files uncompressed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench.editions import make_instance
from bench.figures import Figure
from bench.load import Connection
from bench.servers import Server

LIMIT_KB = 200
KINDS = frozenset({"document", "stylesheet", "script", "font"})


def longest(server: Server, paths: tuple[str, ...]) -> str:
    """The page with most bytes on the wire."""
    sizes: dict[str, int] = {}
    connection = Connection(server.port)
    try:
        for path in paths:
            connection.get(path)
            sizes[path] = len(connection.buffer)
    finally:
        connection.close()
    return max(sizes, key=lambda path: sizes[path])


def first_visit(chromium: str, address: str) -> tuple[Counter[str], Counter[str]]:
    """Bytes as transferred and as unpacked of each kind of file, in a browser that has never been there."""
    from playwright.sync_api import sync_playwright

    packed: Counter[str] = Counter()
    plain: Counter[str] = Counter()
    finished: list[Any] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            page = browser.new_page()
            page.on("requestfinished", lambda request: finished.append(request))
            page.goto(address, wait_until="networkidle", timeout=120_000)
            # Fonts are fetched when the first text that needs them is laid out: also those of the end of the page.
            page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            page.evaluate("document.fonts.ready.then(() => true)")
            page.wait_for_load_state("networkidle")
            for request in finished:
                if request.resource_type in KINDS:
                    packed[request.resource_type] += request.sizes()["responseBodySize"]
                    plain[request.resource_type] += len(request.response().body())
        finally:
            browser.close()
    return packed, plain


def measure(folder: Path, chromium: str) -> None:
    """Prepare an instance in ``folder`` and weigh its longest page in English and in Arabic."""
    instance = make_instance(folder)
    with instance.server() as server:
        server.wait(instance.paths[0])
        path = longest(server, instance.paths)
        for language in ("en", "ar"):
            packed, plain = first_visit(chromium, f"http://localhost:{server.port}/{language}{path[3:]}")
            weight, unpacked = packed.total() / 1000, plain.total() / 1000
            parts = {f"{kind}_kB": round(size / 1000, 1) for kind, size in sorted(packed.items())}
            target = ("<=", LIMIT_KB, "value")
            more = {**parts, "real": instance.real}
            Figure(f"weight.first_visit.{language}", weight, "kB", target, unpacked, unpacked / weight, more).print()


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        print(json.dumps({"figure": "weight", "skipped": "Chromium is not installed (apt-get install chromium)."}))
        sys.exit(0)
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        measure(Path(folder), chromium)


if __name__ == "__main__":
    main()
