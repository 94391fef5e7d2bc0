"""What the two sides of the gate must know of a probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy

from archive import dependents
from archive.assessment import Reason
from archive.projection.authorities import named_community
from archive.public.kinds import PublicKind
from archive.public.passages import Passage
from archive.public.reading import mark_cacheable
from archive.public.works import page_facts_of
from archive.record_types import GatedType, Prepared, Seal
from archive.seals import hidden_keys, without_sealed
from archive.values.language_map import public_map
from archive.values.payload import PAYLOAD_SCHEMA

if TYPE_CHECKING:
    from datetime import datetime

    from archive.models import ConsentRecord, Publication, Revision


@dataclass(frozen=True)
class ProbeMaterials:
    payload: Mapping[str, Any]
    revision: Mapping[str, Any]
    same_on_every_rung: bool = True
    files: tuple[Mapping[str, Any], ...] = ()


def materials_of_probes(
    records: Sequence[Any], consents: Mapping[int, ConsentRecord], revisions: Mapping[int, Revision], now: datetime
) -> Prepared:
    prepared = Prepared({}, {}, set())
    for record in records:
        revision, consent = revisions[record.pk], consents[record.pk]
        said = revision.snapshot
        payload = {
            "schema": PAYLOAD_SCHEMA,
            "kind": record.kind,
            "id": record.public_id,
            "title": public_map(said["title"]),
            "report": public_map(said["report"]),
            "depth": said["depth"],
            "community": named_community(record.community),
            "consent": {"basis": consent.basis, "given_by": consent.given_by, "scopes": dict(consent.scopes)},
            "licence": {"uri": "", "download": False},
            "fiction": said["fiction"],
        }
        shown = without_sealed(payload, hidden_keys(record.kind, record.sealed or []))
        facts = {"number": revision.number, "date": (revision.at or now).date().isoformat()}
        prepared.materials[record.pk] = ProbeMaterials({**shown, "revision": facts}, facts)
    return prepared


def is_deep_enough(record: Any, consent: ConsentRecord | None, now: datetime) -> Reason:
    return Reason("measured", bool(record.depth), "It was measured.", "Nobody has measured it.")


class ProbeType(GatedType):
    kind, model = "probe", "probe_room.Probe"
    fields = ("title", "report", "depth", "fiction")
    seals = (Seal("depth", gettext_lazy("the date"), ("depth",), ("depth",)),)
    guards = (is_deep_enough,)
    materials = staticmethod(materials_of_probes)

    def project(self, materials: Any, rung: str) -> dict[str, Any]:
        return dict(materials.payload)

    def stub(self, materials: Any) -> dict[str, Any]:
        return {**materials.payload, "report": {"original": "", "values": {}}, "depth": None, "stub": True}


def page(request: HttpRequest, publication: Publication) -> HttpResponse:
    context = {"probe": publication.payload, **page_facts_of(publication)}
    return mark_cacheable(request, render(request, "probe_room/probe.html", context), publication)


def passages(payload: Mapping[str, Any]) -> Iterator[Passage]:
    for tag, entry in payload["report"]["values"].items():
        yield Passage(tag, entry["text"])


PUBLIC = PublicKind(
    kind="probe",
    segment="probes",
    one=gettext_lazy("Document"),
    many=gettext_lazy("Documents"),
    holds=gettext_lazy("What happened, when and where, and who tells of it."),
    page=page,
    line=lambda publication: {"summary": publication.payload["report"]},
    passages=passages,
    facets=lambda payload: {"place": (payload["depth"],)} if payload["depth"] else {},
    json_ld=lambda payload, work: {"@context": "https://schema.org", "@type": "Observation", "url": work.url},
    work=True,
    cited_as=("DATA", "dataset"),
)


class Counter(dependents.Dependent):
    """Remembers in the process what it was told; enough for a test."""

    name = "probe-counter"

    def __init__(self) -> None:
        self.closed_ids: list[str] = []

    def closed(self, public_ids: Sequence[str], reason: str) -> None:
        self.closed_ids += public_ids


COUNTER = Counter()
