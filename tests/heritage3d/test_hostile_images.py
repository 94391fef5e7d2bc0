"""Files made to do harm, and files of every other kind: each gets a verdict, no worker grows or hangs."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from PIL import Image

from heritage3d.pipeline.photographs.worker import BYTES_A_FILE, Keeper
from tests.conftest import SHARED

RNG = np.random.default_rng(20)


def encoded(kind: str) -> bytes:
    picture = Image.fromarray(RNG.integers(0, 255, (260, 300, 3), dtype=np.uint8))
    stream = io.BytesIO()
    picture.save(stream, kind, **({"quality": 60} if kind == "jpeg" else {}))
    return stream.getvalue()


def spoiled(data: bytes, number: int) -> bytes:
    """A cut, a few flipped bytes, a length that lies, or rubbish after an honest head."""
    rng = np.random.default_rng(number)
    broken = bytearray(data)
    match number % 4:
        case 0:
            return bytes(broken[: int(rng.integers(10, len(broken)))])
        case 1:
            for place in rng.integers(0, len(broken), 12):
                broken[int(place)] = int(rng.integers(0, 256))
        case 2:
            for place in rng.integers(2, min(400, len(broken) - 4), 6):
                broken[int(place) : int(place) + 4] = b"\xff\xff\xff\xff"
        case _:
            broken[60:] = rng.integers(0, 256, len(broken) - 60, dtype=np.uint8).tobytes()
    return bytes(broken)


def judged(paths: list[Path], tmp_path: Path) -> int:
    """Give every file to one keeper; returns how many were refused."""
    copies = tmp_path / "copies"
    copies.mkdir(parents=True)
    refused = 0
    with Keeper() as keeper:
        for number, path in enumerate(paths):
            copy = copies / f"{number:06d}.jpg"
            answer = keeper.copy(path, copy, copies / f"{number:06d}.png")
            assert ("facts" in answer) != ("refused" in answer), path.name
            if "refused" in answer:
                refused += 1
                assert len(answer["refused"]) < 160 and "Traceback" not in answer["refused"]
                assert not copy.exists(), path.name
            else:
                with Image.open(copy) as image:
                    image.load()
        assert keeper.peak < BYTES_A_FILE
    return refused


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff"])
def test_spoiled_pictures_get_a_verdict(kind: str, tmp_path: Path) -> None:
    data = encoded(kind)
    paths = []
    for number in range(20):
        paths.append(tmp_path / f"{number}.{kind}")
        paths[-1].write_bytes(spoiled(data, number))
    assert judged(paths, tmp_path) >= 5


@pytest.mark.slow
def test_two_hundred_hostile_files_get_a_verdict(tmp_path: Path) -> None:
    maker = SHARED / "tools" / "make_hostile.py"
    if not maker.exists():
        pytest.skip("the maker of hostile files is not beside the checkout")
    made = tmp_path / "hostile"
    subprocess.run([sys.executable, str(maker), str(made)], check=True, capture_output=True)
    paths = sorted(path for path in made.rglob("*") if path.is_file())
    for kind in ("jpeg", "png", "tiff"):
        data = encoded(kind)
        for number in range(60):
            paths.append(tmp_path / f"{kind}-{number}")
            paths[-1].write_bytes(spoiled(data, 100 + number))
    assert len(paths) >= 200
    assert judged(paths, tmp_path) > 80


#: What a person may take for a photograph, and what she may take for something models are made of.
PICTURES = {".jpg", ".png", ".tif", ".tiff", ".gif", ".webp", ".sgi", ".j2k", ".blp", ".psd", ".bmp", ".svg", ".pdf"}
MESHES = {".laz", ".las", ".e57", ".gltf", ".glb", ".bin", ".stl", ".obj", ".ply", ".i3dm", ".b3dm", ".pnts", ".xyz"}


@pytest.mark.slow
def test_every_picture_and_mesh_of_the_sample_archive_gets_a_verdict(tmp_path: Path) -> None:
    """Whole ones and spoiled ones: the pictures are usable or refused with a reason, no mesh is taken for one."""
    archive = SHARED / "data" / "archive-samples.tar.xz"
    if not archive.exists():
        pytest.skip("the sample archive is not beside the checkout")
    paths: list[Path] = []
    meshes: list[Path] = []
    with tarfile.open(archive) as opened:
        for member in opened:
            suffix = PurePosixPath(member.name).suffix.lower()
            stream = opened.extractfile(member) if member.isfile() and suffix in PICTURES | MESHES else None
            if stream is None:
                continue
            data = stream.read()
            path = tmp_path / f"{len(paths):04d}{suffix}"
            path.write_bytes(data)
            paths.append(path)
            if suffix in MESHES:
                meshes.append(path)
            elif len(data) > 500:
                path = tmp_path / f"{len(paths):04d}-spoiled{suffix}"
                path.write_bytes(spoiled(data, len(paths)))
                paths.append(path)
    assert len(paths) >= 200 and len(meshes) >= 100
    assert judged(meshes, tmp_path / "m") == len(meshes)
    assert judged([path for path in paths if path not in set(meshes)], tmp_path / "p") > 20
