"""Texture on a box of known pattern: sharp, rightly placed, blind to what stands in front, level across seams."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from heritage3d.pipeline.rasterise import rasterise
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.surface.tsdf import Mesh
from heritage3d.pipeline.texture.bake import TexturedMesh, TextureView, Texturing, texture_mesh, vertex_colours
from heritage3d.pipeline.texture.candidates import KEPT, reject_outliers
from heritage3d.pipeline.texture.charts import make_charts, pack_shelves, split_corners
from heritage3d.pipeline.texture.labels import face_neighbours, label_patches
from heritage3d.pipeline.texture.levelling import level_seams, seam_pairs
from tests.heritage3d.synthetic_views import look_at

CELLS = 24
TEXTURING = Texturing(page=512, most_pages=1, source_size=400)


def panel(width: float = 2.8, height: float = 2.0) -> Mesh:
    """A flat wall in z = 0 that looks towards −z, in small triangles."""
    columns, rows = np.meshgrid(np.linspace(-width / 2, width / 2, CELLS + 1), np.linspace(-height / 2, height / 2, 19))
    vertices = np.column_stack([columns.ravel(), rows.ravel(), np.zeros(columns.size)])
    index = np.arange(columns.size).reshape(columns.shape)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, c, b], -1).reshape(-1, 3), np.stack([a, d, c], -1).reshape(-1, 3)])
    return Mesh(vertices, faces.astype(np.int32))


def colour_of(points: np.ndarray) -> np.ndarray:
    """BGR of the wall: a checkerboard over slow waves."""
    checks = (np.floor(points[..., 0] / 0.12) + np.floor(points[..., 1] / 0.12)) % 2
    return np.stack([90 + 60 * checks, 110 + 25 * np.sin(points[..., 0]), 120 + 25 * np.cos(points[..., 1])], axis=-1)


@dataclass
class Photographed:
    mesh: Mesh
    views: list[TextureView]


def photograph(
    folder: Path, exposures: tuple[float, ...], *, painted: dict[int, tuple[slice, slice]] | None = None
) -> Photographed:
    """Photographs of the panel; `painted` puts a green thing in front of some, which their depth shows too."""
    mesh = panel()
    views = []
    for index, exposure in enumerate(exposures):
        camera = look_at((1.2 * (index - (len(exposures) - 1) / 2), 0.2, -3.6), (0, 0, 0), 320, 240)
        seen = rasterise(mesh.vertices, mesh.faces, camera)
        points = seen.interpolate(mesh.vertices, mesh.faces)
        picture = np.clip(colour_of(points) * exposure, 0, 255)
        picture[~seen.covered] = (255, 200, 150)
        inverse = np.where(seen.covered, 1 / np.where(seen.covered, seen.depth, 1), 0).astype(np.float32)
        if painted and index in painted:
            picture[painted[index]] = (20, 200, 20)
            inverse[painted[index]] = 1 / 1.5
        path = folder / f"{index}.png"
        cv2.imwrite(str(path), picture.astype(np.uint8))
        views.append(TextureView(camera, path, None, inverse))
    return Photographed(mesh, views)


def rendered(model: TexturedMesh, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The model seen by a camera, and which pixels it covers."""
    seen = rasterise(model.vertices, model.faces, camera)
    uv = seen.interpolate(model.uv, model.faces)
    page = model.pages[0]
    picture = cv2.remap(page, uv[..., 0] * page.shape[1] - 0.5, uv[..., 1] * page.shape[0] - 0.5, cv2.INTER_LINEAR)
    return picture, cv2.erode(seen.covered.astype(np.uint8), np.ones((5, 5))) > 0


def test_rendered_model_looks_like_the_wall(tmp_path):
    made = photograph(tmp_path, (1.0, 1.0, 1.0))
    model = texture_mesh(made.mesh, made.views, TEXTURING)
    camera = made.views[1].camera
    picture, covered = rendered(model, camera)
    seen = rasterise(made.mesh.vertices, made.mesh.faces, camera)
    truth = colour_of(seen.interpolate(made.mesh.vertices, made.mesh.faces))
    difference = np.abs(picture.astype(float) - truth)[covered]
    assert model.seen > 0.99
    assert np.median(difference) < 2
    grey, wanted = picture[..., 0].astype(float), truth[..., 0]
    energy = (np.diff(grey, axis=1)[covered[:, 1:]] ** 2).mean() / (np.diff(wanted, axis=1)[covered[:, 1:]] ** 2).mean()
    assert energy > 0.85
    colours = vertex_colours(model)
    assert colours.shape == (len(made.mesh.vertices), 3)
    assert np.median(np.abs(colours[:, 1] - colour_of(made.mesh.vertices)[:, 1])) < 3


def test_what_stands_in_front_is_not_smeared_on_the_wall(tmp_path):
    made = photograph(tmp_path, (1.0, 1.0, 1.0), painted={1: (slice(80, 150), slice(120, 200))})
    picture, covered = rendered(texture_mesh(made.mesh, made.views, TEXTURING), made.views[1].camera)
    assert (picture[covered][:, 1].astype(int) - picture[covered][:, 2] > 80).mean() < 0.002


def test_a_photograph_without_depth_of_its_own_needs_two_witnesses(tmp_path):
    made = photograph(tmp_path, (1.0, 1.0, 1.0, 1.0))
    area = (slice(80, 150), slice(120, 200))
    view = made.views[1]
    picture = cv2.imread(str(view.image))
    picture[area] = (20, 200, 20)
    cv2.imwrite(str(view.image), picture)
    view.own_inverse_depth[area] = 0
    shown, covered = rendered(texture_mesh(made.mesh, made.views, TEXTURING), view.camera)
    assert (shown[covered][:, 1].astype(int) - shown[covered][:, 2] > 80).mean() < 0.002


def test_exposures_are_levelled(tmp_path):
    made = photograph(tmp_path, (0.7, 1.0, 1.3))
    picture, covered = rendered(
        texture_mesh(made.mesh, made.views, TEXTURING), look_at((0, 0.1, -3.4), (0, 0, 0), 320, 240)
    )
    # Red has only slow waves: no step of brightness may be left in it.
    red = cv2.blur(picture[..., 2].astype(np.float32), (7, 7))
    covered = cv2.erode(covered.astype(np.uint8), np.ones((9, 9))) > 0
    step = np.abs(red[:, 8:] - red[:, :-8])[covered[:, 8:] & covered[:, :-8]]
    assert np.percentile(step, 99.5) < 9


def test_face_nobody_sees_is_filled_from_around_it(tmp_path):
    made = photograph(tmp_path, (1.0, 1.0))
    for view in made.views:
        view.own_inverse_depth[100:130, 140:180] = 1 / 1.2
    model = texture_mesh(made.mesh, made.views, TEXTURING)
    assert 0.9 < model.seen < 1.0
    picture, covered = rendered(model, made.views[0].camera)
    assert picture[covered].min() > 40


def test_empty_mesh_is_refused(tmp_path):
    made = photograph(tmp_path, (1.0,))
    with pytest.raises(ValueError, match="faces"):
        texture_mesh(Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32)), made.views, TEXTURING)


def test_shelves_hold_boxes_without_overlap():
    boxes = np.random.default_rng(0).integers(5, 60, (80, 2))
    placed = pack_shelves(boxes, 512, 1)
    assert placed is not None
    page, corner = placed
    taken = np.zeros((512, 512), int)
    for (width, height), (x, y) in zip(boxes, corner, strict=True):
        taken[y : y + height, x : x + width] += 1
    assert taken.max() == 1 and taken.sum() == boxes.prod(axis=1).sum() and page.max() == 0
    assert pack_shelves(np.full((80, 2), 100), 512, 1) is None


def test_neighbours_and_patches_of_a_strip():
    faces = np.array([[0, 1, 2], [2, 1, 3], [2, 3, 4], [4, 3, 5]], np.int32)
    neighbours = face_neighbours(faces)
    assert neighbours.tolist() == [[-1, 1, -1], [0, -1, 2], [1, 3, -1], [2, -1, -1]]
    assert label_patches(np.array([7, 7, 8, 7], np.int16), neighbours).tolist() == [0, 0, 1, 2]
    vertex, chart, corners = split_corners(np.array([0, 0, 1, 2]), faces, 6)
    assert np.array_equal(vertex[corners], faces)
    assert np.array_equal(chart[corners], np.array([[0] * 3, [0] * 3, [1] * 3, [2] * 3]))


def test_levelling_meets_in_the_middle():
    vertex = np.array([0, 1, 2, 0, 1, 3], np.int32)
    faces = np.array([[0, 1, 2], [3, 5, 4]], np.int32)
    labels = np.array([0, 0, 0, 1, 1, 1], np.int16)
    colours = np.array([[100.0] * 3] * 3 + [[120.0] * 3] * 3, np.float32)
    seams = seam_pairs(vertex, labels)
    assert sorted(map(tuple, seams.tolist())) == [(0, 3), (1, 4)]
    level = colours + level_seams(colours, faces, seams, np.empty((0, 2), np.int64))
    assert np.abs(level[0] - level[3]).max() < 0.6
    assert np.allclose(level[0], 110, atol=0.5)


def test_leaves_before_a_wall_are_withdrawn_though_they_spread_the_colours():
    # Five photographs found the wall's depth on one face; two of them look at leaves, which are nearer and sharper.
    shades = np.array([130, 150, 170, 60, 50], np.float32)
    view = np.full((1, KEPT), -1, np.int16)
    score = np.zeros((1, KEPT), np.float32)
    colour = np.zeros((1, KEPT, 3), np.float32)
    confirmed = np.zeros((1, KEPT), bool)
    view[0, :5], score[0, :5], confirmed[0, :5] = np.arange(5), [1, 1, 1, 3, 3], True
    colour[0, :5] = shades[:, None]
    reject_outliers(view, score, colour, confirmed, np.ones((5, 3), np.float32), np.float32(28))
    assert set(view[0].tolist()) == {0, 1, 2, -1}
    # What differs a little from the others counts less.
    assert score[0, 1] == score[0, :3].max()


@pytest.mark.parametrize("width", range(140, 244, 8))
def test_every_page_holds_faces_also_where_patches_are_left_without_any(width):
    camera = Camera("1.jpg", 400, 400, np.array([[100.0, 0, 0], [0, 100, 0], [0, 0, 1]]), np.eye(3), np.zeros(3))
    wall = np.array([[0, 0, 1], [width / 100, 0, 1], [width / 100, 2.4, 1], [0, 2.4, 1]])
    crumb = np.array([[0, 0, 0], [0.01, 0, 0], [0, 0.01, 0]])
    crumbs = [crumb + np.array([0.1 * number, 0, 5]) for number in range(60)]
    vertices = np.concatenate([wall, *crumbs])
    faces = np.concatenate([[[0, 1, 2], [0, 2, 3]], np.arange(4, len(vertices)).reshape(-1, 3)]).astype(np.int32)
    # Nobody sees the crumbs: each is a patch by itself until all of them are unwrapped together.
    labels = np.array([0, 0] + [-1] * 60, np.int16)
    charts = make_charts(vertices, faces, labels, face_neighbours(faces), [camera], 256, 2)
    assert set(charts.page) == set(range(charts.pages))
    assert np.ptp(charts.position[charts.faces[0]], axis=0) == pytest.approx(np.array([width, 240]) * charts.scale)
