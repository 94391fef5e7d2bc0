"""Public copies of pictures: a large one to look at and a small one for lists."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from archive.derivatives.made import Made, RunChild, Variant, explain
from jobs.children import MIB, Limits

#: Longest side in pixels of each kind.
SIZES = {"image": 2400, "thumbnail": 480}
#: 60 megapixels decode to 240 MB; a page scanned at 600 dpi has 35.
MAX_PIXELS = 60_000_000
LIMITS = Limits(seconds=90, memory_bytes=1024 * MIB, file_bytes=64 * MIB, output_bytes=64 * 1024, processes=8)
_CHILD = Path(__file__).with_name("image_child.py")


def make_images(source: Path, folder: Path, run: RunChild) -> list[Made]:
    """Re-encode the picture ``source`` into ``folder``; the files carry pixels and nothing else.

    Raises :class:`~archive.derivatives.made.NotDerivable` for what cannot or must not be decoded.
    """
    options = json.dumps({"max_pixels": MAX_PIXELS, "sizes": SIZES})
    finished = run(
        [sys.executable, "-I", str(_CHILD), str(source), str(folder), options],
        limits=LIMITS,
        read_only=[source, _CHILD],
        writable=[folder],
    )
    if not finished.ok:
        raise explain(finished, "picture")
    sizes = json.loads(finished.stdout)
    return [
        Made(
            kind,
            Variant("jpeg", SIZES[kind]),
            folder / f"{kind}.jpg",
            "image/jpeg",
            {"width": size[0], "height": size[1]},
        )
        for kind, size in sizes.items()
    ]
