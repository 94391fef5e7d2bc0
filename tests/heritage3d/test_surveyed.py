"""Control points inside the bundle adjustment: a bent model is bent straight, wrong points bend nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)

import pycolmap

from heritage3d.pipeline.cameras.surveyed import adjust_to_control
from heritage3d.pipeline.georeference.control import Control, check_points, surveyed_points
from heritage3d.pipeline.photographs.table import Inspection, Photograph

WIDTH, HEIGHT, FOCAL = 800, 600, 600.0
#: The lens as it is, and as a bent model has it.
TRUE, WRONG = (FOCAL, WIDTH / 2, HEIGHT / 2, -0.10), (FOCAL * 1.03, WIDTH / 2, HEIGHT / 2, -0.10)
DOWN = np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]])


def ground(rng: np.random.Generator, count: int) -> np.ndarray:
    places = np.column_stack([rng.uniform(-5, 5, count), rng.uniform(-4, 4, count)])
    return np.column_stack([places, 0.1 * np.sin(places[:, 0]) * np.cos(places[:, 1])])


def seen(place: np.ndarray, eye: np.ndarray, lens: tuple[float, ...]) -> np.ndarray | None:
    at = DOWN @ (place - eye)
    x, y = at[:2] / at[2]
    bent = 1 + lens[3] * (x * x + y * y)
    pixel = np.array([lens[0] * x * bent + lens[1], lens[0] * y * bent + lens[2]])
    inside = 2 < pixel[0] < WIDTH - 2 and 2 < pixel[1] < HEIGHT - 2
    return pixel if inside else None


def flown() -> tuple[object, Inspection, dict[str, np.ndarray], dict[str, list[tuple[str, np.ndarray]]]]:
    """A model adjusted with a focal length that is 3 % too long, its photographs, control points and marks."""
    rng = np.random.default_rng(3)
    points = ground(rng, 400)
    control = {f"p{n}": place for n, place in enumerate(ground(rng, 9))}
    eyes = [np.array([x, y, 4.0]) for y in (-2.4, 0.0, 2.4) for x in np.linspace(-4, 4, 6)]
    model = pycolmap.Reconstruction()
    camera = pycolmap.Camera(camera_id=1, model="SIMPLE_RADIAL", width=WIDTH, height=HEIGHT, params=np.array(WRONG))
    model.add_camera_with_trivial_rig(camera)
    tracks: dict[int, list[tuple[int, int]]] = {}
    marks: dict[str, list[tuple[str, np.ndarray]]] = {}
    photographs = []
    for number, eye in enumerate(eyes, start=1):
        features: list[np.ndarray] = []
        for index, place in enumerate(points):
            pixel = seen(place, eye, TRUE)
            if pixel is not None:
                tracks.setdefault(index, []).append((number, len(features)))
                features.append(pixel + rng.normal(0, 0.3, 2))
        copy = f"{number:06d}.jpg"
        for name, place in control.items():
            pixel = seen(place, eye, TRUE)
            if pixel is not None:
                marks.setdefault(name, []).append((f"drone-{number}.jpg", pixel + rng.normal(0, 0.2, 2)))
        spare = [np.array([5.0, 5.0])] * 12
        image = pycolmap.Image(name=copy, keypoints=np.array(features + spare), camera_id=1, image_id=number)
        pose = pycolmap.Rigid3d(pycolmap.Rotation3d(DOWN), -DOWN @ eye)
        model.add_image_with_trivial_frame(image, pose)
        photographs.append(_photograph(copy, f"drone-{number}.jpg"))
    for index, elements in tracks.items():
        if len(elements) >= 3:
            track = pycolmap.Track()
            for image_id, feature in elements:
                track.add_element(image_id, feature)
            model.add_point3D(points[index], track)
    _settle(model)
    return model, Inspection(Path("unused"), tuple(photographs), (), ()), control, marks


def _photograph(copy: str, original: str) -> Photograph:
    size = (WIDTH, HEIGHT, WIDTH, HEIGHT)
    return Photograph(copy, original, 1, *size, 1, None, None, 0.1, 0.5, False, False, original)


def _settle(model: object) -> None:
    """Adjust poses and points to the wrong lens, as an adjustment without control would leave them."""
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.refine_focal_length = options.refine_extra_params = False
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():  # type: ignore[attr-defined]
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    pycolmap.create_default_ceres_bundle_adjuster(options, config, model).solve()
    model.update_point_3d_errors()  # type: ignore[attr-defined]


def written(folder: Path, control: Mapping[str, np.ndarray], marks: Mapping[str, list[tuple[str, np.ndarray]]]) -> Path:
    lines = ["local"]
    for name, seen_in in marks.items():
        x, y, z = 20 * control[name] + [1000, 2000, 300]
        lines += [f"{x:.4f} {y:.4f} {z:.4f} {u:.3f} {v:.3f} {image} {name}" for image, (u, v) in seen_in]
    (folder / "gcp_list.txt").write_text("\n".join(lines) + "\n")
    return folder / "gcp_list.txt"


def test_control_points_correct_the_lens_and_leave_no_trace(tmp_path: Path) -> None:
    model, inspection, control, marks = flown()
    path = written(tmp_path, control, marks)
    before = [np.array(feature.xy) for feature in model.image(1).points2D]  # type: ignore[attr-defined]
    count = model.num_points3D()  # type: ignore[attr-defined]
    adjusted, told = adjust_to_control(model, inspection, path, tmp_path / "scratch", threads=1)  # type: ignore[arg-type]
    assert told is not None and told.refused == "" and told.points == 6
    assert model.cameras[1].params[0] == pytest.approx(FOCAL * 1.03)  # type: ignore[attr-defined]
    assert adjusted.cameras[1].params[0] == pytest.approx(FOCAL, rel=0.006)
    assert adjusted.num_points3D() == count
    assert all(np.array_equal(a, b.xy) for a, b in zip(before, adjusted.image(1).points2D, strict=True))


def test_points_that_contradict_the_photographs_bend_nothing(tmp_path: Path) -> None:
    model, inspection, control, marks = flown()
    rng = np.random.default_rng(9)
    wrong = {name: place + rng.normal(0, 0.4, 3) for name, place in control.items()}
    adjusted, told = adjust_to_control(  # type: ignore[arg-type]
        model, inspection, written(tmp_path, wrong, marks), tmp_path / "scratch", threads=1
    )
    assert told is not None and told.refused
    assert adjusted is model


def test_too_few_points_leave_the_cameras_alone(tmp_path: Path) -> None:
    model, inspection, control, marks = flown()
    few = {name: marks[name] for name in sorted(marks)[:3]}
    adjusted, told = adjust_to_control(  # type: ignore[arg-type]
        model, inspection, written(tmp_path, control, few), tmp_path / "scratch", threads=1
    )
    assert told is None and adjusted is model


def test_the_same_points_are_held_out_everywhere(tmp_path: Path) -> None:
    control = Control(coordinates={f"p{n}": (float(n), 0.0, 0.0) for n in range(9)})
    assert check_points(control) == {"p2", "p5", "p8"}
    control.checks.add("p1")
    assert check_points(control) == {"p1"}
    assert check_points(Control(coordinates={f"p{n}": (float(n), 0.0, 0.0) for n in range(5)})) == frozenset()
    (tmp_path / "none.txt").write_bytes(b"\0\xff")
    assert surveyed_points(tmp_path / "none.txt") == 0
