"""The rasteriser against planes, spheres and boxes whose pictures can be calculated by hand."""

import numpy as np
import pytest

from heritage3d.pipeline.rasterise import rasterise, rasterise_parallel, rasterise_plane
from heritage3d.pipeline.scene import Camera

FACING = np.diag([1.0, 1.0, 1.0])


def camera(width: int = 64, height: int = 48, focal: float = 60.0, t: tuple[float, float, float] = (0, 0, 0)) -> Camera:
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    return Camera("synthetic", width, height, K, FACING, np.array(t, float))


QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def test_slanted_plane_has_the_depth_of_the_ray_plane_intersection():
    corners = np.array([[-9.0, -9, 4], [9, -9, 8], [9, 9, 8], [-9, 9, 4]])
    view = camera()
    seen = rasterise(corners, QUAD, view)
    assert seen.covered.all()
    # The plane is z = 6 + x·4/18; along the ray (rx, ry, 1)·z that is z = 6 / (1 − rx·4/18).
    rx = (np.arange(64) + 0.5 - 32) / 60
    assert np.allclose(seen.depth, 6 / (1 - rx * 4 / 18)[None, :], atol=1e-4)


def test_triangle_that_crosses_the_camera_plane_needs_no_clipping():
    # A floor one unit below the eye, reaching from far behind to far ahead.
    floor = np.array([[-500.0, 1, -500], [500, 1, -500], [500, 1, 500], [-500, 1, 500]])
    view = camera()
    seen = rasterise(floor, QUAD, view)
    rows = np.arange(48) + 0.5
    expected = 60 / (rows - 24)
    below = (rows > 24) & (expected < 400)
    assert np.allclose(seen.depth[below, 32], expected[below], rtol=1e-5)
    assert not seen.covered[:24].any()


def test_nearest_triangle_wins_and_shared_edges_leave_no_gap():
    far = np.array([[-9.0, -9, 5], [9, -9, 5], [9, 9, 5], [-9, 9, 5]])
    near = far * [0.1, 0.1, 1] - [0, 0, 2]
    seen = rasterise(np.vstack([far, near]), np.vstack([QUAD, QUAD + 4]), camera())
    assert seen.covered.all()
    inside = (np.abs((np.arange(64) + 0.5 - 32) / 60 * 3) < 0.9)[None, :] & (
        np.abs((np.arange(48) + 0.5 - 24) / 60 * 3) < 0.9
    )[:, None]
    assert np.array_equal(seen.face >= 2, inside)


def test_barycentric_coordinates_are_perspective_correct():
    corners = np.array([[-2.0, -1, 2], [3, -2, 6], [0, 3, 9]])
    view = camera()
    seen = rasterise(corners, np.array([[0, 1, 2]]), view)
    where = np.argwhere(seen.covered)
    points = seen.interpolate(corners, np.array([[0, 1, 2]]))[seen.covered]
    pixels, depth = view.project(points.astype(float))
    assert len(where) > 200
    assert np.allclose(pixels, where[:, ::-1] + 0.5, atol=1e-3)
    assert np.allclose(depth, seen.depth[seen.covered], rtol=1e-5)


def test_back_faces_are_left_out_on_request():
    corners = np.array([[-9.0, -9, 5], [9, -9, 5], [9, 9, 5], [-9, 9, 5]])
    outwards = np.array([[0, 2, 1], [0, 3, 2]])  # normal towards the camera
    assert rasterise(corners, outwards, camera(), cull_back=True).covered.all()
    assert not rasterise(corners, outwards[:, ::-1], camera(), cull_back=True).covered.any()


def test_parallel_rays_give_an_orthophoto():
    corners = np.array([[0.0, 0, 1], [4, 0, 1], [4, 3, 2.5], [0, 3, 2.5]])
    to_pixels = np.array([[10.0, 0, 0, 0], [0, 10, 0, 0], [0, 0, 1, 0]])
    seen = rasterise_parallel(corners, QUAD, to_pixels, 50, 40)
    assert seen.covered[:30, :40].all() and seen.covered.sum() == 1200
    assert np.allclose(seen.depth[:30, 5], 1 + (np.arange(30) + 0.5) / 10 * 0.5, atol=1e-6)


def test_chart_in_the_plane_keeps_the_first_of_two_overlapping_triangles():
    points = np.array([[0.0, 0], [10, 0], [0, 10]])
    seen = rasterise_plane(points, np.array([[0, 1, 2], [0, 1, 2]]), 12, 12)
    assert set(np.unique(seen.face)) == {-1, 0}
    assert seen.covered[0, 0] and not seen.covered[9, 9]


def test_face_naming_a_missing_vertex_is_refused():
    with pytest.raises(ValueError, match="does not exist"):
        rasterise(np.zeros((3, 3)), np.array([[0, 1, 3]]), camera())
