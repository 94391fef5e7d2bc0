"""Originals, their rows and their custody events arrive together or not at all."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection, transaction

from archive.models import CustodyEvent, MediaAsset, Record, Testimony
from archive.vault import custody_log
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, known, object_id_of, quarantine, sweep_vault
from archive.vault.ingest import Deposit, Original
from jobs.models import Job
from tests.archive.factories import a_collection, a_community

TEI = "<?xml version='1.0'?><TEI>Մենք գիտեինք</TEI>".encode()
WAV = b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 200


def filing(identifier: uuid.UUID, *files: bytes, save=lambda stored: None, **options) -> Filing:
    originals = [Original(f"Ռուբեն {number}.xml", data) for number, data in enumerate(files)]
    return Filing(Deposit(object_id_of(identifier), originals, {"kind": "testimony"}, agent="user:1"), save, **options)


def test_a_deposit_leaves_bytes_rows_and_custody(instance):
    community = a_community()
    collection = a_collection(community)
    identifier = uuid.uuid4()

    def save(stored) -> Record:
        return Testimony.objects.create(uuid=identifier, community=community, collection=collection, title={})

    (receipt,) = KeepOriginals([filing(identifier, TEI, WAV, save=save)]).execute()
    first, second = MediaAsset.objects.order_by("vault_path")
    assert first.record is not None and first.record.uuid == identifier
    assert (first.media_type, first.vault_path, second.media_type) == ("application/xml", "0001.xml", "audio/wav")
    assert first.original_name == "Ռուբեն 0.xml"
    assert instance_vault().read(first.vault_object, first.vault_path, version=first.vault_version) == TEI
    events = list(CustodyEvent.objects.order_by("sequence"))
    assert [event.event_type for event in events] == ["ingestion", "ingestion", "metadata-modification"]
    assert events[0].object_sha512 == first.sha512 and events[0].asset_uuid == first.uuid
    assert events[2].object_sha512 == receipt.inventory_sha512
    assert all("Ռուբեն" not in str(custody_log.as_facts(event)) for event in events), "no names in the log"
    assert list(custody_log.faults()) == []
    assert known(receipt.object_id, 1) and not known(receipt.object_id, 2)
    # Only what can be shown gets a public copy; the job knows an opaque id and its community.
    job = Job.objects.get(kind="make-derivatives")
    assert job.input == {"asset": str(second.uuid)} and job.scope == f"community:{community.slug}"


def test_a_refused_row_takes_its_bytes_back_and_no_others(instance):
    refused, taken = uuid.uuid4(), uuid.uuid4()

    def refuse(stored):
        CustodyEvent.objects.count()
        raise ValueError("a language nobody knows")

    reasons: list[str] = []
    receipts = KeepOriginals([filing(refused, TEI, save=refuse), filing(taken, TEI)]).execute(
        on_refusal=lambda one, error: reasons.append(str(error))
    )
    assert [receipt.object_id for receipt in receipts] == [object_id_of(taken)]
    assert reasons == ["a language nobody knows"]
    assert not instance_vault().has(object_id_of(refused))
    assert MediaAsset.objects.count() == 1 and CustodyEvent.objects.count() == 2


def test_a_batch_is_for_different_objects(instance):
    same = uuid.uuid4()
    with pytest.raises(ValueError, match="one after the other"):
        KeepOriginals([filing(same, b"one"), filing(same, b"two")]).execute()


@pytest.mark.django_db(transaction=True)
def test_a_receipt_inside_somebody_elses_transaction_is_refused(tmp_path, settings):
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    identifier = uuid.uuid4()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        KeepOriginals([filing(identifier, TEI)]).execute()
    assert not instance_vault().has(object_id_of(identifier))
    KeepOriginals([filing(identifier, TEI)]).execute()
    assert not connection.in_atomic_block and MediaAsset.objects.count() == 1


def test_an_upload_becomes_an_original(instance):
    waiting = quarantine()
    upload = waiting.receive("voice.wav", [WAV])
    deposit = Deposit(object_id_of(uuid.uuid4()), [waiting.original(upload.token)], {})
    KeepOriginals([Filing(deposit, lambda stored: None)]).execute()
    waiting.discard(upload.token)
    assert MediaAsset.objects.get().sha512 == upload.sha512
    assert sweep_vault().taken_back == 0


def test_an_import_of_many_is_cheap(instance):
    """The importer's budget: at most 20 ms of CPU a document, of which the vault must leave most."""
    import time

    filings = [filing(uuid.uuid4(), TEI * 100, derive=False) for _ in range(50)]
    begun = time.process_time()
    KeepOriginals(filings).execute()
    assert (time.process_time() - begun) / len(filings) < 0.010
