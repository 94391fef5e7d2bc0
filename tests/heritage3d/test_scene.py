"""Cameras and scenes: geometry by hand, and a stored scene that needs no trust."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heritage3d.pipeline.scene import Camera, Scene

K = np.array([[500.0, 0, 320], [0, 500.0, 240], [0, 0, 1]])


def camera(name: str = "000001.jpg", t: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Camera:
    return Camera(name, 640, 480, K, np.eye(3), np.array(t))


def test_a_point_on_the_axis_lies_at_the_principal_point() -> None:
    pixels, depth = camera().project(np.array([[0.0, 0.0, 4.0], [1.0, 0.0, 5.0]]))
    assert pixels.tolist() == [[320.0, 240.0], [420.0, 240.0]]
    assert depth.tolist() == [4.0, 5.0]


def test_unprojecting_undoes_projecting() -> None:
    turned = Camera("a", 640, 480, K, np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]), np.array([0.3, -0.2, 2.0]))
    points = np.array([[-3.0, 0.5, 0.25], [-2.0, -0.4, 0.1]])
    pixels, depth = turned.project(points)
    assert np.allclose(turned.unproject(pixels, depth), points)


def test_half_the_size_halves_pixel_coordinates_without_a_shift() -> None:
    point = np.array([[0.7, -0.3, 3.0]])
    full, _ = camera().project(point)
    half, _ = camera().resized(320, 240).project(point)
    assert np.allclose(half * 2, full)


def test_a_rotation_of_another_shape_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"000001\.jpg: R must have shape"):
        Camera("000001.jpg", 640, 480, K, np.eye(4), np.zeros(3))


def test_a_scene_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    images = [tmp_path / "images" / f"{n}.jpg" for n in (1, 2)]
    scene = Scene(
        (camera("1.jpg"), camera("2.jpg", (1.0, 0, 0))),
        tuple(images),
        (None, tmp_path / "masks" / "2.jpg.png"),
        np.arange(12.0).reshape(4, 3),
        (np.array([0, 3]), np.array([], dtype=np.int64)),
    )
    scene.save(tmp_path)
    again = Scene.load(tmp_path)
    assert again.images == tuple(images) and again.masks == scene.masks
    assert np.array_equal(again.points, scene.points)
    assert [indices.tolist() for indices in again.observations] == [[0, 3], []]
    assert np.array_equal(again.cameras[1].t, scene.cameras[1].t)


def test_a_stored_scene_with_pickled_objects_is_not_loaded(tmp_path: Path) -> None:
    scene = Scene((camera(),), (tmp_path / "a.jpg",), (None,), np.zeros((1, 3)), (np.array([0]),))
    scene.save(tmp_path)
    np.savez(tmp_path / "scene.npz", K=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        Scene.load(tmp_path)


def test_an_observation_of_a_missing_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Scene((camera(),), (tmp_path / "a.jpg",), (None,), np.zeros((1, 3)), (np.array([1]),))
