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
:root{color-scheme:light dark;--ink:#1b1b1b;--quiet:#555;--paper:#fff;--line:#d5d5d5;--mark:#1a5fb4;--wash:#f2f5f9;
--dot:#8a8a8a}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--quiet:#b0b0b0;--paper:#161718;--line:#3a3d40;--mark:#7fb2f0;
--wash:#20262d;--dot:#8f9296}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem;color:var(--ink);
background:var(--paper)}
h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0 1rem}h2{font-size:1.2rem;margin:2.2rem 0 .6rem}
figure{margin:0}img,svg{display:block;width:100%;height:auto;border-radius:.25rem}
figcaption{color:var(--quiet);font-size:.9rem;margin:.4rem 0 1rem}
.pair{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr))}
.plan{max-width:36rem}.plan .seen{fill:var(--dot)}.plan .eye{fill:var(--mark)}.plan .ray{stroke:var(--mark)}
.plan text{fill:var(--ink)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem .35rem 0;
border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;width:45%}
.verdict{font-size:1.1rem;padding:.8rem 1rem;border-left:.4rem solid var(--mark);background:var(--wash);margin:0 0 1rem}
ul{padding-left:1.2rem}li{margin:.3rem 0}
@media print{body{max-width:none}figure,table{break-inside:avoid}}
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
    shown = [
        _picture(pictures, "poster", "The model, seen from where the middle one of the photographs was taken."),
        _picture(pictures, "shape", "Its shape without colours, lit from the upper left."),
    ]
    parts.append(f'<div class="pair">{"".join(shown)}</div>')
    parts += [_facts(report), _warnings(report["warnings"]), _scale(report["scale"])]
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
    if "plan" in pictures:
        parts.append("<h2>Where the photographs were taken</h2>")
        parts.append(f'<figure class="plan">{pictures["plan"].read_text(encoding="utf-8")}')
        parts.append("<figcaption>From above, in the model's own frame.</figcaption></figure>")
    parts += [_lens(report["sfm"]), _files(report["derivatives"]), _stages(report), _software(report)]
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
        return f"{value:.3g} (arbitrary units)"
    return f"{value * 1000:.2f} mm" if value < 0.1 else f"{value:.3f} m"


def _facts(report: Mapping[str, Any]) -> str:
    unit = report["dense"]["unit"]
    inputs, sfm, dense, mesh = report["inputs"], report["sfm"], report["dense"], report["mesh"]
    used = f"{inputs['used']} of {inputs['images']}"
    if inputs.get("refused"):
        used += f" ({inputs['refused']} could not be read)"
    if sfm.get("other_models"):
        used += "; the others do not join these"
    return "<h2>In short</h2>" + _table(
        [
            ("Photographs used", used),
            ("Internal consistency", f"{sfm['reprojection_px']:.2f} pixels of reprojection (this is not accuracy)"),
            ("Photographs that see a point", f"{sfm['track_length']:.1f} on average"),
            ("Angle between their rays", f"{sfm['triangulation_angle']:.0f}° in the middle"),
            ("Ground sample distance, matched", _length(dense["gsd"], unit)),
            ("Ground sample distance, photographs", _length(dense["gsd_photographs"], unit)),
            ("Points", f"{dense['points']:,}"),
            ("Density of points", _density(dense["density"], unit)),
            ("Coverage of the photographs", f"{dense['coverage']:.0%} of all pixels have a depth"),
            ("Triangles", f"{mesh['triangles']:,}"),
            ("Area of the surface", f"{mesh['area']:.5g} {'m²' if unit == 'metre' else '(arbitrary units)'}"),
            ("Holes", f"{mesh['hole_area_share']:.1%} within the outline of the model"),
            ("Without surface", f"{mesh['missing_share']:.1%} of all that is not sky or masked, surroundings included"),
            ("Colour from a photograph", f"{report['texture']['seen']:.1%} of the surface"),
        ]
    )


def _density(points: float, unit: str) -> str:
    """Points a square metre, or, without a scale, for each square of the matched ground sample distance."""
    return f"{points:,.0f} a square metre" if unit == "metre" else f"{points:.2f} a square of the matched distance"


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    return f'<h2>Warnings</h2><ul class="warn">{"".join(f"<li>{escape(each)}</li>" for each in warnings)}</ul>'


_STATUS = {"none": "none", "estimated": "estimated from positions", "measured": "measured"}
#: What the details of a scale are called, lengths in metres; whatever else there is is shown under its own name.
_CONTROL = {"control_rms": "Error at control (used for the fit)", "check_rms": "Error at check points (held out)"}


def _scale(scale: Mapping[str, Any]) -> str:
    rows = [("Status", _STATUS.get(scale["status"], scale["status"])), ("Source", scale["source"])]
    for key, value in scale["details"].items():
        if isinstance(value, list):
            rows += [
                (str(each["name"]), f"{each['metres']} m, residual {each['residual'] * 1000:.2f} mm") for each in value
            ]
        elif key in _CONTROL and isinstance(value, int | float):
            rows.append((_CONTROL[key], f"{value * 1000:.2f} mm"))
        elif isinstance(value, float):
            rows.append((key.replace("_", " "), f"{value:.5g}"))
        else:
            rows.append((_CONTROL.get(key, key.replace("_", " ")), str(value)))
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


def _stages(report: Mapping[str, Any]) -> str:
    stages = report["stages"]
    rows = [
        (
            each["name"],
            f"{each['seconds']:.1f} s, {each['peak_rss_mb']:.0f} MB{', kept from before' if each['cached'] else ''}",
        )
        for each in stages
    ]
    total, processor = sum(each["seconds"] for each in stages), sum(each["cpu_seconds"] for each in stages)
    largest = max((each["peak_rss_mb"] for each in stages), default=0)
    rows.append(("Together", f"{total:.0f} s ({processor:.0f} s of processor time), at most {largest:.0f} MB"))
    return "<h2>Time and memory</h2>" + _table(rows)


def _software(report: Mapping[str, Any]) -> str:
    software = ", ".join(f"{name} {version}" for name, version in sorted(report["software"].items()))
    seeds = report["seeds"]
    repeat = "deterministic" if seeds["deterministic"] else "cameras may differ a little when run again"
    rows = [
        ("Preset", report["preset"]),
        ("Seeds", f"cameras {seeds['colmap']}; {repeat}"),
        ("Walls around native code", report["sandbox"]),
        ("Software", software),
    ]
    return "<h2>How it was made</h2>" + _table(rows)
