"""From files to records: made once, revised, never over a person's correction, taken back."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from archive.gate import Gate
from archive.importing.formats import sources_in
from archive.importing.options import ImportOptions
from archive.importing.run import ImportWorks
from archive.importing.undo import UndoImport
from archive.interchange import EXPORTS
from archive.models import (
    ConsentRecord,
    CustodyEvent,
    EntityLink,
    ExternalId,
    ImportBatch,
    ImportItem,
    MediaAsset,
    Person,
    Place,
    Proposal,
    Publication,
    Record,
    RecordState,
    Review,
    Revision,
    Testimony,
)
from archive.revisions import save_revision, sha256_of, snapshot_of
from archive.values.language_map import language_map
from archive.values.payload import PAYLOAD_SCHEMA
from archive.vault import custody_log, ledger
from archive.vault.narrowings import state_of_credits
from tests.archive.factories import a_community, a_user
from tests.archive.importing.conftest import EDITION

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("vault")]


def run(path, *, collection: str = "mill", rights=None, user=None, **options):
    asked = ImportOptions("valley", collection, **options)
    return ImportWorks(sources_in(path), asked, user=user, rights=rights).execute()


def outcomes(report) -> dict[str, int]:
    return {name: count for name, count in report.counts.items() if count}


def test_a_file_becomes_a_record_with_its_original_in_the_vault(edition):
    report = run(edition)
    assert report.made == [("community", "valley"), ("collection", "mill")]
    assert outcomes(report) == {"created": 1}
    work = Testimony.objects.get()
    assert work.identity == "VALLEY-001_HU_EN"
    assert (work.state, work.current_revision, work.reviewed_revision) == ("draft", 1, 0)
    asset = MediaAsset.objects.get()
    assert asset.record_id == work.pk and asset.original_name == "valley.xml"
    assert CustodyEvent.objects.filter(record_uuid=work.uuid, event_type="ingestion").count() == 1
    assert not list(custody_log.faults())
    consent = ConsentRecord.objects.get(record_id=work.pk)
    assert (consent.basis, consent.answer("public-web"), consent.answer("machine")) == (
        "published-edition",
        "yes",
        "no",
    )
    assert not Publication.objects.exists()


def test_the_revision_says_what_the_database_says(edition):
    run(edition)
    work = Testimony.objects.get()
    revision = Revision.objects.get(record_id=work.pk)
    assert revision.snapshot == snapshot_of(work)
    assert revision.sha256 == sha256_of(snapshot_of(work))
    assert save_revision(work, origin="edit") is None, "saving without a change makes no revision"


def test_entities_become_authorities_once(edition, tmp_path):
    run(edition)
    other = tmp_path / "other.xml"
    other.write_text(EDITION.replace("VALLEY-001", "VALLEY-002"), encoding="utf-8")
    run(other)
    place = Place.objects.get()
    assert place.community is None, "what a public scheme attests belongs to the platform"
    assert ExternalId.objects.get(uri="https://www.geonames.org/1234567").record_id == place.pk
    person = Person.objects.get()
    assert person.community.slug == "valley" and person.identity == "valley_ilka"
    assert EntityLink.objects.filter(target_id=place.pk, relation="mentioned").count() == 2
    for named in (place, person):
        assert Revision.objects.get(record_id=named.pk).snapshot == snapshot_of(named)
    mark = Testimony.objects.first().tracks.get(is_original=True).cues[0]["marks"][0]
    assert mark["key"] == person.public_id and mark["data"]["source_key"] == "valley_ilka"


def test_importing_again_changes_nothing(edition):
    run(edition)
    before = (Record.objects.count(), Revision.objects.count(), MediaAsset.objects.count())
    report = run(edition)
    assert outcomes(report) == {"unchanged": 1}
    assert (Record.objects.count(), Revision.objects.count(), MediaAsset.objects.count()) == before


def test_a_changed_source_makes_a_revision_and_paragraphs_keep_their_anchors(edition):
    run(edition)
    work = Testimony.objects.get()
    before = work.tracks.get(is_original=True).cues
    changed = EDITION.replace("<p>Reggel", "<p>Új bekezdés.</p><p>Reggel").replace("malomban", "régi malomban")
    edition.write_text(changed, encoding="utf-8")
    report = run(edition)
    assert outcomes(report) == {"updated": 1}
    after = work.tracks.get(is_original=True).cues
    assert [cue["text"] for cue in after][2] == "Új bekezdés."
    assert [after[i]["id"] for i in (0, 1, 3)] == [cue["id"] for cue in before]
    work.refresh_from_db()
    assert work.current_revision == 2
    assert Revision.objects.first().snapshot == snapshot_of(work)


def test_a_persons_correction_is_never_overwritten_nor_published(edition, site):
    user = a_user(is_superuser=True)
    run(edition, publish=True, user=user)
    work = Testimony.objects.get()
    track = work.tracks.get(is_original=True)
    track.cues[0]["text"] = "Javított szöveg."
    track.cues[0]["marks"] = []
    track.save()
    save_revision(work, origin="edit")
    edition.write_text(EDITION.replace("egész éjjel", "hajnalig"), encoding="utf-8")
    report = run(edition, publish=True, user=user)
    assert outcomes(report) == {"conflict": 1}
    assert [problem.code for problem in report.items[0].problems][-1] == "conflict"
    assert work.tracks.get(is_original=True).cues[0]["text"] == "Javított szöveg."
    proposal = Proposal.objects.get()
    assert "hajnalig" in json.dumps(proposal.snapshot, ensure_ascii=False)
    assert outcomes(run(edition)) == {"conflict": 1}
    assert Proposal.objects.count() == 1, "the same proposal does not come twice"
    assert "hajnalig" not in json.dumps(Publication.objects.get(kind="testimony").payload, ensure_ascii=False)


def test_publish_records_the_operator_as_reviewer(edition, site):
    user = a_user(is_superuser=True)
    report = run(edition, publish=True, user=user)
    assert outcomes(report) == {"created": 1, "published": 1}
    work = Testimony.objects.get()
    assert Review.objects.get(record_id=work.pk).reviewer == user
    payload = Publication.objects.get(public_id=work.public_id).payload
    assert payload["rows"][0]["cells"]["t2"][0]["text"] == "The first night Ilka slept in the mill."
    assert {entity["kind"] for entity in payload["entities"]} == {"person", "place", "concept"}
    assert payload["licence"]["download"]


def test_without_rights_a_record_stays_unpublished_with_the_reason(edition, site):
    edition.write_text(
        EDITION.replace("http://creativecommons.org/licenses/by/4.0/", "").replace(">CC BY 4.0<", "><"),
        encoding="utf-8",
    )
    report = run(edition, publish=True, user=a_user(is_superuser=True))
    assert outcomes(report) == {"created": 1}
    assert {"licence-missing", "rights-unknown"} <= {problem.code for problem in report.items[0].problems}
    assert not Publication.objects.exists() and not ConsentRecord.objects.exists()


def published_with_exact_places(edition) -> None:
    """As an import publishes it, once somebody has said that its places may be shown exactly, with their ids."""
    run(edition, publish=True, user=a_user(is_superuser=True))
    Place.objects.update(precision="exact")
    Gate(timezone.now()).refresh(list(Testimony.objects.select_related("community", "collection")))


@pytest.mark.parametrize("form", ["tei", "csv", "json"])
def test_an_export_that_comes_back_is_unchanged(edition, tmp_path, site, form):
    published_with_exact_places(edition)
    work = Testimony.objects.get()
    payload = Publication.objects.get(public_id=work.public_id).payload
    back = tmp_path / f"export.{EXPORTS[form].ending}"
    back.write_bytes(EXPORTS[form].write(payload, ""))
    report = run(back)
    assert outcomes(report) == {"unchanged": 1}
    assert Testimony.objects.count() == 1


@pytest.mark.parametrize(("schema", "outcome"), [(1, "unchanged"), (PAYLOAD_SCHEMA + 1, "refused")])
def test_json_downloaded_from_an_older_cairn_comes_back_and_from_a_later_one_is_refused(
    edition, tmp_path, site, schema, outcome
):
    published_with_exact_places(edition)
    payload = Publication.objects.get(public_id=Testimony.objects.get().public_id).payload
    back = tmp_path / f"export.{EXPORTS['json'].ending}"
    back.write_bytes(EXPORTS["json"].write({**payload, "schema": schema}, ""))
    assert outcomes(run(back)) == {outcome: 1}


def test_captions_of_a_work_come_back_to_their_track(tmp_path, site):
    path = tmp_path / "Anna.hu.vtt"
    path.write_text(
        "WEBVTT\n\n00:00.000 --> 00:01.000\n<v Anna>Szia\n\n00:01.000 --> 00:02.000\n- Jó napot\n", encoding="utf-8"
    )
    rights = tmp_path / "rights.toml"
    rights.write_text('basis = "public-domain"\n[scopes]\npreserve = "yes"\npublic-web = "yes"\n', encoding="utf-8")
    from archive.importing.rights import load_rights

    user = a_user(is_superuser=True)
    report = run(path, publish=True, user=user, rights=load_rights(rights))
    assert outcomes(report) == {"created": 1, "published": 1}
    work = Testimony.objects.get()
    payload = Publication.objects.get(public_id=work.public_id).payload
    for form in ("webvtt", "srt"):
        export = EXPORTS[form]
        back = tmp_path / f"cairn-{work.public_id}.{export.ending}"
        content = export.write(payload, "")
        back.write_bytes(content)
        if form == "webvtt":
            assert outcomes(run(back)) == {"unchanged": 1}
    edited = EXPORTS["webvtt"].write(payload, "").decode().replace("Jó napot", "Jó estét")
    back = tmp_path / f"cairn-{work.public_id}.vtt"
    back.write_text(edited, encoding="utf-8")
    assert outcomes(run(back)) == {"updated": 1}
    cues = work.tracks.get().cues
    assert [cue["text"] for cue in cues] == ["Szia", "- Jó estét"]
    assert [cue["id"] for cue in cues] == [
        cue["id"] for cue in payload["rows"][0]["cells"]["t1"] + payload["rows"][1]["cells"]["t1"]
    ]


def test_one_bad_file_takes_nothing_else_down(edition):
    (edition.parent / "a-broken.xml").write_bytes(b"<TEI xmlns='http://www.tei-c.org/ns/1.0'><text>")
    (edition.parent / "c-notes.pdf").write_bytes(b"%PDF-1.4")
    report = run(edition.parent)
    assert outcomes(report) == {"created": 1, "refused": 1}
    assert report.exit_code == 1
    assert [problem.code for problem in report.problems] == ["not-taken"]
    refused = ImportItem.objects.get(outcome="refused")
    assert refused.source == "a-broken.xml" and refused.problems[0]["place"]


def test_two_files_with_one_identifier_are_named(edition):
    (edition.parent / "two.xml").write_text(EDITION, encoding="utf-8")
    report = run(edition.parent)
    assert outcomes(report) == {"created": 1, "refused": 1}
    assert "identity-doubled" in {problem.code for problem in report.all_problems()}


def test_a_withdrawn_record_is_not_touched(edition):
    run(edition)
    Record.objects.filter(kind="testimony").update(state="withdrawn")
    edition.write_text(EDITION.replace("egész", "fél"), encoding="utf-8")
    report = run(edition)
    assert outcomes(report) == {"refused": 1}
    assert report.items[0].problems[-1].code == "withdrawn"


def test_a_full_disk_refuses_and_leaves_nothing(edition, monkeypatch):
    from archive.vault import ingest
    from archive.vault.errors import VaultFull

    def full(*_args):
        raise VaultFull("The disk is full.")

    monkeypatch.setattr(ingest, "require_space", full)
    report = run(edition)
    assert outcomes(report) == {"refused": 1}
    assert report.items[0].problems[-1].code == "storage-failed"
    assert not Testimony.objects.exists() and not Place.objects.exists()
    monkeypatch.undo()
    assert outcomes(run(edition)) == {"created": 1}


def test_a_fault_of_the_database_refuses_one_work_only(edition, monkeypatch):
    (edition.parent / "w.xml").write_text(EDITION.replace("VALLEY-001", "VALLEY-009"), encoding="utf-8")
    from archive.importing import application

    real = application.write_tracks

    def failing(record, tracks):
        if record.identity.startswith("VALLEY-001"):
            raise ValueError("broken")
        real(record, tracks)

    monkeypatch.setattr(application, "write_tracks", failing)
    report = run(edition.parent)
    assert outcomes(report) == {"created": 1, "refused": 1}
    assert Testimony.objects.get().identity == "VALLEY-009_HU_EN"
    assert MediaAsset.objects.count() == 1
    assert Place.objects.count() == 1, "the authority of the refused work went with it and came with the other"


def test_a_dry_run_writes_nothing(edition):
    report = run(edition, dry_run=True)
    assert outcomes(report) == {"created": 1}
    assert not Record.objects.exists() and not ImportBatch.objects.exists() and not MediaAsset.objects.exists()


def test_undo_takes_back_what_nobody_touched(edition, site):
    (edition.parent / "w.xml").write_text(EDITION.replace("VALLEY-001", "VALLEY-009"), encoding="utf-8")
    report = run(edition.parent, publish=True, user=a_user(is_superuser=True))
    assert report.counts["published"] == 2
    edited = Testimony.objects.get(identity="VALLEY-009_HU_EN")
    edited.title = {"original": "hu", "values": {"hu": {"text": "Más", "origin": "human", "reviewed": True}}}
    edited.save()
    save_revision(edited, origin="edit")
    result = UndoImport(ImportBatch.objects.get(uuid=report.batch)).execute()
    assert result.kept == [(edited.public_id, "edited-since")]
    (gone,) = Record.objects.filter(kind="testimony").exclude(pk=edited.pk)
    assert (gone.state, gone.identity) == ("erased", "")
    assert not gone.tracks.exists() and not Publication.objects.filter(public_id=gone.public_id).exists()
    assert [one.snapshot for one in gone.revisions.all()] == [{}] and edited.revisions.get(number=1).snapshot["tracks"]
    assert Place.objects.count() == 1, "what the kept work names stays"
    (edition.parent / "w.xml").unlink()
    assert outcomes(run(edition)) == {"created": 1}, "after an undo the file can come again"
    with pytest.raises(ValueError, match="already"):
        UndoImport(ImportBatch.objects.get(uuid=report.batch)).execute()


def test_undo_leaves_names_that_a_person_has_touched(edition):
    report = run(edition)
    place, person = Place.objects.get(), Person.objects.get()
    person.note = language_map("She kept the mill.", "en")
    person.save()
    save_revision(person, origin="edit")
    # As merges were before they made a revision of the one kept.
    Place.objects.create(name=place.name, merged_into=place)
    UndoImport(ImportBatch.objects.get(uuid=report.batch)).execute()
    for record in (place, person):
        record.refresh_from_db()
        assert record.state != RecordState.ERASED and record.name["values"]


def test_undo_leaves_shells_of_the_names_that_only_it_brought(edition):
    report = run(edition)
    UndoImport(ImportBatch.objects.get(uuid=report.batch)).execute()
    for record in (Place.objects.get(), Person.objects.get()):
        assert record.state == RecordState.ERASED and not record.name and not record.external_ids.exists()
        assert all(row.snapshot == {} for row in record.revisions.all())
    assert outcomes(run(edition)) == {"created": 1}
    assert Place.objects.exclude(state=RecordState.ERASED).count() == 1, "the name comes again, as a new record"


def test_undo_of_a_revision_goes_back_to_the_one_before(edition):
    run(edition)
    edition.write_text(EDITION.replace("egész éjjel", "hajnalig"), encoding="utf-8")
    report = run(edition)
    UndoImport(ImportBatch.objects.get(uuid=report.batch)).execute()
    work = Testimony.objects.get()
    assert "egész éjjel" in work.tracks.get(is_original=True).cues[1]["text"]
    assert work.current_revision == 3 and Revision.objects.first().snapshot == snapshot_of(work)


def test_an_undo_that_changes_a_public_credit_tells_the_ledger(edition, site):
    operator = a_user(is_superuser=True)
    run(edition, publish=True, user=operator)
    edition.write_text(EDITION.replace("Ilka Vadász", "Zorvandikt"), encoding="utf-8")
    report = run(edition, publish=True, user=operator)
    told = [entry["state"] for entry in ledger.entries() if entry["action"] == "credit"]
    UndoImport(ImportBatch.objects.get(uuid=report.batch)).execute()
    work = Testimony.objects.get()
    assert work.reviewed_revision == work.current_revision == 3
    states = [entry["state"] for entry in ledger.entries() if entry["action"] == "credit"]
    assert len(told) == 1 and len(states) == 2
    assert states[1] == state_of_credits(work.revisions.get(number=1).snapshot) != told[0]


def test_the_commands(edition, tmp_path, site):
    a_user(username="op", is_superuser=True)
    report = tmp_path / "report.json"
    out = StringIO()
    call_command(
        "import_testimonies", edition, community="valley", collection="mill", publish=True, report=report, stdout=out
    )
    told = json.loads(report.read_text("utf-8"))
    assert told["counts"]["published"] == 1 and told["batch"] in out.getvalue()
    assert all(problem["reason"] and problem["remedy"] for item in told["items"] for problem in item["problems"])
    out = StringIO()
    call_command("undo_import", told["batch"], stdout=out)
    assert "Taken back: 1 works" in out.getvalue()
    with pytest.raises(CommandError, match="no short name"):
        call_command("import_testimonies", edition, community="The Valley", collection="mill")
    with pytest.raises(SystemExit) as ended:
        call_command(
            "import_testimonies", tmp_path / "nothing.xml", community="valley", collection="mill", stdout=StringIO()
        )
    assert ended.value.code == 2


def test_publish_without_an_operator_is_refused(edition):
    with pytest.raises(SystemExit) as ended:
        call_command("import_testimonies", edition, community="v", collection="m", publish=True, stderr=StringIO())
    assert ended.value.code == 2 and not Record.objects.exists()


def test_communities_do_not_meet_on_persons(edition):
    run(edition)
    a_community("other")
    ImportWorks(sources_in(edition), ImportOptions("other", "mill")).execute()
    assert Person.objects.count() == 2
    assert Place.objects.count() == 1
