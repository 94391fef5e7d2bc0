"""Testimonies and documents: somebody's words, with tracks, redactions, clips, a collection and a consent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy

from archive.assessment import held_back
from archive.companions import companion_relations, named_collection
from archive.models import Clip, Contribution, EntityLink, IndexSegment, MediaAsset, Record, RecordKind, Redaction
from archive.projection.authorities import load_authorities, named_community, view_of
from archive.projection.clips import clip_facts
from archive.projection.media import asset_facts
from archive.projection.unlinked import views_unlinked
from archive.projection.works import Materials, project_stub, project_work
from archive.record_types import GatedType, Prepared, RecordType, Seal, texts_in
from archive.redactions import rule_of
from archive.revisions import keys_of, track_as_dict, write_tracks

if TYPE_CHECKING:
    from datetime import datetime

    from archive.models import ConsentRecord, Revision


def materials_of_works(
    records: Sequence[Any],
    consents: Mapping[int, ConsentRecord],
    revisions: Mapping[int, Revision],
    now: datetime,
) -> Prepared:
    """What publications of works are made from: a fixed number of queries, however many works."""
    keys = [work.pk for work in records]
    snapshots = {work.pk: revisions[work.pk].snapshot for work in records}
    named = {pk: _named_in(snapshot) for pk, snapshot in snapshots.items()}
    named_records = load_authorities(set().union(*named.values()))
    views = {public_id: view_of(record) for public_id, record in named_records.items()}
    unlinked = views_unlinked(snapshots, {work.pk: work.community_id for work in records}, views)
    redactions: dict[int, list[Redaction]] = {}
    for redaction in Redaction.objects.filter(record_id__in=keys).prefetch_related("decisions"):
        redactions.setdefault(redaction.record_id, []).append(redaction)
    media: dict[int, list[MediaAsset]] = {}
    assets = MediaAsset.objects.filter(record_id__in=keys, derivatives__isnull=False).distinct()
    for asset in assets.order_by("pk").prefetch_related("derivatives"):
        media.setdefault(asset.record_id or 0, []).append(asset)
    clips: dict[int, list[dict[str, Any]]] = {}
    for clip in Clip.objects.filter(work_id__in=keys, hidden=False).exclude(audience="").order_by("pk"):
        clips.setdefault(clip.work_id, []).append(clip_facts(clip))
    prepared = Prepared({}, named_records, set())
    for work in records:
        revision, consent = revisions[work.pk], consents[work.pk]
        materials = prepared.materials[work.pk] = Materials(
            public_id=work.public_id,
            kind=work.kind,
            snapshot={**snapshots[work.pk], **held_back(work, snapshots[work.pk])},
            revision={"number": revision.number, "date": (revision.at or now).date().isoformat()},
            community=named_community(work.community),
            collection=named_collection(work.collection),
            consent={
                "basis": consent.basis,
                "given_by": consent.given_by,
                "scopes": dict(consent.scopes),
                "version": consent.version,
            },
            identity=consent.identity,
            sealed=frozenset(work.sealed or []),
            redactions=tuple(rule_of(redaction) for redaction in redactions.get(work.pk, ())),
            authorities={key: views[key] for key in named[work.pk] if key in views},
            unlinked=unlinked[work.pk],
            assets=tuple(asset_facts(asset) for asset in media.get(work.pk, [])),
            altered=consent.voice_altered or consent.face_blurred,
            clips=tuple(clips.get(work.pk, ())),
        )
        prepared.apart |= {view.public_id for view in views.values()} & materials.naming.apart
    return prepared


def _named_in(snapshot: Mapping[str, Any]) -> set[str]:
    """Public ids of the authorities that a work names."""
    named = {link["target"] for link in snapshot.get("links", [])}
    named |= {c["person"] for c in snapshot.get("contributions", []) if c["person"]}
    if snapshot.get("place"):
        named.add(snapshot["place"])
    return named


class WorkType(GatedType):
    """What testimonies and documents share."""

    related = ("community", "collection")
    names = ("place", "collection")
    materials = staticmethod(materials_of_works)
    seals = (
        Seal("real_name", gettext_lazy("the real name of who speaks or writes"), ("contributions",), ("contributors",)),
        # Place and date as the source writes them stand among the facts of the source.
        Seal("exact_place", gettext_lazy("the place"), ("place",), ("place", "source_facts.place_as_written")),
        Seal("date", gettext_lazy("the date"), ("date",), ("date", "source_facts.date_as_written")),
        Seal("abstract", gettext_lazy("the abstract"), ("abstract",), ("abstract",)),
    )
    fields: tuple[str, ...] = (
        "title",
        "abstract",
        "original_language",
        "languages",
        "date",
        "sensitivity",
        "minimum_age",
        "institution",
        "institution_uri",
        "archival_collection",
        "archival_collection_uri",
        "reference",
        "source_statement",
        "edition",
        "licence_uri",
        "licence_label",
        "download_allowed",
        "facsimiles",
        "verification",
        "fiction",
        "source_facts",
    )

    def snapshot(self, record: Any) -> dict[str, Any]:
        """With its place, collection, tracks, segments, contributions and links."""
        return {
            **super().snapshot(record),
            "place": record.place.public_id if record.place_id else None,
            "collection": record.collection.public_id,
            "tracks": [track_as_dict(track) for track in record.tracks.order_by("position", "id")],
            "segments": [
                {
                    "id": s.key,
                    "anchor": s.anchor,
                    "start_ms": s.start_ms,
                    "end_ms": s.end_ms,
                    "title": s.title,
                    "synopsis": s.synopsis,
                    "sensitivity": s.sensitivity,
                }
                for s in record.segments.order_by("position", "id")
            ],
            "contributions": [
                {"role": c.role, "credited_as": c.credited_as, "person": c.person.public_id if c.person else None}
                for c in record.contributions.select_related("person")
            ],
            "links": [
                {"target": link.target.public_id, "relation": link.relation, "anchors": link.anchors}
                for link in record.entity_links.select_related("target").order_by("relation", "id")
            ],
        }

    def words(self, snapshot: Mapping[str, Any]) -> Iterator[str]:
        """Title, abstract, segments, credited names, passages."""
        for part in (snapshot.get("title"), snapshot.get("abstract")):
            yield from texts_in(part)
        for segment in snapshot.get("segments", []):
            yield from texts_in([segment["title"], segment["synopsis"]])
        yield from (one["credited_as"] for one in snapshot.get("contributions", []))
        for track in snapshot.get("tracks", []):
            for cue in track["cues"]:
                yield from (cue["text"], cue.get("public_text") or "")

    def named_in(self, snapshot: Mapping[str, Any]) -> set[str]:
        return _named_in(snapshot)

    def words_beside(self, record: Record) -> Iterator[str]:
        """What its clips say."""
        for clip in Clip.objects.filter(work_id=record.pk):
            yield from texts_in([clip.title, clip.context])

    def project(self, materials: Any, rung: str) -> dict[str, Any]:
        return project_work(materials, rung)

    def stub(self, materials: Any) -> dict[str, Any]:
        return project_stub(materials)

    def links(self, materials: Any, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Its languages, its collection, and what it names."""
        links = {("language", tag) for tag in payload["languages"]}
        if payload["collection"]:
            links.add(("collection", payload["collection"]["id"]))
        # Relations to authorities are called by the authority's kind.
        relations = companion_relations()
        links |= {(e["kind"], e["id"]) for e in payload["entities"] if e["kind"] in relations}
        links |= {("person", c["id"]) for c in payload["contributors"] if c["id"]}
        if payload["place"]:
            links.add(("place", payload["place"]["id"]))
        return sorted(links)

    def _restore_links(self, record: Any, snapshot: Mapping[str, Any]) -> Iterable[str]:
        place = Record.objects.filter(public_id=snapshot.get("place") or "").first()
        record.place_id = place.pk if place else None
        write_tracks(record, snapshot.get("tracks", []))
        record.segments.all().delete()
        IndexSegment.objects.bulk_create(
            IndexSegment(
                record_id=record.pk,
                key=s["id"],
                position=position,
                **{k: s.get(k) for k in ("anchor", "start_ms", "end_ms", "title", "synopsis", "sensitivity")},
            )
            for position, s in enumerate(snapshot.get("segments", []))
        )
        ids = keys_of([c["person"] for c in snapshot.get("contributions", []) if c["person"]])
        record.contributions.all().delete()
        Contribution.objects.bulk_create(
            Contribution(
                record_id=record.pk,
                role=c["role"],
                credited_as=c["credited_as"],
                person_id=ids.get(c["person"] or ""),
                position=position,
            )
            for position, c in enumerate(snapshot.get("contributions", []))
        )
        ids = keys_of([link["target"] for link in snapshot.get("links", [])])
        record.entity_links.all().delete()
        EntityLink.objects.bulk_create(
            EntityLink(
                record_id=record.pk, target_id=ids[link["target"]], relation=link["relation"], anchors=link["anchors"]
            )
            for link in snapshot.get("links", [])
            if link["target"] in ids
        )
        return ("place",)

    def erase(self, record: Any) -> None:
        """Texts, drafts, redactions and names too; that it is fiction stays said."""
        fiction = record.fiction
        super().erase(record)
        record.fiction, record.place = fiction, None
        for name in ("tracks", "segments", "redactions", "drafts", "proposals", "contributions", "entity_links"):
            getattr(record, name).all().delete()


class TestimonyType(WorkType):
    kind, model = RecordKind.TESTIMONY.value, "archive.Testimony"
    fields = (*WorkType.fields, "life_events")


class DocumentType(WorkType):
    kind, model = RecordKind.DOCUMENT.value, "archive.Document"
    fields = (*WorkType.fields, "document_type", "standpoint")


TYPES: tuple[type[RecordType], ...] = (TestimonyType, DocumentType)
