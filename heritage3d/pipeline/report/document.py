"""`report.html`: the report for people, one file that opens anywhere and asks the network for nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

_VERDICTS = {
    "good": "Good: measurements checked against held-out points.",
    "usable": "Usable: to look at and to estimate from; its scale was not checked by independent measurements.",
    "not-for-measurement": "Not for measurement: the model has no scale.",
}
_STYLE = """
:root{color-scheme:light}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem;color:#1b1b1b}
h1{font-size:1.7rem}h2{font-size:1.25rem;margin-top:2rem}figure{margin:1rem 0}img,svg{max-width:100%;height:auto}
figcaption{color:#444}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;
border-bottom:1px solid #ccc;vertical-align:top}td.n{text-align:right}.verdict{font-size:1.15rem;padding:.8rem;
border-left:.4rem solid #1a5fb4;background:#f2f5f9}.warn li{margin:.3rem 0}
"""


def report_html(report: Mapping[str, Any], pictures: Mapping[str, Path]) -> str:
    """The page. `pictures` maps "poster", "facade", "coverage" (JPEG) and "plan" (SVG) to files that exist."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<title>Reconstruction report</title>",
        f"<style>{_STYLE}</style></head><body><main>",
        "<h1>Reconstruction report</h1>",
        f'<p class="verdict">{escape(_VERDICTS.get(report["verdict"], report["verdict"]))}</p>',
    ]
    parts.append(_picture(pictures, "poster", "The model, seen from among its photographs."))
    parts.append(_facts(report))
    parts.append(_warnings(report["warnings"]))
    parts.append("<h2>Seen from the front</h2>")
    parts.append(_picture(pictures, "facade", "Orthophoto of the front: parallel projection, lengths can be compared."))
    parts.append("<h2>What the photographs agree on</h2>")
    parts.append(
        _picture(
            pictures,
            "coverage",
            "Photographs in order. Red: no two others agree on a depth there. Blue: left out as sky or by a mask.",
        )
    )
    parts.append("<h2>Where the photographs were taken</h2>")
    if "plan" in pictures:
        parts.append(f"<figure>{pictures['plan'].read_text(encoding='utf-8')}")
        parts.append("<figcaption>From above, in the model's own frame.</figcaption></figure>")
    parts += [_scale(report["scale"]), _lens(report["sfm"]), _files(report["derivatives"]), _stages(report["stages"])]
    software = ", ".join(f"{escape(name)} {escape(version)}" for name, version in sorted(report["software"].items()))
    parts.append(f"<h2>Software</h2><p>{software}</p>")
    parts.append("</main></body></html>")
    return "\n".join(parts)


def _picture(pictures: Mapping[str, Path], name: str, caption: str) -> str:
    if name not in pictures:
        return ""
    data = base64.b64encode(pictures[name].read_bytes()).decode("ascii")
    source = f"data:image/jpeg;base64,{data}"
    return f'<figure><img alt="{escape(caption)}" src="{source}"><figcaption>{escape(caption)}</figcaption></figure>'


def _table(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    return f"<table><tbody>{body}</tbody></table>"


def _length(value: float, unit: str) -> str:
    if unit != "metre":
        return f"{value:.5g} (arbitrary units)"
    return f"{value * 1000:.2f} mm" if value < 0.1 else f"{value:.3f} m"


def _facts(report: Mapping[str, Any]) -> str:
    unit = report["dense"]["unit"]
    return "<h2>In short</h2>" + _table(
        [
            ("Photographs used", f"{report['inputs']['used']} of {report['inputs']['images']}"),
            ("Internal consistency", f"{report['sfm']['reprojection_px']:.2f} pixels (this is not accuracy)"),
            ("Photographs that see a point", f"{report['sfm']['track_length']:.1f} on average"),
            ("Ground sample distance, matched", _length(report["dense"]["gsd"], unit)),
            ("Ground sample distance, photographs", _length(report["dense"]["gsd_photographs"], unit)),
            ("Points", f"{report['dense']['points']:,}"),
            ("Coverage of the photographs", f"{report['dense']['coverage']:.0%}"),
            ("Triangles", f"{report['mesh']['triangles']:,}"),
            ("Holes", f"{report['mesh']['hole_area_share']:.1%} of what the photographs show"),
            ("Surface with colour from a photograph", f"{report['texture']['seen']:.1%}"),
        ]
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    return f'<h2>Warnings</h2><ul class="warn">{"".join(f"<li>{escape(each)}</li>" for each in warnings)}</ul>'


def _scale(scale: Mapping[str, Any]) -> str:
    rows = [("Status", scale["status"]), ("Source", scale["source"])]
    for key, value in scale["details"].items():
        if isinstance(value, list):
            rows += [
                (str(each["name"]), f"{each['metres']} m, residual {each['residual'] * 1000:.2f} mm") for each in value
            ]
        elif isinstance(value, float):
            rows.append((key.replace("_", " "), f"{value:.5g}"))
        else:
            rows.append((key.replace("_", " "), str(value)))
    return "<h2>Scale</h2>" + _table(rows)


def _lens(sfm: Mapping[str, Any]) -> str:
    rows = [("Camera model", ", ".join(sfm["camera_models"]))]
    for trial in sfm["freer_models"]:
        kept = "kept" if trial["kept"] else "not kept"
        rows.append(
            (f"Tried: {trial['name']}", f"{kept}, {trial['reason']} ({trial['before']:.3f} → {trial['after']:.3f})")
        )
    return "<h2>Lens</h2>" + _table(rows)


def _files(derivatives: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (each["name"], f"{each['bytes'] / 1e6:.2f} MB, {each['triangles']:,} triangles, {each['compression']}")
        for each in derivatives
    ]
    return "<h2>Files</h2>" + _table(rows)


def _stages(stages: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (each["name"], f"{each['seconds']:.1f} s, {each['peak_rss_mb']:.0f} MB{' (kept)' if each['cached'] else ''}")
        for each in stages
    ]
    return "<h2>Time and memory</h2>" + _table(rows)
