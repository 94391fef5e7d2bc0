"""What a steward declares free of a redaction may be shown; what is hidden with it goes at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from archive.actions.base import ActionRefused
from archive.actions.redact import DecideOnRedactedAction, RedactAction
from archive.actions.transcript import SaveTranscriptAction
from archive.gate import Gate
from archive.models import LADDER, Clip, IndexSegment, Redaction, RedactionDecision
from archive.projection import beside, media, reach
from archive.projection.beside import MEDIA
from archive.projection.media import AssetFacts, public_media
from archive.projection.reach import Reach, RedactionRule, heard_in, reaches_of
from archive.projection.redaction import redact as redact_texts
from archive.revisions import save_revision, track_as_dict
from archive.values.language_map import language_map
from tests.archive.factories import a_community, a_member, committed, cue, published
from tests.archive.test_redaction_reach import (
    WORDS,
    an_asset,
    payload_of,
    people,
    public_assets,
    redact,
    two_passages,
    words_of,
)


def decide(work, row, about, key, *, hidden=False, user=None):
    with committed():
        DecideOnRedactedAction(user, work, row, about=about, key=str(key), hidden=hidden).execute()


@pytest.mark.django_db
def test_a_recording_declared_free_is_public_again_and_no_longer_when_that_is_taken_back(site):
    work, _person = two_passages()
    recording, picture = an_asset(work), an_asset(work, kind="image")
    row = redact(work)
    published(work)
    decide(work, row, "media", recording.uuid)
    assert public_assets(work) == {str(recording.uuid)}
    decide(work, row, "media", picture.uuid)
    assert public_assets(work) == {str(recording.uuid), str(picture.uuid)}
    decide(work, row, "media", recording.uuid, hidden=None)
    assert public_assets(work) == {str(picture.uuid)}
    another = redact(work, anchor="p-own00002", words="լուռ")
    decide(work, another, "media", recording.uuid)
    assert public_assets(work) == set()


@pytest.mark.django_db
def test_a_recording_in_which_it_is_said_at_a_known_time_cannot_be_declared_free(site):
    work, _person = two_passages(timed=True)
    recording, row = an_asset(work), redact(work)
    published(work)
    with pytest.raises(ActionRefused) as refused:
        decide(work, row, "media", recording.uuid)
    assert refused.value.code == "said-there"
    RedactionDecision.objects.create(redaction=row, about="media", key=str(recording.uuid), hidden=False)
    decide(work, row, "media", recording.uuid, hidden=None)
    assert public_assets(work) == set()
    # Of two recordings it may be said in the other one.
    second = an_asset(work)
    decide(work, row, "media", second.uuid)
    assert public_assets(work) == {str(second.uuid)}


@pytest.mark.django_db
def test_only_a_steward_declares_free_and_whoever_redacts_hides_more(site):
    community = a_community()
    work, person = two_passages(community=community)
    recording, row = an_asset(work), redact(work, words="գիտեր")
    published(work)
    editor, steward = a_member(community, "editor"), a_member(community, "steward")
    with pytest.raises(ActionRefused):
        decide(work, row, "media", recording.uuid, user=editor)
    decide(work, row, "media", recording.uuid, user=steward)
    assert people(work) == [person.public_id]
    decide(work, row, "entity", person.public_id, hidden=True, user=editor)
    assert people(work) == []
    decide(work, row, "entity", person.public_id, hidden=None, user=editor)
    assert people(work) == [person.public_id]
    for user in (a_member(community, "translator", "publisher"), a_member(a_community(), "steward", "editor")):
        with pytest.raises(ActionRefused):
            decide(work, row, "entity", person.public_id, hidden=True, user=user)
    assert RedactionDecision.objects.get().by == steward


@pytest.mark.django_db
def test_what_the_work_does_not_have_cannot_be_decided_on(site):
    work, person = two_passages()
    foreign, _other = two_passages()
    row = redact(work)
    for about, key in (("media", an_asset(foreign).uuid), ("segment", "s9"), ("clip", "x"), ("entity", "x"), ("y", "")):
        with pytest.raises(ActionRefused):
            decide(work, row, about, key)
    with pytest.raises(ActionRefused):
        decide(foreign, row, "entity", person.public_id)


@pytest.mark.django_db
def test_a_part_of_the_index_and_a_clip_declared_free_are_shown_until_they_say_something_else(site):
    work, _person = two_passages()
    IndexSegment.objects.create(record=work, key="s1", anchor="p-own00001", title=language_map("Morning", "en"))
    save_revision(work, origin="edit")
    words = {"title": language_map("The river", "en"), "context": language_map("At dawn", "en"), "audience": "public"}
    clip = Clip.objects.create(community=work.community, work=work, first_anchor="p-own00001", **words)
    row = redact(work)
    published(work)
    decide(work, row, "segment", "s1")
    decide(work, row, "clip", clip.public_id)
    assert len(payload_of(work)["segments"]) == len(payload_of(work)["clips"]) == 1
    work.segments.update(title=language_map("Aram in the morning", "en"))
    Clip.objects.filter(pk=clip.pk).update(context=language_map("Aram knew", "en"))
    save_revision(work, origin="edit")
    published(work)
    assert payload_of(work)["segments"] == payload_of(work)["clips"] == []


@pytest.mark.django_db
def test_a_part_of_the_index_elsewhere_is_hidden_with_the_redaction_on_its_rungs(site):
    work, _person = two_passages()
    IndexSegment.objects.create(record=work, key="s2", anchor="p-own00002", title=language_map("Aram", "en"))
    save_revision(work, origin="edit")
    row = redact(work, hidden_up_to="educators")
    published(work)
    assert payload_of(work)["segments"]
    decide(work, row, "segment", "s2", hidden=True)
    assert not payload_of(work)["segments"] and payload_of(work, "community")["segments"]


@pytest.mark.django_db
def test_what_is_hidden_in_the_text_now_is_hidden_in_the_text_readers_still_see(site):
    """Somebody has cut a passage in two since the review; its second half is redacted."""
    work, _person = two_passages(first="Գետը լուռ էր։ Արամը գիտեր։")
    published(work)
    track = track_as_dict(work.tracks.get(key="t1"))
    old = track["cues"][0]
    halves = [{**old, "text": "Գետը լուռ էր։", "marks": []}, cue("p-own0000x", "Արամը գիտեր։")]
    track["cues"] = [*halves, *track["cues"][1:]]
    SaveTranscriptAction(None, work, [track], base_revision=work.current_revision).execute()
    for words in (WORDS, ""):
        row = Redaction(anchor="p-own0000x", words=words, mode="remove", reason="living-person")
        RedactAction(None, work, [row]).execute()
        assert WORDS not in words_of(work), words
        Redaction.objects.all().delete()


# --- The rule by itself ---------------------------------------------------------------------------

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
assets = st.builds(
    AssetFacts,
    id=st.sampled_from("abc"),
    role=st.sampled_from(["original", "working", "access", "redacted"]),
    media_type=st.sampled_from(["audio/wav", "image/tiff", "application/ogg"]),
    made_at=st.integers(0, 9).map(lambda day: EPOCH + timedelta(days=day)),
    files=st.sampled_from([({"kind": "audio"},), ({"kind": "image"},)]),
)
redactions = st.builds(
    Reach,
    rule=st.builds(
        RedactionRule,
        at=st.integers(0, 9).map(lambda day: EPOCH + timedelta(days=day)),
        hidden_up_to=st.sampled_from(LADDER),
        free=st.sets(st.sampled_from("abc")).map(lambda keys: frozenset((MEDIA, key, "") for key in keys)),
    ),
    spans=st.just(()),
    touched=st.just(frozenset()),
    stretches=st.sampled_from([(), ((0, 5),), ((7, None),)]),
    pages=st.just(frozenset()),
)


@given(st.lists(assets, max_size=3, unique_by=lambda one: one.id), st.lists(redactions, max_size=3), st.booleans())
def test_no_file_is_shown_that_nobody_freed_of_every_redaction(held, reaches, altered):
    shown = public_media(held, reaches, altered=altered)
    recordings = [one for one in held if one.is_recording and not one.is_redacted_copy]
    for asset in held:
        if not all(file in shown for file in asset.files):
            continue
        same = [one for one in held if one.files == asset.files]
        if len(same) > 1:
            # Files are told apart by their asset; two alike say nothing of either.
            continue
        assert asset.is_redacted_copy or not altered
        for one in reaches:
            made_for_it = asset.is_redacted_copy and asset.made_at >= one.rule.at
            freed = (MEDIA, asset.id, "") in one.rule.free
            assert made_for_it or freed
            if one.stretches and recordings == [asset]:
                assert made_for_it
    more = Reach(RedactionRule(EPOCH + timedelta(days=99), "community"), (), frozenset(), (), frozenset())
    assert public_media(held, [*reaches, more], altered=altered) == []


texts = st.lists(st.sampled_from(["Արամը գիտեր։", "Գետը։", "Արամը"]), min_size=1, max_size=4)


@given(texts, texts, st.data())
def test_hidden_words_are_in_no_passage_that_is_joined_by_group_or_time(own, other, data):
    groups = st.sampled_from(["", "g1", "g2", "a0"])
    times = st.sampled_from([None, 0, 1000, 2000])

    def a_track(key, words):
        cues = []
        for number, text in enumerate(words):
            start = data.draw(times)
            cues.append(cue(f"{key}{number}", text, data.draw(groups), start_ms=start, end_ms=start and start + 500))
        return {"id": key, "cues": cues}

    tracks = [a_track("a", own), a_track("b", other)]
    rule = RedactionRule(EPOCH, "community", anchor="a0", words=WORDS)
    (found,) = reaches_of([rule], tracks, 0)
    shown = {one["id"]: one for track in redact_texts(tracks, found.spans) for one in track["cues"]}
    first, heard = tracks[0]["cues"][0], heard_in(tracks)
    assert WORDS not in shown["a0"]["text"] or WORDS not in first["text"]
    beside_it = {
        one["id"]
        for track in tracks
        for one in track["cues"]
        if (one["group"] or one["id"]) == (first["group"] or "a0")
    }
    for anchor in beside_it:
        assert anchor in found.touched and WORDS not in shown[anchor]["text"]
    if "a0" in heard:
        for anchor, at in heard.items():
            if anchor.startswith("b") and reach.overlap(at, heard["a0"]):
                assert WORDS not in shown[anchor]["text"]


# --- Each guard has a switch ----------------------------------------------------------------------


@pytest.mark.django_db
def test_the_tests_of_names_the_index_and_clips_see_a_guard_that_is_off(site, monkeypatch):
    work, person = two_passages()
    IndexSegment.objects.create(record=work, key="s1", anchor="p-own00001", title=language_map("Aram", "en"))
    save_revision(work, origin="edit")
    redact(work)
    monkeypatch.setattr(beside, "withheld_by", lambda *args: [])
    monkeypatch.setattr(beside.Mentions, "of", lambda self, target, anchors, *names: list(anchors))
    published(work)
    assert people(work) == [person.public_id] and payload_of(work)["segments"]


@pytest.mark.django_db
def test_the_tests_of_recordings_see_a_guard_that_is_off(site, monkeypatch):
    work, _person = two_passages()
    recording = an_asset(work)
    redact(work)
    monkeypatch.setattr(media, "media_withheld_by", lambda *args: [])
    published(work)
    assert public_assets(work) == {str(recording.uuid)}


@pytest.mark.django_db
def test_the_tests_of_translations_see_a_guard_that_is_off(site, monkeypatch):
    work, _person = two_passages(group=False)
    redact(work)
    monkeypatch.setattr(reach, "_group", lambda one: one.get("group") or object())
    published(work)
    assert "Aram knew" in words_of(work)


WITHHELD_RECORDING = "The recording is not shown."


def page_of(work):
    return Client().get(f"/en/testimonies/{work.public_id}/")


@pytest.mark.django_db
def test_a_page_says_that_its_recording_is_not_shown_and_never_why(site):
    silent, redacted, altered = (two_passages(community=a_community())[0] for _number in range(3))
    an_asset(silent, kind="image")
    recording = an_asset(redacted)
    an_asset(altered)
    row = redact(redacted)
    published(silent)
    published(redacted)
    published(altered, voice_altered=True)
    pages = [page_of(work).content.decode() for work in (silent, redacted, altered)]
    assert [WITHHELD_RECORDING in page for page in pages] == [False, True, True]
    said = [re.search(r'<p class="quiet recording-withheld">.*?</p>', page, re.DOTALL)[0] for page in pages[1:]]
    assert said[0] == said[1]
    decide(redacted, row, "media", recording.uuid)
    assert WITHHELD_RECORDING not in page_of(redacted).content.decode()
    # Whoever may not read the work learns nothing of it.
    on_request = published(two_passages(community=a_community())[0], {"preserve": "yes", "public-web": "ask"})
    an_asset(on_request)
    redact(on_request)
    with committed():
        Gate().publish([on_request])
    answer = page_of(on_request)
    assert answer.status_code == 200 and WITHHELD_RECORDING not in answer.content.decode()
