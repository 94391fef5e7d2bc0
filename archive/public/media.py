"""Files of publications: checked on every request, sent in ranges, never named by a user."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from archive import publications
from archive.public.reading import Withdrawn, viewer_for
from archive.publications import Gone

#: Numbers that Python reads at once; a longer one asks for nothing that exists and gets the whole file.
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z")
_BLOCK = 256 * 1024


def media_access(request: HttpRequest, public_id: str, file_id: str) -> HttpResponseBase:
    """One file of one publication, if this viewer may see that very publication."""
    viewer = viewer_for(request)
    file = publications.published_file(public_id, file_id, viewer)
    if file is None:
        found = publications.find(public_id, viewer)
        if isinstance(found, Gone):
            raise Withdrawn(found)
        raise Http404
    response = send_file(request, file.path, file.media_type, public_id)
    response.headers["Cache-Control"] = "private, no-store" if viewer.answered_apart else "private, no-cache"
    return response


def send_file(request: HttpRequest, name: str, media_type: str, public_id: str) -> HttpResponseBase:
    """A public copy, whole or the part asked for; who may have it was decided before. :raises Http404: without it."""
    path = Path(settings.CAIRN_DATA) / "media" / "derivatives" / name
    if not path.is_file():
        raise Http404
    response = _ranged(request, path, media_type)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = f'{_disposition(media_type)}; filename="cairn-{public_id}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _disposition(media_type: str) -> str:
    # What a browser could run as a page is only ever handed over as a file.
    return (
        "inline"
        if media_type.split("/")[0] in ("audio", "video", "image") and "svg" not in media_type
        else "attachment"
    )


def _ranged(request: HttpRequest, path: Path, media_type: str) -> HttpResponseBase:
    size = path.stat().st_size
    asked = _RANGE.match(request.headers.get("Range", ""))
    if asked is None or asked.groups() == ("", ""):
        return FileResponse(path.open("rb"), content_type=media_type)
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end or start >= size:
        response = HttpResponse(status=416)
        response.headers["Content-Range"] = f"bytes */{size}"
        return response
    answer = StreamingHttpResponse(_blocks(path, start, end - start + 1), status=206, content_type=media_type)
    answer.headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    answer.headers["Content-Length"] = str(end - start + 1)
    return answer


def _blocks(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while length > 0:
            block = file.read(min(_BLOCK, length))
            if not block:
                return
            length -= len(block)
            yield block
