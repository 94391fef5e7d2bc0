"""GLB and PLY files: what they say about themselves, and what other programs read in them."""

import json
import struct

import cv2
import numpy as np
import pytest
import trimesh

from heritage3d.pipeline.gltf import (
    EncodingError,
    PictureFormat,
    compress_meshopt,
    glb_bytes,
    node_command,
    write_derivative,
    write_master,
)
from heritage3d.pipeline.ply import write_ply
from heritage3d.pipeline.texture.bake import TexturedMesh
from heritage3d.pipeline.verdicts import StageFault
from tests.heritage3d.khronos import REPOSITORY, decoded, khronos_report
from tests.heritage3d.synthetic_views import sphere_mesh


@pytest.fixture(scope="module")
def model() -> TexturedMesh:
    vertices, faces = sphere_mesh(2.0, rings=24)
    pages = tuple(np.random.default_rng(n).integers(0, 255, (128, 128, 3), dtype=np.uint8) for n in range(2))
    uv = (vertices[:, :2] / 4 + 0.5).astype(np.float32)
    # A model stands upright in z; the ball lies 5 above the origin.
    return TexturedMesh(
        vertices=vertices + np.array([1.0, 2.0, 5.0]),
        normals=(vertices / 2).astype(np.float32),
        uv=uv,
        faces=faces.astype(np.int32),
        page=(np.arange(len(faces)) % 2).astype(np.int32),
        pages=tuple(cv2.blur(page, (9, 9)) for page in pages),
        mesh_vertex=np.arange(len(vertices), dtype=np.int32),
        seen=1.0,
        texels_per_pixel=1.0,
    )


def header(data: bytes) -> dict:
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + size])


def test_master_is_clean_uncompressed_and_y_up(model, tmp_path):
    path = tmp_path / "model.glb"
    assert write_master(path, model) == path.stat().st_size
    assert "extensionsUsed" not in header(path.read_bytes())
    loaded = trimesh.load(path, force="mesh")
    # (x, y, z) → (x, z, −y): the ball's centre (1, 2, 5) is read at (1, 5, −2).
    assert np.allclose(loaded.bounds.mean(axis=0), [1, 5, -2], atol=1e-5)
    assert len(loaded.faces) == len(model.faces)


@pytest.mark.parametrize("quantised", [False, True])
def test_khronos_validator_finds_nothing(model, tmp_path, quantised):
    path = tmp_path / "model.glb"
    path.write_bytes(glb_bytes(model, PictureFormat("webp" if quantised else "jpeg", 80), quantised=quantised))
    issues = khronos_report(path)["issues"]
    assert issues["numErrors"] == 0 and issues["numWarnings"] == 0, issues["messages"][:3]


def test_quantised_positions_are_exact_to_a_thousandth_of_a_percent(model):
    data = glb_bytes(model, PictureFormat("webp", 80), quantised=True)
    document = header(data)
    assert set(document["extensionsRequired"]) == {"KHR_mesh_quantization", "EXT_texture_webp"}
    offset = 20 + struct.unpack_from("<I", data, 12)[0] + 8
    node = document["nodes"][0]
    points = []
    for primitive in document["meshes"][0]["primitives"]:
        accessor = document["accessors"][primitive["attributes"]["POSITION"]]
        view = document["bufferViews"][accessor["bufferView"]]
        raw = np.frombuffer(data, np.int16, accessor["count"] * 4, offset + view["byteOffset"]).reshape(-1, 4)[:, :3]
        points.append(raw / 32767 * node["scale"] + node["translation"])
    read = np.concatenate(points)
    true = model.vertices[:, [0, 2, 1]] * [1, 1, -1]
    nearest = np.linalg.norm(read[:, None] - true[None], axis=2).min(axis=1)
    assert nearest.max() < 2.0 / 32767


def test_derivative_is_compressed_and_keeps_to_its_limit(model, tmp_path):
    if not (REPOSITORY / "node_modules" / "meshoptimizer").exists():
        pytest.skip("the glTF tools are not installed: npm ci")
    path = tmp_path / "low.glb"
    free = write_derivative(path, model)
    assert "EXT_meshopt_compression" in header(path.read_bytes())["extensionsRequired"]
    assert free < len(glb_bytes(model, PictureFormat("webp", 82), quantised=True))
    limited = write_derivative(path, model, most_bytes=free - 1)
    assert limited < free
    assert [entry.name for entry in tmp_path.iterdir()] == ["low.glb"]
    issues = khronos_report(decoded(path, tmp_path / "decoded.glb"))["issues"]
    assert issues["numErrors"] == 0 and issues["numWarnings"] == 0, issues["messages"][:3]


def test_missing_node_is_named_with_the_remedy(model, tmp_path):
    with pytest.raises(EncodingError, match="Node could not compress"):
        write_derivative(tmp_path / "low.glb", model, node=["/nonexistent/node"])
    (tmp_path / "broken.glb").write_bytes(b"not a model")
    with pytest.raises(EncodingError):
        compress_meshopt(tmp_path / "broken.glb", tmp_path / "out.glb", node_command())


def test_a_fault_of_the_moment_is_none_of_the_model(model, tmp_path):
    """A full disk or a killed Node must not pass for a Node that is not installed: the larger file would be kept."""
    full = ["/bin/sh", "-c", "echo 'Error: ENOSPC: no space left on device, write' >&2; exit 1"]
    with pytest.raises(OSError, match="No space left"):
        write_derivative(tmp_path / "low.glb", model, node=full)
    with pytest.raises(StageFault, match=r"signal 9 while it compressed low\.glb") as fault:
        write_derivative(tmp_path / "low.glb", model, node=["/bin/sh", "-c", "kill -9 $$"])
    assert "--resume" in fault.value.advice[0]
    assert not list(tmp_path.iterdir())


def test_model_without_faces_is_refused(model):
    empty = TexturedMesh(
        model.vertices, model.normals, model.uv, np.empty((0, 3), np.int32), np.empty(0, np.int32), model.pages,
        model.mesh_vertex, 0.0, 1.0,
    )  # fmt: skip
    with pytest.raises(ValueError, match="without faces"):
        glb_bytes(empty)


def test_ply_keeps_faces_and_colours(tmp_path):
    vertices, faces = sphere_mesh(1.0, rings=8)
    colours = np.tile(np.array([[200, 100, 50]], np.uint8), (len(vertices), 1))
    write_ply(tmp_path / "model.ply", vertices, faces, normals=vertices, colours=colours)
    loaded = trimesh.load(tmp_path / "model.ply", process=False)
    assert np.allclose(loaded.vertices, vertices, atol=1e-6)
    assert np.array_equal(loaded.faces, faces)
    assert tuple(loaded.visual.vertex_colors[0][:3]) == (200, 100, 50)
    with pytest.raises(ValueError, match="values for"):
        write_ply(tmp_path / "bad.ply", vertices, colours=colours[1:])
