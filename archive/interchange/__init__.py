"""Interchange formats: how a published work leaves the archive as a file, and how one form is added.

A form is one module with an ``EXPORT`` (`archive.interchange.forms.Export`), named in ``EXPORTS`` under its short
name; the public pages offer every export that ``fits``.
"""

from __future__ import annotations

from archive.interchange import csv_table, json_document, srt, tei, webvtt
from archive.interchange.forms import Export

#: By short name, in the order in which pages offer them.
EXPORTS: dict[str, Export] = {
    "tei": tei.EXPORT,
    "webvtt": webvtt.EXPORT,
    "srt": srt.EXPORT,
    "csv": csv_table.EXPORT,
    "json": json_document.EXPORT,
}

__all__ = ["EXPORTS", "Export"]
