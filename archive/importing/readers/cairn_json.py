"""Our own JSON (`archive.interchange.json_document`): a publication as it stood, read back into a work."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from archive.importing.formats import ReadingOptions
from archive.importing.parsed import (
    ParsedContributor,
    ParsedCue,
    ParsedEntity,
    ParsedMark,
    ParsedPlace,
    ParsedTrack,
    ParsedWork,
)
from archive.importing.problems import Problem, RefusedError, problem
from archive.importing.reading import Source, decode
from archive.interchange.passages import name_of, texts_of, tracks_of
from archive.values.payload import PAYLOAD_SCHEMA
from archive.values.public_id import is_public_id


class _JsonReader:
    name = "json"
    label = "Cairn JSON"
    extensions: tuple[str, ...] = (".json",)

    def recognises(self, head: bytes) -> bool:
        return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and b'"abstract"' in head

    def works(self, source: Source, options: ReadingOptions) -> Iterator[ParsedWork | Problem]:
        try:
            payload = json.loads(decode(source.read(), source.name))
        except json.JSONDecodeError as error:
            place = f"{error.lineno}:{error.colno}"
            raise RefusedError(problem("json-broken", source.name, place, why=error.msg)) from error
        except RecursionError as error:
            raise RefusedError(problem("json-broken", source.name, "", why="nested too deep")) from error
        try:
            yield _work(payload, source.name)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            why = f"it is no publication of ours ({type(error).__name__})"
            raise RefusedError(problem("json-broken", source.name, "", why=why)) from error


READER = _JsonReader()


def _work(payload: Mapping[str, Any], file: str) -> ParsedWork:
    if payload["schema"] not in range(1, PAYLOAD_SCHEMA + 1):
        raise ValueError
    if payload["kind"] not in ("testimony", "document") or not is_public_id(payload["id"]):
        raise ValueError
    provenance, facts = payload["provenance"], payload.get("source_facts") or {}
    place = payload.get("place")
    authority = {entity["id"]: entity["authority"] for entity in payload["entities"]}
    return ParsedWork(
        key=f"cairn-{payload['id']}",
        file=file,
        format="json",
        kind=payload["kind"],
        title=texts_of(payload["title"]),
        original_language=str(payload["original_language"]),
        tracks=tuple(_track(track) for track in tracks_of(payload)),
        abstract=texts_of(payload["abstract"]),
        languages=tuple(map(str, payload["languages"])),
        date=str(payload["date"]["edtf"]),
        date_as_written=str(facts.get("date_as_written", "")),
        place=_place(place, authority.get(place["id"], "")) if place else None,
        contributors=tuple(
            ParsedContributor(str(one["role"]), name)
            for one in payload["contributors"]
            if (name := name_of(one["name"]))
        ),
        entities=tuple(
            ParsedEntity(
                kind=str(one["kind"]),
                name=name_of(one["name"]),
                uri=str(one["authority"]),
                key="" if one["authority"] else f"cairn-{one['id']}",
                mentions=tuple(map(str, one["mentions"])),
            )
            for one in payload["entities"]
        ),
        institution=str(provenance["institution"]),
        institution_uri=str(provenance["institution_uri"]),
        collection=str(provenance["collection"]),
        collection_uri=str(provenance["collection_uri"]),
        reference=str(provenance["reference"]),
        source_statement=str(provenance["source_statement"]),
        edition=str(provenance["edition"]),
        licence_uri=str(payload["licence"]["uri"]),
        licence_label=str(payload["licence"]["label"]),
        keywords=tuple(map(str, facts.get("keywords", ()))),
        facsimiles=tuple((str(one["page"]), str(one["label"])) for one in payload["facsimiles"]),
        sensitivity=tuple(map(str, payload["sensitivity"])),
    )


def _place(place: Mapping[str, Any], uri: str) -> ParsedPlace:
    return ParsedPlace(name_of(place["name"]), uri, "" if uri else f"cairn-{place['id']}")


def _track(track: Mapping[str, Any]) -> ParsedTrack:
    return ParsedTrack(
        id=str(track["id"])[:20],
        kind=str(track["kind"]),
        language=str(track["language"]),
        declared_language=str(track["declared_language"]),
        origin=str(track["origin"]),
        reviewed=bool(track["reviewed"]),
        is_original=bool(track["is_original"]),
        label=str(track["label"]),
        cues=tuple(_cue(cue) for cue in track["cues"]),
    )


def _cue(cue: Mapping[str, Any]) -> ParsedCue:
    return ParsedCue(
        text=str(cue["text"]),
        id=str(cue["id"]),
        anchored=True,
        group=str(cue["group"]),
        page=str(cue["page"]),
        start_ms=None if cue["start_ms"] is None else int(cue["start_ms"]),
        end_ms=None if cue["end_ms"] is None else int(cue["end_ms"]),
        speaker=str(cue["speaker"]),
        kind=str(cue["kind"]),
        paratext=str(cue["paratext"]),
        marks=tuple(
            ParsedMark(
                start=int(mark["start"]),
                end=int(mark["end"]),
                type=str(mark["type"]),
                ref=str(mark["ref"]),
                key=_key(mark),
                data=dict(mark["data"]),
            )
            for mark in cue["marks"]
        ),
    )


def _key(mark: Mapping[str, Any]) -> str:
    """Return a mark's key as `archive.importing.snapshots` expects it of a source: it becomes the public id again."""
    key = str(mark["key"])
    return f"cairn-{key}" if is_public_id(key) else key
