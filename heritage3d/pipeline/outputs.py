"""Putting the results where people look for them, each file whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heritage3d.pipeline.photographs.table import Inspection
from heritage3d.pipeline.report.document import report_html
from heritage3d.pipeline.sealing import Sealed, copy_whole, write_whole

if TYPE_CHECKING:
    from heritage3d.pipeline.runner import StageRecord


def publish(
    sealed: Mapping[str, Sealed], records: Sequence[StageRecord], out: Path, between: Callable[[], None]
) -> dict[str, Any]:
    """Copy the outputs to the top of `out` and complete the report with times, memory and warnings; returns it.

    `between` is called before each file and may raise to stop. Raises OSError where the disk takes no more.
    """
    made, judged = sealed["derivatives"].folder, sealed["validate"].folder
    for source in sorted(path for path in made.rglob("*") if path.is_file() and path.name != "manifest.json"):
        between()
        copy_whole(source, out / source.relative_to(made))
    undistorted = sealed["sfm"].folder / "images"
    for source in sorted(undistorted.iterdir()):
        between()
        copy_whole(source, out / "cameras" / "images" / source.name)
    report: dict[str, Any] = json.loads((judged / "report.json").read_text(encoding="utf-8"))
    report["stages"] = [
        {
            "name": each.name,
            "seconds": each.seconds,
            "cpu_seconds": each.cpu_seconds,
            "peak_rss_mb": each.peak_rss_mb,
            "cached": each.cached,
        }
        for each in records
    ]
    report["warnings"] = [warning for each in records for warning in each.warnings]
    report = _without(Inspection.load(sealed["inspect"].folder).private_names(), report)
    candidates = {
        "poster": made / "poster.jpg",
        "shape": made / "shape.jpg",
        "facade": judged / "facade.jpg",
        "coverage": judged / "coverage.jpg",
        "plan": judged / "cameras.svg",
    }
    pictures = {name: path for name, path in candidates.items() if path.exists()}
    write_whole(out / "report.html", report_html(report, pictures).encode("utf-8"))
    write_whole(out / "report.json", json.dumps(report, indent=1, ensure_ascii=False).encode("utf-8"))
    return report


def _without(private: Mapping[str, str], value: Any) -> Any:
    """The value with every private name in its texts replaced, the longest first."""
    if isinstance(value, str):
        for name in sorted(private, key=len, reverse=True):
            value = value.replace(name, private[name])
        return value
    if isinstance(value, list):
        return [_without(private, each) for each in value]
    if isinstance(value, dict):
        return {key: _without(private, each) for key, each in value.items()}
    return value
