"""What a file really is, told from its first 4 KiB, against what it claims to be.

Signatures after the file-format registry PRONOM (https://www.nationalarchives.gov.uk/PRONOM/) and the WHATWG MIME
Sniffing Standard. Looking is all that happens here: nothing is parsed, decoded or unpacked (safety.md rule 3).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from archive.importing.safe_text import shown
from archive.vault.errors import RefusedUpload


@dataclass(frozen=True)
class FileKind:
    """A recognised type: MIME type, the extension under which the vault stores it, and its family.

    Families: ``image audio video text document model archive active program unknown``. *Active* is what a browser
    would run (HTML, SVG), *program* what an operating system would.
    """

    mime: str
    extension: str
    family: str


UNKNOWN = FileKind("application/octet-stream", "bin", "unknown")
_HTML = FileKind("text/html", "html", "active")
_SVG = FileKind("image/svg+xml", "svg", "active")
_XML = FileKind("application/xml", "xml", "text")
_PLAIN = FileKind("text/plain", "txt", "text")
_VTT = FileKind("text/vtt", "vtt", "text")
_SRT = FileKind("application/x-subrip", "srt", "text")
_JSON = FileKind("application/json", "json", "text")
_GLTF = FileKind("model/gltf+json", "gltf", "model")
_SCRIPT = FileKind("text/x-script", "bin", "program")

#: (offset, bytes, kind); the first that fits wins.
_SIGNATURES: tuple[tuple[int, bytes, FileKind], ...] = (
    (0, b"\xff\xd8\xff", FileKind("image/jpeg", "jpg", "image")),
    (0, b"\x89PNG\r\n\x1a\n", FileKind("image/png", "png", "image")),
    (0, b"GIF87a", FileKind("image/gif", "gif", "image")),
    (0, b"GIF89a", FileKind("image/gif", "gif", "image")),
    (8, b"WEBP", FileKind("image/webp", "webp", "image")),
    (0, b"II*\x00", FileKind("image/tiff", "tif", "image")),
    (0, b"MM\x00*", FileKind("image/tiff", "tif", "image")),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", FileKind("image/jp2", "jp2", "image")),
    (8, b"WAVE", FileKind("audio/wav", "wav", "audio")),
    (8, b"AVI ", FileKind("video/x-msvideo", "avi", "video")),
    (0, b"fLaC", FileKind("audio/flac", "flac", "audio")),
    (0, b"ID3", FileKind("audio/mpeg", "mp3", "audio")),
    (0, b"%PDF-", FileKind("application/pdf", "pdf", "document")),
    (0, b"glTF", FileKind("model/gltf-binary", "glb", "model")),
    (0, b"ASTM-E57", FileKind("model/e57", "e57", "model")),
    (0, b"LASF", FileKind("application/vnd.las", "las", "model")),
    (0, b"ply\n", FileKind("application/x-ply", "ply", "model")),
    (0, b"ply\r", FileKind("application/x-ply", "ply", "model")),
    (0, b"PK\x03\x04", FileKind("application/zip", "zip", "archive")),
    (0, b"PK\x05\x06", FileKind("application/zip", "zip", "archive")),
    (0, b"\x1f\x8b", FileKind("application/gzip", "gz", "archive")),
    (0, b"\xfd7zXZ\x00", FileKind("application/x-xz", "xz", "archive")),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind("application/x-7z-compressed", "7z", "archive")),
    (0, b"Rar!\x1a\x07", FileKind("application/vnd.rar", "rar", "archive")),
    (257, b"ustar", FileKind("application/x-tar", "tar", "archive")),
    (0, b"\x7fELF", FileKind("application/x-executable", "bin", "program")),
    (0, b"\xcf\xfa\xed\xfe", FileKind("application/x-mach-binary", "bin", "program")),
    (0, b"\xca\xfe\xba\xbe", FileKind("application/java-vm", "bin", "program")),
)
#: The "major brand" of an ISO base media file (ISO/IEC 14496-12, section 4.3).
_BRANDS: dict[bytes, FileKind] = {
    b"heic": FileKind("image/heic", "heic", "image"),
    b"heix": FileKind("image/heic", "heic", "image"),
    b"mif1": FileKind("image/heif", "heif", "image"),
    b"avif": FileKind("image/avif", "avif", "image"),
    b"M4A ": FileKind("audio/mp4", "m4a", "audio"),
    b"M4B ": FileKind("audio/mp4", "m4a", "audio"),
    b"qt  ": FileKind("video/quicktime", "mov", "video"),
}
_MP4 = FileKind("video/mp4", "mp4", "video")
#: What each claimed extension may turn out to be.
_CLAIMS: dict[str, frozenset[str]] = {
    "jpg": frozenset({"image/jpeg"}),
    "jpeg": frozenset({"image/jpeg"}),
    "png": frozenset({"image/png"}),
    "gif": frozenset({"image/gif"}),
    "webp": frozenset({"image/webp"}),
    "tif": frozenset({"image/tiff"}),
    "tiff": frozenset({"image/tiff"}),
    "jp2": frozenset({"image/jp2"}),
    "heic": frozenset({"image/heic", "image/heif"}),
    "heif": frozenset({"image/heic", "image/heif"}),
    "avif": frozenset({"image/avif"}),
    "wav": frozenset({"audio/wav"}),
    "flac": frozenset({"audio/flac"}),
    "mp3": frozenset({"audio/mpeg"}),
    "m4a": frozenset({"audio/mp4", "video/mp4"}),
    "ogg": frozenset({"application/ogg"}),
    "oga": frozenset({"application/ogg"}),
    "opus": frozenset({"application/ogg"}),
    "ogv": frozenset({"application/ogg"}),
    "mp4": frozenset({"video/mp4", "audio/mp4", "video/quicktime"}),
    "m4v": frozenset({"video/mp4"}),
    "mov": frozenset({"video/quicktime", "video/mp4"}),
    "webm": frozenset({"video/webm"}),
    "mkv": frozenset({"video/x-matroska", "video/webm"}),
    "avi": frozenset({"video/x-msvideo"}),
    "pdf": frozenset({"application/pdf"}),
    "xml": frozenset({"application/xml"}),
    "vtt": frozenset({"text/vtt"}),
    "srt": frozenset({"application/x-subrip", "text/plain"}),
    "txt": frozenset({"text/plain", "application/x-subrip"}),
    "csv": frozenset({"text/plain"}),
    "json": frozenset({"application/json"}),
    "eaf": frozenset({"application/xml"}),
    "glb": frozenset({"model/gltf-binary"}),
    "gltf": frozenset({"model/gltf+json"}),
    "e57": frozenset({"model/e57"}),
    "las": frozenset({"application/vnd.las"}),
    "laz": frozenset({"application/vnd.las"}),
    "ply": frozenset({"application/x-ply"}),
    "obj": frozenset({"text/plain"}),
}
#: The first element of a document, after declaration, comments, processing instructions and an internal DTD.
_FIRST_ELEMENT = re.compile(
    r"\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*|<!doctype\s+(?P<doctype>[^\s>\[]+)[^>\[]*(?:\[.*?\]\s*)?>\s*)*<(?P<name>[A-Za-z][\w.:-]*)",
    re.IGNORECASE | re.DOTALL,
)
#: What a browser takes for HTML when a document begins with it (WHATWG MIME Sniffing, section 7.1).
_HTML_STARTS = frozenset(
    {
        "html",
        "head",
        "body",
        "script",
        "iframe",
        "h1",
        "div",
        "font",
        "table",
        "a",
        "style",
        "title",
        "b",
        "br",
        "p",
        "img",
        "form",
    }
)
_CUE_TIME = re.compile(r"^\s*\d+\s*\r?\n\d{1,2}:\d\d:\d\d[,.]\d{1,3}\s*-->", re.MULTILINE)


def sniff(head: bytes) -> FileKind:
    """Tell the type of a file from its first bytes (up to 4,096); :data:`UNKNOWN` when nothing fits."""
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            # RIFF names its kind at byte 8 only when it is RIFF at all.
            if offset == 8 and not head.startswith((b"RIFF", b"RF64")):
                continue
            return kind
    if head.startswith(b"ftyp", 4):
        return _BRANDS.get(head[8:12], _MP4)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return (
            FileKind("video/webm", "webm", "video")
            if b"webm" in head[:64]
            else FileKind("video/x-matroska", "mkv", "video")
        )
    if head.startswith(b"OggS"):
        return FileKind("application/ogg", "ogg", "video" if b"theora" in head[:128] else "audio")
    if head.startswith(b"MZ") and b"\x00" in head[:64]:
        return FileKind("application/vnd.microsoft.portable-executable", "bin", "program")
    # An MPEG audio frame without a tag: eleven set bits, layer II or III (layer I looks like UTF-16), a bit rate.
    if len(head) > 3 and head[0] == 0xFF and head[1] & 0xE6 in (0xE2, 0xE4) and head[2] & 0xF0 != 0xF0:
        return FileKind("audio/mpeg", "mp3", "audio")
    text = _as_text(head)
    return UNKNOWN if text is None else _sniff_text(text)


def _sniff_text(text: str) -> FileKind:
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith("#!"):
        return _SCRIPT
    if start.startswith("WEBVTT"):
        return _VTT
    if found := _FIRST_ELEMENT.match(start):
        # A prefix does not hide an element from a browser: <x:svg>, <h:html>.
        first = found["name"].lower().rpartition(":")[2]
        if first == "svg":
            return _SVG
        if first in _HTML_STARTS or (found["doctype"] or "").lower() == "html":
            return _HTML
    if start.startswith(("<?xml", "<")) and re.match(r"<[?!A-Za-z]", start):
        return _XML
    if start.startswith(("{", "[")):
        return _GLTF if '"asset"' in start and '"version"' in start else _JSON
    if _CUE_TIME.search(start):
        return _SRT
    return _PLAIN


_NEVER_IN_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def _as_text(head: bytes) -> str | None:
    """The head as text, or ``None`` when it is binary. A legacy eight-bit encoding reads as Latin-1 here."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore")
    # NUL and the other C0 controls never occur in text, tab, line feeds, form feed and escape apart.
    if _NEVER_IN_TEXT.search(head):
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The 4,096th byte may cut a character in two.
        return head.decode("utf-8", errors="ignore") if error.start > len(head) - 4 else head.decode("latin-1")


def printable_name(name: str) -> str:
    """A user's file name made safe to show and to keep in metadata: its last part, NFC, escaped, ≤ 200 characters."""
    return shown(unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1]))


def check_claim(name: str, kind: FileKind) -> None:
    """Refuse what must not come in by upload: what a browser or a system would run, and what is not what it says.

    Raises :class:`RefusedUpload` naming the file and the reason.
    """
    extension = PurePosixPath(name.lower()).suffix.lstrip(".")
    if kind.family == "active":
        why = _("this is %(type)s, which a browser may run. Send it as PDF or plain text.") % {"type": kind.mime}
    elif kind.family == "program":
        why = _("this is a program, which the archive does not take.")
    elif kind.family == "archive":
        why = _("this is an archive (%(type)s). Send the files in it one by one.") % {"type": kind.mime}
    elif kind is UNKNOWN:
        why = _("the type of this file is not one that the archive knows.")
    elif kind.mime not in _CLAIMS.get(extension, (kind.mime,)):
        why = _("the name says .%(extension)s, the content is %(type)s. Rename it or send the right file.") % {
            "extension": extension,
            "type": kind.mime,
        }
    else:
        return
    raise RefusedUpload(f"{printable_name(name)}: {why}")
