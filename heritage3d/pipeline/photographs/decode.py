"""One file in, one anonymous copy out, or a sentence why not.

Runs only inside the decoder worker (`worker`), because every format's library has had holes. The copy keeps the pixels
in the sensor's own frame (the orientation tag is recorded and not applied), in sRGB with 8 bits, at most
`LONGEST_SIDE` pixels, and carries no metadata at all.
"""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pi_heif
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from heritage3d.pipeline.photographs.authors import people_named
from heritage3d.pipeline.photographs.judge import Judgement, judge
from heritage3d.pipeline.picture_files import write_picture

LONGEST_SIDE = 4000
SHORTEST_SIDE = 240
#: Larger pictures are refused unopened: 400 megapixels are beyond any camera people bring.
MOST_PIXELS = 400_000_000
LARGEST_FILE = 600 * 1024**2
COPY_QUALITY = 97
RAW_SUFFIXES = frozenset({".dng", ".nef", ".cr2", ".cr3", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"})
SCAN_SUFFIXES = frozenset({".e57", ".las", ".laz", ".ply", ".obj", ".glb", ".gltf", ".stl", ".fbx", ".xyz"})

Image.MAX_IMAGE_PIXELS = MOST_PIXELS
pi_heif.register_heif_opener()


class Refused(Exception):
    """This file cannot be used; `str()` says why, for the person who took it."""


@dataclass
class Facts:
    """What is known about a photograph besides its pixels. `position` never leaves the protected side."""

    width: int
    height: int
    sensor_width: int
    sensor_height: int
    orientation: int = 1
    focal_35mm: float | None = None
    #: What tells one lens from another: maker, model, lens, focal length. Compared only, never shown.
    lens: str = ""
    #: Latitude, longitude (degrees, WGS 84) and height (metres) or None.
    position: tuple[float, float, float | None] | None = None
    judgement: Judgement = field(default_factory=Judgement)
    notes: list[str] = field(default_factory=list)
    #: Whom the file names as its author or owner; not kept, but file names must not give them away either.
    people: list[str] = field(default_factory=list)
    transparent: bool = False

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def kind_of(head: bytes) -> str | None:
    """The format that the first bytes announce: "JPEG", "PNG", "TIFF", "HEIF" or None."""
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"):
        return "HEIF"
    return None


def _what_else(head: bytes, suffix: str) -> str:
    """Why a file that is no photograph of a known kind is refused, and what to do where there is something."""
    if head[:4] in (b"LASF", b"glTF", b"ply\n", b"ply\r") or head[:8] == b"ASTM-E57" or suffix in SCAN_SUFFIXES:
        return "it is a scan or a model; models are made of photographs here"
    if head[:4] == b"GIF8" or head[8:12] in (b"WEBP", b"avif") or head[:2] == b"BM":
        return "it is a picture of another kind; save it as JPEG, PNG, TIFF or HEIC"
    if suffix in RAW_SUFFIXES:
        return "it is a camera's raw file; export it as JPEG or TIFF"
    if head[4:8] == b"ftyp" or head[:4] == b"\x1aE\xdf\xa3" or suffix in (".mp4", ".mov", ".avi", ".mkv"):
        return "it is a film; take single pictures out of it"
    return "it is no photograph in JPEG, PNG, TIFF or HEIC format"


def open_photograph(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None, Facts]:
    """Decode a file to sRGB (H, W, 3) uint8, its opacity (H, W) uint8 or None, and its facts. Raises Refused."""
    size = path.stat().st_size
    if size == 0:
        raise Refused("the file is empty")
    if size > LARGEST_FILE:
        raise Refused(f"the file is larger than {LARGEST_FILE // 1024**2} MB")
    data = path.read_bytes()
    kind = kind_of(data[:16])
    if kind is None:
        raise Refused(_what_else(data[:64], path.suffix.lower()))
    if kind == "TIFF" and path.suffix.lower() in RAW_SUFFIXES:
        raise Refused("it is a camera's raw file; export it as JPEG or TIFF")
    try:
        with Image.open(io.BytesIO(data), formats=[kind, "MPO"] if kind == "JPEG" else [kind]) as image:
            return _read(image, kind, data)
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused("it claims more pixels than any camera makes") from error
    except UnidentifiedImageError as error:
        if kind == "TIFF":
            return _read_deep_tiff(data, None)
        raise Refused(f"it begins like a {kind} file but cannot be read as one") from error
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, OverflowError, RuntimeError) as error:
        raise Refused(f"it is damaged or cut off ({type(error).__name__})") from error


def _read(
    image: Image.Image, kind: str, data: bytes
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None, Facts]:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise Refused("it claims more pixels than any camera makes")
    if min(width, height) < SHORTEST_SIDE:
        raise Refused(f"it is too small ({width} × {height} pixels; at least {SHORTEST_SIDE} on the shorter side)")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and kind == "PNG":
        raise Refused("it is an animation")
    if image.mode in ("CMYK", "LAB", "YCCK"):
        raise Refused(f"its colours are {image.mode} for printing; save it as sRGB")
    if image.mode in ("F", "I") and kind != "TIFF":
        raise Refused("its pixels are not colours")
    facts = Facts(width, height, width, height)
    _read_exif(image, facts)
    if kind == "TIFF" and frames > 1:
        facts.notes.append("only the first of its pages was used")
    profile = image.info.get("icc_profile")
    if kind == "TIFF" and (image.mode in ("I", "F") or _bits(image) > 8):
        return _read_deep_tiff(data, facts)
    image.load()
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16)
        return np.repeat((deep // 257).astype(np.uint8)[..., None], 3, axis=2), None, facts
    opacity = None
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        opacity = np.asarray(with_alpha.getchannel("A"))
        facts.transparent = bool((opacity < 128).any())
    picture = image.convert("RGB")
    if profile:
        picture = _to_srgb(picture, profile, facts)
    return np.asarray(picture), opacity if facts.transparent else None, facts


def _bits(image: Image.Image) -> int:
    """Bits of one sample of a TIFF picture."""
    bits = getattr(image, "tag_v2", {}).get(258, (8,))
    return int(max(bits)) if isinstance(bits, tuple) else int(bits)


def _read_deep_tiff(
    data: bytes, facts: Facts | None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None, Facts]:
    """TIFF with 16 bits a colour, which Pillow does not read."""
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise Refused("it is damaged or cut off (TIFF)") from error
    if decoded is None:
        raise Refused("this kind of TIFF cannot be read; save it with 8 or 16 bits a colour, RGB or grey")
    if decoded.dtype == np.uint16:
        decoded = (decoded // 257).astype(np.uint8)
    if decoded.dtype != np.uint8:
        raise Refused("its pixels are not colours")
    colour: npt.NDArray[np.uint8]
    if decoded.ndim == 2:
        colour = np.repeat(decoded[..., None], 3, axis=2).astype(np.uint8)
    elif decoded.shape[2] >= 3:
        colour = np.ascontiguousarray(decoded[..., 2::-1], dtype=np.uint8)
    else:
        raise Refused("it has an unusual number of colours")
    height, width = colour.shape[:2]
    if min(width, height) < SHORTEST_SIDE:
        raise Refused(f"it is too small ({width} × {height} pixels; at least {SHORTEST_SIDE} on the shorter side)")
    return colour, None, facts or Facts(width, height, width, height)


def _to_srgb(picture: Image.Image, profile: bytes, facts: Facts) -> Image.Image:
    """Colours through the embedded profile to sRGB; unchanged, with a note, where the profile is broken."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in (ImageCms.getProfileDescription(source) or "").lower():
            return picture
        converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        return converted or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        facts.notes.append("its colour profile could not be read, so its colours may be slightly off")
        return picture


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if np.isfinite(number) else None


def _read_exif(image: Image.Image, facts: Facts) -> None:
    """Orientation, focal length, lens and position; anything unreadable is as good as absent."""
    try:
        exif = image.getexif()
        detail = exif.get_ifd(ExifTags.IFD.Exif)
        gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, OverflowError):
        facts.notes.append("its EXIF data could not be read")
        return
    orientation = exif.get(ExifTags.Base.Orientation, 1)
    facts.orientation = orientation if orientation in range(1, 9) else 1
    focal = _number(detail.get(ExifTags.Base.FocalLengthIn35mmFilm))
    facts.focal_35mm = focal if focal is not None and 8 <= focal <= 1200 else None
    names = (
        exif.get(ExifTags.Base.Make),
        exif.get(ExifTags.Base.Model),
        detail.get(ExifTags.Base.LensModel),
        _number(detail.get(ExifTags.Base.FocalLength)),
        facts.focal_35mm,
    )
    facts.lens = "|".join("" if name is None else str(name)[:80] for name in names) if any(names) else ""
    facts.position = _position(gps)
    facts.people = people_named(image, exif, detail)


def _position(gps: dict[int, Any]) -> tuple[float, float, float | None] | None:
    """Latitude, longitude and height of EXIF's GPS part, or None where it is absent, broken or at 0, 0."""
    angles = []
    for value_tag, reference_tag, negative, limit in ((2, 1, "S", 90.0), (4, 3, "W", 180.0)):
        parts = gps.get(value_tag)
        if not isinstance(parts, tuple) or len(parts) != 3:
            return None
        numbers = [_number(part) for part in parts]
        if any(number is None for number in numbers):
            return None
        degrees, minutes, seconds = (number or 0.0 for number in numbers)
        angle = degrees + minutes / 60 + seconds / 3600
        if not 0 <= angle <= limit:
            return None
        angles.append(-angle if str(gps.get(reference_tag, "")).strip("\0 ").upper() == negative else angle)
    if angles == [0.0, 0.0]:
        return None
    height = _number(gps.get(6))
    below = gps.get(5) in (1, b"\x01")
    return angles[0], angles[1], None if height is None else (-height if below else height)


def make_copy(source: Path, copy: Path, opacity_copy: Path) -> Facts:
    """Write the anonymous copy of `source` (JPEG) and, where it is partly transparent, its opacity (PNG)."""
    picture, opacity, facts = open_photograph(source)
    height, width = picture.shape[:2]
    facts.sensor_width, facts.sensor_height = width, height
    scale = min(1.0, LONGEST_SIDE / max(width, height))
    if scale < 1:
        width, height = round(width * scale), round(height * scale)
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    facts.width, facts.height = width, height
    if opacity is not None:
        visible = np.where(cv2.resize(opacity, (width, height)) >= 128, 255, 0).astype(np.uint8)
        write_picture(opacity_copy, visible)
    facts.judgement = judge(picture)
    settings = [cv2.IMWRITE_JPEG_QUALITY, COPY_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    write_picture(copy, picture[..., ::-1], settings)
    return facts
