"""Walls that look like sky are told from it by what the cameras know."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)

from heritage3d.pipeline.cameras.skies import Evidence, level_of, only_sky
from heritage3d.pipeline.scene import Camera

K = np.array([[500.0, 0, 300], [0, 500, 200], [0, 0, 1]])
NO_POINTS = np.zeros((0, 2))
UP = np.array([0.0, 0.0, 1.0])


def looking(heading: float, pitch: float = 0.0, roll: float = 0.0, name: str = "1.jpg") -> Camera:
    """A camera in a world whose z is up, angles in degrees; it looks along y where all are 0."""
    a, b, c = np.radians([heading, pitch, roll])
    ahead = np.array([np.sin(a) * np.cos(b), np.cos(a) * np.cos(b), np.sin(b)])
    right = np.array([np.cos(a), -np.sin(a), 0.0])
    down = np.cross(ahead, right)
    R = np.stack([np.cos(c) * right + np.sin(c) * down, -np.sin(c) * right + np.cos(c) * down, ahead])
    return Camera(name, 600, 400, K, R, np.zeros(3))


def two_patches(left: int, right: int) -> np.ndarray:
    """A mask (400, 600) of two patches that hang from the top edge down to these rows."""
    sky = np.zeros((400, 600), np.uint8)
    sky[:left, :250] = 255
    sky[:right, 350:] = 255
    return sky


def test_a_bluish_wall_with_points_on_it_is_no_sky() -> None:
    on_wall = np.column_stack([np.linspace(370, 590, 20), np.linspace(20, 130, 20)])
    kept = only_sky(two_patches(120, 150), K, looking(0).R, Evidence(on_wall, None))
    assert (kept[:120, :250] == 255).all() and not kept[:, 350:].any()


@pytest.mark.parametrize(("pitch", "horizon"), [(0.0, 200), (8.0, 270), (-8.0, 130)])
def test_what_reaches_well_below_the_horizon_is_no_sky(pitch: float, horizon: int) -> None:
    camera = looking(20, pitch)
    level = camera.R @ (np.array([np.sin(np.radians(20)), np.cos(np.radians(20)), 0.0]))
    assert K[1, 1] * level[1] / level[2] + K[1, 2] == pytest.approx(horizon, abs=0.5)
    mask = two_patches(horizon - 4, horizon + 70)
    kept = only_sky(mask, K, camera.R, Evidence(NO_POINTS, UP))
    assert (kept[: horizon - 4, :250] == 255).all() and not kept[:, 350:].any()
    # A sea, or a distant valley, may lie a little lower.
    low = only_sky(two_patches(horizon - 4, horizon + 20), K, camera.R, Evidence(NO_POINTS, UP))
    assert (low[: horizon + 20, 350:] == 255).all()
    assert np.array_equal(only_sky(mask, K, camera.R, Evidence(NO_POINTS, None)), mask)


def around(pitch: float, roll: float, headings: np.ndarray) -> list[Camera]:
    signs = np.where(np.arange(len(headings)) % 2, 1, -1)
    return [
        looking(float(heading), pitch, float(roll * sign), f"{number}.jpg")
        for number, (heading, sign) in enumerate(zip(headings, signs, strict=True))
    ]


def test_up_is_found_from_photographs_held_level_whatever_their_pitch() -> None:
    up = level_of(around(12, 1.0, np.linspace(-40, 40, 9)), {})
    assert up is not None and np.degrees(np.arccos(up @ UP)) < 1.0


def test_where_photographs_do_not_tell_up_the_horizon_decides_nothing() -> None:
    assert level_of(around(12, 20.0, np.linspace(-40, 40, 9)), {}) is None, "held askew"
    assert level_of(around(12, 1.0, np.linspace(-1, 1, 9)), {}) is None, "all look the same way"
    assert level_of(around(12, 0.0, np.linspace(-40, 40, 3)), {}) is None, "too few"


def test_portraits_among_landscapes_are_held_level_too() -> None:
    cameras = around(5, 0.5, np.linspace(-40, 40, 8))
    turned = cameras[3]
    # The sensor lay on its side: its rows ran downwards.
    R = np.stack([turned.R[1], -turned.R[0], turned.R[2]])
    cameras[3] = Camera(turned.name, 400, 600, K, R, turned.t)
    up = level_of(cameras, {turned.name: 8})
    assert up is not None and np.degrees(np.arccos(up @ UP)) < 1.0
    assert level_of(cameras, {}) is None
