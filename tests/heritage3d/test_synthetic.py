"""The invented monument stays what it was, and its evaluator says what it should."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline.synthetic import evaluate
from heritage3d.pipeline.synthetic.evaluate import Truth, compare_cameras, similarity_between
from heritage3d.pipeline.synthetic.monument import FOLIAGE, STATES, Material, State, build_monument


@pytest.fixture(autouse=True)
def fewer_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the samples measures to a percent, which is enough here."""
    monkeypatch.setattr(evaluate, "MAXIMUM_SAMPLES", 150_000)


@pytest.mark.parametrize(
    ("state", "faces", "area"),
    [("intact", 142286, 12660.75), ("damaged", 128668, 12665.35), ("destroyed", 85854, 12651.68)],
)
def test_the_geometry_is_frozen(state: State, faces: int, area: float) -> None:
    mesh = build_monument(state, 0.05)
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert len(mesh.faces) == faces
    assert float(np.linalg.norm(normals, axis=1).sum() / 2) == pytest.approx(area, rel=1e-5)


def test_each_state_has_lost_something() -> None:
    heights = []
    for state in STATES:
        mesh = build_monument(state, 0.1)
        built = ~np.isin(mesh.materials, FOLIAGE)
        heights.append(float(mesh.vertices[mesh.faces[built]][..., 2].max()))
    assert heights[0] == pytest.approx(7.3, abs=0.1)
    assert heights[2] < 4.0
    damaged = build_monument("damaged", 0.1)
    assert (damaged.materials == Material.BROKEN).sum() > 100


def test_truth_projects_onto_the_photographs_depth(small_set: Path) -> None:
    """A point of the true surface lies at the depth that its photograph shows, distortion taken into account."""
    truth = Truth(small_set)
    name, camera = next(iter(truth.cameras.items()))
    depth = np.load(small_set / "depth" / f"{name}.npy")
    stored = json.loads((small_set / "truth.json").read_text())["cameras"][0]
    points, counts = truth.visible(truth.gsd(480))
    pixels, distance = camera.project(points[counts][:4000])
    x = (pixels[:, 0] - camera.K[0, 2]) / camera.K[0, 0]
    y = (pixels[:, 1] - camera.K[1, 2]) / camera.K[1, 1]
    factor = 1 + stored["k1"] * (x * x + y * y) + stored["k2"] * (x * x + y * y) ** 2
    u = x * factor * camera.K[0, 0] + camera.K[0, 2]
    v = y * factor * camera.K[1, 1] + camera.K[1, 2]
    inside = (u > 0) & (u < 480) & (v > 0) & (v < 320) & (distance > 0)
    shown = depth[v[inside].astype(int), u[inside].astype(int)]
    agree = np.abs(shown - distance[inside]) < 0.03 * distance[inside]
    # The rest is hidden behind columns and foliage in this photograph.
    assert agree.mean() > 0.75


def test_photographs_carry_noise_vignetting_and_different_exposures(small_set: Path) -> None:
    files = sorted((small_set / "photos").glob("*.jpg"))
    pictures = [cv2.imread(str(path)).astype(float) for path in files]
    assert len(files) == 6 and pictures[0].shape == (320, 480, 3)
    assert np.std([picture.mean() for picture in pictures]) > 5


def test_the_exact_surface_scores_one_and_noise_of_two_gsd_does_not(small_set: Path) -> None:
    truth = Truth(small_set)
    gsd = truth.gsd(480)
    points, counts = truth.visible(gsd)
    exact = truth.score(points[counts], None, gsd)
    assert exact.f_score[1] > 0.999 and exact.median_error_gsd < 0.01
    noisy = points[counts] + np.random.default_rng(0).normal(0, 2 * gsd, (int(counts.sum()), 3))
    assert truth.score(noisy, None, gsd).accuracy[1] < 0.7
    half = truth.score(points[counts & (points[:, 0] < 0)], None, gsd)
    assert half.accuracy[1] > 0.99 and 0.3 < half.completeness[2] < 0.7


def test_fragments_in_the_sky_count_as_wrong(small_set: Path) -> None:
    truth = Truth(small_set)
    gsd = truth.gsd(480)
    points, counts = truth.visible(gsd)
    sky = np.random.default_rng(1).uniform([-4, -1, 8], [4, 0, 9], (int(counts.sum()) // 4, 3))
    score = truth.score(np.concatenate([points[counts], sky]), None, gsd)
    assert score.accuracy[4] == pytest.approx(0.8, abs=0.02)


def test_cameras_are_compared_after_a_similarity_of_their_centres(small_set: Path) -> None:
    truth = Truth(small_set)
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    moved = []
    for camera in truth.cameras.values():
        centre = 0.2 * turn @ camera.centre + [5, 6, 7]
        R = camera.R @ turn.T
        moved.append(type(camera)(camera.name, camera.width, camera.height, camera.K, R, -R @ centre))
    similarity, error = compare_cameras(moved, truth.cameras)
    assert similarity.scale == pytest.approx(5.0)
    assert error.position_rms < 1e-9 and error.rotation_max < 1e-4
    assert (error.matched, error.expected) == (6, 6)


def test_a_similarity_needs_three_points() -> None:
    with pytest.raises(ValueError, match="three or more"):
        similarity_between(np.zeros((2, 3)), np.zeros((2, 3)))
