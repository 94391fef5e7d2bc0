"""Public addresses: the segment of each kind, and how a page, a passage or a file is addressed."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

#: Segment of the address under which each kind's pages stand (interfaces.md).
SEGMENTS = {
    "testimony": "testimonies",
    "document": "documents",
    "collection": "collections",
    "person": "people",
    "place": "places",
    "organisation": "organisations",
    "event": "events",
    "concept": "concepts",
}
KINDS = {segment: kind for kind, segment in SEGMENTS.items()}


def page_url(kind: str, public_id: str, *, anchor: str = "", moment_ms: int | None = None) -> str:
    """Address of a work's page in the active language, at a passage or at a moment."""
    address = reverse("public:page", kwargs={"segment": SEGMENTS[kind], "public_id": public_id})
    if moment_ms is not None:
        return f"{address}#t={moment_ms // 1000}"
    return f"{address}#{anchor}" if anchor else address


def permanent_url(public_id: str) -> str:
    """The absolute address that citations, feeds and harvesters use; it outlives languages and page forms."""
    return f"{settings.PUBLIC_URL}/id/{public_id}"


def absolute(path: str) -> str:
    """An absolute address below the configured public one; the Host header is never trusted for it."""
    return f"{settings.PUBLIC_URL}{path}"
