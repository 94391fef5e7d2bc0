"""A lost database comes back from the vault: words, consent, redactions, authorities; and nothing becomes public."""

from __future__ import annotations

from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from archive.actions.withdraw import WithdrawAction
from archive.models import (
    Collection,
    Community,
    ConsentEvent,
    ConsentRecord,
    CustodyEvent,
    MediaAsset,
    Person,
    Place,
    Protocol,
    Publication,
    Record,
    RecordState,
    Redaction,
    Revision,
    Testimony,
    WithdrawalCase,
)
from archive.revisions import snapshot_of
from archive.vault import custody_log, sealing
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, object_id_of
from archive.vault.ingest import Deposit, Original
from tests.append_only import lifted
from tests.archive.factories import a_community, a_person, a_place, a_testimony, committed, consent, published


def seal() -> int:
    context = SimpleNamespace(check=lambda: None, progress=lambda done, total: None)
    return sealing.seal_due(context)["sealed"]  # type: ignore[arg-type]


def lose_the_database() -> None:
    """As if it were new: every row of the archive is gone."""
    with lifted():
        ConsentRecord.protocols.through.objects.all().delete()
        for model in (WithdrawalCase, ConsentEvent, ConsentRecord, CustodyEvent, MediaAsset, Revision, Redaction):
            model.objects.all()._raw_delete("default")
    Publication.objects.all().delete()
    Protocol.objects.all().delete()
    for kind in (Testimony, Collection, Person, Place):
        kind.objects.all().delete()
    Record.objects.all().delete()
    Community.objects.all().delete()


@pytest.fixture
def work(instance):
    community = a_community("valley", fiction=True)
    place = a_place()
    place.parent = a_place("Upper valley", "en")
    place.save()
    return a_testimony(community, people=[a_person(community)], places=[place])


def keep_original(work) -> None:
    deposit = Deposit(object_id_of(work.uuid), [Original("tape 7.txt", b"the tape's words")], {"note": "first"})
    KeepOriginals([Filing(deposit, lambda stored: Record.objects.get(pk=work.pk))]).execute()


def rebuild(*arguments: str) -> str:
    out, err = StringIO(), StringIO()
    call_command("rebuild_from_vault", *arguments, stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def test_everything_said_comes_back_and_nothing_is_public(work):
    given = consent(work, {"public-web": "yes", "press": "no"}, embargo_until=timezone.now(), witness="Ծովինար")
    given.protocols.set([Protocol.objects.create(community=work.community, name={"original": "hy"})])
    Redaction.objects.create(record=work, anchor="p-1", start=2, end=5, mode="remove", reason="danger")
    keep_original(work)
    asset = MediaAsset.objects.get()
    assert seal() == 1 and seal() == 0
    before, public_id, facts = snapshot_of(work), work.public_id, sealing.facts_of(work)
    lose_the_database()

    said = rebuild()
    assert "1 works came back whole, 0 with their originals only" in said
    again = Testimony.objects.get(public_id=public_id)
    assert snapshot_of(again) == before
    assert again.uuid == work.uuid and again.community is not None and again.community.fiction
    assert again.current_revision == work.current_revision
    assert again.revisions.get().snapshot == before
    kept = again.consents.get()
    assert (kept.scopes, kept.witness, kept.embargo_until) == (given.scopes, "Ծովինար", given.embargo_until)
    # A protocol comes back admitting nobody: whom it admitted was in the database alone.
    assert kept.protocols.get().openness == "strict" and not kept.protocols.get().admitted.exists()
    redaction = Redaction.objects.get()
    assert (redaction.anchor, redaction.start, redaction.mode) == ("p-1", 2, "remove")
    place = Place.objects.get(public_id=facts["snapshot"]["links"][0]["target"])
    assert place.external_ids.count() == 1 and place.parent is not None
    found = MediaAsset.objects.get()
    assert (found.uuid, found.sha512, found.original_name) == (asset.uuid, asset.sha512, "tape 7.txt")
    assert instance_vault().read(found.vault_object, found.vault_path) == b"the tape's words"
    assert not Publication.objects.exists() and not again.wanted_public
    assert list(custody_log.faults()) == []
    # What was just rebuilt says what is sealed already.
    assert sealing.facts_of(again)["snapshot"] == facts["snapshot"]


def test_an_edit_is_sealed_again(work):
    assert seal() == 1
    assert seal() == 0
    consent(work)
    assert seal() == 1
    vault = instance_vault()
    assert vault.inventory(object_id_of(work.uuid)).head == 2
    assert vault.record(object_id_of(work.uuid))["record"]["consents"][0]["version"] == 1
    assert vault.record(object_id_of(work.uuid), version=1)["record"]["consents"] == []


def test_what_was_withdrawn_stays_withdrawn(work, site, instance, settings):
    settings.SEARCH_PATH = instance / "search" / "index.sqlite3"
    published(work)
    assert seal() == 1
    with committed():
        WithdrawAction(None, work, reason="narrator-request").execute()
    # The database is lost before the seal of the withdrawal.
    lose_the_database()
    with committed():
        said = rebuild()
    assert "1 are withdrawn again" in said
    assert Record.objects.get(uuid=work.uuid).state == RecordState.WITHDRAWN
    assert not Publication.objects.exists()


def test_originals_that_were_never_sealed_come_back_bare(work):
    keep_original(work)
    facts = {
        "kind": "testimony", "uuid": str(work.uuid), "identity": "tape-7", "community": "valley", "collection": "tapes",
        "title": {"original": "hy", "values": {}}, "original_language": "hy",
    }  # fmt: skip
    deposit = Deposit(object_id_of(work.uuid), [], facts)
    KeepOriginals([Filing(deposit, lambda stored: Record.objects.get(pk=work.pk))]).execute()
    lose_the_database()
    said = rebuild()
    assert "0 works came back whole, 1 with their originals only" in said
    again = Testimony.objects.get(uuid=work.uuid)
    assert (again.identity, again.collection.slug, again.original_language) == ("tape-7", "tapes", "hy")
    assert MediaAsset.objects.get().record_id == again.pk


def test_a_database_with_records_is_only_added_to_when_asked(work):
    seal()
    with pytest.raises(CommandError, match="--missing"):
        rebuild()
    assert "1 were there" in rebuild("--missing")


def test_one_damaged_object_takes_no_other_down(work, instance):
    other = a_testimony(work.community)
    assert seal() == 2
    path = instance_vault().object_folder(object_id_of(work.uuid)) / "v1/content/record.json"
    path.chmod(0o600)
    path.write_bytes(b"{}")
    lose_the_database()
    with pytest.raises(CommandError, match="1 objects did not come back"):
        rebuild()
    assert Testimony.objects.get().uuid == other.uuid
