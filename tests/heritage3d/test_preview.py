"""Rectified pairs and the preview made from them."""

import numpy as np
import pytest

from heritage3d.pipeline.dense.pairs import pair_depths, rectify
from heritage3d.pipeline.dense.pictures import Picture
from heritage3d.pipeline.rasterise import rasterise
from heritage3d.pipeline.scene import Camera
from tests.heritage3d.synthetic_views import look_at

WIDTH, HEIGHT = 320, 240
WALL = np.array([[-9.0, -9, -1.5], [9, -9, 1.5], [9, 9, 1.5], [-9, 9, -1.5]])
FACES = np.array([[0, 1, 2], [0, 2, 3]])


def photographed(camera: Camera) -> tuple[Picture, np.ndarray]:
    """A speckled wall and its true depth."""
    seen = rasterise(WALL, FACES, camera)
    points = seen.interpolate(WALL, FACES).astype(float)
    value = np.zeros(points.shape[:2])
    rng = np.random.default_rng(5)
    for _ in range(30):
        direction = rng.normal(size=3)
        value += np.sin(points @ direction / np.linalg.norm(direction) * rng.uniform(4, 40) + rng.uniform(0, 6))
    return Picture(camera, np.clip(128 + 12 * value, 0, 255).astype(np.uint8), None), seen.depth


@pytest.mark.parametrize("eye", [(0.7, 0.05, -4.0), (-0.7, 0.0, -4.1), (0.05, 0.7, -4.0)])
def test_pair_measures_the_wall_whichever_way_the_camera_moved(eye):
    first, depth = photographed(look_at((0, 0, -4), (0, 0, 0), WIDTH, HEIGHT))
    second, _ = photographed(look_at(eye, (0, 0, 0), WIDTH, HEIGHT))
    pixels = np.array([[40.5, 30.5], [280.5, 30.5], [160.5, 120.5], [40.5, 200.5], [280.5, 200.5]])
    points = first.camera.unproject(pixels, depth[pixels[:, 1].astype(int), pixels[:, 0].astype(int)].astype(float))
    found = pair_depths(first, second, points)
    assert found is not None
    rows, columns = np.nonzero(found.accepted)
    assert len(rows) > 0.4 * WIDTH * HEIGHT
    measured = found.camera.unproject(
        np.column_stack([columns, rows]) + 0.5, found.depth()[rows, columns].astype(float)
    )
    # The wall is z = x / 6.
    off = np.abs(measured[:, 2] - measured[:, 0] / 6)
    assert np.median(off) < 0.015 and np.percentile(off, 95) < 0.05
    facing = np.median(found.normals()[rows, columns] @ found.camera.R, axis=0)
    assert facing @ np.array([1, 0, -6]) / np.sqrt(37) > 0.995


def test_rows_correspond_after_rectifying():
    a = look_at((0, 0, -4), (0, 0, 0), WIDTH, HEIGHT)
    b = look_at((0.8, 0.3, -3.8), (0.1, 0, 0), WIDTH, HEIGHT)
    pair = rectify(a, b)
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (50, 3))
    first, depth = pair.first.project(points)
    second, _ = pair.second.project(points)
    assert np.allclose(first[:, 1], second[:, 1], atol=1e-8)
    shift = pair.first.K[0, 2] - pair.second.K[0, 2]
    assert np.allclose(first[:, 0] - second[:, 0] - shift, pair.first.K[0, 0] * pair.baseline / depth, atol=1e-8)
    # The warp takes a pixel of the photograph to that of the rectified picture.
    own, _ = a.project(points)
    warped = np.column_stack([own - 0.5, np.ones(50)]) @ pair.first_warp.T
    assert np.allclose(warped[:, :2] / warped[:, 2:] + 0.5, first, atol=1e-8)


def test_cameras_one_behind_the_other_make_no_pair():
    a = look_at((0, 0, -4), (0, 0, 0), WIDTH, HEIGHT)
    with pytest.raises(ValueError, match="one behind the other"):
        rectify(a, look_at((0, 0.01, -2), (0, 0, 0), WIDTH, HEIGHT))
    with pytest.raises(ValueError, match="no stereo pair"):
        rectify(a, a)
