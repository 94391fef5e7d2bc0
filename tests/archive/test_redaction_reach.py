"""A redaction hides what it hides everywhere: in names, the index, clips, recordings, pictures and every text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from archive.gate import Gate
from archive.models import (
    Clip,
    Derivative,
    EntityLink,
    IndexSegment,
    MediaAsset,
    Publication,
    PublicationLink,
    PublishedFile,
    Redaction,
    TextTrack,
)
from archive.projection.reach import RedactionRule, heard_in, reach_of
from archive.projection.redaction import Span
from archive.projection.redaction import redact as redact_texts
from archive.revisions import save_revision
from archive.values.language_map import language_map
from tests.archive.factories import a_community, a_person, a_testimony, cue, published

pytestmark = pytest.mark.django_db

WORDS = "Արամը"


def a_mark(text, person, *, nth=0):
    start = -1
    for _each in range(nth + 1):
        start = text.index(WORDS, start + 1)
    return {
        "start": start,
        "end": start + len(WORDS),
        "type": "person",
        "ref": "",
        "key": person.public_id,
        "data": {},
    }


def two_passages(*, first="Արամը գիտեր։", second="Գետը լուռ էր։", timed=False, group=True, **fields):
    """A testimony of two passages with a translation of each; Aram is linked at the first, by a mark."""
    community = fields.pop("community", None) or a_community()
    work = a_testimony(community, **fields)
    person = a_person(community, "Արամ Սարյան")
    own, other = work.tracks.get(key="t1"), work.tracks.get(key="t2")

    def at(number):
        return {"start_ms": number * 10_000, "end_ms": number * 10_000 + 9_000} if timed else {}

    groups = ("g1", "g2") if group else ("", "")
    own.cues = [
        cue("p-own00001", first, groups[0], page="1", marks=[a_mark(first, person)], **at(0)),
        cue("p-own00002", second, groups[1], page="2", **at(1)),
    ]
    other.cues = [
        cue("p-other001", "Aram knew.", groups[0] or "p-own00001"),
        cue("p-other002", "The river was silent.", groups[1] or "p-own00002"),
    ]
    own.save()
    other.save()
    EntityLink.objects.create(record=work, target=person, relation="mentioned", anchors=["p-own00001"])
    save_revision(work, origin="edit")
    work.refresh_from_db()
    return work, person


def redact(work, **changed):
    facts = {"anchor": "p-own00001", "words": WORDS, "mode": "remove", "reason": "living-person"}
    return Redaction.objects.create(record=work, **{**facts, **changed})


def payload_of(work, rung="public"):
    return next(row.payload for row in Publication.objects.filter(public_id=work.public_id) if rung in row.stands)


def people(work, rung="public"):
    return [entity["id"] for entity in payload_of(work, rung)["entities"] if entity["kind"] == "person"]


def an_asset(work, *, kind="audio", role="original", made_at=None):
    asset = MediaAsset.objects.create(
        record=work,
        role=role,
        media_type={"audio": "audio/wav", "image": "image/tiff"}[kind],
        bytes=3,
        sha256="0" * 64,
        sha512="0" * 128,
        vault_object="x",
        vault_path=f"x{MediaAsset.objects.count()}",
    )
    if made_at is not None:
        MediaAsset.objects.filter(pk=asset.pk).update(created_at=made_at)
    for made in (kind, "waveform") if kind == "audio" else (kind,):
        path = f"{asset.uuid}-{made}"
        facts = {"path": path, "media_type": "x/x", "bytes": 1, "sha256": "0" * 64, "technical": {"duration_ms": 9}}
        Derivative.objects.create(asset=asset, kind=made, **facts)
    return asset


def public_assets(work, rung="public"):
    return {file["asset"] for file in payload_of(work, rung)["media"]}


# --- Names ----------------------------------------------------------------------------------------


def test_a_person_named_only_in_hidden_words_is_no_entity_facet_or_page(site):
    work, person = two_passages()
    redact(work)
    published(work)
    assert people(work) == []
    assert not PublicationLink.objects.filter(target=person.public_id).exists()
    assert not Publication.objects.filter(public_id=person.public_id).exists()
    page = Client().get(f"/en/testimonies/{work.public_id}/").content.decode()
    assert person.public_id not in page and "Սարյան" not in page and "գիտեր" in page


def test_a_link_stays_while_a_mark_in_the_shown_text_names_its_target(site):
    work, person = two_passages(first="Արամը գիտեր, որ գետը։")
    redact(work, words="գետը")
    published(work)
    assert people(work) == [person.public_id]


def test_of_two_marks_in_one_passage_the_one_left_is_enough(site):
    first = "Արամը գիտեր։ Արամը լռեց։"
    work, person = two_passages(first=first)
    track = work.tracks.get(key="t1")
    track.cues[0]["marks"] = [a_mark(first, person), a_mark(first, person, nth=1)]
    track.save()
    save_revision(work, origin="edit")
    redact(work, words="", start=0, end=len(WORDS))
    published(work)
    assert people(work) == [person.public_id]


def test_a_link_without_a_mark_goes_with_the_passage_that_is_redacted_in_part(site):
    work, _person = two_passages()
    track = work.tracks.get(key="t1")
    track.cues[0]["marks"] = []
    track.save()
    save_revision(work, origin="edit")
    redact(work, words="գիտեր")
    published(work)
    assert people(work) == []


def test_a_link_at_another_passage_stays_with_that_passage(site):
    work, _person = two_passages()
    EntityLink.objects.filter(record=work).update(anchors=["p-own00001", "p-own00002"])
    save_revision(work, origin="edit")
    redact(work)
    published(work)
    (entity,) = [entity for entity in payload_of(work)["entities"] if entity["kind"] == "person"]
    assert entity["mentions"] == ["p-own00002"]


def test_a_link_at_no_passage_goes_with_the_one_that_has_some(site):
    work, person = two_passages()
    EntityLink.objects.create(record=work, target=person, relation="about", anchors=[])
    save_revision(work, origin="edit")
    redact(work)
    published(work)
    assert people(work) == []


def test_a_link_at_the_translation_goes_with_the_words_of_the_original(site):
    work, _person = two_passages()
    EntityLink.objects.filter(record=work).update(anchors=["p-other001"])
    save_revision(work, origin="edit")
    redact(work)
    published(work)
    assert people(work) == []


def test_what_is_hidden_from_educators_is_named_to_the_community(site):
    work, person = two_passages()
    IndexSegment.objects.create(record=work, key="s1", anchor="p-own00001", title=language_map("Aram", "en"))
    save_revision(work, origin="edit")
    recording = an_asset(work)
    redact(work, hidden_up_to="educators")
    published(work)
    assert people(work, "educators") == [] and people(work, "community") == [person.public_id]
    assert not payload_of(work, "educators")["segments"] and payload_of(work, "community")["segments"]
    assert not public_assets(work, "educators") and public_assets(work, "community") == {str(recording.uuid)}
    files = PublishedFile.objects.filter(publication__public_id=work.public_id)
    assert {file.publication.audience for file in files} == {"granted"}


# --- The index and clips --------------------------------------------------------------------------


def test_parts_of_the_index_go_with_any_passage_up_to_the_next_part(site):
    work, _person = two_passages(first="Գետը լուռ էր։ Արամը", second="Լույս էր։ Արամը գիտեր։")
    own = work.tracks.get(key="t1")
    own.cues = [cue("p-own00000", "Առավոտ էր։", "g0"), *own.cues, cue("p-own00003", "Վերջ։", "g3")]
    own.save()
    for number, anchor in enumerate(("p-own00000", "p-own00001", "p-own00003")):
        title = language_map(f"part {number}", "en")
        IndexSegment.objects.create(record=work, key=f"s{number}", anchor=anchor, title=title, position=number)
    save_revision(work, origin="edit")
    redact(work, anchor="p-own00002")
    published(work)
    assert [segment["id"] for segment in payload_of(work)["segments"]] == ["s0", "s2"]


def test_a_part_of_the_index_that_has_a_time_only_goes_when_something_is_hidden_in_that_time(site):
    work, _person = two_passages(timed=True)
    for key, start in (("s1", 0), ("s2", 10_000)):
        IndexSegment.objects.create(record=work, key=key, start_ms=start, title=language_map(key, "en"))
    save_revision(work, origin="edit")
    redact(work)
    published(work)
    assert [segment["id"] for segment in payload_of(work)["segments"]] == ["s2"]


def test_a_part_of_the_index_that_cannot_be_placed_goes(site):
    work, _person = two_passages()
    IndexSegment.objects.create(record=work, key="s1", start_ms=3, title=language_map("Aram", "en"))
    save_revision(work, origin="edit")
    redact(work)
    published(work)
    assert payload_of(work)["segments"] == []


@pytest.mark.parametrize("placed", [{"first_anchor": "p-own00001", "last_anchor": "p-own00002"}, {"start_ms": 0}])
def test_a_clip_over_a_passage_that_is_redacted_in_part_goes(site, placed):
    work, _person = two_passages(timed=True)
    words = {"title": language_map("Aram", "en"), "context": language_map("Aram knew", "en"), "audience": "public"}
    Clip.objects.create(community=work.community, work=work, **words, **placed)
    other = Clip.objects.create(community=work.community, work=work, **words, first_anchor="p-own00002")
    redact(work)
    published(work)
    assert [clip["id"] for clip in payload_of(work)["clips"]] == [other.public_id]


# --- Recordings and pictures ----------------------------------------------------------------------


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("words", [WORDS, ""])
def test_words_or_a_passage_withhold_the_recording_and_the_pictures(site, timed, words):
    work, _person = two_passages(timed=timed)
    an_asset(work)
    an_asset(work, kind="image")
    redact(work, words=words)
    published(work)
    assert payload_of(work)["media"] == [] and not PublishedFile.objects.exists()
    page = Client().get(f"/en/testimonies/{work.public_id}/").content.decode()
    assert "<audio" not in page and "<cairn-player" not in page


def test_the_recording_is_withheld_when_only_the_translation_beside_it_has_times(site):
    work, _person = two_passages()
    track = work.tracks.get(key="t2")
    track.cues[0] |= {"start_ms": 1_000, "end_ms": 2_000}
    track.save()
    save_revision(work, origin="edit")
    an_asset(work)
    redact(work)
    published(work)
    assert payload_of(work)["media"] == []


def test_only_a_redacted_copy_made_since_stands(site):
    work, _person = two_passages(timed=True)
    an_asset(work)
    an_asset(work, role="redacted", made_at=timezone.now() - timedelta(days=1))
    redact(work)
    later = an_asset(work, role="redacted")
    published(work)
    assert public_assets(work) == {str(later.uuid)}
    redact(work, anchor="p-own00002", words="լուռ")
    Gate().refresh([work])
    assert public_assets(work) == set()


def test_pages_of_the_original_go_with_what_is_hidden_on_them(site):
    pages = [{"page": str(number), "label": f"https://images.example/{number}.jpg"} for number in (1, 2, 3)]
    work, _person = two_passages(facsimiles=pages)
    redact(work)
    published(work)
    assert [one["page"] for one in payload_of(work)["facsimiles"]] == ["2", "3"]


def test_where_the_page_is_not_known_no_picture_of_a_page_is_named(site):
    work, _person = two_passages(facsimiles=[{"page": "1r", "label": "https://images.example/1.jpg"}])
    redact(work)
    published(work)
    assert payload_of(work)["facsimiles"] == []


# --- Texts ----------------------------------------------------------------------------------------


def words_of(work):
    return str(payload_of(work)["rows"])


def test_the_translation_goes_whose_group_is_the_passage_itself(site):
    work, _person = two_passages(group=False)
    redact(work)
    published(work)
    assert "Aram" not in words_of(work) and "silent" in words_of(work) and "գիտեր" in words_of(work)


def test_captions_say_what_is_said_at_the_time(site):
    work, _person = two_passages(timed=True)
    captions = [
        cue("p-capt0001", "Արամ", start_ms=2_000, end_ms=4_000),
        cue("p-capt0002", "Լուռ", start_ms=9_500, end_ms=9_900),
    ]
    TextTrack.objects.create(record=work, key="t3", kind="captions", language="hy", position=2, cues=captions)
    save_revision(work, origin="edit")
    redact(work)
    published(work)
    assert "'Արամ'" not in words_of(work) and "Լուռ" in words_of(work)


def test_a_span_of_the_recording_hides_the_text_that_is_said_in_it(site):
    work, _person = two_passages(timed=True)
    redact(work, anchor="", words="", start_ms=8_000, end_ms=8_500)
    published(work)
    assert "Արամ" not in words_of(work) and "Aram" not in words_of(work) and "լուռ" in words_of(work)
    assert people(work) == []


def test_a_note_in_the_passage_does_not_say_the_hidden_words(site):
    work, _person = two_passages()
    track = work.tracks.get(key="t1")
    note = {"start": 12, "end": 12, "type": "note", "ref": "", "key": "", "data": {"text": "ԱՐԱՄԸ, ջրաղացպան"}}
    track.cues[0]["marks"].append(note)
    track.cues[0]["paratext"] = "Արամը լալիս է"
    track.save()
    save_revision(work, origin="edit")
    redact(work)
    published(work)
    assert "ջրաղացպան" not in words_of(work) and "լալիս" not in words_of(work)


def test_offsets_that_the_shown_text_does_not_have_hide_the_passage(site):
    work, _person = two_passages()
    redact(work, words="", start=4, end=400)
    published(work)
    assert "Արամ" not in words_of(work)


# --- Each passage by itself -----------------------------------------------------------------------


def touched_by(tracks, **facts):
    rule = RedactionRule(datetime(2026, 1, 1, tzinfo=UTC), "community", **facts)
    return reach_of(rule, tracks, heard_in(tracks)).touched - {facts.get("anchor")}


def timed(anchor, start, end, group=""):
    return cue(anchor, "Խոսք", group, start_ms=start, end_ms=end)


ORIGINAL = {"id": "t1", "cues": [timed("a1", 0, 5_000, "g1"), timed("a2", 5_000, 8_000, "g2")]}


@pytest.mark.parametrize(
    ("captions", "hidden"),
    [
        ([timed("c1", 0, 7_900, "g1"), timed("c2", 7_900, 8_000, "g2")], {"c1", "c2"}),
        ([timed("c1", 0, 5_000, "g1"), timed("c2", 5_000, 6_000, "g2"), timed("c3", 6_000, 9_000)], {"c2", "c3"}),
        ([timed("c1", 0, 5_250, "g1"), timed("c2", 5_250, 8_000, "g2")], {"c2"}),
        ([timed("c1", 7_800, 8_000, "g1"), timed("c2", 5_000, 7_800, "g2")], {"c1", "c2"}),
    ],
)
def test_a_caption_goes_by_its_time_whatever_others_of_its_text_are_joined_to(captions, hidden):
    tracks = [ORIGINAL, {"id": "t2", "cues": captions}]
    assert touched_by(tracks, anchor="a2") == hidden


def test_the_second_half_of_a_translation_that_was_cut_in_two_goes_with_the_first():
    halves = [cue("b1", "One", "g1"), cue("b2", "Half", "g2"), cue("b3", "Half", "g2b"), cue("b4", "Three", "g3")]
    tracks = [{"id": "t1", "cues": [cue(f"a{n}", "Խոսք", f"g{n}") for n in (1, 2, 3)]}, {"id": "t2", "cues": halves}]
    assert touched_by(tracks, anchor="a2") == {"b2", "b3"}


def test_a_longer_span_of_time_reaches_the_other_passages_of_its_own_text():
    assert touched_by([ORIGINAL], anchor="a2", start_ms=3_000, end_ms=8_000) == {"a1"}
    assert touched_by([ORIGINAL], anchor="a2") == set()


def test_pages_of_the_translation_go_with_those_of_the_original():
    tracks = [
        {"id": "t1", "cues": [cue("a1", "Խոսք", "g1", page="1")]},
        {"id": "t2", "cues": [cue("b1", "Word", "g1", page="7")]},
    ]
    rule = RedactionRule(datetime(2026, 1, 1, tzinfo=UTC), "community", anchor="a1")
    assert reach_of(rule, tracks, {}).pages == {"1", "7"}


def shown_with(note, at, span, *, paratext=""):
    mark = {"start": at, "end": at, "type": "note", "ref": "", "key": "", "data": {"text": note}}
    one = cue("a1", "Mr O Hara knew.", marks=[mark], paratext=paratext)
    (track,) = redact_texts([{"id": "t1", "cues": [one]}], [span])
    return [mark["data"]["text"] for mark in track["cues"][0]["marks"] if mark["type"] == "note"], track["cues"][0]


@pytest.mark.parametrize(
    ("note", "at", "words"),
    [
        ("Born in Bitlis.", 9, "O Hara"),
        ("Called 'O Hara' and \"the miller\".", 15, "O Hara"),
        ("O\u00a0Hara, the miller", 15, "O Hara"),
        ("o hara, the miller", 15, ""),
    ],
)
def test_a_footnote_at_the_end_of_hidden_words_or_with_them_in_it_goes(note, at, words):
    notes, shown = shown_with(note, at, Span("a1", 3, 9, words=words), paratext="O\u00a0Hara weeps")
    assert notes == [] and shown["paratext"] == "" and "Hara" not in shown["text"]
    assert shown_with("Of the river.", 15, Span("a1", 3, 9, words=words))[0] == ["Of the river."]
