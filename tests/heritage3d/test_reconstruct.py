"""The whole command on the tiny monument: outputs, privacy, scale."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)
pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline.recipe import STAGE_NAMES
from tests.heritage3d.khronos import decoded, khronos_report
from tests.heritage3d.whole_command import PHOTOGRAPHER, reconstruct

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("name", ["model.glb", "preview.glb", "low.glb", "high.glb"])
def test_the_khronos_validator_finds_nothing_in_any_model(finished: Path, tmp_path: Path, name: str) -> None:
    path = finished / name
    issues = khronos_report(path if name == "model.glb" else decoded(path, tmp_path / name))["issues"]
    found = {kind: issues[f"num{kind}"] for kind in ("Errors", "Warnings", "Infos", "Hints")}
    assert found == {"Errors": 0, "Warnings": 0, "Infos": 0, "Hints": 0}, issues["messages"][:3]


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
        for secret in (PHOTOGRAPHER.encode(), b"Horvat", b"45.803", b"15.968", b"GPSLatitude", b"Exif\0\0"):
            assert secret not in data, f"{secret!r} in {path.name}"


def test_the_report_asks_the_network_for_nothing(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    for address in re.findall(r'(?:src|href|url)\s*[=(]\s*["\']?([^"\')\s>]+)', page):
        assert address.startswith("data:")
    assert "<script" not in page


def test_poses_in_the_report_fit_the_model(finished: Path, tiny_photos: Path) -> None:
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
    truth = Truth(tiny_photos.parent)
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


def test_a_finished_run_resumed_does_nothing_and_says_so(again: Path, tiny_photos: Path) -> None:
    before = {
        path: path.read_bytes() for path in again.rglob("*") if path.is_file() and path.suffix in (".glb", ".ply")
    }
    done = reconstruct(tiny_photos, again, "--resume", "--deterministic")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(": kept from before") == len(STAGE_NAMES) and "Nothing was left to do" in done.stderr
    assert all(path.read_bytes() == content for path, content in before.items())


def test_a_scale_recomputes_nothing_but_what_is_scaled(again: Path, tiny_photos: Path, tmp_path: Path) -> None:
    truth = json.loads((tiny_photos.parent / "truth.json").read_text())
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
    done = reconstruct(tiny_photos, again, "--resume", "--deterministic", "--control", str(tmp_path / "points.csv"))
    assert done.returncode == 0, done.stderr
    report = json.loads((again / "report.json").read_text())
    made = [stage["name"] for stage in report["stages"] if not stage["cached"]]
    assert made == ["georeference", "derivatives", "validate"]
    assert report["scale"]["status"] == "measured" and report["scale"]["error"] < 0.05
    assert report["dense"]["gsd"] == pytest.approx(Truth(tiny_photos.parent).gsd(672), rel=0.15)
