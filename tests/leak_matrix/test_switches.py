"""Each guard has a switch: with the guard off, the matrix goes red for the very thing that the guard holds back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone

from accounts.models import EducatorGrant
from archive import class_links, publications
from archive.assessment import Assessment
from archive.models import Person, RecordKind, Revision
from archive.policy import Viewer
from archive.preview import PreviewOfWork
from archive.seals import seals_of
from archive.vault import ledger
from jobs.models import Job
from tests.leak_matrix.garden import garden_of, garden_with
from tests.leak_matrix.order import HIDDEN, SHOWN, order_leaks, plant_order
from tests.leak_matrix.people import CASES, plant_people
from tests.leak_matrix.planting import plant_business
from tests.leak_matrix.redactions import plant_redactions
from tests.leak_matrix.seals import plant_seals
from tests.leak_matrix.walk import desk_leaks, leaks, side_channel_leaks

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("leak-matrix")]


def test_it_goes_red_when_tombstones_ignore_the_stand(site, monkeypatch):
    garden = garden_of("withdrawn-inside")
    monkeypatch.setattr(publications, "stand_for", lambda *args, **kwargs: "community")
    assert any("gets 410 instead of 404 at public:page" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_reading_ignores_the_viewer(site, monkeypatch):
    garden = garden_of("educators")
    monkeypatch.setattr(publications, "published_to", lambda viewer, now: Q())
    found = leaks(garden, ["anonymous"])
    for surface in ("public:page", "public:download", "api-1:detail", "captions"):
        assert any("canaryeducators" in line and f"at {surface}" in line for line in found), surface


def test_it_goes_red_when_lists_ignore_the_viewer(site, monkeypatch):
    garden = garden_of("community")
    monkeypatch.setattr(publications, "published_to", lambda viewer, now: Q())
    assert any("canarycommunity" in line and "public:browse" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_search_ignores_the_reach(site, monkeypatch):
    garden = garden_of("community")
    from archive.public import api, search_page
    from search.documents import Reach

    everything = Reach(default="community", by_group={}, by_work={})
    for module in (api, search_page):
        monkeypatch.setattr(module, "reach_of", lambda viewer: everything)
    assert any("search" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_a_redaction_is_not_applied(site, monkeypatch):
    from archive.projection import works

    monkeypatch.setattr(works, "redact", lambda tracks, spans: list(tracks))
    garden = garden_of("public")
    assert any("redacted" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_a_seal_is_ignored(site, monkeypatch):
    from archive.projection import authorities

    monkeypatch.setattr(authorities, "public_name", lambda record: record.name)
    garden = garden_of("sealed")
    assert any("sealedname" in line for line in leaks(garden, ["anonymous"]))


def test_it_goes_red_when_a_page_from_memory_is_believed(site, monkeypatch):
    from archive.public import page_cache

    monkeypatch.setattr(page_cache, "is_current", lambda publication, version: True)
    assert any("canarywithdrawn" in line for line in leaks(garden_of("withdrawn"), ["anonymous"]))


def test_it_goes_red_when_a_file_is_handed_to_whoever_knows_its_address(site, monkeypatch):
    from archive.models.publication import PublishedFile

    def unchecked(public_id: str, file_id: str, viewer: Any) -> Any:
        return PublishedFile.objects.filter(uuid=file_id).first()

    monkeypatch.setattr(publications, "published_file", unchecked)
    assert any("media-access" in line for line in leaks(garden_of("educators"), ["anonymous"]))


def test_it_goes_red_when_the_desk_forgets_whose_a_record_is(site, monkeypatch):
    from archive.desk import views

    monkeypatch.setattr("accounts.middleware.is_verified", lambda request: True)
    monkeypatch.setattr(views, "visible", lambda queryset, viewer: queryset)
    garden = garden_of("draft")
    plant_business(garden)
    assert any("canarydraft" in line for line in desk_leaks(garden, actors=["other"]))


# --- Who comes in by a link -----------------------------------------------------------------------------------


def test_it_goes_red_when_a_class_link_does_not_ask_for_the_classroom(site, monkeypatch):
    garden = garden_of("registered", "educators")
    monkeypatch.setattr(class_links, "allowing", lambda scope: Q(stub=False))
    found = leaks(garden, ["pupil"])
    for surface in ("public:page", "api-1:detail", "media-access", "public:class", "public:search"):
        assert any("canaryregistered" in line and f"at {surface}" in line for line in found), surface


def test_it_goes_red_when_a_class_link_remembers_the_stand_of_its_maker(site, monkeypatch):
    garden = garden_of("educators")
    [planted] = garden.planted
    EducatorGrant.objects.update(revoked_at=timezone.now())
    planted.readers -= {"teacher", "pupil"}
    monkeypatch.setattr(class_links, "viewer_of", lambda user, now: Viewer(user_id=user.pk, educator=True))
    found = leaks(garden, ["pupil"])
    for surface in ("public:page", "api-1:detail", "media-access", "public:class", "public:search"):
        assert any("canaryeducators" in line and f"at {surface}" in line for line in found), surface


def test_it_goes_red_when_a_reviewer_reads_what_the_gate_would_not_open(site, monkeypatch):
    garden = garden_of("embargoed", "community")

    def as_if_open(preview: Any, rung: str, _given: Any) -> Any:
        return made(preview, rung, Assessment(full=[rung]))

    made = PreviewOfWork.built
    monkeypatch.setattr(PreviewOfWork, "sees", lambda preview, rung: "full")
    monkeypatch.setattr(PreviewOfWork, "built", as_if_open)
    found = leaks(garden, ["reviewer"])
    for state in ("embargoed", "community"):
        assert any(f"the reviewer sees canary{state}" in line for line in found), state


# --- Who is named, what is sealed, what sorts, what confirms a guess ---------------------------------------


def test_it_goes_red_when_consent_does_not_decide_how_a_person_is_named(site, monkeypatch):
    from archive.projection import naming_people, works

    monkeypatch.setattr(works, "naming_of", lambda *args, **kwargs: naming_people.Naming())
    found = leaks(garden_with(plant_people), ["anonymous"])
    for case in CASES:
        word = case.replace("-", "")
        assert any(f"canary{word}realname" in line for line in found), case
        assert any(f"for a person of {case}" in line for line in found), case
        assert any(f"canarynamedopenly{word}realname" in line for line in found), case
        assert any(f"finds {case} by asking" in line for line in found), case


def test_it_goes_red_for_every_seal_that_has_no_effect(site, monkeypatch):
    from archive.projection import authorities, works

    for module in (authorities, works):
        monkeypatch.setattr(module, "hidden_keys", lambda kind, sealed: frozenset())
    # A name policy keeps back what leads to the real name as well: here the seal is the only guard.
    monkeypatch.setattr("tests.leak_matrix.seals.POLICY_UNDER_SEAL", Person.NamePolicy.FULL)
    garden = garden_with(plant_seals)
    found = "\n".join(leaks(garden, ["anonymous"]))
    # A stub shows little of what a seal keeps back: the open works come first.
    behind = {seal: words for planted in reversed(garden.planted) for seal, words in planted.behind.items()}
    assert behind.keys() == {(kind, seal.code) for kind in RecordKind for seal in seals_of(kind)}
    for seal, words in behind.items():
        assert any(word in found for word in words), seal


def test_it_goes_red_when_lists_sort_by_what_is_not_shown(site, monkeypatch):
    from archive import companions, gate

    for module in (companions, gate):
        monkeypatch.setattr(module, "sort_key", lambda text: HIDDEN if text.startswith(SHOWN) else text)
    found = order_leaks(garden_with(plant_order), ["anonymous"])
    for segment in ("testimonies", "people"):
        assert any(f"the letter {HIDDEN} of {segment}" in line for line in found), segment
        assert any(f"finds {segment} in another order" in line for line in found), segment


def test_it_goes_red_when_the_hash_of_what_is_hidden_is_told(site, monkeypatch):
    from archive.projection import works

    def inside(payload: dict[str, Any]) -> dict[str, Any]:
        revision = Revision.objects.filter(record__public_id=payload["id"]).latest("number")
        return {**payload, "revision": {**payload["revision"], "hash": revision.sha256}}

    monkeypatch.setattr(works, "with_hash", inside)
    found = leaks(garden_of("public"), ["anonymous"])
    assert any(digest in line for line in found for digest in Revision.objects.values_list("sha256", flat=True))


# --- What a redaction takes with it -------------------------------------------------------------------------


def test_it_goes_red_when_a_redaction_stops_at_the_text(site, monkeypatch):
    from archive.projection import beside

    monkeypatch.setattr(beside, "withheld_by", lambda *args: [])
    monkeypatch.setattr(beside.Mentions, "of", lambda self, target, anchors, *names: list(anchors))
    found = leaks(garden_with(plant_redactions), ["anonymous"])
    for what in ("wholename", "partlyname", "unmarkedname", "segment1", "clip1", "context1"):
        assert any(f"canarywordsredacted{what}" in line for line in found), what
    assert any("for a person of words-redacted" in line for line in found)
    assert any("canarynamedelsewhereabroadname" in line for line in found)


def test_it_goes_red_when_recordings_and_pictures_tell_what_the_text_hides(site, monkeypatch):
    from archive.projection import media

    monkeypatch.setattr(media, "media_withheld_by", lambda *args: [])
    found = leaks(garden_with(plant_redactions), ["anonymous"])
    for case in ("words-redacted", "untimed-recording", "redacted-page"):
        assert any(f"is served a file of {case}" in line for line in found), case


def test_it_goes_red_when_only_groups_join_a_translation(site, monkeypatch):
    from archive.projection import reach

    monkeypatch.setattr(reach, "_group", lambda cue: cue.get("group") or object())
    found = leaks(garden_with(plant_redactions), ["anonymous"])
    for what in ("forth", "back"):
        assert any(f"canaryunaligned{what}" in line for line in found), what


# --- Where nobody looks -------------------------------------------------------------------------------------


def test_it_goes_red_when_a_ledger_a_job_or_a_log_keeps_a_word(site, settings, tmp_path):
    settings.CAIRN_DATA = tmp_path
    garden = garden_of("draft")
    word = min(garden.planted[0].words)
    assert side_channel_leaks(garden, "") == []
    ledger.append({"public_id": word})
    Job.objects.create(kind="import", queue="light", scope="", input={"title": word})
    found = "\n".join(side_channel_leaks(garden, f"a line about {word}"))
    for place in ("the file ledger/", "the table jobs_job", "a log"):
        assert place in found, place
