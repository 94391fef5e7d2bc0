"""Scale, up and position: control files in all their forms, and frames that are as sure as they say."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from heritage3d.pipeline.georeference.control import Control, east_north_up, read_control, read_distances
from heritage3d.pipeline.georeference.frame import (
    Frame,
    from_control,
    upright_frame,
    with_scale,
)
from heritage3d.pipeline.georeference.targets import find_targets
from heritage3d.pipeline.georeference.triangulate import SolvedCamera, triangulate
from heritage3d.pipeline.scene import Camera

K = np.array([[1000.0, 0, 600], [0, 1000.0, 400], [0, 0, 1]])


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_distances_with_semicolons_comments_and_a_bad_line(tmp_path: Path) -> None:
    control = Control()
    text = "from;to;metres\n# žula\n36h11:1;36h11:2;1.250\nlintel left;lintel right;two\n36h11:1;size;0.10\n"
    read_distances(write(tmp_path / "scale.csv", text), control)
    assert [(d.one, d.other, d.metres) for d in control.distances] == [
        ("36h11:1", "36h11:2", 1.25),
        ("36h11:1", "size", 0.10),
    ]
    assert control.problems == ["scale.csv, line 4: expected from,to,metres"]


def test_odm_lists_in_degrees_become_metres_and_keep_their_place_apart(tmp_path: Path) -> None:
    control = Control()
    text = "EPSG:4326\n15.0 45.0 100 10 20 a.jpg corner\n15.001 45.0 100 30 40 a.jpg door\n15.0 45.001 x 1 2 a.jpg\n"
    read_control(write(tmp_path / "gcp_list.txt", text), control)
    corner, door = (np.array(control.coordinates[name]) for name in ("corner", "door"))
    assert np.linalg.norm(door - corner) == pytest.approx(78.85, abs=0.05)
    assert abs(corner).max() < 100
    assert control.world["system"] == "EPSG:4979"
    assert control.problems == ["gcp_list.txt, line 4: expected x y z u v image"]


def test_projected_coordinates_lose_their_millions(tmp_path: Path) -> None:
    control = Control()
    text = "WGS84 UTM 33N\n500010.5 4983000.25 120.5 10 20 a.jpg p1\n500020.5 4983000.25 121.5 11 21 a.jpg p2\n"
    read_control(write(tmp_path / "gcp_list.txt", text), control)
    assert np.abs(np.array(list(control.coordinates.values()))).max() < 10
    assert control.world["origin"] == [500015.0, 4983000.0, 121.0]


def test_a_table_with_check_points(tmp_path: Path) -> None:
    control = Control()
    text = (
        "point,image,u,v,x,y,z,role\nA,1.jpg,5,6,0,0,0,\nA,2.jpg,7,8,,,,\nB,1.jpg,1,2,1,0,0,check\nC,1.jpg,,2,1,0,0,\n"
    )
    read_control(write(tmp_path / "points.csv", text), control)
    assert len(control.marks) == 3 and control.checks == {"B"}
    assert control.problems == ["points.csv, line 5: expected point, image, u and v"]


def test_opensfm_points(tmp_path: Path) -> None:
    points = {
        "points": [
            {
                "id": "7",
                "position": {"latitude": 52.5, "longitude": 13.4, "altitude": 30},
                "observations": [{"projection": [0.1, -0.2], "shot_id": "01.jpg"}],
            },
            {"id": "8", "observations": "none"},
        ]
    }
    control = Control()
    read_control(write(tmp_path / "ground_control_points.json", json.dumps(points)), control)
    assert control.marks[0].normalised and control.coordinates["7"] == pytest.approx((0, 0, 0))
    assert control.problems == ["ground_control_points.json, point 2: cannot be read"]


def test_a_degree_of_latitude_at_45_is_111132_metres() -> None:
    north = east_north_up(np.array([[45.005, 15.0, 0.0], [44.995, 15.0, 0.0]]), np.array([45.0, 15.0, 0.0]))
    assert (north[0, 1] - north[1, 1]) * 100 == pytest.approx(111132, abs=10)


def solved(name: str, centre: tuple[float, float, float], model: str = "SIMPLE_RADIAL") -> SolvedCamera:
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    distortion = (-0.08,) if model == "SIMPLE_RADIAL" else (-0.08, 0.02, 0.001, -0.002)
    return SolvedCamera(name, name, 1200, 800, K, R, -R @ np.array(centre), model, distortion)


def seen_by(camera: SolvedCamera, point: np.ndarray) -> tuple[SolvedCamera, np.ndarray]:
    at = camera.R @ point + camera.t
    bent = camera._bent(at[:2] / at[2])
    u, v = K[0, 0] * bent[0] + K[0, 2], K[1, 1] * bent[1] + K[1, 2]
    return camera, camera.straight(float(u), float(v))


@pytest.mark.parametrize("model", ["SIMPLE_RADIAL", "OPENCV"])
def test_a_marked_point_is_found_through_the_lens_distortion(model: str) -> None:
    point = np.array([0.4, 5.0, 0.7])
    views = [seen_by(solved(str(n), (x, 0.0, 0.2), model), point) for n, x in enumerate((-1.0, 0.0, 1.0))]
    found = triangulate(views)
    assert found is not None and np.allclose(found.position, point, atol=1e-6) and found.residual < 1e-3


def test_a_wrong_mark_among_three_is_left_out() -> None:
    point = np.array([0.4, 5.0, 0.7])
    views = [seen_by(solved(str(n), (x, 0.0, 0.2)), point) for n, x in enumerate((-1.0, 0.0, 1.0, 2.0))]
    views[3] = (views[3][0], views[3][1] + [0.1, 0.1])
    found = triangulate(views)
    assert found is not None and found.views == 3 and np.allclose(found.position, point, atol=1e-6)


def test_one_photograph_gives_no_point() -> None:
    assert triangulate([seen_by(solved("1", (0, 0, 0)), np.array([0.0, 5, 0]))]) is None


def level_cameras(roll: float = 0.02) -> list[Camera]:
    rng = np.random.default_rng(0)
    cameras = []
    for angle in np.linspace(-0.5, 0.5, 9):
        eye = np.array([9 * np.sin(angle), -9 * np.cos(angle), 1.6])
        forward = np.array([0, 0, 2.0]) - eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        R = np.stack([right, np.cross(forward, right), forward])
        a = rng.normal(0, roll)
        R = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ R
        cameras.append(Camera(f"{angle:.2f}", 1200, 800, K, R, -R @ eye))
    return cameras


def test_up_is_where_people_hold_their_cameras_level() -> None:
    frame = upright_frame(level_cameras(), np.zeros((5, 3)), {})
    up = frame.R @ [0, 0, 1.0]
    assert np.degrees(np.arccos(up[2])) < 1.5
    assert frame.status == "none"


def test_portrait_photographs_do_not_tip_the_model_over() -> None:
    cameras, turned = level_cameras(), {}
    quarter = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    for index in (1, 4, 6):
        # Orientation 6: the sensor's rows run up and down.
        old = cameras[index]
        cameras[index] = Camera(old.name, 800, 1200, K, quarter @ old.R, quarter @ old.t)
        turned[old.name] = 6
    frame = upright_frame(cameras, np.zeros((5, 3)), turned)
    assert np.degrees(np.arccos((frame.R @ [0, 0, 1.0])[2])) < 2


def test_cameras_follow_the_frame() -> None:
    rng = np.random.default_rng(1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    frame = Frame(3.7, turn, np.array([1.0, -2, 3]), "measured", "test")
    camera = level_cameras()[0]
    points = rng.normal(size=(6, 3))
    before, _ = camera.project(points)
    after, _ = frame.place(camera).project(frame.apply(points))
    assert np.allclose(before, after)


def test_a_distance_scales_and_two_check_each_other() -> None:
    level = upright_frame(level_cameras(), np.zeros((5, 3)), {})
    one = with_scale(level, [("a", 0.5, 1.0)])
    assert one.scale == pytest.approx(2.0) and one.error is None and one.details["check_rms"] == "not assessable"
    two = with_scale(level, [("a", 0.5, 1.0), ("b", 1.0, 2.02)])
    assert two.error is not None and 0.01 < two.error < 0.05


@pytest.mark.parametrize(("count", "method"), [(3, "not assessable"), (5, "leave one out"), (9, "held out")])
def test_errors_are_assessed_only_where_they_can_be(count: int, method: str) -> None:
    rng = np.random.default_rng(count)
    ours = rng.normal(size=(count, 3))
    theirs = 2.5 * ours[:, [1, 2, 0]] + [10, 20, 30] + rng.normal(0, 0.002, (count, 3))
    frame = from_control([str(n) for n in range(count)], ours, theirs, set())
    assert frame.scale == pytest.approx(2.5, rel=0.02)
    assert frame.details["check_method"] == method
    if count > 3:
        assert 0.0005 < frame.details["check_rms"] < 0.02


def test_a_coded_target_is_found_by_itself(tmp_path: Path) -> None:
    tag = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11), 17, 160)
    page = np.full((600, 800), 200, np.uint8)
    page[200:360, 300:460] = tag
    cv2.imwrite(str(tmp_path / "000001.jpg"), page)
    marks = {mark.point: (mark.u, mark.v) for mark in find_targets(tmp_path / "000001.jpg", "wall.jpg")}
    assert set(marks) == {"36h11:17", *(f"36h11:17/{k}" for k in range(4))}
    assert marks["36h11:17"] == pytest.approx((380.0, 280.0), abs=0.6)
    assert np.hypot(*np.subtract(marks["36h11:17/0"], marks["36h11:17/1"])) == pytest.approx(160, abs=1.5)
