"""How exact, complete, sharp and fast the reconstruction is: ``python -m bench.reconstruction [--only NAME…]``.

One line of JSON per figure: ``name``, ``value``, ``unit``, ``target`` where the project set one. Times are medians of
``--runs`` whole commands with a warm numba cache; ``ratio`` divides them by a calibration kernel timed in the same run,
so that machines can be compared. Real photographs are read from ``CAIRN_SHARED`` beside the checkout; a set that is
absent is left out and said so. The measuring itself is ``heritage3d.pipeline.synthetic.evaluate``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heritage3d.pipeline.georeference.triangulate import SolvedCamera
from heritage3d.pipeline.presets import STANDARD
from heritage3d.pipeline.progress import TerminalProgress
from heritage3d.pipeline.rasterise import rasterise
from heritage3d.pipeline.recipe import RECIPE, Request
from heritage3d.pipeline.report.render import through_camera
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.scene import Camera, Scene
from heritage3d.pipeline.stages.fusion import CLOUD_NPZ, agreed_maps_of
from heritage3d.pipeline.stages.simplify import MASTER_NPZ
from heritage3d.pipeline.stages.surface import load_mesh
from heritage3d.pipeline.stages.texture import views_of
from heritage3d.pipeline.synthetic.evaluate import Truth, compare_cameras
from heritage3d.pipeline.synthetic.sets import SETS, photograph_set
from heritage3d.pipeline.texture.bake import Texturing, texture_mesh

PROJECT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("CAIRN_SHARED", PROJECT.parent / "shared"))
#: Sky of one photograph of Sceaux, drawn by hand a few pixels off the roofs; in units of width and height.
SCEAUX_SKY_PHOTOGRAPH = 3
_SKY_WIDTH, _SKY_HEIGHT = 784, 589
SCEAUX_SKY = (
    (0, 0), (784, 0), (784, 100), (640, 145), (628, 145), (600, 175), (580, 180), (560, 175), (540, 175), (518, 165),
    (430, 155), (415, 155), (390, 120), (376, 100), (362, 120), (345, 150), (328, 150), (318, 175), (240, 172),
    (234, 150), (226, 180), (200, 200), (196, 155), (180, 153), (165, 190), (160, 148), (140, 148), (132, 112),
    (122, 155), (52, 235), (40, 245), (40, 400), (0, 400),
)  # fmt: skip
#: The foreground of three photographs of the fountain, drawn by hand: the fountain and the stone wall it stands at with
#: its plinth, all that is visible of them, also what few or no other photographs see. Left out are the paving, the
#: plastered houses, and the scaffold with its creeper at the wall's end. In units of width and height.
_FOUNTAIN_WIDTH, _FOUNTAIN_HEIGHT = 1536, 1024
FOUNTAIN_FOREGROUND = {
    "0001.jpg": (
        (308, 0), (1268, 0), (1280, 200), (1292, 600), (1298, 890), (1330, 915), (1330, 990), (952, 937), (903, 954),
        (760, 939), (640, 969), (549, 974), (354, 966), (237, 928), (237, 891), (257, 789), (243, 754), (274, 743),
    ),
    "0003.jpg": (
        (168, 0), (1376, 0), (1388, 343), (1402, 845), (1425, 860), (1425, 940), (1057, 903), (1057, 908), (1034, 923),
        (886, 914), (823, 960), (674, 975), (549, 969), (299, 937), (270, 910), (280, 838), (122, 815), (122, 797),
    ),
    "0005.jpg": (
        (0, 0), (1390, 0), (1402, 766), (1420, 775), (1425, 836), (1157, 834), (1157, 855), (1057, 857), (1051, 903),
        (943, 943), (474, 943), (369, 903), (383, 859), (263, 857), (268, 834), (0, 832),
    ),
}  # fmt: skip


def emit(name: str, value: float, unit: str, target: str = "", **more: Any) -> None:
    """Print one figure."""
    line: dict[str, Any] = {"name": name, "value": round(float(value), 4), "unit": unit}
    if target:
        line["target"] = target
    print(json.dumps(line | more), flush=True)


def calibration_seconds() -> float:
    """A fixed amount of arithmetic and memory traffic: what this machine has left for us at the moment."""
    rng = np.random.default_rng(0)
    picture: Any = rng.random((3000, 4000), dtype=np.float32)
    started = time.perf_counter()
    for _ in range(6):
        picture = cv2.GaussianBlur(picture, (0, 0), 4.0)
        picture = picture / (1 + np.abs(np.sin(picture)))
    return time.perf_counter() - started


def command(photos: list[Path], out: Path, *more: str) -> tuple[float, float | None, int]:
    """Run the whole command; seconds, seconds to the preview, exit code."""
    shutil.rmtree(out, ignore_errors=True)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "reconstruct", *map(str, photos), "--out", str(out), *more],
        cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    preview: float | None = None
    for line in process.stderr or ():
        if line.startswith("preview.glb"):
            preview = time.perf_counter() - started
    return time.perf_counter() - started, preview, process.wait()


def timed(name: str, photos: list[Path], out: Path, runs: int, *more: str, target: str = "") -> None:
    """Median time of the whole command, its ratio to the calibration, the preview and the largest stage."""
    seconds, previews, ratios = [], [], []
    for _ in range(runs):
        calibration = calibration_seconds()
        taken, preview, code = command(photos, out, *more)
        if code not in (0, 1):
            emit(f"{name} exit code", code, "", "0 or 1")
            return
        seconds.append(taken)
        ratios.append(taken / calibration)
        if preview is not None:
            previews.append(preview)
    report = report_of(out)
    ratio = round(statistics.median(ratios), 1)
    emit(f"{name} whole command", statistics.median(seconds), "s", target, ratio=ratio, runs=runs)
    if previews:
        emit(f"{name} preview", statistics.median(previews), "s", "<= 60")
    emit(f"{name} memory", max(stage["peak_rss_mb"] for stage in report["stages"]) / 1000, "GB", "<= 2.5")
    emit(f"{name} registered", report["sfm"]["registered"], f"of {report['inputs']['images']}")
    emit(f"{name} reprojection", report["sfm"]["reprojection_px"], "px", observations=report["sfm"]["observations"])
    emit(f"{name} holes", report["mesh"]["hole_area_share"], "share", missing=report["mesh"]["missing_share"])
    processor = {stage["name"]: stage["cpu_seconds"] for stage in report["stages"]}
    emit(f"{name} processor time", sum(processor.values()), "s", stages=processor)


def report_of(out: Path) -> dict[str, Any]:
    """The report of a finished run."""
    found: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return found


def stage_folder(out: Path, stage: str) -> Path:
    """The sealed result of a stage."""
    return next(path for path in (out / "work" / "stages" / stage).iterdir() if path.is_dir())


def solved_cameras(out: Path) -> list[Camera]:
    """Full-size cameras in the frame in which everything was computed, by original name."""
    entries = json.loads((stage_folder(out, "sfm") / "cameras.json").read_text(encoding="utf-8"))
    return [
        Camera(
            each["name"], each["width"], each["height"], np.array(each["K"]), np.array(each["R"]), np.array(each["t"])
        )
        for each in entries
    ]  # fmt: skip


def emit_poses(name: str, out: Path, truth: dict[str, Camera], position: str, rotation: str) -> Any:
    """Errors of the cameras; returns the similarity onto the truth."""
    similarity, error = compare_cameras(solved_cameras(out), truth)
    emit(f"{name} positions", error.position_rms * 1000, "mm RMS", position, matched=error.matched)
    emit(f"{name} rotations", error.rotation_mean, "° mean", rotation)
    return similarity


def emit_surface(name: str, out: Path, folder: Path, longest: int) -> None:
    """Accuracy, completeness and F of the fused cloud and of the mesh against the exact surface."""
    truth = Truth(folder)
    gsd = truth.gsd(longest)
    similarity = emit_poses(name, out, truth.cameras, "", "")
    with np.load(stage_folder(out, "fusion") / CLOUD_NPZ, allow_pickle=False) as stored:
        cloud = similarity.apply(stored["points"])
    mesh = load_mesh(stage_folder(out, "simplify") / MASTER_NPZ)
    targets = {"cloud": (">= 0.93", ">= 0.975"), "mesh": (">= 0.90", ">= 0.96")}
    for kind, points, faces in (("cloud", cloud, None), ("mesh", similarity.apply(mesh.vertices), mesh.faces)):
        score = truth.score(points, faces, gsd)
        for k, target in ((1, targets[kind][0]), (2, targets[kind][1]), (4, "")):
            emit(
                f"{name} {kind} F at {k} GSD", score.f_score[k], "", target,
                accuracy=round(score.accuracy[k], 4), completeness=round(score.completeness[k], 4),
            )  # fmt: skip
        more = {"gsd_mm": round(gsd * 1000, 3), "ninety_percent": round(score.ninety_percent_gsd, 3)}
        emit(f"{name} {kind} median error", score.median_error_gsd, "GSD", "<= 0.2", **more)


def emit_sharpness(name: str, out: Path) -> None:
    """A photograph left out of texturing against the view of the model through its camera."""
    scene = Scene.load(stage_folder(out, "sfm"))
    mesh = load_mesh(stage_folder(out, "simplify") / MASTER_NPZ)
    left_out = len(scene) // 2
    camera = scene.cameras[left_out]
    views = views_of(scene, stage_folder(out, "fusion"), without=camera.name)
    model = texture_mesh(mesh, views, Texturing())
    rendered, raster = through_camera(model, camera)
    photograph = cv2.imread(str(scene.images[left_out]), cv2.IMREAD_GRAYSCALE)
    seen = raster.face >= 0
    zncc, energy = tile_agreement(photograph, cv2.cvtColor(rendered[..., :3], cv2.COLOR_BGR2GRAY), seen)
    emit(f"{name} left-out photograph ZNCC", zncc, "median of tiles", ">= 0.85")
    emit(f"{name} left-out photograph gradient energy", energy, "share", ">= 0.7")


def tile_agreement(photograph: Any, rendered: Any, seen: Any, tile: int = 32) -> tuple[float, float]:
    """Median ZNCC and median ratio of gradient energy over tiles that the model covers wholly."""
    a, b = photograph.astype(np.float32), rendered.astype(np.float32)
    energies = [cv2.Sobel(each, cv2.CV_32F, 1, 0) ** 2 + cv2.Sobel(each, cv2.CV_32F, 0, 1) ** 2 for each in (a, b)]
    scores, ratios = [], []
    for y in range(0, a.shape[0] - tile, tile):
        for x in range(0, a.shape[1] - tile, tile):
            part = np.s_[y : y + tile, x : x + tile]
            if not seen[part].all() or a[part].std() < 2:
                continue
            p, q = a[part] - a[part].mean(), b[part] - b[part].mean()
            scores.append(float((p * q).mean() / max(p.std() * q.std(), 1e-6)))
            ratios.append(float(energies[1][part].mean() / max(energies[0][part].mean(), 1e-6)))
    return (float(np.median(scores)), float(np.median(ratios))) if scores else (0.0, 0.0)


def drawn(out: Path, photograph: str, polygon: Sequence[tuple[int, int]], units: tuple[int, int], view: Camera) -> Any:
    """A polygon drawn in a photograph as pixels (H, W) bool of the undistorted `view` of it."""
    entries = json.loads((stage_folder(out, "sfm") / "cameras.json").read_text(encoding="utf-8"))
    camera = SolvedCamera.from_json(next(each for each in entries if each["name"].endswith(photograph)))
    corners = []
    for u, v in np.array(polygon, float) * [camera.width / units[0], camera.height / units[1]]:
        x, y = camera.straight(u, v)
        corners.append([view.K[0, 0] * x + view.K[0, 2], view.K[1, 1] * y + view.K[1, 2]])
    inside = np.zeros((view.height, view.width), np.uint8)
    cv2.fillPoly(inside, [np.round(np.array(corners) - 0.5).astype(np.int32)], 1)
    return inside > 0


def emit_smoothness(name: str, out: Path) -> None:
    """Share of foreground pixels with a depth, and how normals change over four pixels, in three photographs."""
    scene = Scene.load(stage_folder(out, "sfm"))
    usable, maps = agreed_maps_of(stage_folder(out, "fusion"), scene)
    names = [each["name"] for each in json.loads((stage_folder(out, "sfm") / "cameras.json").read_text("utf-8"))]
    coverage, everywhere, turns = [], [], []
    for photograph, polygon in FOUNTAIN_FOREGROUND.items():
        found = maps[usable.index(next(i for i, each in enumerate(names) if each.endswith(photograph)))]
        units = (_FOUNTAIN_WIDTH, _FOUNTAIN_HEIGHT)
        foreground = drawn(out, photograph, polygon, units, found.camera)
        coverage.append(float(found.accepted[foreground].mean()))
        everywhere.append(float(found.accepted.mean()))
        normals = found.normals()
        both = found.accepted[:, 4:] & found.accepted[:, :-4]
        cosine = (normals[:, 4:] * normals[:, :-4]).sum(2)[both]
        turns.append(float(np.degrees(np.median(np.arccos(np.clip(cosine, -1, 1))))))
    emit(
        f"{name} foreground covered",
        min(coverage),
        "smallest of three",
        ">= 0.92",
        all=[round(c, 3) for c in coverage],
        all_pixels=[round(c, 3) for c in everywhere],
    )
    emit(
        f"{name} change of normals over 4 px",
        max(turns),
        "° largest of three",
        "<= 5",
        all=[round(t, 2) for t in turns],
    )


def emit_sky(name: str, out: Path, photograph: str) -> None:
    """Share of hand-drawn sky that the model covers."""
    entries = json.loads((stage_folder(out, "sfm") / "cameras.json").read_text(encoding="utf-8"))
    camera = SolvedCamera.from_json(next(each for each in entries if each["name"].endswith(photograph)))
    view = Camera(photograph, camera.width, camera.height, camera.K, camera.R, camera.t).fitted(1400)
    sky = drawn(out, photograph, SCEAUX_SKY, (_SKY_WIDTH, _SKY_HEIGHT), view)
    mesh = load_mesh(stage_folder(out, "simplify") / MASTER_NPZ)
    covered = rasterise(mesh.vertices, mesh.faces, view).covered
    emit(f"{name} sky covered by surface", float(covered[sky].mean()), "share", "<= 0.005")


def strecha_truth(folder: Path) -> dict[str, Camera]:
    """Cameras of the benchmark's own files: K, distortion, rotation from camera to world, centre."""
    found = {}
    for path in folder.glob("*.camera"):
        rows = [[float(cell) for cell in line.split()] for line in path.read_text().splitlines() if line.strip()]
        R, centre = np.array(rows[4:7]).T, np.array(rows[7])
        name = path.name.removesuffix(".camera")
        found[name] = Camera(name, 3072, 2048, np.array(rows[:3]), R, -R @ centre)
    return found


def shared_photographs(name: str, count: int | None = None) -> list[Path]:
    """The first photographs of a set beside the checkout; empty, and said so, when it is not there."""
    folder = SHARED / "photos" / name
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not found:
        print(json.dumps({"name": name, "skipped": "these photographs are not beside the checkout"}), flush=True)
    return found[:count]


class Bench:
    """All figures; each method is one set and may be asked for by name."""

    def __init__(self, work: Path, runs: int, keep: bool) -> None:
        self.work = work
        self.runs = runs
        self.keep = keep
        self.warm = False

    def _monument(self, name: str) -> Path:
        folder = self.work / f"monument-{name}"
        photograph_set(SETS[name], folder)
        return folder

    def _run(self, name: str, photos: list[Path], *more: str, target: str = "") -> Path:
        out = self.work / f"out-{name}"
        if not (self.keep and (out / "report.json").exists()):
            self._warm_up(photos)
            timed(name, photos, out, self.runs, *more, target=target)
        return out

    def _warm_up(self, photos: list[Path]) -> None:
        """Fill numba's cache: compiling after a change of the code is no part of what a run takes."""
        if not self.warm:
            few = sorted(photos[0].iterdir()) if photos[0].is_dir() else photos
            command([path for path in few if path.is_file()][:5], self.work / "out-warm", "--preset", "draft")
            self.warm = True

    def _cameras(self, name: str, photos: list[Path]) -> Path:
        """Only the cameras, in standard; what comes after them is not asked."""
        out = self.work / f"out-{name}"
        out.mkdir(parents=True, exist_ok=True)
        run = Run(Request(tuple(photos), out, STANDARD, resume=self.keep), TerminalProgress(sys.stderr, RECIPE))
        run.perform("sfm")
        found = run.sealed["sfm"].metrics
        emit(f"{name} registered", found["registered"], f"of {len(photos)}")
        emit(f"{name} reprojection", found["reprojection_px"], "px", observations=found["observations"])
        emit(
            f"{name} processor time",
            sum(each.cpu_seconds for each in run.records),
            "s",
            stages=[(each.name, round(each.cpu_seconds, 1)) for each in run.records],
        )
        return out

    def sixteen(self) -> None:
        folder = self._monument("sixteen")
        out = self._run("sixteen", [folder / "photos"])
        emit_surface("sixteen", out, folder, 1600)
        emit_sharpness("sixteen", out)

    def eight(self) -> None:
        folder = self._monument("eight")
        out = self._run("eight", [folder / "photos"], target="<= 170")
        emit_surface("eight", out, folder, 1600)

    def fountain8(self) -> None:
        photos = shared_photographs("fountain", 8)
        if photos:
            out = self._run("fountain8", photos, target="<= 170")
            emit_smoothness("fountain8", out)
            emit_sharpness("fountain8", out)

    def fountain11(self) -> None:
        photos = shared_photographs("fountain")
        if photos:
            out = self._cameras("fountain11", photos)
            truth = strecha_truth(SHARED / "photos" / "fountain" / "gt_dense_cameras")
            emit_poses("fountain11", out, truth, "<= 3.5", "<= 0.06")

    def sceaux8(self) -> None:
        photos = shared_photographs("sceaux", 8)
        if photos:
            out = self._run("sceaux8", photos, target="<= 170")
            emit_sky("sceaux8", out, photos[SCEAUX_SKY_PHOTOGRAPH].name)
            emit_sharpness("sceaux8", out)

    def banana(self) -> None:
        photos = shared_photographs("banana")
        if photos:
            self._run("banana", photos, "--preset", "draft")

    def strangers(self) -> None:
        """Three photographs of something else among eleven: they must stay out."""
        photos, foreign = shared_photographs("fountain"), shared_photographs("sceaux", 3)
        if photos and foreign:
            out = self._run("strangers", [*photos, *foreign], "--preset", "draft")
            names = {camera.name for camera in solved_cameras(out)}
            emit("strangers let in", len(names & {path.name for path in foreign}), "photographs", "0")


def main() -> int:
    """Measure all sets, or those that are named."""
    sets: dict[str, Callable[[Bench], None]] = {
        name: method for name, method in vars(Bench).items() if not name.startswith("_") and callable(method)
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(sets), default=list(sets))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder to work in and to keep (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="measure runs that are in --work already")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as temporary:
        bench = Bench(chosen.work or Path(temporary), chosen.runs, chosen.keep)
        for name in chosen.only:
            sets[name](bench)
    return 0


if __name__ == "__main__":
    sys.exit(main())
