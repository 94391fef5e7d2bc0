"""The rules of glTF 2.0 that a viewer relies on, checked without Node: in production, on every file we hand out.

Tests run the Khronos validator besides; this finds what a cut-off file, a lying length or an outside address would do.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

_JSON_CHUNK, _BINARY_CHUNK = 0x4E4F534A, 0x004E4942
_COMPONENT_BYTES = {5120: 1, 5121: 1, 5122: 2, 5123: 2, 5125: 4, 5126: 4}
_ELEMENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_KNOWN_EXTENSIONS = {
    "EXT_meshopt_compression",
    "EXT_texture_webp",
    "KHR_materials_unlit",
    "KHR_mesh_quantization",
}


def problems_of(path: Path) -> list[str]:
    """Sentences about what is wrong with a GLB file; empty when nothing is."""
    data = path.read_bytes()
    try:
        document, binary = _chunks(data)
    except ValueError as error:
        return [str(error)]
    found = []
    if document.get("asset", {}).get("version") != "2.0":
        found.append("it is not glTF 2.0")
    unknown = set(document.get("extensionsRequired", ())) - _KNOWN_EXTENSIONS
    if unknown:
        found.append(f"it needs extensions nobody asked for: {', '.join(sorted(unknown))}")
    for kind in ("buffers", "images"):
        found += [
            f"{kind}[{n}] points outside the file" for n, each in enumerate(document.get(kind, ())) if "uri" in each
        ]
    views = document.get("bufferViews", [])
    buffers = document.get("buffers", [])
    if buffers and buffers[0].get("byteLength", 0) > len(binary) + 3:
        found.append("its buffer is longer than the file")
    for number, view in enumerate(views):
        found += _view_problems(number, view, buffers, len(binary))
    for number, accessor in enumerate(document.get("accessors", [])):
        found += _accessor_problems(number, accessor, views)
    found += _mesh_problems(document)
    return found


def _chunks(data: bytes) -> tuple[dict[str, Any], bytes]:
    if len(data) < 20 or data[:4] != b"glTF":
        raise ValueError("it is not a GLB file")
    version, length = struct.unpack_from("<II", data, 4)
    if version != 2 or length != len(data):
        raise ValueError("its header does not fit its length")
    size, kind = struct.unpack_from("<II", data, 12)
    if kind != _JSON_CHUNK or 20 + size > len(data):
        raise ValueError("its first chunk is not JSON")
    try:
        document = json.loads(data[20 : 20 + size])
    except ValueError as error:
        raise ValueError("its JSON cannot be read") from error
    if not isinstance(document, dict):
        raise ValueError("its JSON is not an object")
    rest = 20 + size
    if rest == len(data):
        return document, b""
    size, kind = struct.unpack_from("<II", data, rest)
    if kind != _BINARY_CHUNK or rest + 8 + size > len(data):
        raise ValueError("its second chunk is cut off")
    return document, data[rest + 8 : rest + 8 + size]


def _view_problems(number: int, view: dict[str, Any], buffers: list[dict[str, Any]], present: int) -> list[str]:
    buffer = view.get("buffer", -1)
    if not 0 <= buffer < len(buffers):
        return [f"bufferViews[{number}] names a buffer that does not exist"]
    end = view.get("byteOffset", 0) + view.get("byteLength", 0)
    if end > buffers[buffer].get("byteLength", 0):
        return [f"bufferViews[{number}] reaches beyond its buffer"]
    compressed = view.get("extensions", {}).get("EXT_meshopt_compression")
    if compressed and compressed.get("byteOffset", 0) + compressed.get("byteLength", 0) > present:
        return [f"bufferViews[{number}] reaches beyond the file"]
    return []


def _accessor_problems(number: int, accessor: dict[str, Any], views: list[dict[str, Any]]) -> list[str]:
    width = _COMPONENT_BYTES.get(accessor.get("componentType", 0), 0) * _ELEMENTS.get(accessor.get("type", ""), 0)
    if not width:
        return [f"accessors[{number}] has no known type"]
    index = accessor.get("bufferView", -1)
    if not 0 <= index < len(views):
        return [f"accessors[{number}] names a view that does not exist"]
    view = views[index]
    stride = view.get("byteStride") or width
    count = accessor.get("count", 0)
    if count < 1 or accessor.get("byteOffset", 0) + stride * (count - 1) + width > view.get("byteLength", 0):
        return [f"accessors[{number}] reaches beyond its view"]
    return []


def _mesh_problems(document: dict[str, Any]) -> list[str]:
    found = []
    accessors = document.get("accessors", [])
    for number, mesh in enumerate(document.get("meshes", [])):
        for primitive in mesh.get("primitives", []):
            places = primitive.get("attributes", {}).get("POSITION", -1)
            if not 0 <= places < len(accessors):
                found.append(f"meshes[{number}] has no positions")
            elif "min" not in accessors[places] or "max" not in accessors[places]:
                found.append(f"meshes[{number}] does not say how large it is")
            named = [*primitive.get("attributes", {}).values(), primitive.get("indices", 0)]
            if any(not 0 <= each < len(accessors) for each in named):
                found.append(f"meshes[{number}] names an accessor that does not exist")
    if not document.get("meshes"):
        found.append("it holds no mesh")
    return found
