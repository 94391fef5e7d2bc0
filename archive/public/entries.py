"""Publications as entries of lists: what ``templates/includes/entry.html`` shows of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from archive.models.publication import Publication
from archive.public.addresses import page_url
from archive.public.kinds import public_kind
from archive.values.language_map import choose


def entry(publication: Publication, *, count: int | None = None) -> dict[str, Any]:
    """One line of a list."""
    payload = publication.payload
    facts: dict[str, Any] = {
        "url": page_url(publication.kind, publication.public_id),
        "title": payload.get("title") or payload.get("name") or {},
        "kind": publication.kind,
        "fiction": publication.fiction,
    }
    if count is not None:
        facts["count"] = count
    return facts | public_kind(publication.kind).line(publication)


def work_line(publication: Publication) -> dict[str, Any]:
    """What a line says of a testimony or a document."""
    payload = publication.payload
    recording = next((m for m in payload.get("media", []) if m["kind"] in ("audio", "video")), None)
    facts: dict[str, Any] = {
        "summary": payload.get("abstract"),
        "languages": payload.get("languages", []),
        "date": (payload.get("date") or {}).get("edtf", ""),
        "place": (payload.get("place") or {}).get("name"),
        "community": (payload.get("community") or {}).get("name", ""),
        "collection": (payload.get("collection") or {}).get("title"),
        "narrators": _narrators(payload),
        "media": recording["kind"] if recording else "",
        "duration_ms": recording["duration_ms"] if recording else None,
        "sensitivity": payload.get("sensitivity", []),
        "stub": publication.stub,
    }
    if publication.stub:
        # Its title is part of what one asks for; a line of a list needs words to follow all the same.
        facts["title"] = _("A testimony on request") if publication.kind == "testimony" else _("A document on request")
    return facts


def collection_line(publication: Publication) -> dict[str, Any]:
    """What a line says of a collection."""
    payload = publication.payload
    return {"summary": payload.get("abstract"), "community": (payload.get("community") or {}).get("name", "")}


def authority_line(publication: Publication) -> dict[str, Any]:
    """What a line says of a person, a place, an organisation, an event or a concept."""
    payload = publication.payload
    return {
        "names": [{"text": n["text"], "language": n["language"]} for n in names_beside(payload)],
        "date": "/".join(d for d in (payload.get("date_from", ""), payload.get("date_to", "")) if d),
    }


def entries(publications: Iterable[Publication], counts: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
    """Lines of a list, with the number of works each is named in where ``counts`` is given."""
    return [
        entry(publication, count=counts.get(publication.public_id, 0) if counts is not None else None)
        for publication in publications
    ]


def _narrators(payload: Mapping[str, Any]) -> list[str]:
    names = []
    for contributor in payload.get("contributors", []):
        name = contributor["name"]
        if name and contributor["role"] in ("narrator", "author"):
            names.append(name if isinstance(name, str) else choose(name, (get_language() or "en",)).text)
    return names


def names_beside(payload: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every name of an authority but the one a reader is shown: in other languages first, then its other names."""
    shown = choose(payload.get("name"), (get_language() or "en",)).text
    values = (payload.get("name") or {}).get("values", {})
    candidates = [{"text": entry["text"], "language": tag, "note": ""} for tag, entry in values.items()]
    candidates += [
        {"text": n["text"], "language": n.get("language", ""), "note": ""} for n in payload.get("other_names", [])
    ]
    names: dict[str, dict[str, str]] = {}
    for name in candidates:
        if name["text"] != shown:
            names.setdefault(name["text"], name)
    return list(names.values())
