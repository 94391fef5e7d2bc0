"""Fusion of exact and of falsified depth maps of a sphere."""

import numpy as np
import pytest

from heritage3d.pipeline.dense.consistency import fill_gaps
from heritage3d.pipeline.dense.depthmap import DepthMap
from heritage3d.pipeline.dense.fusion import (
    AgreedMap,
    Fusing,
    agree,
    believed,
    count_support,
    merge,
    neighbours_of,
    speckles,
)
from tests.heritage3d.synthetic_views import look_at, maps_of, sphere_mesh

FUSING = Fusing(speckle=20)


@pytest.fixture(scope="module")
def maps() -> list[DepthMap]:
    cameras = [look_at((x, -0.5, 4.0), (0, 0, 0), 160, 120) for x in (-0.8, -0.4, 0.0, 0.4, 0.8)]
    exact = maps_of(*sphere_mesh(1.0, rings=120), cameras)
    return [
        DepthMap(found.camera, found.planes, np.where(found.accepted, 0.05, 2).astype(np.float32)) for found in exact
    ]


ALL = tuple(tuple(j for j in range(5) if j != i) for i in range(5))


def fused(maps: list[DepthMap]) -> list[AgreedMap]:
    valid = [believed(found, FUSING) for found in maps]
    support = [count_support(i, maps, valid, ALL[i], FUSING) for i in range(5)]
    reliable = [flags & (counts >= 1) for flags, counts in zip(valid, support, strict=True)]
    return [agree(i, maps, valid, reliable, ALL[i], FUSING) for i in range(5)]


def test_exact_maps_agree_almost_everywhere(maps):
    agreed = fused(maps)
    known = maps[2].planes[..., 0] > 0
    assert agreed[2].accepted[known].mean() > 0.9  # all but the grazing rim
    assert np.median(agreed[2].support[known]) == 5
    points = agreed[2].camera.unproject(
        np.argwhere(agreed[2].accepted)[:, ::-1] + 0.5, agreed[2].depth()[agreed[2].accepted].astype(float)
    )
    assert np.abs(np.linalg.norm(points, axis=1) - 1).max() < 0.01


def test_averaging_lowers_independent_noise(maps):
    rng = np.random.default_rng(0)
    noisy = []
    for found in maps:
        planes = found.planes.copy()
        planes[..., 0] *= 1 + rng.normal(0, 0.0008, planes.shape[:2]).astype(np.float32)
        noisy.append(DepthMap(found.camera, planes, found.cost))
    agreed = fused(noisy)[2]
    both = agreed.accepted & (agreed.support >= 4)
    truth = maps[2].depth()[both]
    before = np.abs(noisy[2].depth()[both] - truth).mean()
    assert np.abs(agreed.depth()[both] - truth).mean() < 0.65 * before


def test_a_surface_that_others_see_through_is_dropped(maps):
    planes = maps[2].planes.copy()
    planes[50:70, 70:90] = [1 / 2.5, 0, 0]  # floats before the sphere, seen by nobody else
    agreed = fused([*maps[:2], DepthMap(maps[2].camera, planes, maps[2].cost), *maps[3:]])
    assert not agreed[2].accepted[52:68, 72:88].any()
    assert agreed[2].accepted[54:66, 40:60].mean() > 0.97


def test_small_gaps_close_where_the_photograph_itself_saw_something_near():
    rows, columns = np.mgrid[0:40, 0:50].astype(np.float32)
    wall = np.stack([0.5 + 0.0005 * columns, np.full_like(rows, 0.0005), np.zeros_like(rows)], axis=2)
    planes, own = wall.copy(), wall.copy()
    planes[10:17, 10:17] = 0  # not accepted, but estimated within a percent
    own[10:17, 10:17, 0] *= 1.01
    planes[10:17, 30:37] = 0  # a window onto the sky far behind
    own[10:17, 30:37] = [0.01, 0, 0]
    support = np.where(planes[..., 0] > 0, 3, 0).astype(np.uint8)
    planes[35:, :] = 0  # the edge of what was seen does not grow
    support[35:] = 0
    planes, support = fill_gaps(planes, support, own, FUSING.gap, np.float32(0.006), np.float32(0.02))
    assert np.allclose(planes[10:17, 10:17, 0], wall[10:17, 10:17, 0], atol=1e-5)
    assert (support[10:17, 10:17] == 1).all()
    assert (planes[10:17, 30:37] == 0).all() and (planes[35:] == 0).all()


def test_costly_pixels_and_speckles_have_no_voice(maps):
    cost = maps[0].cost.copy()
    cost[:, :80] = 1.2
    assert not believed(DepthMap(maps[0].camera, maps[0].planes, cost), FUSING)[:, :80].any()
    inverse = np.zeros((40, 40), np.float32)
    inverse[5:8, 5:8] = 0.5
    inverse[15:35, 15:35] = 0.5
    inverse[20:25, 20:25] = 0.7  # another depth inside the large patch
    alone = speckles(inverse, inverse > 0, 30)
    assert alone[5:8, 5:8].all() and alone[20:25, 20:25].all() and alone.sum() == 9 + 25


def test_merging_keeps_one_point_for_what_all_see(maps):
    agreed = fused(maps)
    pictures = [np.full((120, 160, 3), (10, 20, 30), np.uint8)] * 5
    cloud = merge(agreed, ALL, pictures, FUSING)
    single = int(agreed[2].accepted.sum())
    assert single < len(cloud) < 2.2 * single < sum(int(found.accepted.sum()) for found in agreed)
    assert np.abs(np.linalg.norm(cloud.points, axis=1) - 1).max() < 0.01
    assert ((cloud.normals * cloud.points).sum(1) > 0.9).mean() > 0.97
    assert (cloud.colours == [30, 20, 10]).all()


def test_neighbours_reach_one_step_beyond_the_sources():
    assert neighbours_of([(1,), (2,), (3,), ()]) == ((1, 2), (2, 0, 3), (3, 1), (2,))


def test_agreed_map_survives_the_disk(maps, tmp_path):
    agreed = fused(maps)[0]
    agreed.save(tmp_path / "agreed.npz")
    read = AgreedMap.load(tmp_path / "agreed.npz", maps[0].camera)
    assert np.array_equal(read.planes, agreed.planes) and np.array_equal(read.support, agreed.support)
