"""CSV: one row for each passage of each text, harmless in a spreadsheet.

A cell that begins like a formula gets an apostrophe in front, as OWASP advises (*CSV Injection*); our own reader
takes it off again.
"""

from __future__ import annotations

import csv
import io

from django.utils.translation import gettext_lazy as _

from archive.interchange.forms import Export
from archive.interchange.passages import Payload, tracks_of

#: The heading by which our own reader knows such a table.
COLUMNS = (
    "work",
    "track",
    "kind",
    "language",
    "passage",
    "group",
    "page",
    "start_ms",
    "end_ms",
    "speaker",
    "type",
    "text",
)

#: What spreadsheets take for the beginning of a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutralised(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; an apostrophe of its own is doubled and comes back."""
    return "'" + cell if cell.startswith((*FORMULA_STARTS, "'")) else cell


def write_csv(payload: Payload, language: str = "") -> bytes | None:
    """Return all passages, or those of one language or track (``track:<id>``); None where there is none."""
    tracks = tracks_of(payload)
    if language.startswith("track:"):
        tracks = [track for track in tracks if track["id"] == language.removeprefix("track:")]
    elif language:
        tracks = [track for track in tracks if track["language"] == language]
    if not any(track["cues"] for track in tracks):
        return None
    target = io.StringIO()
    rows = csv.writer(target, lineterminator="\r\n")
    rows.writerow(COLUMNS)
    for track in tracks:
        for cue in track["cues"]:
            cells = (
                payload["id"],
                track["id"],
                track["kind"],
                track["language"],
                cue["id"],
                cue.get("group", ""),
                cue.get("page", ""),
                "" if cue.get("start_ms") is None else cue["start_ms"],
                "" if cue.get("end_ms") is None else cue["end_ms"],
                cue.get("speaker", ""),
                cue.get("kind", "p"),
                cue["text"],
            )
            rows.writerow([neutralised(str(cell)) for cell in cells])
    # The byte-order mark lets spreadsheets see that this is UTF-8.
    return b"\xef\xbb\xbf" + target.getvalue().encode()


EXPORT = Export(
    _("Table of passages (CSV)"), "text/csv; charset=utf-8", "csv", write_csv, lambda payload: bool(payload.get("rows"))
)
