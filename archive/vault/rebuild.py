"""Records made again from the vault alone, when the database is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.dateparse import parse_date, parse_datetime

from archive.models import (
    Collection,
    Community,
    ConceptScheme,
    ConsentEvent,
    ConsentRecord,
    ExternalId,
    MediaAsset,
    Place,
    Protocol,
    Record,
    Redaction,
)
from archive.models.community import Openness
from archive.record_types import load_gated, record_type
from archive.revisions import new_revision, restore_snapshot
from archive.vault import custody_log, sealing
from archive.vault.deposit import TOOL, asset_for, instance_vault, originals_in
from archive.vault.errors import VaultError
from archive.vault.ledger import Decision
from archive.vault.ocfl import Vault, read_inventory
from archive.vault.replay import ReplayLedger, ReplayReport


@dataclass
class RebuildReport:
    """What came back: ``whole`` as it was sealed, ``bare`` with its originals and title only, and what did not."""

    whole: int = 0
    bare: list[str] = field(default_factory=list)
    erased: int = 0
    present: int = 0
    failed: list[str] = field(default_factory=list)
    replayed: ReplayReport = field(default_factory=ReplayReport)


class NotEmpty(VaultError):
    """The database holds records already."""


class RebuildFromVault:
    """Make every record again whose object the vault holds. Nothing is public afterwards; withdrawals are replayed.

    ``missing_only`` adds what an existing database lacks; else the database must hold no record. Each object is one
    transaction, and one that fails takes no other down.
    """

    def __init__(
        self,
        *,
        missing_only: bool = False,
        vault: Vault | None = None,
        tell: Callable[[str], None] = lambda text: None,
        decision: Decision | None = None,
    ) -> None:
        self.missing_only = missing_only
        self.vault = vault or instance_vault()
        self.tell = tell
        self.decision = decision or Decision()
        # Read before they are set aside: what they know of the ledger stays true.
        self.heads = custody_log.published_ledger_heads()

    def check(self) -> None:
        """Raise :class:`NotEmpty` when records would meet others, ``LedgerNotWhole`` as a restore does."""
        if not self.missing_only and Record.objects.exists():
            raise NotEmpty(
                "The database holds records already. Use an empty one, or add what is missing with --missing."
            )
        ReplayLedger(decision=self.decision, heads=self.heads).check()

    def execute(self) -> RebuildReport:
        """Rebuild; see :class:`RebuildReport`."""
        self.check()
        report = RebuildReport()
        if not self.missing_only:
            self._set_heads_aside()
        for folder in self.vault.object_folders():
            try:
                with transaction.atomic():
                    self._rebuild(read_inventory(folder).object_id, report)
            except (VaultError, ValueError, LookupError, TypeError, AttributeError) as error:
                report.failed.append(f"{folder.name}: {type(error).__name__}: {error}")
        report.replayed = ReplayLedger(decision=self.decision, heads=self.heads).execute()
        return report

    def _set_heads_aside(self) -> None:
        """A new chain begins; the heads of the old one stay, under another name."""
        path = custody_log.published_heads_path()
        if path.is_file():
            path.rename(path.with_name(f"heads-before-rebuild-{int(time.time())}.jsonl"))

    def _rebuild(self, object_id: str, report: RebuildReport) -> None:
        document = self.vault.record(object_id)
        facts = document["record"]
        if "tombstone" in facts:
            report.erased += 1
            return
        if "uuid" not in facts or "kind" not in facts:
            # Originals of no record: their assets alone.
            if not MediaAsset.objects.filter(vault_object=object_id).exists():
                self._assets(None, object_id, {})
                report.bare.append(object_id)
            return
        if Record.objects.filter(uuid=facts["uuid"]).exists():
            report.present += 1
            return
        if facts.get("schema") == sealing.SCHEMA:
            work = self._whole(facts)
            report.whole += 1
        else:
            work = self._bare(facts)
            report.bare.append(object_id)
        (work,) = load_gated([work.pk])
        self._assets(Record.objects.get(pk=work.pk), object_id, {one["path"]: one for one in facts.get("assets", [])})
        due = sealing.fingerprint(sealing._counted().get(pk=work.pk))
        inventory = self.vault.inventory(object_id)
        custody_log.append(
            [
                custody_log.Happening(
                    "metadata-modification",
                    "rebuild",
                    TOOL,
                    record_uuid=UUID(facts["uuid"]),
                    detail={"vault_object": object_id, "vault_version": inventory.head}
                    | ({"fingerprint": due} if facts.get("schema") == sealing.SCHEMA else {}),
                )
            ]
        )
        self.tell(object_id)

    # --- the parts --------------------------------------------------------------------------

    def _whole(self, facts: dict[str, Any]) -> Any:
        for public_id, authority in facts["authorities"].items():
            self._authority(public_id, authority)
        for public_id, authority in facts["authorities"].items():
            if authority.get("parent"):
                parent = Place.objects.filter(public_id=authority["parent"]).first()
                Place.objects.filter(public_id=public_id, parent=None).update(parent=parent)
        work = self._work(facts)
        restore_snapshot(work, facts["snapshot"])
        # The number under which it was reviewed and cited, not the first of a new count.
        work.current_revision = max(facts["revision"] - 1, 0)
        revision = new_revision(work, facts["snapshot"], origin="restore", reason="rebuild")
        revision.save()
        reviewed = facts["reviewed_revision"] if facts["reviewed_revision"] == facts["revision"] else 0
        Record.objects.filter(pk=work.pk).update(current_revision=work.current_revision, reviewed_revision=reviewed)
        consents = {one["version"]: self._consent(work, one) for one in facts["consents"]}
        for event in facts["consent_events"]:
            ConsentEvent.objects.create(
                record_id=work.pk, consent=consents.get(event["version"]), kind=event["kind"], reason=event["reason"]
            )
        for redaction in facts["redactions"]:
            Redaction.objects.create(record_id=work.pk, authorised_by=None, **redaction)
        return work

    def _bare(self, facts: dict[str, Any]) -> Any:
        """A work that was imported and never sealed: import it again from its original to get its text."""
        community = self._community({"slug": facts["community"], "name": {}} if facts.get("community") else None)
        collection, _made = Collection.objects.get_or_create(
            slug=facts.get("collection") or "rebuilt", community=community, defaults={"title": {}}
        )
        work = record_type(facts["kind"]).model_class(
            uuid=facts["uuid"], identity=facts.get("identity", ""), community=community
        )
        work.collection = collection
        work.title = facts.get("title") if isinstance(facts.get("title"), dict) else {}
        work.original_language = facts.get("original_language", "und")
        work.save()
        return work

    def _work(self, facts: dict[str, Any]) -> Any:
        snapshot = facts["snapshot"]
        held = {"collection": self._collection(facts["collection"])} if "collection" in facts else {}
        work = record_type(facts["kind"]).model_class(
            uuid=facts["uuid"], community=self._community(facts["community"]), **held
        )
        for name in sealing.RECORD_FIELDS:
            setattr(work, name, facts[name])
        for name in record_type(facts["kind"]).fields:
            if name in snapshot:
                setattr(work, name, snapshot[name])
        work.save()
        return work

    def _community(self, facts: dict[str, Any] | None) -> Community | None:
        if facts is None:
            return None
        known = {"name": facts["name"], "fiction": facts.get("fiction", False)}
        return Community.objects.get_or_create(slug=facts["slug"], defaults=known)[0]

    def _collection(self, facts: dict[str, Any]) -> Collection:
        found = Collection.objects.filter(uuid=facts["uuid"]).first()
        if found is not None:
            return found
        collection = Collection(uuid=facts["uuid"], community=self._community(facts["community"]))
        for name in (*sealing.RECORD_FIELDS, "slug", "title", "abstract", "licence_uri", "edition"):
            setattr(collection, name, facts[name])
        collection.save()
        return collection

    def _authority(self, public_id: str, facts: dict[str, Any]) -> None:
        if Record.objects.filter(uuid=facts["uuid"]).exists():
            return
        model = record_type(facts["kind"]).model_class
        record = model(uuid=facts["uuid"], community=self._community(facts["community"]))
        for name in (*sealing.RECORD_FIELDS, *sealing.own_fields(model)):
            setattr(record, name, facts[name])
        if "scheme" in facts:
            scheme = facts["scheme"]
            defaults = {"title": scheme["title"], "uri": scheme["uri"]}
            record.scheme = ConceptScheme.objects.get_or_create(slug=scheme["slug"], defaults=defaults)[0]  # type: ignore[attr-defined]
        record.save()
        ExternalId.objects.bulk_create(
            (ExternalId(record_id=record.pk, uri=uri, owner=owner) for uri, owner in facts["external_ids"]),
            ignore_conflicts=True,
        )

    def _consent(self, work: Any, facts: dict[str, Any]) -> ConsentRecord:
        values = {name: value for name, value in facts.items() if name not in {"protocols", "recorded_at"}}
        for name in ("embargo_until", "ends_at"):
            values[name] = parse_datetime(values[name]) if values.get(name) else None
        values["review_due"] = parse_date(values["review_due"]) if values.get("review_due") else None
        consent = ConsentRecord.objects.create(record_id=work.pk, **values)
        if facts["protocols"] and work.community is not None:
            # Whom a protocol admits was in the database alone: it comes back admitting nobody.
            consent.protocols.set(
                Protocol.objects.get_or_create(
                    community=work.community,
                    name=protocol["name"],
                    openness=Openness.STRICT,
                    label_uri=protocol["label_uri"],
                )[0]
                for protocol in facts["protocols"]
            )
        return consent

    def _assets(self, record: Record | None, object_id: str, remembered: dict[str, dict[str, Any]]) -> None:
        """One row for each original, under the version that brought it."""
        for version, file in originals_in(self.vault, object_id):
            memory = remembered.get(file.path, {})
            # A bag that was taken in has its rows already; they only lack their record.
            asset = MediaAsset.objects.filter(vault_object=object_id, vault_path=file.path).first()
            if asset is None:
                asset = asset_for(file, object_id, version, technical=memory.get("technical", {}))
                asset.role = memory.get("role", asset.role)
                asset.uuid = UUID(memory["uuid"]) if "uuid" in memory else asset.uuid
            asset.record = record
            asset.save()
