"""What all forms need of a payload: its tracks with their cues again, in reading order, and its texts by language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from archive.values.payload import PAYLOAD_SCHEMA

Payload = Mapping[str, Any]


def tracks_of(payload: Payload) -> list[dict[str, Any]]:
    """Return the tracks with their cues, put together from the rows."""
    tracks = [{**track, "cues": []} for track in payload.get("tracks", [])]
    by_id = {track["id"]: track for track in tracks}
    for row in payload.get("rows", []):
        for track_id, cues in row["cells"].items():
            if track_id in by_id:
                by_id[track_id]["cues"] += cues
    return tracks


def chosen_track(payload: Payload, language: str, *, timed: bool = False) -> dict[str, Any] | None:
    """Return one track: ``track:<id>``, or that of a language, or the original; None when there is none.

    ``timed`` takes only tracks with a timed cue.
    """
    tracks = [track for track in tracks_of(payload) if not timed or any(_is_timed(cue) for cue in track["cues"])]
    if language.startswith("track:"):
        return next((track for track in tracks if track["id"] == language.removeprefix("track:")), None)
    if language:
        return next((track for track in tracks if track["language"] == language), None)
    return next((track for track in tracks if track.get("is_original")), None) or next(iter(tracks), None)


def has_times(payload: Payload) -> bool:
    """Whether any cue has a time."""
    return any(row.get("start_ms") is not None for row in payload.get("rows", []))


def timed_cues(track: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the cues that have both times and words."""
    return (cue for cue in track["cues"] if _is_timed(cue) and lines_of(cue))


def _is_timed(cue: Mapping[str, Any]) -> bool:
    return cue.get("start_ms") is not None and cue.get("end_ms") is not None


def lines_of(cue: Mapping[str, Any]) -> list[str]:
    """Return the text of a cue, cut where its source had line ends."""
    text = str(cue["text"])
    cuts = sorted({mark["start"] for mark in cue.get("marks", []) if mark["type"] == "line"})
    edges = [0, *(cut for cut in cuts if 0 < cut < len(text)), len(text)]
    return [part for a, b in pairwise(edges) if (part := text[a:b].strip())]


def texts_of(value: Mapping[str, Any] | None) -> dict[str, str]:
    """Return a language map as plain texts, the original first."""
    if not value:
        return {}
    values = value.get("values", {})
    original = value.get("original", "")
    ordered = ([original] if original in values else []) + [tag for tag in values if tag != original]
    return {tag: values[tag]["text"] for tag in ordered if values[tag].get("text")}


def name_of(name: Any) -> str:
    """Return a contributor's or an entity's name, which is text or a language map."""
    if isinstance(name, Mapping):
        return next(iter(texts_of(name).values()), "")
    return str(name or "")


def payload_of(
    snapshot: Mapping[str, Any], *, public_id: str, entities: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a record's snapshot in the form of a payload, for exports on the record side.

    It is not cleared: it may be given to those only who may read the record. ``entities`` are
    ``{"kind", "id", "name", "authority", "mentions"}`` of the records that the snapshot's links name.
    """
    from archive.values.text import rows_of

    place = snapshot.get("place")
    return {
        **{name: snapshot.get(name) for name in ("kind", "title", "abstract", "original_language", "languages")},
        **{name: snapshot.get(name) for name in ("sensitivity", "minimum_age", "facsimiles", "fiction")},
        "schema": PAYLOAD_SCHEMA,
        "id": public_id,
        "date": {"edtf": snapshot.get("date", "")},
        "place": next(({"id": e["id"], "name": e["name"]} for e in entities or [] if e["id"] == place), None),
        "contributors": [
            {"role": one["role"], "name": one["credited_as"], "id": one["person"]}
            for one in snapshot.get("contributions", [])
        ],
        "tracks": [{k: v for k, v in track.items() if k != "cues"} for track in snapshot.get("tracks", [])],
        "rows": rows_of(snapshot.get("tracks", [])),
        "entities": [entity for entity in entities or [] if entity["id"] != place or entity.get("mentions")],
        "provenance": {
            "institution": snapshot.get("institution", ""),
            "institution_uri": snapshot.get("institution_uri", ""),
            "collection": snapshot.get("archival_collection", ""),
            "collection_uri": snapshot.get("archival_collection_uri", ""),
            "reference": snapshot.get("reference", ""),
            "source_statement": snapshot.get("source_statement", ""),
            "edition": snapshot.get("edition", ""),
        },
        "licence": {"uri": snapshot.get("licence_uri", ""), "label": snapshot.get("licence_label", "")},
        "source_facts": dict(snapshot.get("source_facts", {}).get("public", {})),
    }
