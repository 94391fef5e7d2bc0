"""The whole command on the tiny monument: outputs, privacy, scale, and every fault in every stage."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import ExifTags, Image

pytest.importorskip("pycolmap")
pytest.importorskip("open3d")

from heritage3d.pipeline.recipe import STAGE_NAMES
from heritage3d.pipeline.sealing import BrokenSeal, verify

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
NAME = "Ana Horvat"


def command(photos: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "manage.py", "reconstruct", str(photos), "--out", str(out), "--preset", "draft", *more]


def reconstruct(photos: Path, out: Path, *more: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings}
    return subprocess.run(
        command(photos, out, *more), cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny set with a photographer's name and a place in every file, and one file that is no photograph."""
    from heritage3d.pipeline.synthetic.sets import SETS, photograph_set

    folder = tmp_path_factory.mktemp("tiny")
    photograph_set(SETS["tiny"], folder)
    for path in (folder / "photos").glob("*.jpg"):
        with Image.open(path) as image:
            exif = image.getexif()
            exif[ExifTags.Base.Artist] = NAME
            exif[ExifTags.Base.Copyright] = NAME
            gps = {1: "N", 2: (45.0, 48.0, 12.3456), 3: "E", 4: (15.0, 58.0, 7.891)}
            exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
            image.load()
            image.save(path, quality=95, exif=exif)
    return folder / "photos"


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "run"
    done = reconstruct(photos, out, "--deterministic")
    assert done.returncode == 0, done.stderr
    return out


def test_every_promised_file_is_there(finished: Path) -> None:
    names = {path.relative_to(finished).as_posix() for path in finished.rglob("*") if "work" not in path.parts}
    wanted = {"model.glb", "model.ply", "preview.glb", "low.glb", "high.glb", "report.json", "report.html"}
    wanted |= {
        "orthophoto-facade.png",
        "orthophoto-plan.png",
        "poster.jpg",
        "cameras/cameras.txt",
        "cameras/images.txt",
    }
    wanted |= {f"logs/{stage}.log" for stage in STAGE_NAMES}
    assert wanted <= names
    assert (finished / "low.glb").stat().st_size <= 700_000


def test_the_report_has_its_stable_shape(finished: Path) -> None:
    report = json.loads((finished / "report.json").read_text())
    shape = {
        "inputs": {"images", "used"},
        "sfm": {"registered", "reprojection_px", "track_length", "cameras"},
        "scale": {"status", "source", "error"},
        "dense": {"points", "coverage"},
        "mesh": {"triangles", "vertices", "watertight", "hole_area_share"},
        "texture": {"pixels"},
    }
    for part, fields in shape.items():
        assert fields <= set(report[part])
    assert {"name", "R", "t", "K"} <= set(report["sfm"]["cameras"][0])
    assert {"name", "bytes", "triangles", "compression", "validator"} <= set(report["derivatives"][0])
    assert [stage["name"] for stage in report["stages"]] == list(STAGE_NAMES)
    assert report["scale"]["status"] == "none" and report["verdict"] == "not-for-measurement"
    assert report["inputs"] == {"images": 10, "used": 10, "refused": 0}


def test_no_name_and_no_place_of_a_photographer_is_in_any_output(finished: Path) -> None:
    """Neither the name, nor the degrees in any spelling, nor any EXIF block."""
    for path in finished.rglob("*"):
        if not path.is_file() or "work" in path.relative_to(finished).parts:
            continue
        data = path.read_bytes()
        for secret in (NAME.encode(), b"Horvat", b"45.803", b"15.968", b"GPSLatitude", b"Exif\0\0"):
            assert secret not in data, f"{secret!r} in {path.name}"


def test_the_report_asks_the_network_for_nothing(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    for address in re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page):
        assert address.startswith("data:")
    assert "<script" not in page


def test_poses_in_the_report_fit_the_model(finished: Path, photos: Path) -> None:
    """Cameras of report.json, aligned with the truth, put the model's points on the true surface."""
    from heritage3d.pipeline.scene import Camera
    from heritage3d.pipeline.synthetic.evaluate import Truth, compare_cameras

    report = json.loads((finished / "report.json").read_text())
    cameras = [
        Camera(
            each["name"], each["width"], each["height"], np.array(each["K"]), np.array(each["R"]), np.array(each["t"])
        )
        for each in report["sfm"]["cameras"]
    ]
    truth = Truth(photos.parent)
    similarity, error = compare_cameras(cameras, truth.cameras)
    assert error.matched == 10 and error.position_rms < 0.05
    points = _ply_points(finished / "cloud.ply")
    gsd = truth.gsd(672)
    score = truth.score(similarity.apply(points), None, gsd)
    assert score.f_score[2] > 0.6 and score.accuracy[2] > 0.85


def _ply_points(path: Path) -> np.ndarray:
    data = path.read_bytes()
    head, body = data.split(b"end_header\n", 1)
    kinds = {b"float": "<f4", b"uchar": "u1"}
    fields = [line.split()[1:] for line in head.split(b"\n") if line.startswith(b"property") and b"list" not in line]
    count = int(re.search(rb"element vertex (\d+)", head)[1])  # type: ignore[index]
    rows = np.frombuffer(body, np.dtype([(name.decode(), kinds[kind]) for kind, name in fields]), count)
    return np.column_stack([rows["x"], rows["y"], rows["z"]]).astype(float)


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def test_a_scale_recomputes_nothing_but_what_is_scaled(again: Path, photos: Path, tmp_path: Path) -> None:
    truth = json.loads((photos.parent / "truth.json").read_text())
    from heritage3d.pipeline.synthetic.evaluate import Truth

    points = {
        "left": [-4.05, -0.045, 3.0],
        "right": [4.05, -0.045, 3.0],
        "ridge": [0.0, 0.0, 6.0],
        "frieze": [2, 0, 3.7],
    }
    lines = ["point,image,u,v,x,y,z"]
    for camera in truth["cameras"]:
        K, R, t = (np.array(camera[key]) for key in ("K", "R", "t"))
        for name, place in points.items():
            at = R @ place + t
            x, y = at[:2] / at[2]
            r2 = x * x + y * y
            factor = 1 + camera["k1"] * r2 + camera["k2"] * r2 * r2
            u, v = K[0, 0] * x * factor + K[0, 2], K[1, 1] * y * factor + K[1, 2]
            if 0 < u < camera["width"] and 0 < v < camera["height"]:
                lines.append(f"{name},{camera['name']},{u:.3f},{v:.3f},{place[0]},{place[1]},{place[2]}")
    (tmp_path / "points.csv").write_text("\n".join(lines))
    done = reconstruct(photos, again, "--resume", "--deterministic", "--control", str(tmp_path / "points.csv"))
    assert done.returncode == 0, done.stderr
    report = json.loads((again / "report.json").read_text())
    made = [stage["name"] for stage in report["stages"] if not stage["cached"]]
    assert made == ["georeference", "derivatives", "validate"]
    assert report["scale"]["status"] == "measured" and report["scale"]["error"] < 0.05
    assert report["dense"]["gsd"] == pytest.approx(Truth(photos.parent).gsd(672), rel=0.15)


def _sealed_digests(out: Path) -> dict[str, str]:
    return {folder.parent.name: verify(folder).digest for folder in (out / "work" / "stages").glob("*/*")}


def _start(photos: Path, out: Path, stage: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(photos, out, "--deterministic", "--from", stage),
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _child_of(process: subprocess.Popen[bytes], out: Path, stage: str) -> Iterator[psutil.Process]:
    """The child that works on the stage, once its import is over and something was written."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        busy = list((out / "work" / "partial" / stage).glob("*/*"))
        for child in psutil.Process(process.pid).children(recursive=True):
            if busy or stage in ("surface", "simplify", "georeference", "validate"):
                yield child
        time.sleep(0.02)


@pytest.mark.faults
@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_killed_in_any_stage_it_resumes_to_the_same_bytes(again: Path, photos: Path, stage: str) -> None:
    before = _sealed_digests(again)
    process = _start(photos, again, stage)
    for child in _child_of(process, again, stage):
        child.kill()
        break
    process.wait(timeout=120)
    for folder in (again / "work" / "stages").glob("*/*"):
        try:
            verify(folder)
        except BrokenSeal as broken:
            pytest.fail(f"half-sealed: {broken}")
    done = reconstruct(photos, again, "--resume", "--deterministic")
    assert done.returncode == 0, done.stderr
    after = _sealed_digests(again)
    assert {name: after[name] for name in STAGE_NAMES[4:-1]} == {name: before[name] for name in STAGE_NAMES[4:-1]}


@pytest.mark.faults
@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_cancelled_in_any_stage_it_stops_within_ten_seconds(again: Path, photos: Path, stage: str) -> None:
    process = _start(photos, again, stage)
    for _child in _child_of(process, again, stage):
        break
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=60)
    assert time.monotonic() - asked < 10
    # A stage that was over before the signal came ends well instead.
    assert code in (143, 0)
    assert not [
        child for child in psutil.process_iter(["cmdline"]) if str(again) in " ".join(child.info["cmdline"] or [])
    ]


@pytest.mark.faults
@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_a_memory_limit_in_any_stage_is_named_and_resumes(again: Path, photos: Path, stage: str) -> None:
    done = reconstruct(photos, again, "--deterministic", "--from", stage, CAIRN_STAGE_MEMORY=str(25 * 1024**2))
    assert done.returncode == 3
    assert f"{stage} needed more than" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.faults
def test_killed_between_depth_maps_it_goes_on_with_the_next(again: Path, photos: Path) -> None:
    before = _sealed_digests(again)["depth"]
    process = _start(photos, again, "depth")
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        finished_maps = list((again / "work/partial/depth").glob("*/0*.npz.seal"))
        if len(finished_maps) >= 3:
            break
        time.sleep(0.05)
    process.kill()
    process.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in (again / "work/partial/depth").glob("*/0*.npz")}
    assert len(kept) >= 3
    done = reconstruct(photos, again, "--resume", "--deterministic")
    assert done.returncode == 0
    made = {path.name: path.stat().st_mtime_ns for path in (again / "work/stages/depth").glob("*/0*.npz")}
    assert sum(made[name] == stamp for name, stamp in kept.items()) >= 3
    assert _sealed_digests(again)["depth"] == before


@pytest.mark.faults
@pytest.mark.parametrize("stage", ["inspect", "features", "depth", "surface", "texture", "derivatives"])
def test_a_full_disk_is_named_and_resumes(photos: Path, again: Path, stage: str) -> None:
    """strace makes every write of the stage's child fail as on a full disk."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    tracing = [
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=write",
        "-e",
        "inject=write:error=ENOSPC:when=30+",
    ]
    done = subprocess.run(
        [*tracing, *command(photos, again, "--deterministic", "--from", stage)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    for folder in (again / "work" / "stages").glob("*/*"):
        verify(folder)
    repaired = reconstruct(photos, again, "--resume", "--deterministic")
    assert repaired.returncode == 0, repaired.stderr
