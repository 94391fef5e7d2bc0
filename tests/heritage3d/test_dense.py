"""Depth maps of a slanted, textured wall and a box before it, photographed by cameras whose every ray is known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from heritage3d.pipeline.dense.depthmap import (
    LEVELS,
    DepthMap,
    Matching,
    first_guess,
    match_coarse,
    match_fine,
    upsample,
)
from heritage3d.pipeline.dense.pictures import Picture, pack_quads, read_pyramid
from heritage3d.pipeline.dense.planeprior import plane_prior
from heritage3d.pipeline.dense.views import select_sources
from heritage3d.pipeline.rasterise import rasterise
from heritage3d.pipeline.scene import Camera, Scene
from tests.heritage3d.synthetic_views import look_at

WIDTH, HEIGHT = 240, 160
#: A wall that recedes to the right and a plate in front of its middle.
WALL = np.array([[-9.0, -9, -2.25], [9, -9, 2.25], [9, 9, 2.25], [-9, 9, -2.25]])
PLATE = np.array([[-0.5, -0.4, -1.0], [0.5, -0.4, -1.0], [0.5, 0.4, -1.0], [-0.5, 0.4, -1.0]])
VERTICES = np.vstack([WALL, PLATE])
FACES = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]])


def painted(points: np.ndarray) -> np.ndarray:
    """A grey value for every point in space, the same for every camera: a sum of waves of many lengths."""
    rng = np.random.default_rng(3)
    value = np.zeros(points.shape[:-1])
    for wave in range(40):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        length = 0.08 * 1.12**wave
        value += np.sin(points @ direction * 2 * np.pi / length + rng.uniform(0, 6)) * length**0.4
    return np.clip(128 + 26 * value / value.std(), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def cameras() -> list[Camera]:
    return [look_at((x, y, -5.0), (0.2 * x, 0, 0), WIDTH, HEIGHT) for x, y in ((0, 0), (0.9, 0.1), (-0.9, 0.2), (0, 1))]


@pytest.fixture(scope="module")
def truth(cameras) -> list[np.ndarray]:
    return [rasterise(VERTICES, FACES, camera).depth for camera in cameras]


@pytest.fixture(scope="module")
def pyramids(cameras, truth) -> list[tuple[Picture, ...]]:
    found = []
    for camera, depth in zip(cameras, truth, strict=True):
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        pixels = np.column_stack([columns.ravel(), rows.ravel()]) + 0.5
        grey = painted(camera.unproject(pixels, depth.ravel().astype(float))).reshape(HEIGHT, WIDTH)
        sizes = [(WIDTH >> level, HEIGHT >> level) for level in range(LEVELS)]
        found.append(
            tuple(
                Picture(camera.resized(*size), cv2.resize(grey, size, interpolation=cv2.INTER_AREA), None)
                for size in sizes
            )
        )
    return found


@pytest.fixture(scope="module")
def sparse(cameras, truth) -> np.ndarray:
    rng = np.random.default_rng(0)
    pixels = np.column_stack([rng.integers(5, WIDTH - 5, 80), rng.integers(5, HEIGHT - 5, 80)])
    return cameras[0].unproject(pixels + 0.5, truth[0][pixels[:, 1], pixels[:, 0]].astype(float))


@pytest.fixture(scope="module")
def coarse(pyramids, sparse) -> list[DepthMap]:
    return [match_coarse(pyramids[i], [pyramids[j] for j in range(4) if j != i], sparse) for i in range(4)]


@pytest.fixture(scope="module")
def fine(pyramids, coarse) -> DepthMap:
    return match_fine(pyramids[0], pyramids[1:], coarse[0], coarse[1:])


def test_fine_depth_is_exact_to_a_fraction_of_a_pixel(fine, truth, cameras):
    error = np.abs(fine.depth() - truth[0]) / (truth[0] / cameras[0].K[0, 0])
    assert np.median(error) < 0.2
    assert (error < 2).mean() > 0.9


def test_normals_are_those_of_wall_and_plate(fine, truth, cameras):
    normals = fine.normals() @ cameras[0].R
    wall = np.array([0.25, 0, -1]) / np.hypot(0.25, 1)
    plate = np.array([0.0, 0, -1])
    on_plate = truth[0] < 4.2
    inner = cv2.erode(on_plate.astype(np.uint8), np.ones((9, 9))) > 0
    outer = cv2.dilate(on_plate.astype(np.uint8), np.ones((25, 25))) == 0
    assert np.degrees(np.arccos(np.median(normals[inner] @ plate))) < 3
    assert np.degrees(np.arccos(np.median(normals[outer] @ wall))) < 3


def test_a_place_that_one_source_sees_is_judged_by_that_one(pyramids, coarse, truth, cameras):
    # Photographs 1 and 2 stand to the right and to the left: near the sides of photograph 0 only one of them looks.
    found = match_fine(pyramids[0], pyramids[1:3], coarse[0], coarse[1:3])
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    pixels = np.column_stack([columns.ravel(), rows.ravel()]) + 0.5
    surface = cameras[0].unproject(pixels, truth[0].ravel().astype(float))
    seen = np.zeros(len(pixels), int)
    for camera in cameras[1:3]:
        at, _ = camera.project(surface)
        seen += ((at > 6) & (at < np.array([WIDTH, HEIGHT]) - 6)).all(1)
    once = (seen == 1).reshape(HEIGHT, WIDTH)
    assert once.sum() > 500
    assert np.median(found.cost[once]) < 0.3
    error = np.abs(found.depth() - truth[0]) / truth[0]
    assert np.median(error[once]) < 0.005


def test_first_guess_continues_the_planes_of_the_sparse_points():
    rng = np.random.default_rng(4)
    pixels = rng.uniform([20, 10], [60, 40], (40, 2))
    inverse = 0.3 + 0.004 * pixels[:, 0] - 0.002 * pixels[:, 1]
    guess = first_guess(pixels, inverse, 80, 50)
    rows, columns = np.mgrid[0:50, 0:80] + 0.5
    assert np.allclose(guess[..., 0], 0.3 + 0.004 * columns - 0.002 * rows, atol=1e-4)
    assert np.allclose(guess[..., 1], 0.004, atol=1e-5) and np.allclose(guess[..., 2], -0.002, atol=1e-5)
    in_a_row = np.column_stack([np.arange(5) * 10.0 + 5, np.full(5, 25.0)])
    flat = first_guess(in_a_row, np.full(5, 0.5), 80, 50)
    assert np.allclose(flat[..., 0], 0.5) and not flat[..., 1:].any()


def test_same_input_gives_the_same_bytes(pyramids, sparse, coarse):
    again = match_coarse(pyramids[0], pyramids[1:], sparse)
    assert again.planes.tobytes() == coarse[0].planes.tobytes()
    assert again.cost.tobytes() == coarse[0].cost.tobytes()


def test_masked_pixels_have_no_depth(pyramids, sparse):
    def masked(picture: Picture) -> Picture:
        usable = np.ones(picture.shape, bool)
        usable[: picture.shape[0] // 2] = False
        return replace(picture, usable=usable)

    found = match_coarse([masked(p) for p in pyramids[0]], pyramids[1:], sparse, Matching(coarse_sweeps=(2, 1, 1)))
    half = found.planes.shape[0] // 2
    assert (found.planes[:half] == 0).all() and (found.depth()[:half] == 0).all()
    assert (found.planes[half:, :, 0] > 0).all()


def test_depth_map_survives_the_disk(fine, cameras, tmp_path):
    fine.save(tmp_path / "depth.npz")
    read = DepthMap.load(tmp_path / "depth.npz", cameras[0].resized(960, 640))
    assert read.camera.width == WIDTH
    assert np.array_equal(read.planes[..., 0], fine.planes[..., 0])
    assert np.abs(read.normals() - fine.normals()).max() < 2e-3
    assert np.abs(read.cost - fine.cost).max() <= 0.0051


def test_missing_sources_and_points_are_refused(pyramids, sparse):
    with pytest.raises(ValueError, match="no other photograph"):
        match_coarse(pyramids[0], [], sparse)
    with pytest.raises(ValueError, match="fewer than four"):
        match_coarse(pyramids[0], pyramids[1:], sparse[:3])


def test_quads_hold_the_four_neighbours():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    quads = pack_quads(grey)
    assert quads[1, 2] == 6 | 7 << 8 | 10 << 16 | 11 << 24
    assert quads[2, 3] == 11 * 0x01010101


def test_planes_are_enlarged_exactly():
    rows, columns = np.mgrid[0:10, 0:16].astype(np.float32)
    planes = np.stack([1 + 0.02 * columns - 0.01 * rows, np.full_like(rows, 0.02), np.full_like(rows, -0.01)], axis=2)
    larger = upsample(planes, 32, 20)
    assert np.allclose(larger[..., 1], 0.01) and np.allclose(larger[..., 2], -0.005)
    assert np.allclose(larger[6, 9, 0], 1 + 0.02 * (9.5 / 2 - 0.5) - 0.01 * (6.5 / 2 - 0.5), atol=1e-6)


def test_prior_proposes_the_plane_between_reliable_pixels_only_where_texture_is_weak():
    rows, columns = np.mgrid[0:60, 0:80].astype(np.float32)
    coarse = np.stack([0.5 + 0.001 * columns, np.full_like(rows, 0.001), np.zeros_like(rows)], axis=2)
    cost = np.full((60, 80), 0.01, np.float32)
    cost[20:40, 30:50] = 0.9
    coarse[20:40, 30:50, 0] = 0.9
    grey = np.random.default_rng(1).integers(0, 255, (120, 160), dtype=np.uint8)
    grey[40:80, 60:100] = 100
    found = plane_prior(grey, coarse, cost, 0.001, 0.3)
    assert found is not None
    planes, belief = found
    assert planes[60, 80, 0] == pytest.approx(0.5 + 0.001 * (80.5 / 2 - 0.5), abs=2e-4)
    assert belief[60, 80] == pytest.approx(0.3) and belief[10, 10] == 0
    assert plane_prior(grey, coarse, np.ones_like(cost), 0.001, 0.3) is None


def test_pyramid_follows_the_photograph_and_its_mask(cameras, tmp_path):
    grey = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    grey[:, WIDTH // 2 :] = 200
    cv2.imwrite(str(tmp_path / "a.png"), grey)
    cv2.imwrite(str(tmp_path / "m.png"), grey[..., 0])
    levels = read_pyramid(cameras[0], tmp_path / "a.png", tmp_path / "m.png", 120, 3)
    assert [level.shape for level in levels] == [(80, 120), (40, 60), (20, 30)]
    assert levels[1].usable is not None and levels[1].usable[:, 31:].all() and not levels[1].usable[:, :29].any()
    assert levels[2].camera.K[0, 0] == pytest.approx(cameras[0].K[0, 0] / 8)
    with pytest.raises(ValueError, match="cannot be read"):
        read_pyramid(cameras[0], tmp_path / "missing.png", None, 120, 1)


def test_sources_share_points_at_a_good_angle(tmp_path):
    # Five cameras on an arc at 0, 4, 12, 40 and 180 degrees: 12 is best for the first, the one behind is no source.
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 1, (300, 3)) * [1, 1, 0.1]
    eyes = [(8 * np.sin(a), 0.01, -8 * np.cos(a)) for a in np.radians([0, 4, 12, 40, 180])]
    taken = tuple(look_at(eye, (0, 0, 0), WIDTH, HEIGHT) for eye in eyes)
    seen = (*[np.arange(300)] * 4, np.arange(5))
    paths = tuple(tmp_path / f"{i}.png" for i in range(5))
    sources = select_sources(Scene(taken, paths, (None,) * 5, points, seen), 3)
    assert sources[0][0] == 2
    assert all(4 not in own for own in sources)
    assert sources[4] == ()
