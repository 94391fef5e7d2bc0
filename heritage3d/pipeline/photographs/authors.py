"""Whose photographs these are: read only to keep it out of everything that is handed on.

EXIF, XMP and IPTC are dropped with the originals. Names of files stay in the report, because people must find their
photographs again; a file or folder that is called like its author is therefore shown under the name of its copy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from PIL import ExifTags, Image, ImageFile, IptcImagePlugin

LONGEST = 200
_XMP_CREATOR = re.compile(rb"<dc:creator>(.*?)</dc:creator>", re.DOTALL)
_XMP_ITEM = re.compile(rb"<rdf:li[^>]*>([^<]{1,200})</rdf:li>")
_IPTC_BYLINE, _IPTC_COPYRIGHT = (2, 80), (2, 116)
_WORD = re.compile(r"[^\W\d_]+")
#: Words that stand in such fields without naming anybody.
_NOBODY = frozenset(
    {"all", "and", "are", "camera", "copyright", "digital", "for", "foto", "fotografie", "image", "images", "media"}
    | {"owner", "photo", "photographer", "photographs", "photography", "photos", "picture", "pictures", "private"}
    | {"public", "reserved", "rights", "studio", "the", "unknown", "user", "von"}
)


def people_named(image: Image.Image, exif: Mapping[int, Any], detail: Mapping[int, Any]) -> list[str]:
    """Author, copyright and owner as EXIF, XMP and IPTC have them; what cannot be read is as good as absent."""
    found = [exif.get(ExifTags.Base.Artist), exif.get(ExifTags.Base.Copyright), detail.get(0xA430)]
    windows = exif.get(0x9C9D)
    if isinstance(windows, bytes):
        found.append(windows.decode("utf-16-le", errors="replace"))
    xmp = image.info.get("xmp")
    if isinstance(xmp, bytes):
        for creator in _XMP_CREATOR.findall(xmp[: 1 << 20]):
            found += [item.decode("utf-8", errors="replace") for item in _XMP_ITEM.findall(creator)]
    try:
        iptc = (IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile.ImageFile) else None) or {}
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError):
        iptc = {}
    for key in (_IPTC_BYLINE, _IPTC_COPYRIGHT):
        values = iptc.get(key, [])
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, bytes):
                found.append(value.decode("utf-8", errors="replace"))
    return sorted({str(name).strip("\0 ")[:LONGEST] for name in found if name})


def words_of(people: Iterable[str]) -> frozenset[str]:
    """The words, folded, by which file names may give somebody away."""
    words = {word.casefold() for person in people for word in _WORD.findall(person)}
    return frozenset(word for word in words if len(word) >= 3 and word not in _NOBODY)


def gives_away(name: str, words: frozenset[str]) -> bool:
    """Whether a path holds one of the words: short ones as a word of its own, longer ones anywhere."""
    folded = name.casefold()
    apart = set(_WORD.findall(folded))
    return any(word in folded if len(word) > 3 else word in apart for word in words)
