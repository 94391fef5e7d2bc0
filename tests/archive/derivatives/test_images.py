"""Public copies of pictures: nothing but pixels goes over, and hostile files cost nothing but themselves."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from archive.derivatives.images import SIZES, make_images
from archive.derivatives.made import Made, NotDerivable
from jobs import children
from tests.conftest import SHARED

CANARY = "Zeugin-Ընկեր-7f3a"
GPS = {1: "N", 2: (40.0, 10.0, 43.5), 3: "E", 4: (44.0, 30.0, 9.1)}


def picture(size: tuple[int, int] = (64, 48)) -> Image.Image:
    """A picture whose quarters differ, so that turning it shows."""
    image = Image.new("RGB", size, "white")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    return image


def burdened_jpeg(path: Path) -> Path:
    """A photograph with everything that a camera and a careless editor write beside the pixels."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x013B] = CANARY
    exif[0x0112] = 6
    exif.get_ifd(0x8825).update(GPS)
    exif.get_ifd(0x8769)[0x9286] = CANARY.encode()
    picture().save(
        path,
        "JPEG",
        exif=exif,
        comment=CANARY.encode(),
        icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        xmp=f"<x:xmpmeta>{CANARY}</x:xmpmeta>".encode(),
    )
    # A thumbnail or anything else after the end of the picture travels along when bytes are merely copied.
    with path.open("ab") as file:
        file.write(CANARY.encode())
    return path


def burdened_png(path: Path) -> Path:
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", CANARY)
    notes.add_itxt("XML:com.adobe.xmp", CANARY)
    picture().convert("RGBA").save(path, "PNG", pnginfo=notes)
    return path


def make(source: Path, folder: Path) -> list[Made]:
    folder.mkdir()
    return make_images(source, folder, children.run)


@pytest.mark.parametrize("burden", [burdened_jpeg, burdened_png])
def test_nothing_that_was_said_about_a_picture_goes_over(tmp_path: Path, burden: object) -> None:
    source = burden(tmp_path / "source")  # type: ignore[operator]
    assert CANARY.encode() in source.read_bytes()
    for made in make(source, tmp_path / "made"):
        data = made.path.read_bytes()
        assert CANARY.encode() not in data
        with Image.open(made.path) as derivative:
            assert len(derivative.getexif()) == 0
            # The allow-list: what the JPEG container itself needs.
            assert set(derivative.info) <= {
                "jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression",
            }  # fmt: skip
        # APP1 (EXIF, XMP), APP2 (profile), APP13 (Photoshop) and COM segments.
        assert not any(marker in data for marker in (b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xfe"))


def test_a_picture_that_was_only_copied_would_be_found_out(tmp_path: Path) -> None:
    """The guard: the same look at the original must find what it looks for."""
    with Image.open(burdened_jpeg(tmp_path / "source")) as source:
        assert source.getexif().get_ifd(0x8825)
        assert {"icc_profile", "comment", "xmp"} & set(source.info)


def test_a_picture_taken_upright_stays_upright(tmp_path: Path) -> None:
    made = {one.kind: one for one in make(burdened_jpeg(tmp_path / "source"), tmp_path / "made")}
    assert made["image"].technical == {"width": 48, "height": 64}
    with Image.open(made["image"].path) as turned:
        right_top, left_top = turned.getpixel((40, 5)), turned.getpixel((5, 5))
    assert isinstance(right_top, tuple) and right_top[0] > 200 and right_top[1] < 60
    assert isinstance(left_top, tuple) and left_top[1] > 200


def test_sizes_are_limited_and_never_enlarged(tmp_path: Path) -> None:
    picture((3000, 1500)).save(tmp_path / "wide.png")
    made = {one.kind: one.technical for one in make(tmp_path / "wide.png", tmp_path / "wide")}
    assert made == {"image": {"width": 2400, "height": 1200}, "thumbnail": {"width": 480, "height": 240}}
    assert set(made) == set(SIZES)
    picture((30, 20)).save(tmp_path / "small.png")
    assert make(tmp_path / "small.png", tmp_path / "small")[0].technical == {"width": 30, "height": 20}


def test_transparent_pictures_lie_on_white_and_deep_ones_keep_their_greys(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    made = make(tmp_path / "clear.png", tmp_path / "clear")
    with Image.open(made[0].path) as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)
    Image.new("I;16", (8, 8), 128 * 256).save(tmp_path / "deep.tif")
    with Image.open(make(tmp_path / "deep.tif", tmp_path / "deep")[0].path) as image:
        grey = image.getpixel((4, 4))
    assert isinstance(grey, tuple) and abs(grey[0] - 128) <= 2


def lying_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header asks for gigabytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10)) + chunk(b"IEND", b"")
    )


def test_the_arithmetic_comes_before_the_decoding(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(lying_png(60_000, 60_000))
    peaks = []

    def watched(*arguments: object, **options: object) -> children.Finished:
        finished = children.run(*arguments, **options)  # type: ignore[arg-type]
        peaks.append(finished.peak_bytes)
        return finished

    (tmp_path / "made").mkdir()
    with pytest.raises(NotDerivable, match="60000 by 60000 pixels"):
        make_images(tmp_path / "bomb.png", tmp_path / "made", watched)
    assert peaks[0] < 200 * 1024 * 1024
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [b"<html><script>alert(1)</script></html>", b"GIF89a/*" + b"\0" * 8 + b"*/=1;alert(1)//", b"", lying_png(400, 400)],
    ids=["html", "gifar", "empty", "truncated"],
)
def test_what_is_no_picture_is_refused_in_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(NotDerivable, match=r"No public copy could be made of this picture: it cannot be decoded"):
        make(tmp_path / "file", tmp_path / "made")


def test_every_hostile_case_of_the_shared_tool_is_survived(tmp_path: Path) -> None:
    tool = SHARED / "tools" / "make_hostile.py"
    if not tool.is_file():
        pytest.skip("shared/tools/make_hostile.py is not here: hostile cases cannot be made")
    subprocess.run([sys.executable, str(tool), str(tmp_path / "hostile")], check=True, capture_output=True)
    cases = sorted(path for path in (tmp_path / "hostile").iterdir() if path.suffix in {".png", ".jpg", ".gif"})
    assert len(cases) >= 4
    for number, case in enumerate(cases):
        with pytest.raises(NotDerivable):
            make(case, tmp_path / f"made-{number}")


def test_a_broken_profile_costs_the_colours_not_the_picture(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture().save(buffer, "JPEG", icc_profile=b"no profile at all" * 20)
    (tmp_path / "file").write_bytes(buffer.getvalue())
    assert make(tmp_path / "file", tmp_path / "made")[0].technical == {"width": 64, "height": 48}
