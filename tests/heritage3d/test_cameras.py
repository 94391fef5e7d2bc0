"""Lens formulas against COLMAP's own, walls told from skies, and features that choose each other."""

from __future__ import annotations

import numpy as np
import pytest

pycolmap = pytest.importorskip("pycolmap", exc_type=ImportError)

from heritage3d.pipeline.cameras.matching import only_turned, shared_features  # noqa: E402 - see above
from heritage3d.pipeline.cameras.undistort import distorted, pinhole_of, remap_of  # noqa: E402

MODELS = {
    "SIMPLE_RADIAL": [900.0, 610.0, 390.0, -0.08],
    "RADIAL": [900.0, 610.0, 390.0, -0.08, 0.02],
    "OPENCV": [900.0, 905.0, 610.0, 390.0, -0.08, 0.02, 0.001, -0.002],
}


@pytest.mark.parametrize("model", sorted(MODELS))
def test_distortion_is_that_of_colmap(model: str) -> None:
    camera = pycolmap.Camera(model=model, width=1200, height=800, params=MODELS[model])
    x, y = np.meshgrid(np.linspace(-0.6, 0.6, 7), np.linspace(-0.4, 0.4, 5))
    rays = np.stack([x.ravel(), y.ravel(), np.ones(x.size)], 1)
    assert np.allclose(distorted(camera, x.ravel(), y.ravel()), camera.img_from_cam(rays), atol=1e-9)


def test_an_unknown_lens_model_is_refused_by_name() -> None:
    camera = pycolmap.Camera(model="FOV", width=1200, height=800, params=[900.0, 900.0, 600.0, 400.0, 0.1])
    with pytest.raises(ValueError, match="FOV"):
        distorted(camera, np.zeros(1), np.zeros(1))


def test_interpolated_maps_are_exact_to_a_hundredth_of_a_pixel() -> None:
    camera = pycolmap.Camera(model="RADIAL", width=1200, height=800, params=MODELS["RADIAL"])
    width, height, K = pinhole_of(camera, 1000)
    assert max(width, height) <= 1000
    map_x, map_y = remap_of(camera, width, height, K, 1.0)
    rows, columns = np.array([0, 13, height - 1, height // 2]), np.array([0, width - 1, 17, width // 2])
    x, y = (columns + 0.5 - K[0, 2]) / K[0, 0], (rows + 0.5 - K[1, 2]) / K[1, 1]
    exact = distorted(camera, x, y) - 0.5
    assert np.abs(map_x[rows, columns] - exact[:, 0]).max() < 0.01
    assert np.abs(map_y[rows, columns] - exact[:, 1]).max() < 0.01


def test_no_pixel_of_the_pinhole_lies_outside_the_photograph() -> None:
    camera = pycolmap.Camera(model="RADIAL", width=1200, height=800, params=MODELS["RADIAL"])
    width, height, K = pinhole_of(camera, 1200)
    map_x, map_y = remap_of(camera, width, height, K, 1.0)
    assert map_x.min() > -1 and map_x.max() < 1200 and map_y.min() > -1 and map_y.max() < 800


def test_features_choose_each_other_only_when_alike_and_alone() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(40, 32)).astype(np.float32)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    assert shared_features(first, first[::-1].copy()) == 40
    doubled = np.concatenate([first, first])
    assert shared_features(first, doubled) == 0
    other = rng.normal(size=(40, 32)).astype(np.float32)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    assert shared_features(first, other) < 10


@pytest.mark.parametrize(
    ("turn", "baseline", "expected"), [(8.0, 0.0, True), (25.0, 0.0, True), (0.0, 0.1, False), (8.0, 0.15, False)]
)
def test_a_pair_that_one_homography_explains_only_turned_when_nothing_is_left_but_a_rotation(
    turn: float, baseline: float, expected: bool
) -> None:
    """The homography of a wall ten metres away: K (R + t n^T / d) K^-1."""
    camera = pycolmap.Camera(model="SIMPLE_RADIAL", width=560, height=420, params=[560.0, 280.0, 210.0, 0.0])
    camera.has_prior_focal_length = True
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    K = np.asarray(camera.calibration_matrix())
    geometry = pycolmap.TwoViewGeometry()
    geometry.config = pycolmap.TwoViewGeometryConfiguration.PLANAR_OR_PANORAMIC
    geometry.H = 3.0 * K @ (rotation + np.outer([baseline, 0, 0], [0, 0, 1.0])) @ np.linalg.inv(K)
    assert only_turned(geometry, camera, camera) is expected
    camera.has_prior_focal_length = False
    assert only_turned(geometry, camera, camera) is False
