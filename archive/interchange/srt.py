"""SubRip: numbered cues with times. It knows no speakers and no anchors: both are told in words, or not at all."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from archive.importing.safe_text import storable
from archive.importing.timed_text import timestamp
from archive.interchange.forms import Export
from archive.interchange.passages import Payload, chosen_track, has_times, lines_of, timed_cues


def write_srt(payload: Payload, language: str = "") -> bytes | None:
    """Return one track as SubRip, None when it has no times. Angle brackets would be tags and are written ‹ ›."""
    track = chosen_track(payload, language, timed=True)
    if track is None:
        return None
    blocks = []
    for number, cue in enumerate(timed_cues(track), start=1):
        times = f"{timestamp(cue['start_ms'], ',')} --> {timestamp(cue['end_ms'], ',')}"
        lines = [storable(line)[0].replace("<", "‹").replace(">", "›") for line in lines_of(cue)]
        blocks.append("\n".join([str(number), times, *lines]))
    return ("\n\n".join(blocks) + "\n").encode()


EXPORT = Export(_("Captions (SubRip)"), "application/x-subrip; charset=utf-8", "srt", write_srt, has_times)
