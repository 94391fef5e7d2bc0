"""The program that opens pictures nobody has looked at; it runs alone, in a child with limits, and imports no Cairn.

``image_child.py SOURCE FOLDER OPTIONS`` reads one picture and writes ``FOLDER/<kind>.jpg`` for each size in OPTIONS
(JSON: ``{"max_pixels": int, "sizes": {kind: longest side}}``). Only pixels go over: no EXIF, no GPS, no XMP, no
comment, no colour profile (colours are converted to sRGB first). Says ``{kind: [width, height]}`` on standard output.
Exit status 3: the picture is refused, for the reason on standard error.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

#: Decoders that may be reached at all; what else Pillow knows stays shut (its odd formats are where it crashed).
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "JPEG2000", "HEIF", "AVIF")
#: A colour profile is a few kilobytes; printers' tables reach two megabytes.
MAX_PROFILE = 4 * 1024 * 1024


class Refused(Exception):
    """The picture cannot become a derivative; the text says why."""


def opened(source: str, max_pixels: int) -> Image.Image:
    """Read the header, do the arithmetic, and only then decode."""
    try:
        import pi_heif
    except ImportError:
        pass
    else:
        pi_heif.register_heif_opener()
    # Our own limit replaces Pillow's warning; it is checked before a pixel is decoded.
    Image.MAX_IMAGE_PIXELS = None
    Image.init()
    picture = Image.open(source, formats=[name for name in FORMATS if name in Image.OPEN])
    width, height = picture.size
    if width < 1 or height < 1:
        raise Refused(f"it says it is {width} by {height} pixels")
    if width * height > max_pixels:
        raise Refused(f"it says it is {width} by {height} pixels, more than the {max_pixels} that are decoded")
    picture.load()
    return picture


def in_srgb(picture: Image.Image) -> Image.Image:
    """Upright, in sRGB, without transparency."""
    profile = picture.info.get("icc_profile")
    try:
        picture = ImageOps.exif_transpose(picture)
    except (ValueError, TypeError, KeyError, SyntaxError, OSError, ZeroDivisionError):
        # A broken EXIF block says nothing about the orientation; the picture is still there.
        pass
    if picture.mode.startswith("I;16") or picture.mode == "I":
        # Sixteen bits a pixel: the high eight are what a screen shows.
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode in {"RGBA", "LA", "PA", "P", "La", "RGBa"} or "transparency" in picture.info:
        whole = picture.convert("RGBA")
        paper = Image.new("RGBA", whole.size, "white")
        paper.alpha_composite(whole)
        return paper.convert("RGB")
    if profile and len(profile) <= MAX_PROFILE and picture.mode in {"RGB", "CMYK", "L"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            # A broken profile says nothing about the colours; the pixels are still there.
            converted = None
        if converted is not None:
            return converted
    return picture.convert("RGB")


def bare(picture: Image.Image) -> Image.Image:
    """The pixels alone, in an image that never knew the file they came from."""
    fresh = Image.new("RGB", picture.size)
    fresh.paste(picture)
    return fresh


def main() -> int:
    """Do what the command line says."""
    source, folder, options = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    warnings.simplefilter("ignore")
    try:
        picture = in_srgb(opened(source, options["max_pixels"]))
        made = {}
        for kind, longest in options["sizes"].items():
            sized = picture.copy()
            sized.thumbnail((longest, longest), Image.Resampling.LANCZOS)
            sized = bare(sized)
            sized.save(folder / f"{kind}.jpg", "JPEG", quality=85, optimize=True, progressive=True)
            made[kind] = sized.size
    except Refused as refusal:
        sys.stderr.write(str(refusal))
        return 3
    except Exception as error:  # noqa: BLE001 - whatever a hostile file does to a decoder is a refusal of that file
        sys.stderr.write(f"it cannot be decoded ({type(error).__name__})")
        return 3
    sys.stdout.write(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
