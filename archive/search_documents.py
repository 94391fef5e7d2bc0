"""What the archive hands to search: passages of publications, never of records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from archive.models.publication import Publication
from archive.values.language_map import original_text
from search.documents import SearchDocument

#: Kinds of entity that are facets of a work.
FACET_KINDS = ("event", "place", "person", "organisation", "concept")
#: Relation under which a work carries a risk factor of the UN framework.
RISK = "risk-factor"


def all_works() -> Iterator[str]:
    """Ids of everything that has a publication, for a rebuild."""
    yield from Publication.objects.order_by("public_id").values_list("public_id", flat=True).distinct().iterator()


def documents_of(public_id: str) -> Iterator[SearchDocument]:
    """The searchable passages of one work on all its rungs; none when it is not published."""
    for publication in Publication.objects.filter(public_id=public_id):
        yield from _passages(publication)


def key_of(publication: Publication) -> str:
    """Names a projection to ``still_published``: a later projection of the same work has another key."""
    return f"{publication.public_id}@{publication.version}"


def _passages(publication: Publication) -> Iterator[SearchDocument]:
    payload = publication.payload
    shared: dict[str, Any] = {
        "key": key_of(publication),
        "work": publication.public_id,
        "group": publication.group,
        "stands": frozenset(str(stand) for stand in publication.stands),
        "type": publication.kind,
        "title": _title(publication),
        "facets": _facets(payload),
        "year_from": publication.year_from,
        "year_to": publication.year_to,
        "published_at": publication.first_published_at,
        "not_after": publication.not_after,
    }
    yield from _heads(publication, payload, shared)
    languages = {track["id"]: track["language"] for track in payload.get("tracks", [])}
    for row in payload.get("rows", []):
        for track_id, cues in row["cells"].items():
            for cue in cues:
                if cue["text"]:
                    yield SearchDocument(
                        **shared,
                        language=languages[track_id],
                        text=cue["text"],
                        anchor=cue["id"],
                        start_ms=cue.get("start_ms"),
                        end_ms=cue.get("end_ms"),
                    )
    for segment in payload.get("segments", []):
        for tag, entry in segment["title"]["values"].items():
            yield SearchDocument(
                **shared,
                language=tag,
                text=entry["text"],
                anchor=segment["anchor"],
                start_ms=segment.get("start_ms"),
            )

    for clip in payload.get("clips", []):
        for text_map in (clip["title"], clip["context"]):
            for tag, entry in text_map["values"].items():
                yield SearchDocument(
                    **shared, language=tag, text=entry["text"], anchor=clip["anchor"], start_ms=clip["start_ms"]
                )


def _heads(publication: Publication, payload: dict[str, Any], shared: dict[str, Any]) -> Iterator[SearchDocument]:
    """Abstracts, notes and names, in their own languages; at least one row a work, so that it is listed."""
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
        yield SearchDocument(**shared, language=tag, text=text)


def _shown_names(name: Mapping[str, Any] | str | None, spoken: str) -> list[tuple[str, str]]:
    """A contributor's name as a payload has it: a credit, a name in several languages, or None where it is withheld.

    A credit says no language; it counts as the work's own, or the work would be listed under an unknown one too.
    """
    if isinstance(name, str):
        return [(spoken, name)] if name else []
    return [(tag, entry["text"]) for tag, entry in (name or {}).get("values", {}).items() if entry.get("text")]


def _title(publication: Publication) -> str:
    title = publication.title or {}
    texts: Iterable[str] = dict.fromkeys(
        [original_text(title), *(entry["text"] for entry in title.get("values", {}).values())]
    )
    return " · ".join(text for text in texts if text)


def _facets(payload: dict[str, Any]) -> dict[str, tuple[str, ...]]:
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
