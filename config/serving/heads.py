"""The few words of a request's head that must be known before a thread takes it.

gunicorn parses the same bytes again and alone decides what the request is; a head that is misread here costs time
and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

END = b"\r\n\r\n"
#: No head of ours is longer; gunicorn's own limits are per line.
LONGEST = 64 * 1024


@dataclass(frozen=True)
class Head:
    """What is known of a request whose head has come."""

    path: str
    #: Bytes of its body, or None where only the end tells (chunks).
    length: int | None
    #: It waits for “100 Continue” before it sends its body.
    expects: bool
    #: ``X-Forwarded-For``, all lines of it.
    forwarded_for: str


def read_head(head: bytes) -> Head:
    """Read what stands before the empty line."""
    request_line, *lines = head.lstrip(b"\r\n").decode("latin-1").split("\r\n")
    parts = request_line.split(" ")
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, _colon, value = line.partition(":")
        fields.setdefault(name.strip().lower(), []).append(value.strip())
    lengths = fields.get("content-length", ["0"])
    known = "transfer-encoding" not in fields and lengths[0].isascii() and lengths[0].isdigit() and len(lengths[0]) < 19
    return Head(
        path=parts[1] if len(parts) > 1 else "",
        length=int(lengths[0]) if known else None,
        expects="expect" in fields,
        forwarded_for=",".join(fields.get("x-forwarded-for", [])),
    )
