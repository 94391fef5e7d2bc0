"""Scale and up from places that are wrong by metres, in the ways in which people and drones photograph."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

from heritage3d.pipeline.georeference.frame import Frame, upright_frame
from heritage3d.pipeline.georeference.positions import from_positions, held_level, nadir_level
from heritage3d.pipeline.scene import Camera

K = np.array([[600.0, 0, 400], [0, 600, 300], [0, 0, 1]])
Pose = tuple[list[float], np.ndarray]
#: How much smaller the frame of the cameras is than the world.
SHRUNK = 20.0


def turned(x: float, y: float, z: float) -> np.ndarray:
    return np.asarray(cv2.Rodrigues(np.radians([x, y, z]))[0])


def facing(eye: list[float], forward: np.ndarray, roll: float) -> Pose:
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    return eye, turned(0, 0, roll) @ np.stack([right, np.cross(forward, right), forward])


def straight_down(rng: np.random.Generator) -> Iterator[Pose]:
    """A drone over 220 × 150 m, back and forth."""
    for strip, y in enumerate(np.linspace(-75, 75, 5)):
        for x in np.linspace(-110, 110, 8):
            right = np.array([1.0, 0, 0]) * (1 if strip % 2 == 0 else -1)
            down = np.stack([right, np.cross([0, 0, -1.0], right), [0, 0, -1.0]])
            yield [x, y, 100 + rng.normal()], turned(*rng.normal(0, 0.6, 3)) @ down


def along_a_wall(rng: np.random.Generator) -> Iterator[Pose]:
    """Forty metres along a facade at the height of the eyes: positions leave the turn about that line open."""
    for x in np.linspace(-20, 20, 16):
        yaw, pitch = np.radians(rng.normal(0, 15)), np.radians(rng.normal(4, 4))
        yield facing([x, -15, 1.6], np.array([np.sin(yaw), np.cos(yaw), np.tan(pitch)]), rng.normal(0, 1.5))


def all_round(rng: np.random.Generator) -> Iterator[Pose]:
    """A walk round a tower."""
    for angle in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        eye = [18 * np.cos(angle), 18 * np.sin(angle), 1.6]
        yield facing(eye, np.array([-eye[0], -eye[1], rng.normal(1.3, 0.6)]), rng.normal(0, 1.5))


def tilt_of(way: Callable[[np.random.Generator], Iterator[Pose]], seed: int) -> tuple[float, Frame]:
    """Degrees between the frame's up and the true one, with positions wrong by 3 m and one by 90 m."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    poses = list(way(rng))
    cameras = []
    for number, (eye, R) in enumerate(poses):
        centre = turn @ np.array(eye) / SHRUNK
        cameras.append(Camera(str(number), 800, 600, K, R @ turn.T, -R @ turn.T @ centre))
    places = np.array([eye for eye, _ in poses]) + rng.normal(0, 3.0, (len(poses), 3))
    places[3] += [0, 0, 90]
    up = upright_frame(cameras, np.zeros((5, 3)), {}).R[2]
    nadir = nadir_level(cameras)
    levels = [held_level(up, cameras, {}), *([nadir] if nadir is not None else [])]
    frame = from_positions(np.array([camera.centre for camera in cameras]), places, levels)
    assert frame is not None and frame.status == "estimated"
    return float(np.degrees(np.arccos(np.clip((frame.R @ turn[:, 2])[2], -1, 1)))), frame


@pytest.mark.parametrize(
    ("way", "usual", "nearly_always", "used"),
    [
        (straight_down, 0.4, 0.8, "photographs taken straight down"),
        (along_a_wall, 2.0, 5.0, "pictures held level"),
        (all_round, 1.0, 2.0, "pictures held level"),
    ],
)
def test_up_is_found_in_spite_of_positions_wrong_by_metres(
    way: Callable[[np.random.Generator], Iterator[Pose]], usual: float, nearly_always: float, used: str
) -> None:
    found = [tilt_of(way, seed) for seed in range(40)]
    tilts = [tilt for tilt, _ in found]
    assert np.median(tilts) < usual and np.percentile(tilts, 95) < nearly_always
    assert np.mean([frame.details["up_from"] == used for _, frame in found]) >= 0.9


def test_scale_follows_the_positions() -> None:
    for seed in range(5):
        _, frame = tilt_of(straight_down, seed)
        assert frame.scale == pytest.approx(SHRUNK, rel=0.03)


def test_a_guess_of_up_that_positions_refute_is_not_used() -> None:
    """A drone that looks forward all the time is not taken for one that looks down."""

    def forward(rng: np.random.Generator) -> Iterator[Pose]:
        for eye, _ in straight_down(rng):
            yield facing(eye, np.array([0.0, 1.0, -1.0]) + rng.normal(0, 0.01, 3), 0.0)

    for seed in range(5):
        tilt, frame = tilt_of(forward, seed)
        assert frame.details["up_from"] != "photographs taken straight down" and tilt < 3


def test_positions_of_a_small_object_give_no_scale() -> None:
    rng = np.random.default_rng(6)
    assert from_positions(rng.normal(size=(12, 3)), rng.normal(0, 2.0, (12, 3))) is None
