"""Interchange formats: how a published work leaves the archive as a file, and how one form is added.

A form is one module that builds an ``Export`` and puts it into ``EXPORTS`` under its short name
(``tei``, ``webvtt``, ``srt``, ``csv``, ``json``); the public pages offer every export that ``fits``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Export:
    """One form in which a publication can be taken away.

    ``write(payload, language)`` returns the file's bytes, or None where the payload has nothing for it;
    ``language`` is a BCP 47 tag, ``track:<id>`` for one track, or empty for the default (all, or the original).
    ``fits(payload)`` says whether to offer it at all (no captions without times).
    """

    label: str
    media_type: str
    ending: str
    write: Callable[[Payload, str], bytes | None]
    fits: Callable[[Payload], bool]


#: By short name, in the order in which pages offer them.
EXPORTS: dict[str, Export] = {}
