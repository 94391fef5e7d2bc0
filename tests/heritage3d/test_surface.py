"""The surface stage against spheres and plates whose truth is a formula."""

import numpy as np
import pytest

from heritage3d.pipeline.surface.holes import close_pinholes, hole_share, open_edges, within_outline
from heritage3d.pipeline.surface.tsdf import Mesh, SparseVolume, matched_gsd, surface_from_depths
from tests.heritage3d.synthetic_views import look_at, maps_of, ring, sphere_mesh


@pytest.fixture(scope="module")
def sphere():
    vertices, faces = sphere_mesh(1.0)
    return maps_of(vertices, faces, ring(8, 4.0))


def test_sphere_comes_out_round_and_faces_outwards(sphere):
    mesh = surface_from_depths(sphere, voxel=0.04)
    radius = np.linalg.norm(mesh.vertices, axis=1)
    assert len(mesh.faces) > 5000
    assert np.median(np.abs(radius - 1)) < 0.002
    assert np.percentile(np.abs(radius - 1), 99) < 0.02
    outward = (mesh.face_normals() * mesh.vertices[mesh.faces].mean(1)).sum(1)
    assert (outward > 0).mean() > 0.995
    assert np.median((mesh.vertex_normals() * mesh.vertices).sum(1) / radius) > 0.99


def test_same_maps_give_the_same_bytes(sphere):
    first = surface_from_depths(sphere, voxel=0.06)
    second = surface_from_depths(sphere, voxel=0.06)
    assert first.vertices.tobytes() == second.vertices.tobytes()
    assert first.faces.tobytes() == second.faces.tobytes()


def test_what_nobody_saw_stays_open():
    # A plate with a square hole in it: the hole must still be there.
    corners = np.array([[x, y, 0.0] for y in (-1, -0.25, 0.25, 1) for x in (-1, -0.25, 0.25, 1)])
    quads = [(r * 4 + c, r * 4 + c + 1, r * 4 + c + 5, r * 4 + c + 4) for r in range(3) for c in range(3)]
    faces = np.array([t for i, (a, b, c, d) in enumerate(quads) if i != 4 for t in ((a, b, c), (a, c, d))])
    cameras = [look_at((x, 0.1, -3), (0, 0, 0), 160, 120) for x in (-0.6, 0.0, 0.6)]
    mesh = surface_from_depths(maps_of(corners, faces, cameras), voxel=0.04)
    middle = mesh.vertices[mesh.faces].mean(1)
    assert np.abs(middle[:, 2]).max() < 0.02
    assert not (np.abs(middle[:, :2]) < 0.2).all(1).any()
    area = np.linalg.norm(mesh.face_normals(), axis=1).sum() / 2
    assert area == pytest.approx(4 - 0.25, rel=0.2)  # a rim narrower than a cell carries no vertex


def test_free_space_seen_by_others_removes_what_one_invented(sphere):
    invented = sphere[0]
    planes = invented.planes.copy()
    planes[50:70, 70:90] = [1 / 2.0, 0, 0]  # a floating plate half-way between the camera and the sphere
    floating = type(invented)(invented.camera, planes, np.where(planes[..., 0] > 0, 2, 0).astype(np.uint8))
    vertices, faces = sphere_mesh(1.0)
    witnesses = maps_of(vertices, faces, [look_at((x, -0.8, 3.9), (0, 0, 0), 160, 120) for x in (-1.0, -0.5, 0.5, 1.0)])
    mesh = surface_from_depths([floating, *witnesses], voxel=0.04)
    plate_at = invented.camera.centre / 2
    near_plate = np.linalg.norm(mesh.vertices - plate_at, axis=1) < 0.3
    alone = surface_from_depths([floating], voxel=0.04)
    assert (np.linalg.norm(alone.vertices - plate_at, axis=1) < 0.3).sum() > 10
    assert near_plate.sum() == 0


def test_gsd_is_depth_over_focal_length():
    corners = np.array([[-9.0, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0]])
    camera = look_at((0, 0, -3), (0, 0, 0), 160, 120)
    assert matched_gsd(maps_of(corners, np.array([[0, 1, 2], [0, 2, 3]]), [camera])) == pytest.approx(3 / 176, rel=1e-3)


def test_volume_wants_a_positive_voxel():
    with pytest.raises(ValueError, match="positive edge"):
        SparseVolume(0.0)


def test_holes_are_what_the_model_surrounds():
    covered = np.zeros((60, 80), bool)
    covered[10:50, 10:70] = True
    covered[20:30, 30:40] = False  # a window
    covered[10:30, 50:66] = False  # a cut that is open at its upper end
    inside = within_outline(covered)
    assert inside[20:30, 30:40].all() and inside[40, 40]
    assert not inside[:10].any() and not inside[50:].any() and not inside[10:14, 56:60].any()


def test_hole_share_is_of_the_foreground_only():
    # A plate of 4 x 4 with a window of 1 x 1: 1/16 of the foreground is missing.
    steps = (-2.0, -0.5, 0.5, 2.0)
    corners = np.array([[x, y, 0.0] for y in steps for x in steps])
    quads = [(r * 4 + c, r * 4 + c + 1, r * 4 + c + 5, r * 4 + c + 4) for r in range(3) for c in range(3)]
    faces = np.array([t for i, (a, b, c, d) in enumerate(quads) if i != 4 for t in ((a, b, c), (a, c, d))], np.int32)
    camera = look_at((0, 0.001, -12), (0, 0, 0), 320, 240)
    everything = np.ones((240, 320), bool)
    holes = hole_share(Mesh(corners, faces), [(camera, everything)])
    assert holes.share == pytest.approx(1 / 16, rel=0.05)
    assert holes.beyond > 0.5
    window_masked = everything.copy()
    window_masked[100:140, 130:190] = False
    assert hole_share(Mesh(corners, faces), [(camera, window_masked)]).share < 0.01


def grid(size: int, missing: set[tuple[int, int]], height=lambda x, y: 0.0) -> Mesh:
    """A sheet of size x size quads, some of them missing."""
    corners = np.array([[x, y, height(x, y)] for y in range(size + 1) for x in range(size + 1)], float)
    quads = [(y * (size + 1) + x, x, y) for y in range(size) for x in range(size) if (x, y) not in missing]
    faces = [t for a, _, _ in quads for t in ((a, a + 1, a + size + 2), (a, a + size + 2, a + size + 1))]
    return Mesh(corners, np.array(faces, np.int32))


def test_pinholes_are_closed_and_larger_holes_stay():
    window = {(x, y) for x in range(12, 22) for y in range(12, 22)}
    sheet = grid(30, {(4, 4), (5, 4), *window})
    closed = close_pinholes(sheet)
    gained = (
        np.linalg.norm(closed.face_normals(), axis=1).sum() / 2 - np.linalg.norm(sheet.face_normals(), axis=1).sum() / 2
    )
    assert gained == pytest.approx(2.0)
    assert (closed.face_normals()[:, 2] > 0).all()  # the patch faces as its surroundings do
    assert len(open_edges(closed)) == 4 * 30 + 4 * 10


def test_a_small_hole_with_a_twisted_rim_is_no_pinhole():
    twisted = grid(12, {(5, 5)}, height=lambda x, y: 3.0 if (x > 5) != (y > 5) else 0.0)
    assert close_pinholes(twisted) is twisted
