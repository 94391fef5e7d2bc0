"""What a publication says, passage by passage: one list for the index, and for the proof that nothing is left in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

#: Kinds of entity that are facets of a work.
FACET_KINDS = ("event", "place", "person", "organisation", "concept")
#: Relation under which a work carries a risk factor of the UN framework.
RISK = "risk-factor"


@dataclass(frozen=True, slots=True)
class Passage:
    """One searchable text of a publication, in one language; an empty one lists the publication all the same."""

    language: str
    text: str
    #: Place in the page to which a hit leads.
    anchor: str = ""
    #: Moment of the recording in milliseconds.
    start_ms: int | None = None
    end_ms: int | None = None


def archive_passages(payload: Mapping[str, Any]) -> Iterator[Passage]:
    """The passages of the archive's own kinds: heads, cues, segments, clips."""
    yield from _heads(payload)
    languages = {track["id"]: track["language"] for track in payload.get("tracks", [])}
    for row in payload.get("rows", []):
        for track_id, cues in row["cells"].items():
            for cue in cues:
                if cue["text"]:
                    times = cue.get("start_ms"), cue.get("end_ms")
                    yield Passage(languages[track_id], cue["text"], cue["id"], *times)
    for segment in payload.get("segments", []):
        for tag, entry in segment["title"]["values"].items():
            yield Passage(tag, entry["text"], segment["anchor"], segment.get("start_ms"))
    for clip in payload.get("clips", []):
        for text_map in (clip["title"], clip["context"]):
            for tag, entry in text_map["values"].items():
                yield Passage(tag, entry["text"], clip["anchor"], clip["start_ms"])


def _heads(payload: Mapping[str, Any]) -> Iterator[Passage]:
    """Abstracts, notes and names, in their own languages; at least one, so that the publication is listed."""
    texts: list[tuple[str, str]] = [
        (tag, entry["text"])
        for name in ("abstract", "note")
        for tag, entry in (payload.get(name) or {}).get("values", {}).items()
        if entry.get("text")
    ]
    # The names of authorities are what one looks for; titles of works are searched through ``title``.
    if "name" in payload:
        texts += [(tag, entry["text"]) for tag, entry in payload["name"].get("values", {}).items()]
        texts += [(n.get("language") or "und", n["text"]) for n in payload.get("other_names", []) if n.get("text")]
        for tag, labels in (payload.get("labels") or {}).get("alt", {}).items():
            texts += [(tag, label) for label in labels]
    # Who speaks and who helped, by the name that the page shows and no other.
    spoken = payload.get("original_language") or "und"
    for person in payload.get("contributors", []):
        texts += [one for one in _shown_names(person["name"], spoken) if one not in texts]
    if not texts:
        texts = [((payload.get("title") or {}).get("original") or "und", "")]
    for tag, text in texts:
        yield Passage(tag, text)


def _shown_names(name: Mapping[str, Any] | str | None, spoken: str) -> list[tuple[str, str]]:
    """A contributor's name as a payload has it: a credit, a name in several languages, or None where it is withheld.

    A credit says no language; it counts as the work's own, or the work would be listed under an unknown one too.
    """
    if isinstance(name, str):
        return [(spoken, name)] if name else []
    return [(tag, entry["text"]) for tag, entry in (name or {}).get("values", {}).items() if entry.get("text")]


def archive_facets(payload: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """By what the archive's own kinds are narrowed: ids, by facet."""
    facets: dict[str, set[str]] = {}
    if payload.get("collection"):
        facets["collection"] = {payload["collection"]["id"]}
    if payload.get("place"):
        facets.setdefault("place", set()).add(payload["place"]["id"])
    for entity in payload.get("entities", []):
        if entity["relation"] == RISK:
            facets.setdefault("risk", set()).add(entity["id"])
        elif entity["kind"] in FACET_KINDS:
            facets.setdefault(entity["kind"], set()).add(entity["id"])
    return {name: tuple(sorted(values)) for name, values in facets.items()}
