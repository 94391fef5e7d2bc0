"""The sample content: labelled as fiction everywhere, behind every rung of the gate, loaded once."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.management import CommandError, call_command
from django.test import TestCase, override_settings

from archive import publications
from archive.derivatives.making import make_derivatives
from archive.derivatives.recordings import ffmpeg
from archive.interchange import EXPORTS
from archive.models import (
    AuditEvent,
    Community,
    HomePage,
    MediaAsset,
    Person,
    Place,
    Publication,
    Record,
    Redaction,
    TextTrack,
)
from archive.pages.first_pages import make_first_pages
from archive.policy import viewer_of, visible
from archive.revisions import save_revision
from archive.sample import reading
from archive.sample.loading import LoadSampleContent, NotAPlaceForFiction
from archive.sample.reading import SampleFault, anchor_of, public_id_of, read_sample
from archive.vault.deposit import instance_vault
from jobs.models import Job
from tests.archive.derivatives.test_making import Context
from tests.archive.factories import a_community, a_member, a_user, committed

LANGUAGES = {"hy", "ar", "fr", "ru", "en"}
BANNER = "invented to show the archive"


def _id(work: str) -> str:
    return public_id_of(f"works.{work}")


class SampleContentTests(TestCase):
    """Everything that needs the content loaded; it is loaded once, in the transaction of the class."""

    folder: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.enterClassContext(
            override_settings(CAIRN_DATA=cls.folder, SEARCH_PATH=cls.folder / "search" / "index.sqlite3")
        )
        super().setUpClass()

    @classmethod
    def setUpTestData(cls) -> None:
        make_first_pages()
        with cls.captureOnCommitCallbacks(execute=True):
            LoadSampleContent().execute()

    def test_every_rung_of_the_gate_has_its_example(self) -> None:
        on = {
            work.key: sorted(Publication.objects.filter(public_id=_id(work.key)).values_list("audience", flat=True))
            for work in read_sample().works
        }
        assert on["mill"] == ["public"]
        assert on["bell-in-the-well"] == ["community", "public"]
        assert on["given-name"] == ["granted", "public"]
        assert on["school"] == ["registered"]
        assert on["typed-list"] == ["educators"]
        assert on["plum-trees"] == ["community"]
        assert on["embargoed"] == on["draft-shepherdess"] == on["withdrawn"] == on["oskelin-council"] == []
        assert Record.objects.get(public_id=_id("embargoed")).opens_at == datetime(2040, 10, 12, tzinfo=UTC)

    def test_what_is_asked_for_is_answered_as_the_gate_says(self) -> None:
        expected = {
            "mill": 200,
            "given-name": 200,
            "withdrawn": 410,
            "school": 404,
            "plum-trees": 404,
            "embargoed": 404,
        }
        for work, status in expected.items():
            answer = self.client.get(f"/en/testimonies/{_id(work)}/")
            assert answer.status_code == status, work
        stub = self.client.get(f"/en/testimonies/{_id('given-name')}/").content.decode()
        assert "I was about four" not in stub and "Silua" not in stub and BANNER in stub
        assert "taken it back" in self.client.get(f"/en/testimonies/{_id('withdrawn')}/").content.decode()

    def test_every_page_and_every_list_says_that_it_is_fiction(self) -> None:
        pages = ["/en/", "/en/search/?q=river", "/en/languages/hy/", "/en/collections/"]
        segments = {"testimony": "testimonies", "person": "people"}
        for row in publications.listing():
            segment = segments.get(row.kind, f"{row.kind}s")
            pages += [f"/en/{segment}/", f"/en/{segment}/{row.public_id}/"]
        assert len(set(pages)) > 50
        for page in dict.fromkeys(pages):
            answer = self.client.get(page)
            assert answer.status_code == 200, page
            assert BANNER in answer.content.decode(), f"{page} does not say that it is fiction"

    def test_every_export_says_that_it_is_fiction(self) -> None:
        for key in ("mill", "four-sentences"):
            payload = publications.find(_id(key)).payload  # type: ignore[union-attr]
            for form, export in EXPORTS.items():
                if not export.fits(payload):
                    continue
                answer = self.client.get(f"/en/testimonies/{payload['id']}/download/{form}/")
                assert answer.status_code == 200, form
                assert "fiction" in answer.headers["Content-Disposition"], form
                # SubRip and tables have no place for a remark: there the file's name says it.
                if form not in ("csv", "srt"):
                    assert b"iction" in answer.content, f"{form} of {key} does not say that it is fiction"
            assert json.loads(EXPORTS["json"].write(payload, "") or b"")["fiction"] is True

    def test_a_second_start_does_nothing(self) -> None:
        before = Record.objects.count(), Publication.objects.count(), AuditEvent.objects.count()
        with self.assertNumQueries(1):
            again = LoadSampleContent().execute()
        assert not again.changed
        assert (Record.objects.count(), Publication.objects.count(), AuditEvent.objects.count()) == before

    def test_a_new_version_adds_and_leaves_corrections_alone(self) -> None:
        content = read_sample()
        record = Record.objects.get(public_id=_id("mill")).as_testimony  # type: ignore[attr-defined]
        track = TextTrack.objects.get(record=record, language="en")
        track.cues[0]["text"] = "Corrected by an editor."
        track.save()
        save_revision(record, origin="edit")
        changed = reading.SampleContent(content.world, content.works, "another")
        with committed():
            loaded = LoadSampleContent(changed).execute()
        assert loaded.changed and loaded.made == []
        assert TextTrack.objects.get(pk=track.pk).cues[0]["text"] == "Corrected by an editor."

    def test_originals_lie_in_the_vault_labelled_as_fiction(self) -> None:
        vault = instance_vault()
        assets = MediaAsset.objects.filter(record__public_id=_id("mill"))
        assert assets.count() == 2
        for asset in assets:
            text = vault.verified_path(asset.vault_object, asset.vault_path).read_text(encoding="utf-8")
            assert text.startswith("Fiction: sample content")
        out = StringIO()
        call_command("verify_vault", stdout=out)
        assert "21 objects" in out.getvalue()

    def test_the_second_community_keeps_to_itself(self) -> None:
        first, second = (Community.objects.get(slug=slug) for slug in ("velisor", "oskelin"))
        editor = viewer_of(a_member(first, "editor", "publisher"))
        mine = visible(Record.objects.all(), editor)
        assert mine.filter(public_id=_id("plum-trees")).exists()
        assert not mine.filter(community=second).exists()
        operator = viewer_of(a_user(is_superuser=True))
        assert not visible(Record.objects.all(), operator).filter(community__in=[first, second]).exists()
        assert publications.find(_id("oskelin-kept"), editor) is None
        assert publications.find(_id("plum-trees"), editor) is not None

    def test_a_redaction_reaches_every_language_and_its_words_no_reader(self) -> None:
        assert Redaction.objects.filter(record__public_id=_id("bell-in-the-well")).count() == 3
        page = self.client.get(f"/ar/testimonies/{_id('bell-in-the-well')}/").content.decode()
        assert "relieurs" not in page and "مجلّدو الكتب" not in page
        assert "une famille du village" in page and "أسرة من القرية" in page
        assert "Élise" not in page and "Haval" not in page

    def test_an_unread_translation_by_a_machine_stands_on_no_page(self) -> None:
        track = TextTrack.objects.get(record__public_id=_id("four-sentences"), language="ru")
        assert (track.origin, track.reviewed) == ("machine", False)
        page = self.client.get(f"/ru/testimonies/{_id('four-sentences')}/").content.decode()
        assert "Он пришёл сорок раз" not in page

    def test_a_withheld_name_has_no_page_and_a_sealed_place_no_point(self) -> None:
        person = Person.objects.get(name_policy="withheld")
        assert not Publication.objects.filter(public_id=person.public_id).exists()
        for row in Publication.objects.all():
            assert "Silua" not in json.dumps(row.payload) and "Սիլուա" not in json.dumps(
                row.payload, ensure_ascii=False
            )
        house = Place.objects.get(public_id=public_id_of("places.hiding"))
        payload = publications.find(house.public_id).payload  # type: ignore[union-attr]
        assert house.latitude is not None and payload["point"] is None

    def test_the_first_page_quotes_in_two_languages_and_loses_the_quote_with_the_work(self) -> None:
        assert set(HomePage.objects.values_list("chosen_id", flat=True)) == {_id("mill")}
        home = self.client.get("/en/").content.decode()
        assert "Ջրաղացը երեք օր էլ դատարկ աղաց" in home and "The mill ground empty for three more days" in home
        assert "Lusvane Orteth" in home
        with committed():
            Record.objects.filter(public_id=_id("mill")).update(hidden=True)
            Publication.objects.filter(public_id=_id("mill")).delete()
        assert HomePage.objects.get(locale__language_code="en")._chosen() is None

    @pytest.mark.skipif(ffmpeg() is None, reason="no ffmpeg here: recordings get no public copy")
    def test_the_recording_becomes_a_public_copy_with_captions_in_time(self) -> None:
        asset = MediaAsset.objects.get(record__public_id=_id("four-sentences"), media_type="audio/wav")
        assert Job.objects.filter(kind="make-derivatives", input__asset=str(asset.uuid)).exists()
        with committed():
            made = make_derivatives(Context(asset))  # type: ignore[arg-type]
        assert sorted(made["made"]) == ["audio", "waveform"]
        page = self.client.get(f"/en/testimonies/{_id('four-sentences')}/").content.decode()
        assert "<audio" in page and "data-waveform" in page
        captions = self.client.get(f"/captions/{_id('four-sentences')}/t1.vtt")
        text = captions.content
        cues = publications.find(_id("four-sentences")).payload["rows"]  # type: ignore[union-attr]
        duration = next(m["duration_ms"] for m in publications.find(_id("four-sentences")).payload["media"])  # type: ignore[union-attr]
        assert text.startswith(b"WEBVTT") and b"made voice" in text and b"Fiction" in text
        assert [row["start_ms"] for row in cues] == sorted(row["start_ms"] for row in cues)
        assert cues[-1]["end_ms"] <= duration


def test_every_work_has_a_translation_and_every_language_an_original() -> None:
    works = read_sample().works
    open_works = [work for work in works if work.facts.get("stage", "published") == "published"]
    assert {work.original for work in works} == LANGUAGES
    assert all(len(work.passages) > 1 for work in open_works)
    long_ones = [w for w in works if w.facts["kind"] == "testimony" and 15 <= len(w.passages[w.original]) <= 40]
    assert 8 <= len(long_ones) <= 10
    assert 4 <= sum(work.facts["kind"] == "document" and work in open_works for work in works) <= 6


def test_anchors_and_ids_are_the_same_everywhere_and_never_twice() -> None:
    works = read_sample().works
    anchors = [
        anchor_of(work.key, language, number)
        for work in works
        for language, passages in work.passages.items()
        for number in range(1, len(passages) + 1)
    ]
    assert len(set(anchors)) == len(anchors)
    assert public_id_of("works.mill") == "3r5bzqk0c7"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a [[nobody|word]]", "nothing in world.toml is called “nobody”"),
        ("a [[church|word", "a pair of square brackets is not closed"),
    ],
)
def test_a_slip_in_a_data_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "slip.toml"
    file.write_text(f'original = "en"\n[text]\nen = """{text}"""\n', encoding="utf-8")
    with pytest.raises(SampleFault, match=r"slip\.toml, en, paragraph 1") as caught:
        reading._work(file, read_sample().world)
    assert complaint in str(caught.value)


def test_translations_of_another_length_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "odd.toml"
    file.write_text('original = "en"\n[text]\nen = """a\n\nb"""\nfr = "a"\n', encoding="utf-8")
    with pytest.raises(SampleFault, match="paragraphs differ in number"):
        reading._work(file, read_sample().world)


@pytest.mark.django_db
def test_fiction_does_not_enter_among_real_testimonies(settings: Any) -> None:
    a_community("real-people")
    with pytest.raises(NotAPlaceForFiction):
        LoadSampleContent().execute()
    Community.objects.all().delete()
    settings.CAIRN_MODE = "production"
    with pytest.raises(CommandError, match="belongs into a demonstration"):
        call_command("load_sample_content")
    assert not Record.objects.exists()
