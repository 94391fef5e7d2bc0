"""Erasing: of a withdrawn work no byte stays but its tombstone, its trail and the entry in the ledger."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction
from PIL import Image

from archive import publications
from archive.actions.base import ActionRefused
from archive.actions.erase import EraseAction
from archive.actions.withdraw import REASONS, WithdrawAction
from archive.derivatives import making
from archive.erasure import finish_erasure
from archive.importing.options import ImportOptions
from archive.importing.reading import Source
from archive.importing.run import ImportWorks
from archive.models import (
    AccessRequest,
    AuditEvent,
    Clip,
    ConsentRecord,
    CustodyEvent,
    Derivative,
    IndexSegment,
    MediaAsset,
    Person,
    Proposal,
    Publication,
    ReaderReport,
    Record,
    RecordState,
    Redaction,
    Revision,
    Testimony,
    TranscriptDraft,
    WithdrawalCase,
)
from archive.public.rate import allowed
from archive.revisions import save_revision
from archive.values.language_map import language_map
from archive.vault import custody_log, ledger, sealing
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, object_id_of
from archive.vault.erasing import EraseObject, is_tombstone
from archive.vault.errors import ObjectConflict, VaultFault
from archive.vault.fixity import verify_all
from archive.vault.ingest import Deposit, Ingest, Original
from archive.vault.replay import ReplayLedger
from jobs import children
from jobs.models import Job
from search import service
from search.wiring import wiring
from tests.archive.factories import (
    a_community,
    a_member,
    a_testimony,
    a_user,
    committed,
    consent,
    published,
)
from tests.archive.importing.conftest import EDITION
from tests.archive.test_desk import at_the_desk
from tests.jobs.instance import Instance

CANARY = "Zqwcanaryx"


@pytest.fixture
def instance(transactional_db: None, tmp_path: Path, settings: Any) -> Path:
    """An instance of its own whose transactions really commit."""
    from archive.pages.first_pages import make_first_pages

    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    make_first_pages()
    return tmp_path


@pytest.fixture
def planted(instance: Path) -> Testimony:
    """An imported, published testimony with the canary in everything that can hold a word."""
    source = instance / f"{CANARY}-file.xml"
    source.write_text(EDITION.replace("malom", f"{CANARY} malom").replace("Ilka", f"{CANARY}-Ilka"), "utf-8")
    a_community("valley")
    ImportWorks([Source(source, source.name)], ImportOptions("valley", "mill", publish=True)).execute()
    source.unlink()
    work = Testimony.objects.select_related("community", "collection").get()
    steward = a_user(username="somebody")
    narrator = Person.objects.create(community=work.community, name=language_map(f"{CANARY} Narrator", "en"))
    work.contributions.create(person=narrator, role="narrator", credited_as=f"{CANARY} credited")
    work.abstract = language_map(f"{CANARY} abstract", "en")
    work.source_statement = work.reference = f"{CANARY} statement"
    work.save()
    IndexSegment.objects.create(record_id=work.pk, key="s1", title=language_map(f"{CANARY} segment", "en"))
    Redaction.objects.create(record_id=work.pk, words=f"{CANARY} words", mode="remove", reason="name")
    save_revision(work, origin="edit")
    TranscriptDraft.objects.create(record_id=work.pk, user=steward, tracks={"t": CANARY}, base_revision=1)
    batch = work.import_items.get().batch
    batch.options = {
        **batch.options,
        "report": {
            "items": [{"record": work.public_id, "source": source.name, "title": CANARY, "problems": [CANARY]}],
            "problems": [{"file": source.name, "code": CANARY}],
        },
    }
    batch.save()
    Proposal.objects.create(
        record_id=work.pk, batch=batch, snapshot={"title": CANARY}, source_sha256="", base_revision=1
    )
    work.reviews.create(revision=1, passed=True, note=f"{CANARY} note")
    consent(work, witness=f"{CANARY} witness", contact=f"{CANARY} contact", withdrawal_terms=CANARY)
    Clip.objects.create(community=work.community, work=work, title=language_map(CANARY, "en"), context={"x": CANARY})
    AccessRequest.objects.create(
        public_id=work.public_id, community="valley", user=a_user(), purpose=f"{CANARY} purpose"
    )
    ReaderReport.objects.create(public_id=work.public_id, community="valley", kind="family", message=CANARY)
    _a_picture(work)
    sealing.seal(sealing.unsealed())
    return work


def _a_picture(work: Testimony) -> None:
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x010E] = f"{CANARY} photograph"
    Image.new("RGB", (200, 100), "teal").save(buffer, "JPEG", exif=exif)
    version = Deposit(object_id_of(work.uuid), [Original(f"{CANARY}.jpg", buffer.getvalue())], {"x": CANARY})
    KeepOriginals([Filing(version, lambda stored: Record.objects.get(pk=work.pk))]).execute()
    asset = MediaAsset.objects.get(record_id=work.pk, media_type="image/jpeg")
    nothing = lambda *_: None  # noqa: E731 - a context that is told nothing
    making.make_derivatives(
        SimpleNamespace(
            input={"asset": str(asset.uuid)},
            stage=nothing,
            log=nothing,
            progress=nothing,
            run_child=children.run,
            commit=transaction.atomic,
        )  # type: ignore[arg-type]
    )


def places_of(canary: str, folder: Path) -> list[str]:
    """Tables and files in which the word stands."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [table] if any(canary in str(row) for row in cursor.fetchall()) else []
    for path in folder.rglob("*"):
        held = path.read_bytes() if path.is_file() else b""
        if canary.encode() in held or canary in path.name:
            found.append(str(path.relative_to(folder)))
    return found


def withdrawn(work: Testimony) -> Testimony:
    WithdrawAction(None, work, reason="narrator-request").execute()
    return Testimony.objects.select_related("community", "collection").get(pk=work.pk)


def test_of_an_erased_work_only_shell_tombstone_and_trail_are_left(planted: Testimony, instance: Path) -> None:
    before = places_of(CANARY, instance)
    assert {"archive_revision", "archive_texttrack", "archive_person", "archive_consentrecord"} <= set(before)
    assert any(place.startswith("vault/") for place in before)
    derivative = making.media_folder() / Derivative.objects.filter(asset__record=planted).values_list("path")[0][0]
    assert derivative.is_file() and Publication.objects.filter(public_id=planted.public_id).exists()

    EraseAction(None, withdrawn(planted), reason="narrator-request").execute()

    assert places_of(CANARY, instance) == []
    assert not derivative.exists()
    vault = instance_vault()
    assert is_tombstone(vault, object_id_of(planted.uuid))
    report = verify_all(vault)
    assert (report.damage, report.notices, list(custody_log.faults())) == ([], [], [])
    shell = Testimony.objects.get(pk=planted.pk)
    assert (shell.state, shell.public_id, shell.title) == ("erased", planted.public_id, {})
    assert Revision.objects.filter(record_id=planted.pk).count() == 2
    assert ConsentRecord.objects.filter(record_id=planted.pk).exists()
    assert CustodyEvent.objects.filter(event_type="deletion", record_uuid=planted.uuid).count() == 1
    assert AuditEvent.objects.filter(action="erase", subject=planted.public_id).exists()
    assert [case.done[-1]["action"] for case in WithdrawalCase.objects.all()] == ["erased"]
    assert isinstance(publications.find(planted.public_id), publications.Gone), "410 stays"
    assert [entry["uuid"] for entry in ledger.entries() if entry["action"] == "erase" and "uuid" in entry] == [
        str(planted.uuid)
    ]
    assert service.search("malom", wiring().reach_of(None)).total == 0
    assert not Person.objects.exclude(state=RecordState.ERASED).exists()
    assert Record.objects.filter(kind="place").exists()


def test_the_search_for_canaries_can_fail(planted: Testimony, instance: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each guard of an erasure, taken out, leaves something that the test above finds."""
    work = withdrawn(planted)
    monkeypatch.setattr(EraseAction, "_purge_people", lambda self: [])
    monkeypatch.setattr("archive.actions.erase.finish_erasure", lambda left: None)
    monkeypatch.setattr("archive.erasure.CONSENT_TEXTS", ("territory",))
    EraseAction(None, work, reason="narrator-request").execute()
    left = places_of(CANARY, instance)
    assert {"archive_person", "archive_consentrecord"} <= set(left)
    assert any(place.startswith("vault/") for place in left)


def test_a_person_whom_another_work_names_stays(planted: Testimony) -> None:
    narrator = Person.objects.get(contributed_to__role="narrator")
    other = a_testimony(planted.community, people=[narrator])
    EraseAction(None, withdrawn(planted), reason="legal").execute()
    assert list(Person.objects.exclude(state=RecordState.ERASED)) == [narrator]
    assert other.contributions.get().person == narrator


def test_only_a_steward_erases_what_is_withdrawn_and_types_its_id(site: None) -> None:
    community = a_community()
    work = published(a_testimony(community))
    steward, publisher = a_member(community, "steward"), a_member(community, "publisher")
    for user, typed, code in (
        (publisher, work.public_id, "role-lacks-this-right"),
        (a_user(is_superuser=True), work.public_id, "not-a-member"),
        (steward, "something", "not-confirmed"),
        (steward, work.public_id, "not-withdrawn"),
    ):
        with pytest.raises(ActionRefused) as refused:
            EraseAction(user, work, reason="legal", typed=typed).execute()
        assert refused.value.code == code
    assert Testimony.objects.get(pk=work.pk).title


def test_the_screen_asks_for_the_id_and_then_erases(
    site: None, monkeypatch: Any, settings: Any, tmp_path: Path
) -> None:
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    community = a_community()
    work = published(a_testimony(community))
    desk = at_the_desk(a_member(community, "steward"), monkeypatch)
    address = f"/admin/testimonies/{work.pk}/gate/"
    assert "erase-typed" not in desk.get(address).content.decode()
    with committed():
        WithdrawAction(None, work, reason="danger").execute()
    page = desk.get(address).content.decode()
    assert "This cannot be undone." in page and f"Type {work.public_id} to confirm" in page
    refused = desk.post(address, {"action": "erase", "typed": "no"}, follow=True).content.decode()
    assert "nothing was erased" in refused and Testimony.objects.get(pk=work.pk).title
    monkeypatch.setattr("archive.actions.erase.finish_erasure", lambda left: None)
    with committed():
        done = desk.post(address, {"action": "erase", "typed": f" {work.public_id} "}, follow=True).content.decode()
    assert "Erased." in done and "erase-typed" not in done
    assert Testimony.objects.get(pk=work.pk).state == "erased"
    tabs = set(re.findall(rf'href="(/admin/testimonies/[^"]*{work.pk}/[^"]*)"', done))
    assert len(tabs) >= 4
    for tab in tabs:
        assert desk.get(tab).status_code == 200, tab


def test_the_job_finishes_what_a_full_disk_interrupted(planted: Testimony, instance: Path, monkeypatch: Any) -> None:
    work = withdrawn(planted)

    def fails(left: Any) -> None:
        raise VaultFault("The disk failed.")

    with monkeypatch.context() as patch:
        patch.setattr("archive.actions.erase.finish_erasure", fails)
        with pytest.raises(VaultFault):
            EraseAction(None, work, reason="danger").execute()
    assert {place.split("/")[0] for place in places_of(CANARY, instance)} == {"vault"}
    job = Job.objects.get(kind="finish-erasure")
    assert CANARY not in json.dumps(job.input)
    finish_erasure(job.input)
    finish_erasure(job.input)
    assert places_of(CANARY, instance) == []
    assert CustodyEvent.objects.filter(event_type="deletion").count() == 1


def test_two_erasures_of_one_object_at_once_end_in_one_tombstone(planted: Testimony, monkeypatch: Any) -> None:
    """The job and the request meet: the second finds the tombstone of the first when it wants to store its own."""
    work, vault = withdrawn(planted), instance_vault()
    object_id, kept = object_id_of(work.uuid), Ingest.execute
    met: list[str] = []

    def execute(self: Ingest) -> Any:
        if not met:
            met.append("the other was quicker")
            EraseObject(object_id, reason="danger", agent="system", vault=vault).execute()
        return kept(self)

    monkeypatch.setattr(Ingest, "execute", execute)
    EraseObject(object_id, reason="danger", agent="system", vault=vault).execute()
    assert met and is_tombstone(vault, object_id) and not list(vault.staging.iterdir())
    assert verify_all(vault).notices == []


def test_a_restored_database_forgets_again(planted: Testimony, instance: Path) -> None:
    """What a restore finds: the ledger knows of the erasure, database and vault are older than it."""
    ledger.append(
        {
            "action": "erase",
            "uuid": str(planted.uuid),
            "public_id": planted.public_id,
            "objects": [object_id_of(planted.uuid)],
            "reason": "narrator-request",
        }
    )
    ledger.mark_replay_pending()
    first = ReplayLedger().execute()
    assert first.withdrawn == [planted.public_id] and first.erased == [object_id_of(planted.uuid)]
    assert places_of(CANARY, instance) == [] and not ledger.replay_pending()
    second = ReplayLedger().execute()
    assert (second.withdrawn, second.erased) == ([], [])


def test_the_same_source_is_refused_afterwards(planted: Testimony, instance: Path) -> None:
    EraseAction(None, withdrawn(planted), reason="danger").execute()
    source = instance / "again.xml"
    source.write_text(EDITION, "utf-8")
    report = ImportWorks([Source(source, source.name)], ImportOptions("valley", "mill", publish=True)).execute()
    assert report.counts["refused"] == 1 and report.counts["created"] == 0
    assert [one.code for one in report.items[0].problems if one.severity == "refused"] == ["withdrawn"]


def test_a_seal_that_is_under_way_stores_nothing_of_it(planted: Testimony, monkeypatch: Any) -> None:
    planted.reference = "changed"
    save_revision(planted, origin="edit")
    due, kept = sealing.unsealed(), sealing.facts_of

    def erased_meanwhile(work: Any) -> dict[str, Any]:
        facts = kept(work)
        EraseAction(None, withdrawn(planted), reason="danger").execute()
        return facts

    monkeypatch.setattr(sealing, "facts_of", erased_meanwhile)
    with pytest.raises(ObjectConflict):
        sealing.seal(due)
    assert is_tombstone(instance_vault(), object_id_of(planted.uuid))


@pytest.mark.slow
def test_no_byte_is_left_in_the_folder_of_a_real_instance(tmp_path: Path) -> None:
    """The commands of an operator, and then a look at every byte of ``CAIRN_DATA``."""
    folder = tmp_path / "instance"
    instance = Instance(folder, DJANGO_SETTINGS_MODULE="config.settings", CAIRN_MODE="development")
    instance.run("manage.py", "prepare_site")
    instance.run("manage.py", "create_admin", "--username", "operator", "--no-input", "--no-qr")
    edition, report = tmp_path / "edition.xml", tmp_path / "report.json"
    edition.write_text(EDITION.replace("malom", f"{CANARY} malom").replace("Ilka", f"{CANARY}-Ilka"), "utf-8")
    command = ["import_testimonies", str(edition), "--community", "valley", "--collection", "mill", "--publish"]
    instance.run("manage.py", *command, "--report", str(report))
    public_id = json.loads(report.read_text())["items"][0]["record"]

    def holding() -> set[str]:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)).split("/")[0] for path in files if CANARY.encode() in path.read_bytes()}

    assert {"db", "vault"} <= holding()
    instance.run("manage.py", "withdraw", public_id, "--reason", "danger")
    assert {"db", "vault"} <= holding()
    said = instance.run("manage.py", "erase", public_id, "--reason", "danger", "--yes")
    assert "written anew without it" in said
    assert holding() == set()
    assert "0 files" not in instance.run("manage.py", "verify_vault")


def test_a_limit_outlives_an_erasure(planted: Testimony, instance: Path) -> None:
    assert allowed("report", "somebody", 1, 3600)
    EraseAction(None, withdrawn(planted), reason="legal").execute()
    assert not allowed("report", "somebody", 1, 3600)


def test_only_reasons_that_a_person_may_give_are_offered(
    site: None, capsys: pytest.CaptureFixture[str], planted: Testimony
) -> None:
    for command in ("erase", "withdraw"):
        with pytest.raises(SystemExit):
            call_command(command, "--help")
        said = capsys.readouterr().out
        assert "ledger-replay" not in said and all(reason in said for reason in REASONS)
    with pytest.raises(CommandError, match="ledger-replay"):
        call_command("erase", planted.public_id, "--reason", "ledger-replay", "--yes")


@pytest.mark.django_db
def test_the_command_refuses_in_one_sentence(site: None) -> None:
    work = published(a_testimony(a_community()))
    for options, said in (
        (["0000000000", "--reason", "legal"], "There is no record"),
        ([work.public_id, "--reason", "legal"], "withdraw it first"),
        ([work.public_id, "--reason", "because", "--yes"], "invalid choice"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("erase", *options)
    assert Testimony.objects.get(pk=work.pk).title
