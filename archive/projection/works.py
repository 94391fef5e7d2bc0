"""How a testimony or document appears in public: cleared, redacted, with public names only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archive.models import LADDER, Audience
from archive.projection.authorities import AuthorityView
from archive.projection.beside import Mentions, shown_facsimiles, shown_segments
from archive.projection.clips import project_clips
from archive.projection.media import AssetFacts, public_media, recording_withheld
from archive.projection.naming_people import Naming, naming_of
from archive.projection.reach import RedactionRule, reaches_of
from archive.projection.redaction import redact, visible_tracks
from archive.revisions import sha256_of
from archive.seals import hidden_keys, without_sealed
from archive.values.addresses import web_address
from archive.values.language_map import public_map
from archive.values.payload import PAYLOAD_SCHEMA
from archive.values.text import Track, rows_of

#: Facts of the source that leave the record side; everything else in ``source_facts`` stays.
COPIED = ("licence_uri", "licence_label", "minimum_age", "verification", "facsimiles", "date")


@dataclass(frozen=True)
class Materials:
    """Everything a projection is made from, read by the gate once for all rungs of a work."""

    public_id: str
    kind: str
    snapshot: Mapping[str, Any]
    revision: Mapping[str, Any]
    community: Mapping[str, Any]
    #: None where it is named nowhere.
    collection: Mapping[str, Any] | None
    consent: Mapping[str, Any]
    identity: str
    sealed: frozenset[str]
    redactions: tuple[RedactionRule, ...] = ()
    authorities: Mapping[str, AuthorityView] = field(default_factory=dict)
    #: Records that marks of the text point to by an identifier although no link names them.
    unlinked: tuple[AuthorityView, ...] = ()
    assets: tuple[AssetFacts, ...] = ()
    #: Consent wants the voice altered or the face blurred.
    altered: bool = False
    #: As ``clip_facts`` gives them.
    clips: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Keys of the payload that seals hide."""
        return hidden_keys(self.kind, self.sealed)

    @cached_property
    def naming(self) -> Naming:
        """How the people of this work are named."""
        return naming_of(
            self.snapshot.get("contributions", []),
            self.identity,
            self.hidden,
            self.authorities,
            place=self.snapshot.get("place") or "",
            unlinked=self.unlinked,
        )

    @property
    def files(self) -> list[Mapping[str, Any]]:
        """Files of all its assets."""
        return [file for asset in self.assets for file in asset.files]

    @property
    def same_on_every_rung(self) -> bool:
        """Whether no rung shows more than the one below it."""
        return not self.redactions and all(clip["audience"] == Audience.PUBLIC for clip in self.clips)


def project_work(materials: Materials, audience: str) -> dict[str, Any]:
    """Return the payload of one work for one rung."""
    snapshot = materials.snapshot
    rung = LADDER.index(Audience(audience))
    reaches = reaches_of(materials.redactions, snapshot.get("tracks", []), rung)
    redacted = redact(visible_tracks(snapshot.get("tracks", [])), [span for reach in reaches for span in reach.spans])
    tracks = materials.naming.in_text(redacted)
    media = public_media(materials.assets, reaches, altered=materials.altered)
    payload = {
        "schema": PAYLOAD_SCHEMA,
        "kind": materials.kind,
        "id": materials.public_id,
        "title": public_map(snapshot["title"]),
        "abstract": public_map(snapshot.get("abstract")),
        "original_language": snapshot["original_language"],
        "languages": _languages(tracks, snapshot["original_language"]),
        "collection": dict(materials.collection) if materials.collection else None,
        "community": dict(materials.community),
        "date": {"edtf": snapshot.get("date", "")},
        "place": _place(materials),
        "contributors": _contributors(materials),
        "sensitivity": list(snapshot.get("sensitivity", [])),
        "minimum_age": snapshot.get("minimum_age", 0),
        "document_type": snapshot.get("document_type", ""),
        "standpoint": snapshot.get("standpoint", ""),
        "tracks": [{key: value for key, value in track.items() if key != "cues"} for track in tracks],
        "rows": rows_of(tracks),
        "segments": shown_segments(snapshot, snapshot.get("tracks", []), reaches),
        "clips": project_clips(materials.clips, tracks, rung, reaches),
        "media": [{name: value for name, value in file.items() if name != "path"} for file in media],
        "entities": _entities(materials, Mentions(snapshot.get("links", []), redacted, reaches)),
        "facsimiles": shown_facsimiles(snapshot.get("facsimiles", []), reaches),
        "provenance": {
            "institution": snapshot.get("institution", ""),
            "institution_uri": web_address(snapshot.get("institution_uri", "")),
            "collection": snapshot.get("archival_collection", ""),
            "collection_uri": web_address(snapshot.get("archival_collection_uri", "")),
            "reference": snapshot.get("reference", ""),
            "source_statement": snapshot.get("source_statement", ""),
            "edition": snapshot.get("edition", ""),
        },
        "consent": dict(materials.consent),
        "licence": {
            "uri": web_address(snapshot.get("licence_uri", "")),
            "label": snapshot.get("licence_label", ""),
            "download": bool(snapshot.get("download_allowed")),
        },
        "verification": list(snapshot.get("verification", [])),
        "source_facts": dict(snapshot.get("source_facts", {}).get("public", {})),
        "revision": dict(materials.revision),
        "fiction": bool(snapshot.get("fiction")),
    }
    if recording_withheld(materials.assets, media):
        payload["recording_withheld"] = True
    return with_hash(without_sealed(payload, materials.hidden))


def with_hash(payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with the hash of itself in ``revision.hash``, by which a reader checks what she downloaded.

    It is the SHA-256 of the payload's canonical JSON (sorted keys, no spaces, UTF-8) without that hash. The hash of
    the revision stays inside: by it whoever guesses what was redacted could see that she guessed right.
    """
    revision = {key: value for key, value in payload["revision"].items() if key != "hash"}
    return {**payload, "revision": {**revision, "hash": sha256_of({**payload, "revision": revision})}}


def project_stub(materials: Materials) -> dict[str, Any]:
    """What may be said of a work that is on request: that it exists, its languages, a short abstract."""
    snapshot = materials.snapshot
    abstract = public_map(snapshot.get("abstract"))
    tracks = visible_tracks(snapshot.get("tracks", []))
    payload = {
        "schema": PAYLOAD_SCHEMA,
        "kind": materials.kind,
        "id": materials.public_id,
        "stub": True,
        "title": {"original": "", "values": {}},
        "abstract": {
            "original": abstract["original"],
            "values": {tag: {**v, "text": _shortened(v["text"])} for tag, v in abstract["values"].items()},
        },
        "original_language": snapshot["original_language"],
        "languages": _languages(tracks, snapshot["original_language"]),
        "community": dict(materials.community),
        "sensitivity": list(snapshot.get("sensitivity", [])),
        "minimum_age": snapshot.get("minimum_age", 0),
        "fiction": bool(snapshot.get("fiction")),
    }
    return without_sealed(payload, materials.hidden)


def _shortened(text: str, limit: int = 300) -> str:
    if len(text) <= limit:
        return text
    return text[:limit].rsplit(" ", 1)[0] + "…"


def _languages(tracks: list[Track], original: str) -> list[str]:
    ordered = [original] if original != "und" else []
    for track in tracks:
        if track["language"] not in ordered and track["language"] != "und":
            ordered.append(track["language"])
    return ordered


def _place(materials: Materials) -> dict[str, Any] | None:
    public_id = materials.snapshot.get("place")
    view = materials.authorities.get(public_id or "")
    return {"id": view.public_id, "name": view.name} if view and view.name is not None else None


def _contributors(materials: Materials) -> list[dict[str, Any]]:
    """Contributors by their public names; the narrator as her consent says, which is never wider than her seal."""
    contributors = []
    for entry in materials.snapshot.get("contributions", []):
        view = materials.authorities.get(entry["person"] or "")
        shown = materials.naming.shown(view, role=entry["role"], credit=entry["credited_as"])
        contributors.append({"role": entry["role"], "name": shown.name, "id": shown.id, "withheld": shown.name is None})
    return contributors


def _entities(materials: Materials, reading: Mentions) -> list[dict[str, Any]]:
    entities = []
    for link in materials.snapshot.get("links", []):
        view = materials.authorities.get(link["target"])
        if view is None or materials.naming.shown(view).id is None:
            continue
        if "place" in materials.hidden and link["target"] == materials.snapshot.get("place"):
            # Where it was told is sealed; that the text speaks of the place would give it away.
            continue
        mentions = reading.of(link["target"], link["anchors"], view.kind, view.identifiers)
        if mentions is None:
            # The link would say what a redaction hides, or nobody reads of it.
            continue
        entities.append(
            {
                "kind": view.kind,
                "id": view.public_id,
                "name": view.name,
                "authority": view.uri,
                "relation": link["relation"],
                "mentions": mentions,
            }
        )
    return entities
