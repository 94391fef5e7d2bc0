"""WebVTT: one track with its times, speakers and the anchors by which it finds back to its passages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from archive.importing.safe_text import storable
from archive.importing.timed_text import timestamp
from archive.interchange.forms import Export
from archive.interchange.passages import Payload, chosen_track, has_times, lines_of, timed_cues


def write_webvtt(payload: Payload, language: str = "") -> bytes | None:
    """Return one track as WebVTT, None when it has no times. Untimed cues are left out: the form cannot hold them."""
    track = chosen_track(payload, language, timed=True)
    if track is None:
        return None
    fiction = ["", "NOTE Fiction: sample content, no real person speaks here."] if payload.get("fiction") else []
    head = [
        "WEBVTT",
        f"Kind: {track['kind']}",
        f"Language: {track['language']}",
        f"X-Cairn: {payload['id']}/{track['id']}",
    ]
    parts = ["\n".join([*head, *fiction])]
    parts += ["\n".join(_cue(cue)) for cue in timed_cues(track)]
    return ("\n\n".join(parts) + "\n").encode()


def _cue(cue: Mapping[str, Any]) -> list[str]:
    lines = [_escaped(line) for line in lines_of(cue)]
    if cue.get("speaker"):
        # A speaker's name may hold no “>”, or it would end the tag.
        lines[0] = f"<v {_escaped(str(cue['speaker']))}>{lines[0]}"
    return [str(cue["id"]), f"{timestamp(cue['start_ms'])} --> {timestamp(cue['end_ms'])}", *lines]


def _escaped(text: str) -> str:
    plain = storable(text)[0].replace("\n", " ").replace("\r", " ")
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


EXPORT = Export(_("Captions (WebVTT)"), "text/vtt; charset=utf-8", "vtt", write_webvtt, has_times)
