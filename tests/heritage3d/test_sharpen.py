"""Least-squares matching against windows whose place is known, and cameras that gain from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

pycolmap = pytest.importorskip("pycolmap", exc_type=ImportError)

pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline.cameras.features import CameraGroup, extract  # noqa: E402 - after the check
from heritage3d.pipeline.cameras.freer import refine  # noqa: E402
from heritage3d.pipeline.cameras.least_squares import (  # noqa: E402
    FLAT,
    FOUND,
    LOST,
    OUTSIDE,
    WIDE,
    match_windows,
    sample_windows,
    window_weights,
)
from heritage3d.pipeline.cameras.mapping import solve  # noqa: E402
from heritage3d.pipeline.cameras.matching import match  # noqa: E402
from heritage3d.pipeline.cameras.sharpen import (  # noqa: E402
    HOLD,
    MOST_STEPS,
    SPREAD,
    GreyPictures,
    read_scales,
    sharpen,
    trustworthy,
)
from heritage3d.pipeline.scene import Camera  # noqa: E402
from heritage3d.pipeline.synthetic.evaluate import Truth, compare_cameras  # noqa: E402

SIZE = 220
WEIGHTS = window_weights(SPREAD)
Pyramid = tuple[npt.NDArray[np.uint8], ...]
Brightness = Callable[[npt.NDArray, npt.NDArray], npt.NDArray]


def ripples(x: npt.NDArray, y: npt.NDArray, fineness: float = 0.3) -> npt.NDArray:
    """A picture without repetition whose waves are about `fineness` radians a pixel; a warp of it is exact."""
    rng = np.random.default_rng(1)
    value = np.zeros_like(x, dtype=float)
    for wave in rng.normal(size=(40, 2)) * fineness:
        value += np.sin(wave[0] * x + wave[1] * y + rng.uniform(0, 2 * np.pi))
    return 128 + 8 * value


def photograph(brightness: Brightness, noise: float = 0.0, seed: int = 0) -> Pyramid:
    """The function seen at pixel centres, rounded to 8 bits, and its halvings."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    grey = brightness(x, y) + noise * np.random.default_rng(seed).normal(size=(SIZE, SIZE))
    levels = [np.clip(np.round(grey), 0, 255).astype(np.uint8)]
    for _ in range(3):
        half = levels[-1].shape[0] // 2
        levels.append(cv2.resize(levels[-1], (half, half), interpolation=cv2.INTER_AREA))
    return tuple(levels)


def places(count: int, margin: float = 50.0) -> npt.NDArray:
    return np.random.default_rng(3).uniform(margin, SIZE - margin, (count, 2))


def matched(
    first: Pyramid, second: Pyramid, at: npt.NDArray, guess: npt.NDArray, spacing: float = 1.0
) -> tuple[npt.NDArray, npt.NDArray, npt.NDArray, npt.NDArray, npt.NDArray]:
    """Windows of `first` around `at` sought in `second` from `guess`: places, shapes, states, correlations, sigmas."""
    count = len(at)
    upright = np.repeat(spacing * np.eye(2)[None], count, 0)
    templates, inside = np.zeros((count, WIDE, WIDE), np.float32), np.zeros(count, bool)
    sample_windows(first, at, upright, templates, inside)
    assert inside.all()
    found, shapes = guess.copy(), upright.copy()
    states, correlations, sigmas = np.zeros(count, np.int64), np.zeros(count), np.zeros(count)
    windows = np.zeros_like(templates)
    match_windows(
        second, found, shapes, templates, np.arange(count), WEIGHTS, HOLD, MOST_STEPS,
        states, correlations, sigmas, windows,
    )  # fmt: skip
    return found, shapes, states, correlations, sigmas


def test_a_shifted_window_is_found_to_a_fiftieth_of_a_pixel() -> None:
    shift = np.array([0.37, -0.81])
    at = places(60)
    first, second = photograph(ripples), photograph(lambda x, y: ripples(x - shift[0], y - shift[1]))
    found, _, states, correlations, _ = matched(first, second, at, at)
    assert (states == FOUND).all() and correlations.min() > 0.99
    assert np.percentile(np.abs(found - at - shift), 95) < 0.02


@pytest.mark.parametrize("spacing", [1.0, 2.5])
def test_a_warped_darker_window_is_found_whatever_level_it_is_read_from(spacing: float) -> None:
    warp = np.array([[1.12, 0.15], [-0.1, 0.94]])
    back, centre, shift = np.linalg.inv(warp), SIZE / 2, np.array([0.3, -0.6])

    def second(x: npt.NDArray, y: npt.NDArray) -> npt.NDArray:
        dx, dy = x - centre - shift[0], y - centre - shift[1]
        seen = ripples(back[0, 0] * dx + back[0, 1] * dy + centre, back[1, 0] * dx + back[1, 1] * dy + centre)
        return 0.7 * seen + 25

    at = places(60, 80)
    truth = (at - centre) @ warp.T + centre + shift
    wrong = np.random.default_rng(5).normal(size=at.shape) * 0.7
    found, shapes, states, _, _ = matched(photograph(ripples), photograph(second), at, truth + wrong, spacing)
    assert (states == FOUND).all()
    assert np.percentile(np.abs(found - truth), 95) < 0.02 * spacing
    assert np.allclose(shapes / spacing, warp, atol=0.01)


def test_the_uncertainty_told_is_that_found() -> None:
    at = places(300)
    found, _, states, _, sigmas = matched(photograph(ripples, 4.0, 1), photograph(ripples, 4.0, 2), at, at)
    assert (states == FOUND).all()
    scatter = float(np.sqrt(((found - at) ** 2).sum(1).mean()))
    assert 0.6 < scatter / float(np.sqrt((sigmas**2).mean())) < 1.6


def test_a_flat_window_is_left_alone() -> None:
    at = places(5)
    grey = photograph(lambda x, y: np.full_like(x, 128.0))
    found, _, states, correlations, sigmas = matched(grey, grey, at, at + 0.4)
    assert set(states) <= {FLAT, LOST} and (correlations == 0).all() and not np.isfinite(sigmas).any()
    assert np.allclose(found, at + 0.4)


def test_a_window_on_an_edge_is_unsure_along_it() -> None:
    at = np.array([[110.0, 110.0]])
    edge = photograph(lambda x, y: 128 + 80 * np.tanh((x - 110) / 2), 2.0)
    other = photograph(lambda x, y: 128 + 80 * np.tanh((x - 110) / 2), 2.0, seed=1)
    _, _, states, _, sigmas = matched(edge, other, at, at + np.array([0.3, 0.0]))
    *_, sharp = matched(photograph(ripples, 2.0), photograph(ripples, 2.0, 1), places(20), places(20))
    assert states[0] != FOUND or sigmas[0] > 3 * np.median(sharp)


def test_something_in_front_correlates_badly() -> None:
    at = places(40)
    wall = photograph(lambda x, y: ripples(x, y, 0.7))
    leaf = photograph(lambda x, y: ripples(y * 1.3 + 400, x * 0.9 - 300, 0.7))
    _, shapes, states, correlations, sigmas = matched(wall, leaf, at, at)
    upright = np.repeat(np.eye(2)[None], len(at), 0)
    assert not ((states == FOUND) & trustworthy(correlations, sigmas, upright, shapes)).any()
    same = matched(wall, wall, at, at + 0.5)
    assert trustworthy(same[3], same[4], upright, same[1]).mean() > 0.9


def test_a_window_that_leaves_the_photograph_is_told() -> None:
    at = np.array([[60.0, 60.0]])
    _, _, states, _, _ = matched(photograph(ripples), photograph(ripples), at, np.array([[3.0, 60.0]]))
    assert states[0] == OUTSIDE


def test_pictures_beyond_the_memory_are_read_again_and_the_same(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photograph(ripples)[0])
    paths = {1: tmp_path / "a.png", 2: tmp_path / "missing.png"}
    kept, forgetful = GreyPictures(paths), GreyPictures(paths, memory=0)
    assert kept.of(1)[0] is kept.of(1)[0]
    assert forgetful.of(1)[0] is not forgetful.of(1)[0]
    assert all((a == b).all() for a, b in zip(kept.of(1), forgetful.of(1), strict=True))
    with pytest.raises(OSError, match=r"missing\.png"):
        kept.of(2)


def test_sharpened_cameras_are_nearer_the_truth(small_set: Path, tmp_path: Path) -> None:
    plain = position_error(small_set, tmp_path / "plain", sharpened=False)
    exact = position_error(small_set, tmp_path / "exact", sharpened=True)
    assert exact < 0.8 * plain


def test_doubled_pictures_offer_far_more_features_in_the_same_places(small_set: Path, tmp_path: Path) -> None:
    names = sorted(path.name for path in (small_set / "photos").iterdir())[:2]
    found = []
    for doubled in (False, True):
        database = tmp_path / f"{doubled}.db"
        extract(
            database, small_set / "photos", [CameraGroup(tuple(names), 480, 320, 1.05 * 480)], size=1200,
            most_features=6000, doubled=doubled, masks=None, threads=1, progress=lambda done, total: None,
        )  # fmt: skip
        with pycolmap.Database.open(database) as opened:
            found.append([np.asarray(opened.read_keypoints(image.image_id)) for image in opened.read_all_images()])
    for plain, finer in zip(*found, strict=True):
        assert len(finer) > 2 * len(plain)
        # Neither octave shifts the picture: what both find lies in one place, and to either side of it alike.
        nearest = np.linalg.norm(plain[:, None, :2] - finer[None, :, :2], axis=2).argmin(1)
        apart = finer[nearest, :2] - plain[:, :2]
        same = np.linalg.norm(apart, axis=1) < 0.5
        assert same.mean() > 0.6 and np.abs(np.median(apart[same], axis=0)).max() < 0.05


def position_error(photographed: Path, work: Path, *, sharpened: bool) -> float:
    """RMS of the positions (metres) solved for a photographed set, with or without exact observations."""
    work.mkdir()
    images = photographed / "photos"
    names = sorted(path.name for path in images.iterdir())
    database = work / "database.db"
    lens = CameraGroup(tuple(names), 480, 320, 1.05 * 480)

    def quiet(done: float, total: float) -> None: ...

    pycolmap.set_random_seed(0)
    extract(
        database, images, [lens], size=1200, most_features=6000, doubled=False, masks=None, threads=1, progress=quiet
    )
    match(database, names, positions={}, threads=1, pairs_file=work / "pairs.txt", progress=quiet)
    solved = solve(database, images, work / "models", count=len(names), threads=1, progress=quiet)
    assert solved is not None
    model = solved.largest
    if sharpened:
        pictures = GreyPictures({each: images / model.image(each).name for each in model.reg_image_ids()})
        before = model.compute_num_observations()
        done = sharpen(model, read_scales(database), pictures, progress=quiet)
        assert done.observations == model.compute_num_observations() == before
        assert done.sharpened > 0.7 * before and 0 < done.median_move < 1
    refined, _ = refine(model, work / "freer", threads=1, progress=quiet)
    cameras = []
    for each in refined.reg_image_ids():
        pose = refined.image(each).cam_from_world()
        place = np.eye(3), pose.rotation.matrix(), np.asarray(pose.translation)
        cameras.append(Camera(refined.image(each).name, 480, 320, *place))
    _, error = compare_cameras(cameras, Truth(photographed).cameras)
    assert error.matched == len(names)
    return error.position_rms
