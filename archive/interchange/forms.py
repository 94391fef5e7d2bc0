"""What a form of export is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """One form in which a publication can be taken away.

    ``write(payload, language)`` returns the file's bytes, or None where the payload has nothing for it;
    ``language`` is a BCP 47 tag, ``track:<id>`` for one track, or empty for the default (all, or the original).
    ``fits(payload)`` says whether to offer it at all (no captions without times).
    """

    label: str | Promise
    media_type: str
    ending: str
    write: Callable[[Payload, str], bytes | None]
    fits: Callable[[Payload], bool]
