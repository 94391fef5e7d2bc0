"""Broken and lying GLB files are found out without Node."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from heritage3d.pipeline.glb_rules import problems_of


def glb(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return b"glTF" + struct.pack("<II", 2, 12 + len(chunks)) + chunks


def triangle() -> tuple[dict[str, Any], bytes]:
    places = struct.pack("<9f", 0, 0, 0, 1, 0, 0, 0, 1, 0)
    document = {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": 42}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 6},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
    }
    return document, places + struct.pack("<3H", 0, 1, 2)


def test_a_triangle_has_no_problems(tmp_path: Path) -> None:
    (tmp_path / "a.glb").write_bytes(glb(*triangle()))
    assert problems_of(tmp_path / "a.glb") == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: d["accessors"][0].update(count=4), "reaches beyond its view"),
        (lambda d: d["bufferViews"][1].update(byteLength=600), "reaches beyond its buffer"),
        (lambda d: d["buffers"][0].update(byteLength=4_000_000_000), "longer than the file"),
        (lambda d: d["buffers"][0].update(uri="http://169.254.169.254/"), "points outside the file"),
        (lambda d: d.update(images=[{"uri": "file:///etc/passwd"}]), "points outside the file"),
        (lambda d: d["meshes"][0]["primitives"][0].update(indices=9), "does not exist"),
        (lambda d: d.update(meshes=[]), "holds no mesh"),
        (lambda d: d.update(extensionsRequired=["KHR_draco_mesh_compression"]), "extensions nobody asked for"),
        (lambda d: d["asset"].update(version="1.0"), "not glTF 2.0"),
        (lambda d: d["accessors"][0].pop("min"), "how large it is"),
    ],
)
def test_each_lie_is_named(tmp_path: Path, change: Any, says: str) -> None:
    document, binary = triangle()
    change(document)
    (tmp_path / "a.glb").write_bytes(glb(document, binary))
    assert any(says in problem for problem in problems_of(tmp_path / "a.glb"))


@pytest.mark.parametrize("cut", [4, 30, -10])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, cut: int) -> None:
    (tmp_path / "a.glb").write_bytes(glb(*triangle())[:cut])
    assert problems_of(tmp_path / "a.glb")
