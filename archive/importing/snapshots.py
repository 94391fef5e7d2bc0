"""From a parsed work to the snapshot of a revision, in exactly the form `archive.revisions.snapshot_of` reads back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from archive.importing.anchors import carry_anchors
from archive.importing.authorities import ENTITY_KINDS
from archive.importing.authority_records import OWN_KEY, AuthorityRef
from archive.importing.parsed import ParsedEntity, ParsedTrack, ParsedWork
from archive.importing.rights import Rights
from archive.models import Contribution
from archive.revisions import canonical
from archive.values.language_map import from_texts

#: Changes whenever readers give another result for the same bytes, so that an import made again shows it.
READERS_VERSION = 1


def source_hash(work: ParsedWork) -> str:
    """SHA-256 of everything the source says, before anything of the archive is mixed in."""
    facts = [
        READERS_VERSION,
        work.kind,
        work.as_tracks(),
        work.title,
        work.abstract,
        work.original_language,
        [work.date, work.date_as_written, work.institution, work.institution_uri, work.collection],
        [work.collection_uri, work.reference, work.source_statement, work.edition],
        [work.licence_uri, work.licence_label],
        [work.place.name, work.place.uri] if work.place else [],
        [[one.role, one.name, one.uri] for one in work.contributors],
        [[one.kind, one.uri, one.key, one.name] for one in work.entities if not one.mentions],
        work.keywords,
        work.facsimiles,
        work.details,
        work.sensitivity,
    ]
    return hashlib.sha256(canonical(facts)).hexdigest()


def snapshot_from(
    work: ParsedWork,
    resolved: Sequence[tuple[ParsedEntity, AuthorityRef]],
    *,
    place: str | None,
    collection: str,
    rights: Rights | None,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the snapshot of a work.

    :param resolved: the work's entities with their records.
    :param place: public id of the place it was made at.
    :param collection: public id of the collection.
    :param before: the snapshot in force, whose anchors and facts no source tells are kept.
    """
    tracks = list(work.tracks)
    if before is not None:
        if work.partial:
            tracks = [_meant(track, before["tracks"]) for track in tracks]
        tracks = list(carry_anchors(work.key, tracks, before["tracks"]))
        if work.partial:
            return {**before, "tracks": _merged(before["tracks"], tracks)}
    keys = {(one.kind, one.key): ref.public_id for one, ref in resolved if one.key and not one.uri}
    track_dicts = [_linked(track.as_dict(), keys) for track in tracks]
    kept = dict(before or {})
    # An edition says nothing of captions: those stay.
    track_dicts += [track for track in kept.get("tracks", []) if track["kind"] not in ("transcript", "translation")]
    kind = str(kept.get("kind") or work.kind)
    snapshot: dict[str, Any] = {
        "kind": kind,
        "title": from_texts(work.title, _original(work.title, work.original_language)),
        "abstract": from_texts(work.abstract, _original(work.abstract, "en")) if work.abstract else {},
        "original_language": work.original_language,
        "languages": list(dict.fromkeys([*work.languages, *(track["language"] for track in track_dicts)])),
        "date": work.date,
        "sensitivity": list(work.sensitivity) or list(kept.get("sensitivity", [])),
        "minimum_age": kept.get("minimum_age", 0),
        "institution": work.institution[:300],
        "institution_uri": work.institution_uri[:500],
        "archival_collection": work.collection[:500],
        "archival_collection_uri": work.collection_uri[:500],
        "reference": work.reference[:500],
        "source_statement": work.source_statement,
        "edition": work.edition,
        "licence_uri": (work.licence_uri or (rights.licence_uri if rights else ""))[:300],
        "licence_label": (work.licence_label or (rights.licence_label if rights else ""))[:200],
        "download_allowed": rights.download if rights else kept.get("download_allowed", False),
        "facsimiles": [{"page": page, "label": image} for page, image in work.facsimiles],
        "verification": kept.get("verification", []),
        "fiction": kept.get("fiction", False),
        "source_facts": _source_facts(work),
        "place": place,
        "collection": collection,
        "tracks": track_dicts,
        "segments": kept.get("segments", []),
        "contributions": _contributions(work, kept.get("contributions", [])),
        "links": _links(resolved, track_dicts, kept.get("links", [])),
    }
    if kind == "testimony":
        snapshot["life_events"] = kept.get("life_events", [])
    else:
        snapshot["document_type"] = kept.get("document_type", "")
        snapshot["standpoint"] = kept.get("standpoint", "")
    return snapshot


def _original(texts: Mapping[str, str], language: str) -> str:
    return language if language in texts else next(iter(texts), "")


def _source_facts(work: ParsedWork) -> dict[str, Any]:
    """Facts no field of ours holds: what a public edition prints may be shown, cells of a table stay inside."""
    public: dict[str, Any] = {}
    if work.format != "csv":
        public.update(work.details)
    if work.date_as_written:
        public["date_as_written"] = work.date_as_written
    if work.keywords:
        public["keywords"] = list(work.keywords)
    others = [[one.role, one.name] for one in work.contributors if one.role not in Contribution.Role.values]
    if others:
        public["responsible"] = others
    facts: dict[str, Any] = {"format": work.format, "key": work.key}
    if public:
        facts["public"] = public
    if work.format == "csv" and work.details:
        facts["table"] = dict(work.details)
    return facts


def _linked(track: dict[str, Any], keys: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Let marks that only an edition's own key names speak of the record by its public id."""
    for cue in track["cues"]:
        for mark in cue["marks"]:
            if mark["key"] and not mark["ref"]:
                public_id = keys.get((ENTITY_KINDS.get(mark["type"], ""), mark["key"]))
                if public_id:
                    if not OWN_KEY.match(mark["key"]):
                        mark["data"] = {**mark["data"], "source_key": mark["key"]}
                    mark["key"] = public_id
    return track


def _contributions(work: ParsedWork, before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return who contributed; a person somebody has linked to a credit stays linked."""
    named = [one for one in work.contributors if one.role in Contribution.Role.values]
    result = []
    for number, one in enumerate(named):
        earlier = before[number] if number < len(before) else None
        same = earlier and earlier["role"] == one.role and earlier["credited_as"] in ("", one.name[:300])
        if earlier and same and (earlier["person"] or earlier["credited_as"]):
            result.append(dict(earlier))
            continue
        result.append({"role": one.role, "credited_as": one.name[:300], "person": None})
    return result


#: Relations that a source's own markup makes; others are a person's work and stay.
_FROM_MARKUP = frozenset({"mentioned", "subject", "about"})


def _links(
    resolved: Sequence[tuple[ParsedEntity, AuthorityRef]],
    tracks: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return one link for each record and relation, in the order `snapshot_of` reads them."""
    mentions = _mentions(tracks)
    links: dict[tuple[str, str], dict[str, Any]] = {}
    for entity, ref in resolved:
        anchors = mentions.get((entity.kind, entity.uri or ref.public_id), [])
        relation = "mentioned" if anchors else "subject" if entity.kind == "concept" else "about"
        link = links.setdefault(
            (ref.public_id, relation), {"target": ref.public_id, "relation": relation, "anchors": []}
        )
        link["anchors"] += [anchor for anchor in anchors if anchor not in link["anchors"]]
    kept = [dict(link) for link in before if link["relation"] not in _FROM_MARKUP]
    # Known links keep their places, so that the order in the database is no difference.
    order = {(link["target"], link["relation"]): number for number, link in enumerate(before)}
    fresh = sorted(
        links.values(),
        key=lambda link: (str(link["relation"]), order.get((link["target"], link["relation"]), len(order))),
    )
    return sorted([*fresh, *kept], key=lambda link: str(link["relation"]))


def _mentions(tracks: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """Return the anchors at which each identifier or public id is named, by kind."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for track in tracks:
        for cue in track["cues"]:
            for mark in cue["marks"]:
                kind = ENTITY_KINDS.get(mark["type"])
                name = mark["ref"] or mark["key"]
                if kind and name:
                    found.setdefault((kind, name), {})[cue["id"]] = None
    return {identity: list(anchors) for identity, anchors in found.items()}


def _meant(track: ParsedTrack, before: Sequence[Mapping[str, Any]]) -> ParsedTrack:
    """Return a caption file's track as the one of the work that it is: by its id, else by its language."""
    target = next((old for old in before if old["id"] == track.id), None)
    same_language = [old for old in before if old["language"] == track.language]
    target = target or next(iter(same_language), None) or next((old for old in before if old["is_original"]), None)
    if target is None:
        return track
    return replace(
        track,
        id=target["id"],
        kind=target["kind"],
        language=target["language"],
        declared_language=target["declared_language"],
        is_original=target["is_original"],
    )


def _merged(before: Sequence[Mapping[str, Any]], tracks: Sequence[ParsedTrack]) -> list[dict[str, Any]]:
    """Return the earlier tracks with those of a caption file in place of the ones they continue.

    A caption file knows nothing of pages, groups, marks and kinds, nor of cues without times: a cue that it leaves as
    it was keeps them, and untimed cues keep their place.
    """
    result = [dict(track) for track in before]
    by_id = {str(track["id"]): index for index, track in enumerate(result)}
    for track in tracks:
        fresh = track.as_dict()
        if track.id not in by_id:
            result.append(fresh)
            continue
        old = result[by_id[track.id]]
        known = {str(cue["id"]): cue for cue in old["cues"]}
        cues = [_changed_cue(known.get(cue["id"]), cue) for cue in fresh["cues"]]
        if any(cue["start_ms"] is not None for cue in cues):
            cues = _with_untimed(old["cues"], cues)
        result[by_id[track.id]] = {**old, "cues": cues}
    return result


def _changed_cue(earlier: Mapping[str, Any] | None, cue: dict[str, Any]) -> dict[str, Any]:
    if earlier is None:
        return cue
    changed = {name: cue[name] for name in ("start_ms", "end_ms", "speaker", "text")}
    marks = earlier["marks"] if earlier["text"] == cue["text"] else cue["marks"]
    return {**earlier, **changed, "marks": marks}


def _with_untimed(before: Sequence[Mapping[str, Any]], cues: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put earlier cues without times back after the cue that stood before them."""
    following: dict[str, list[dict[str, Any]]] = {}
    previous = ""
    present = {cue["id"] for cue in cues}
    for cue in before:
        if cue["start_ms"] is None and cue["id"] not in present:
            following.setdefault(previous, []).append(dict(cue))
        elif cue["id"] in present:
            previous = str(cue["id"])
    result = following.get("", [])
    for cue in cues:
        result = [*result, cue, *following.get(cue["id"], [])]
    return result
