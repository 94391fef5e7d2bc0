"""Public addresses: how a list, a page, a passage or a file is addressed; the only place that builds them."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language

from archive.public.kinds import public_kind

#: A public id that no record has (they hold letters and digits at random; see ``archive.values.public_id``).
_ANY_ID = "0000000000"


def list_url(kind: str) -> str:
    """Address of the list of a kind in the active language. :raises UnknownKind: for a kind that nobody registered."""
    return _pattern("browse", kind, get_language())


def page_url(kind: str, public_id: str, *, anchor: str = "", moment_ms: int | None = None) -> str:
    """Address of a publication's page in the active language, at a passage or at a moment.

    :raises UnknownKind: for a kind that nobody registered.
    """
    address = _pattern("page", kind, get_language()).replace(_ANY_ID, public_id)
    if moment_ms is not None:
        return f"{address}#t={moment_ms // 1000}"
    return f"{address}#{anchor}" if anchor else address


def file_url(view: str, kind: str, public_id: str, form: str) -> str:
    """Address of a citation or a download (``view``) of a work in one of its forms, in the active language."""
    return _pattern(view, kind, get_language(), form).replace(_ANY_ID, public_id)


@lru_cache(maxsize=1024)
def _pattern(view: str, kind: str, _language: str | None, form: str = "") -> str:
    """An address of the active language with ``_ANY_ID`` for the public id: reversing costs more than replacing."""
    kwargs = {"segment": public_kind(kind).segment, **({"form": form} if form else {})}
    if view != "browse":
        kwargs["public_id"] = _ANY_ID
    return reverse(f"public:{view}", kwargs=kwargs)


def permanent_url(public_id: str) -> str:
    """The absolute address that citations, feeds and harvesters use; it outlives languages and page forms."""
    return f"{settings.PUBLIC_URL}/id/{public_id}"


def absolute(path: str) -> str:
    """An absolute address below the configured public one; the Host header is never trusted for it."""
    return f"{settings.PUBLIC_URL}{path}"
