"""What people send: every format that is promised, every refusal with its reason, nothing personal in a copy."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from heritage3d.pipeline.photographs.decode import Refused, make_copy, open_photograph
from heritage3d.pipeline.photographs.judge import BLURRED, judge
from heritage3d.pipeline.photographs.sky import sky_mask
from heritage3d.pipeline.photographs.worker import Keeper

RNG = np.random.default_rng(3)


def scene_picture(width: int = 400, height: int = 300) -> np.ndarray:
    coarse = RNG.integers(0, 255, (height // 10, width // 10, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def exif_with(**settings: object) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Ana Horvat"
    exif[ExifTags.Base.Make] = "Fictional"
    exif[ExifTags.Base.Orientation] = settings.get("orientation", 6)
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 35
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps.update({1: "N", 2: (45.0, 30.0, 36.0), 3: "W", 4: (15.0, 0.0, 0.0), 5: b"\x00", 6: 120.0})
    return exif


def test_a_jpeg_keeps_the_sensors_frame_and_loses_its_history(tmp_path: Path) -> None:
    source, copy = tmp_path / "Ana Horvat 1.jpg", tmp_path / "000001.jpg"
    Image.fromarray(scene_picture()).save(source, quality=95, exif=exif_with())
    facts = make_copy(source, copy, tmp_path / "opacity.png")
    assert (facts.width, facts.height, facts.orientation) == (400, 300, 6)
    assert facts.focal_35mm == 35
    assert facts.position == (45.51, -15.0, 120.0)
    data = copy.read_bytes()
    assert b"Horvat" not in data and b"Exif" not in data and b"ICC_PROFILE" not in data
    with Image.open(copy) as image:
        assert image.size == (400, 300) and not image.getexif()


@pytest.mark.parametrize("kind", ["png", "tiff", "heic", "deep tiff", "deep grey png", "palette png"])
def test_every_promised_format_gives_its_colours(tmp_path: Path, kind: str) -> None:
    picture = np.zeros((300, 400, 3), np.uint8)
    picture[:, :200] = (200, 40, 40)
    picture[:, 200:] = (40, 40, 200)
    source = tmp_path / "source"
    if kind == "deep tiff":
        deep = picture[..., ::-1].astype(np.uint16) * 257
        source.write_bytes(cv2.imencode(".tiff", deep)[1].tobytes())
    elif kind == "deep grey png":
        grey = np.repeat(np.where(np.arange(400) < 200, 10000, 50000)[None], 300, 0).astype(np.uint16)
        source.write_bytes(cv2.imencode(".png", grey)[1].tobytes())
    elif kind == "heic":
        pi_heif = pytest.importorskip(
            "pillow_heif", reason="writing HEIC needs an encoder that the project does not use"
        )
        heif = pi_heif.from_pillow(Image.fromarray(picture))
        heif.save(str(source), quality=95)
    elif kind == "palette png":
        Image.fromarray(picture).convert("P").save(source, format="png")
    else:
        Image.fromarray(picture).save(source, format=kind)
    found, _, _ = open_photograph(source)
    assert found.shape == (300, 400, 3) and found.dtype == np.uint8
    if kind == "deep grey png":
        assert abs(int(found[10, 10, 0]) - 39) <= 1 and abs(int(found[10, 390, 0]) - 195) <= 1
    else:
        assert np.abs(found[150, 50].astype(int) - [200, 40, 40]).max() < 12
        assert np.abs(found[150, 350].astype(int) - [40, 40, 200]).max() < 12


def test_colours_pass_through_the_embedded_profile(tmp_path: Path) -> None:
    picture = Image.new("RGB", (300, 300), (200, 100, 50))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    picture.save(tmp_path / "odd.png", icc_profile=profile)
    _, _, facts = open_photograph(tmp_path / "odd.png")
    assert facts.notes == ["its colour profile could not be read, so its colours may be slightly off"]


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return start + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def refused_cases() -> dict[str, tuple[bytes, str]]:
    jpeg = io.BytesIO()
    Image.fromarray(scene_picture()).save(jpeg, "jpeg", quality=90)
    cmyk = io.BytesIO()
    Image.new("CMYK", (400, 300)).save(cmyk, "jpeg")
    animated = io.BytesIO()
    frames = [Image.fromarray(scene_picture()) for _ in range(3)]
    frames[0].save(animated, "png", save_all=True, append_images=frames[1:])
    small = io.BytesIO()
    Image.new("RGB", (120, 90)).save(small, "png")
    return {
        "empty.jpg": (b"", "empty"),
        "cmyk.jpg": (cmyk.getvalue(), "CMYK"),
        "animated.png": (animated.getvalue(), "animation"),
        "cut.jpg": (jpeg.getvalue()[: len(jpeg.getvalue()) // 3], "damaged or cut off"),
        "bomb.png": (png_header(60000, 60000), "more pixels than any camera"),
        "lying.png": (png_header(3000, 3000), "damaged or cut off"),
        "page.jpg": (b"<html><script>alert(1)</script></html>", "no photograph"),
        "small.png": (small.getvalue(), "too small"),
        "broken.tif": (b"II*\0" + b"\xff" * 200, "cannot be read|damaged"),
        "broken.heic": (b"\0\0\0\x18ftypheic" + b"\0" * 300, "cannot be read|damaged"),
    }


@pytest.mark.parametrize("name", sorted(refused_cases()))
def test_what_cannot_be_used_is_refused_with_the_reason(tmp_path: Path, name: str) -> None:
    data, reason = refused_cases()[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Refused, match=reason):
        open_photograph(tmp_path / name)


def test_a_file_that_takes_too_long_is_refused_and_the_next_goes_on(tmp_path: Path) -> None:
    good = tmp_path / "good.jpg"
    Image.fromarray(scene_picture()).save(good)
    with Keeper() as keeper:
        keeper._seconds = 0.0
        first = keeper.copy(good, tmp_path / "1.jpg", tmp_path / "1.png")
        keeper._seconds = 60.0
        second = keeper.copy(good, tmp_path / "2.jpg", tmp_path / "2.png")
    assert "took more than" in first["refused"]
    assert second["facts"]["width"] == 400


def test_a_worker_that_was_killed_says_nothing_about_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel kills what is largest when memory runs out: no photograph may be left out for that."""
    good = tmp_path / "good.jpg"
    Image.fromarray(scene_picture()).save(good)
    started = Keeper._running
    victims: list[int] = []

    def struck(keeper: Keeper, times: int) -> subprocess.Popen[bytes]:
        process = started(keeper)
        if len(victims) < times:
            process.kill()
            process.wait()
            victims.append(process.pid)
        return process

    with Keeper() as keeper:
        monkeypatch.setattr(keeper, "_running", lambda: struck(keeper, 1))
        assert keeper.copy(good, tmp_path / "1.jpg", tmp_path / "1.png")["facts"]["width"] == 400
        victims.clear()
        monkeypatch.setattr(keeper, "_running", lambda: struck(keeper, 2))
        answer = keeper.copy(good, tmp_path / "2.jpg", tmp_path / "2.png")
        assert answer == {"refused": "opening it took more memory than the machine had"}
    assert len(victims) == 2 and not (tmp_path / "2.jpg").exists()


def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    good = tmp_path / "good.jpg"
    Image.fromarray(scene_picture(3000, 2000)).save(good)
    with Keeper(memory=1024**2) as keeper:
        answer = keeper.copy(good, tmp_path / "1.jpg", tmp_path / "1.png")
    assert "memory" in answer["refused"]
    assert not (tmp_path / "1.jpg").exists()


def test_blur_is_told_from_sharpness() -> None:
    noise = RNG.random((800, 1000, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 10)
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    assert judge((noise * 255).astype(np.uint8)).blur < 0.3
    assert judge((soft * 255).astype(np.uint8)).blur > BLURRED


def facade_under_sky() -> tuple[np.ndarray, np.ndarray]:
    picture = np.zeros((400, 600, 3), np.uint8)
    picture[:] = np.linspace((120, 160, 225), (170, 195, 235), 400)[:, None]
    stone = np.clip(RNG.normal((150, 130, 100), 18, (400, 600, 3)), 0, 255).astype(np.uint8)
    wall = np.zeros((400, 600), bool)
    wall[160:, 80:520] = True
    cv2_wall = np.zeros((400, 600), np.uint8)
    cv2.fillPoly(cv2_wall, [np.array([[80, 160], [300, 60], [520, 160]])], 1)
    wall |= cv2_wall > 0
    picture[wall] = stone[wall]
    return picture, ~wall


def test_sky_above_a_gable_is_found_and_the_gable_kept() -> None:
    picture, sky = facade_under_sky()
    found = sky_mask(picture)
    assert found is not None
    upper = np.s_[:150]
    assert (found[upper] > 0)[sky[upper]].mean() > 0.97
    assert (found > 0)[~sky].mean() < 0.01


def test_sky_is_looked_for_where_the_photographer_had_it() -> None:
    picture, _ = facade_under_sky()
    turned = np.ascontiguousarray(np.rot90(picture))
    found = sky_mask(turned, orientation=6)
    assert found is not None and found.shape == turned.shape[:2]
    assert (found[:, :100] > 0).mean() > 0.8


def test_a_picture_without_sky_has_no_mask() -> None:
    assert sky_mask(np.clip(RNG.normal((150, 130, 100), 25, (300, 400, 3)), 0, 255).astype(np.uint8)) is None
