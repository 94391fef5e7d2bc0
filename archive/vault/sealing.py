"""Sealing: what people wrote about an original goes into the vault beside it, as a new version of its object.

The database may be lost; what is sealed comes back (:mod:`archive.vault.rebuild`). A job seals every work whose texts,
consent, redactions or state changed since. Only works are sealed, with the authorities they name; communities' members
and what nobody names yet are in backups.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models import Count

from archive.models import (
    Concept,
    ConsentRecord,
    CustodyEvent,
    MediaAsset,
    Place,
    Record,
    RecordState,
    Source,
)
from archive.record_types import authority_types, gated_kinds, load_gated, record_type
from archive.revisions import snapshot_of
from archive.vault.deposit import Filing, KeepOriginals, object_id_of
from archive.vault.errors import ObjectConflict
from archive.vault.ingest import Deposit, StoredVersion

if TYPE_CHECKING:
    from jobs.context import JobContext

SCHEMA = "cairn-record/1"
#: Works sealed with one sync of the file system.
_AT_ONCE = 50
#: Fields of the base row that a seal keeps.
RECORD_FIELDS = ("kind", "public_id", "state", "hidden", "sealed", "identity")
CONSENT_LEFT_OUT = frozenset({"id", "record", "recorded_by", "protocols"})


def fingerprint(work: models.Model) -> list[Any]:
    """What changes when a work must be sealed again; ``work`` carries the counts of :func:`_counted`."""
    names = (
        "current_revision",
        "reviewed_revision",
        "state",
        "hidden",
        "consent_count",
        "event_count",
        "redaction_count",
    )
    return [getattr(work, name) for name in names]


def _counted() -> models.QuerySet[Record]:
    counts = {
        "consent_count": Count("consents", distinct=True),
        "event_count": Count("consent_events", distinct=True),
        "redaction_count": Count("redactions", distinct=True),
    }
    return Record.objects.filter(kind__in=gated_kinds()).exclude(state=RecordState.ERASED).annotate(**counts)


def unsealed() -> dict[int, list[Any]]:
    """Primary key and fingerprint of every work whose newest seal says something else."""
    events = CustodyEvent.objects.filter(event_type="metadata-modification", detail__has_key="fingerprint")
    rows = events.order_by("sequence").values_list("record_uuid", "detail__fingerprint")
    sealed: dict[UUID | None, list[Any]] = dict(rows.iterator())
    return {work.pk: fingerprint(work) for work in _counted() if sealed.get(work.uuid) != fingerprint(work)}


def something_unsealed() -> bool:
    """Whether the job has anything to do."""
    return bool(unsealed())


def seal_due(context: JobContext) -> dict[str, int]:
    """Seal every work that needs it."""
    due = unsealed()
    keys = list(due)
    for start in range(0, len(keys), _AT_ONCE):
        context.check()
        seal({key: due[key] for key in keys[start : start + _AT_ONCE]})
        context.progress(min(start + _AT_ONCE, len(keys)), len(keys))
    return {"sealed": len(keys)}


def seal(due: dict[int, list[Any]]) -> int:
    """Write a new version of the objects of these works (primary key → fingerprint); returns how many.

    Raises :class:`~archive.vault.errors.VaultError`; :class:`~archive.vault.errors.ObjectConflict` when somebody
    deposits to one of them at the same moment.
    """
    filings = []
    for work in load_gated(list(due)):
        if work.state == RecordState.ERASED:
            continue
        deposit = Deposit(object_id_of(work.uuid), [], facts_of(work), message="seal")
        filings.append(Filing(deposit, functools.partial(_still_there, work.pk), note={"fingerprint": due[work.pk]}))
    if filings:
        KeepOriginals(filings).execute()
    return len(filings)


def _still_there(pk: int, _stored: StoredVersion) -> Record:
    """The record, locked; what was erased after it was read must not enter the vault again."""
    record = Record.objects.select_for_update().get(pk=pk)
    if record.state == RecordState.ERASED:
        raise ObjectConflict("This work was erased while it was being sealed; nothing of it was stored.")
    return record


def facts_of(work: Any) -> dict[str, Any]:
    """Everything that is needed to make a work again without the database, as JSON."""
    snapshot = snapshot_of(work)
    entry = record_type(work.kind)
    held = {"collection": _collection(work.collection)} if "collection" in entry.names else {}
    return {
        "schema": SCHEMA,
        **_plain(work, RECORD_FIELDS),
        "uuid": str(work.uuid),
        "revision": work.current_revision,
        "reviewed_revision": work.reviewed_revision,
        "community": _community(work),
        **held,
        "snapshot": snapshot,
        "authorities": authorities(entry.named_in(snapshot)),
        "consents": [_consent(consent) for consent in work.consents.order_by("version")],
        "consent_events": [
            {"kind": event.kind, "reason": event.reason, "version": event.consent.version if event.consent else None}
            | {"at": event.at.isoformat()}
            for event in work.consent_events.select_related("consent").order_by("at", "id")
        ],
        "redactions": [
            {"uuid": str(redaction.uuid), **_plain(redaction, REDACTION_FIELDS)}
            for redaction in work.redactions.order_by("id")
        ],
        "assets": [
            {"uuid": str(asset.uuid), "path": asset.vault_path, "version": asset.vault_version, "role": asset.role}
            | {"technical": asset.technical}
            for asset in MediaAsset.objects.filter(record_id=work.pk, vault_object=object_id_of(work.uuid))
        ],
    }


def _collection(collection: Any) -> dict[str, Any]:
    return {
        "uuid": str(collection.uuid),
        "community": _community(collection),
        **_plain(collection, (*RECORD_FIELDS, "slug", "title", "abstract", "licence_uri", "edition")),
    }


REDACTION_FIELDS = ("anchor", "start", "end", "start_ms", "end_ms", "mode", "replacement", "hidden_up_to", "reason")


def own_fields(model: type[models.Model]) -> tuple[str, ...]:
    """The plain fields that a kind adds to the base row."""
    return tuple(f.name for f in model._meta.local_fields if not f.is_relation)


def authorities(public_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Authorities by public id, with the places that places lie in."""
    found: dict[str, dict[str, Any]] = {}
    wanted = set(public_ids)
    while wanted:
        parents: set[str] = set()
        for kind in (*authority_types(), Source.KIND):
            model = record_type(kind).model_class
            rows = model.objects.filter(public_id__in=wanted, kind=kind).select_related("community")
            for row in rows.prefetch_related("external_ids"):
                facts = _plain(row, (*RECORD_FIELDS, *own_fields(model)))
                facts |= {"uuid": str(row.uuid), "community": _community(row)}
                facts["external_ids"] = sorted([one.uri, one.owner] for one in row.external_ids.all())
                if isinstance(row, Concept):
                    facts["scheme"] = {"slug": row.scheme.slug, "title": row.scheme.title, "uri": row.scheme.uri}
                if isinstance(row, Place) and row.parent:
                    facts["parent"] = row.parent.public_id
                    parents.add(row.parent.public_id)
                found[row.public_id] = facts
        wanted = parents - found.keys()
    return found


def _community(record: Any) -> dict[str, Any] | None:
    community = record.community
    if community is None:
        return None
    return {"slug": community.slug, "name": community.name, "fiction": community.fiction}


def _consent(consent: ConsentRecord) -> dict[str, Any]:
    names = [f.name for f in consent._meta.local_fields if f.name not in CONSENT_LEFT_OUT]
    protocols = [
        {"name": protocol.name, "openness": protocol.openness, "label_uri": protocol.label_uri}
        for protocol in consent.protocols.order_by("id")
    ]
    return {**_plain(consent, names), "protocols": protocols}


def _plain(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    """Fields as JSON values; times and dates as ISO 8601."""
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()}
