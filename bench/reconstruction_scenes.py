"""How the reconstruction meets other input, and how it grows: ``python -m bench.reconstruction_scenes [--only NAME…]``.

One line of JSON per figure, as in ``bench.reconstruction``. The scenes are synthetic
(``heritage3d.pipeline.synthetic.scenes``), so all errors are against the truth. ``--plots FOLDER`` gets the growth as
``growth.svg`` and ``growth.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.reconstruction import command, emit, report_of, solved_cameras, stage_folder
from heritage3d.pipeline.georeference.frame import WORLD_JSON, Frame
from heritage3d.pipeline.presets import PRESETS
from heritage3d.pipeline.progress import TerminalProgress
from heritage3d.pipeline.recipe import RECIPE, Request
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.sealing import MANIFEST
from heritage3d.pipeline.synthetic.evaluate import compare_cameras
from heritage3d.pipeline.synthetic.scenes import SCENES, UTM, true_cameras
from heritage3d.pipeline.synthetic.sets import SETS, TRUTH_JSON, photograph_set

GROWTH = (8, 16, 32, 64)
#: Ground sample distance is told at the size at which the preset matches.
MATCHED = PRESETS["draft"].dense_size


class Scenes:
    """Each method is one question and may be asked by name."""

    def __init__(self, work: Path, plots: Path | None) -> None:
        self.work = work
        self.plots = plots

    def _scene(self, name: str) -> Path:
        folder = self.work / name
        SCENES[name](folder)
        return folder

    def _georeferenced(self, name: str, out: Path, **more: Any) -> tuple[Scene, Frame]:
        """Cameras and frame of a scene: what comes after them is not asked here."""
        request = Request((self.work / name / "photos",), out, PRESETS["draft"], resume=True, **more)
        run = Run(request, TerminalProgress(sys.stderr, RECIPE))
        run.perform("georeference")
        return Scene.load(run.sealed["sfm"].folder), Frame.load(run.sealed["georeference"].folder)

    def turntable(self) -> None:
        """A statue turned before a fixed camera: solved with masks, refused with advice without."""
        folder = self._scene("turntable")
        true = true_cameras(folder)
        out = self.work / "out-turntable"
        self._georeferenced("turntable", out, masks=folder / "masks")
        _, error = compare_cameras(solved_cameras(out), true)
        emit("turntable with masks registered", error.matched / len(true), "share", ">= 0.95")
        emit("turntable farthest camera", error.position_max * 1000, "mm", distance_mm=2600)
        _, _, code = command([folder / "photos"], self.work / "out-turntable-bare", "--preset", "draft")
        emit("turntable without masks exit code", code, "", "<= 2")

    def impossible(self) -> None:
        """Scenes from which no model can come: exit code 2, no model."""
        for name in ("panorama", "apart", "blurred"):
            folder = self._scene(name)
            out = self.work / f"out-{name}"
            _, _, code = command([folder / "photos"], out, "--preset", "draft")
            emit(f"{name} exit code", code, "", ">= 2", model=(out / "model.glb").exists())

    def flight(self) -> None:
        """A drone's grid: up from positions wrong by 3 m; no doming with control points."""
        folder = self._scene("flight")
        truth = json.loads((folder / TRUTH_JSON).read_text(encoding="utf-8"))
        true = true_cameras(folder)
        out = self.work / "out-flight"
        scene, frame = self._georeferenced("flight", out)
        similarity, error = compare_cameras(solved_cameras(out), true)
        emit("flight registered", error.matched / len(true), "share", ">= 0.95")
        emit("flight tilt by EXIF alone", _tilt(frame, similarity.R), "°", "<= 0.5", up_from=frame.details["up_from"])
        scale = frame.scale / (similarity.scale * truth["scale"])
        emit("flight scale by EXIF alone", abs(scale - 1) * 100, "%", position_rms=frame.details["position_rms"])
        gsd = float(np.median([camera.centre[2] / camera.fitted(MATCHED).K[0, 0] for camera in true.values()]))
        gsd *= truth["scale"]
        scene, frame = self._georeferenced("flight", out, control=folder / "gcp_list.txt")
        world = json.loads((stage_folder(out, "georeference") / WORLD_JSON).read_text(encoding="utf-8"))
        bent = _doming(frame, scene, truth, np.array(world["origin"]))
        emit("flight doming with control", bent / gsd, "GSD", "<= 3", gsd_m=round(gsd, 3))
        surveyed = json.loads((stage_folder(out, "sfm") / MANIFEST).read_text(encoding="utf-8"))["metrics"]["surveyed"]
        emit("flight check points", float(frame.error or 0) / gsd, "GSD", details=frame.details, adjusted=surveyed)

    def targets(self) -> None:
        """Printed targets found by themselves, a list of distances: how wrong is the scale?"""
        folder = self._scene("targets")
        out = self.work / "out-targets"
        _, frame = self._georeferenced("targets", out, scale=folder / "distances.csv")
        similarity, _ = compare_cameras(solved_cameras(out), true_cameras(folder))
        wrong = abs(frame.scale / similarity.scale - 1) * 100
        emit("targets scale error", wrong, "%", "<= 0.5", distances=len(frame.details.get("distances", [])))

    def large(self) -> None:
        """120 photographs of 24 Mpx in draft."""
        row = self._grown(120)
        emit("120 photographs registered", row["registered"], "", ">= 120")
        emit("120 photographs largest stage", max(row["memory_mb"].values()) / 1024, "GiB", "<= 4")

    def growth(self) -> None:
        """8 to 64 photographs, and 120 where they have been made: time of depth must be linear."""
        rows = [self._grown(count) for count in GROWTH]
        if (self.work / "out-large-120" / "report.json").exists():
            rows.append(self._grown(120))
        each = [row["cpu_seconds"]["depth"] / row["photographs"] for row in rows]
        middle = float(np.median(each))
        worst = max(abs(one / middle - 1) for one in each)
        emit(
            "depth time a photograph, farthest from linear",
            worst * 100,
            "%",
            "<= 15",
            seconds=[round(x, 3) for x in each],
        )
        if self.plots is not None:
            self.plots.mkdir(parents=True, exist_ok=True)
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (self.plots / "growth.jsonl").write_text(lines, encoding="utf-8")
            (self.plots / "growth.svg").write_text(growth_plot(rows), encoding="utf-8")

    def _grown(self, count: int) -> dict[str, Any]:
        """The first `count` photographs of the large set through the whole command; what each stage took."""
        folder = self.work / "large"
        photograph_set(SETS["large"], folder)
        out = self.work / f"out-large-{count}"
        if not (out / "report.json").exists():
            photographs = sorted((folder / "photos").iterdir())[:count]
            _, _, code = command(photographs, out, "--preset", "draft")
            if code not in (0, 1):
                raise SystemExit(f"{count} photographs ended with exit code {code}: see {out / 'logs'}")
        report = report_of(out)
        row = {
            "name": f"growth at {count}",
            "photographs": count,
            "registered": report["sfm"]["registered"],
            "cpu_seconds": {stage["name"]: stage["cpu_seconds"] for stage in report["stages"]},
            "seconds": {stage["name"]: stage["seconds"] for stage in report["stages"]},
            "memory_mb": {stage["name"]: stage["peak_rss_mb"] for stage in report["stages"]},
        }
        print(json.dumps(row), flush=True)
        return row


def _tilt(frame: Frame, turn: Any) -> float:
    """Degrees between the frame's up and the true one; `turn` takes the frame of the cameras to the truth."""
    up = frame.R @ (np.asarray(turn).T @ [0.0, 0.0, 1.0])
    return float(np.degrees(np.arccos(np.clip(up[2], -1, 1))))


def _doming(frame: Frame, scene: Scene, truth: dict[str, Any], origin: Any) -> float:
    """How far the ground is bent against the truth, metres: the range over the site of a quadratic fitted to errors.

    `origin` is where the frame's own lies among the control points' coordinates.
    """
    ground = np.array(truth["ground"])
    points = frame.apply(scene.points)
    true = ground * truth["scale"] + UTM - origin
    errors, places = [], []
    for x, y, z in true:
        near = np.linalg.norm(points[:, :2] - (x, y), axis=1) < 2.5
        if near.sum() >= 5:
            errors.append(float(np.median(points[near, 2]) - z))
            places.append((x, y))
    at = np.array(places)
    size = np.abs(at).max()
    x, y = at.T / size
    terms = np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])
    # Houses and steep ground are not doming: the fit is repeated without what is far from it.
    kept = np.ones(len(x), bool)
    for _ in range(5):
        fitted, *_ = np.linalg.lstsq(terms[kept], np.array(errors)[kept], rcond=None)
        left = np.abs(np.array(errors) - terms @ fitted)
        kept = left < 3 * max(float(np.median(left[kept])), 1e-6)
    bent = terms @ fitted
    return float(bent.max() - bent.min())


def growth_plot(rows: Sequence[dict[str, Any]]) -> str:
    """SVG: processor seconds of the stages and of the whole over the number of photographs, both logarithmic."""
    width, height, left, bottom = 900, 560, 70, 60
    counts = [row["photographs"] for row in rows]
    stages = list(rows[0]["cpu_seconds"])
    lines = {"whole": [sum(row["cpu_seconds"].values()) for row in rows]}
    lines |= {stage: [row["cpu_seconds"][stage] for row in rows] for stage in stages}
    lines |= {"largest memory, MB": [max(row["memory_mb"].values()) for row in rows]}
    low, high = 0.5, max(max(values) for values in lines.values()) * 1.3

    def x(count: float) -> float:
        return left + (width - left - 190) * np.log(count / counts[0]) / np.log(counts[-1] / counts[0])

    def y(value: float) -> float:
        return height - bottom - (height - bottom - 30) * np.log(max(value, low) / low) / np.log(high / low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="20">Processor seconds, memory (MB) over photographs of 24 Mpx in draft</text>',
    ]
    decade = 1.0
    while decade <= high:
        parts.append(f'<path d="M{left} {y(decade):.1f}H{width - 190}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y(decade) + 4:.1f}" text-anchor="end">{decade:g}</text>')
        decade *= 10
    parts += [f'<text x="{x(n):.1f}" y="{height - bottom + 22}" text-anchor="middle">{n}</text>' for n in counts]
    ends: list[float] = []
    for number, (name, values) in enumerate(sorted(lines.items(), key=lambda line: -line[1][-1])):
        colour = f"hsl({number * 47 % 360} 65% 40%)"
        dashes = ' stroke-dasharray="5 4"' if name.startswith("largest") else ""
        path = " ".join(f"{x(n):.1f},{y(v):.1f}" for n, v in zip(counts, values, strict=True))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        at = max(y(values[-1]) + 4, (ends[-1] + 15) if ends else 0)
        ends.append(at)
        parts.append(f'<text x="{width - 182}" y="{at:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main() -> int:
    """Ask all questions, or those that are named."""
    asked: dict[str, Callable[[Scenes], None]] = {
        name: method for name, method in vars(Scenes).items() if not name.startswith("_") and callable(method)
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(asked), default=list(asked))
    parser.add_argument("--work", type=Path, help="folder to work in and to keep (default: a temporary one)")
    parser.add_argument("--plots", type=Path, help="folder for the plot of growth")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as temporary:
        scenes = Scenes(chosen.work or Path(temporary), chosen.plots)
        for name in chosen.only:
            asked[name](scenes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
