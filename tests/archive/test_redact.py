"""Hiding something of a work and showing it again: one act, one transaction, one line in the trail."""

from __future__ import annotations

import copy

import pytest

from archive.actions.base import ActionRefused
from archive.actions.keep_hidden import KeepHidden
from archive.actions.proposals import DecideProposalAction
from archive.actions.publish import PublishAction, ReviewAction
from archive.actions.redact import RedactAction, UnredactAction
from archive.actions.transcript import SaveTranscriptAction
from archive.desk.transcript_edits import EDITS
from archive.gate import Gate
from archive.models import AuditEvent, ImportBatch, Proposal, Publication, Redaction
from archive.revisions import save_revision, track_as_dict
from tests.archive.factories import a_community, a_member, a_testimony, committed, cue, published
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def a_work(community):
    return published(a_testimony(community, original="Արամը գիտեր։", english="Aram knew."))


def hiding(work, **changed):
    anchor = work.tracks.get(key="t1").cues[0]["id"]
    facts = {"anchor": anchor, "words": "Արամը", "mode": "remove", "reason": "living-person"}
    return Redaction(**{**facts, **changed})


def text_of(work):
    return str(Publication.objects.get(public_id=work.public_id).payload["rows"])


@pytest.mark.parametrize("role", ["editor", "steward"])
def test_an_editor_or_a_steward_hides_and_shows_again(site, role):
    community = a_community()
    work, user = a_work(community), a_member(community, role)
    with committed():
        (row,) = RedactAction(user, work, [hiding(work)]).execute()
    assert "Արամը" not in text_of(work)
    assert (row.pk, row.record_id, row.authorised_by) == (Redaction.objects.get().pk, work.pk, user)
    with committed():
        UnredactAction(user, work, row).execute()
    assert "Արամը" in text_of(work) and not Redaction.objects.exists()
    trail = AuditEvent.objects.filter(subject=work.public_id, actor=f"user:{user.pk}").order_by("pk")
    assert [event.action for event in trail] == ["redaction", "redaction-removed"]
    assert "Արամը" not in str([event.detail for event in trail])


@pytest.mark.parametrize("role", ["translator", "publisher", "contributor"])
def test_nobody_else_does(site, role):
    community = a_community()
    work, user = a_work(community), a_member(community, role)
    with pytest.raises(ActionRefused):
        RedactAction(user, work, [hiding(work)]).execute()
    (row,) = RedactAction(None, work, [hiding(work)]).execute()
    with pytest.raises(ActionRefused):
        UnredactAction(user, work, row).execute()
    with pytest.raises(ActionRefused):
        RedactAction(a_member(a_community(), "editor", "steward"), work, [hiding(work)]).execute()
    assert Redaction.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"anchor": ""}, "no-place"),
        ({"anchor": "", "start_ms": 5, "end_ms": 5}, "no-place"),
        ({"anchor": "", "start_ms": 5}, "no-place"),
        ({"reason": "Her brother lives at 4 Mill Lane"}, "reason"),
        ({"reason": ""}, "reason"),
    ],
)
def test_what_says_no_place_or_no_code_is_refused(site, changed, code):
    community = a_community()
    work, user = a_work(community), a_member(community, "steward")
    with pytest.raises(ActionRefused) as refused:
        RedactAction(user, work, [hiding(work), hiding(work, **changed)]).execute()
    assert refused.value.code == code and not Redaction.objects.exists()
    with pytest.raises(ActionRefused):
        RedactAction(user, work, []).execute()


def test_a_redaction_is_taken_back_once_and_of_its_own_work(site):
    community = a_community()
    work, other = a_work(community), a_work(community)
    (row,) = RedactAction(None, work, [hiding(work)]).execute()
    with pytest.raises(ActionRefused):
        UnredactAction(None, other, row).execute()
    UnredactAction(None, work, row).execute()
    with pytest.raises(ActionRefused):
        UnredactAction(None, work, row).execute()


def test_nothing_is_written_when_the_gate_fails(site, monkeypatch):
    work = a_work(a_community())

    def broken(self, works):
        raise RuntimeError("the gate")

    monkeypatch.setattr(Gate, "refresh", broken)
    with pytest.raises(RuntimeError):
        RedactAction(None, work, [hiding(work)]).execute()
    assert not Redaction.objects.exists() and not AuditEvent.objects.filter(action="redaction").exists()


# --- When the texts are written anew --------------------------------------------------------------


def aligned(community):
    """The second of two passages is redacted whole; its translation is withheld because it stands beside it."""
    work = a_testimony(community)
    words = {"t1": ("Գետը լուռ էր։", "Արամը գիտեր։"), "t2": ("The river was silent.", "Aram knew.")}
    for key, texts in words.items():
        track = work.tracks.get(key=key)
        track.cues = [cue(f"p-{key}cue00{n}", text, f"g{n}") for n, text in enumerate(texts)]
        track.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    Redaction.objects.create(record=work, anchor="p-t1cue001", mode="remove", reason="living-person")
    return published(work)


def review(work):
    work.refresh_from_db()
    with committed():
        ReviewAction(None, [work]).execute()
        PublishAction(None, [work]).execute()


def as_written(work, key="t2"):
    return copy.deepcopy(track_as_dict(work.tracks.get(key=key)))


@pytest.mark.parametrize("edit", ["own", "up", "split", "delete"])
def test_a_translation_that_is_withheld_stays_so_wherever_it_is_moved(site, edit):
    community = a_community()
    work, translator = aligned(community), a_member(community, "translator")
    tracks = [as_written(work, "t1"), as_written(work)]
    if edit == "split":
        tracks[1]["cues"][1]["text"] = "Aram || knew."
        new = EDITS["split"](tracks, "p-t2cue001")
        EDITS["own"](tracks, new)
    elif edit == "delete":
        # The original's passage is gone: nothing in the text says any more what the translation stood beside.
        EDITS["delete"](tracks, "p-t1cue001")
    else:
        EDITS[edit](tracks, "p-t2cue001")
    save = SaveTranscriptAction(
        None if edit == "delete" else translator, work, tracks[1 - (edit == "delete") :], base_revision=2
    )
    save.execute()
    # The second half beside the withheld first one is reached where it stands.
    assert save.hidden_again or edit == "split"
    review(work)
    assert "Aram" not in text_of(work) and "knew" not in text_of(work) and "Արամը" not in text_of(work)
    before = Redaction.objects.count()
    SaveTranscriptAction(None, work, tracks, base_revision=work.current_revision).execute()
    assert Redaction.objects.count() == before


def test_an_edit_that_moves_nothing_hides_nothing_more(site):
    work = aligned(a_community())
    track = as_written(work)
    track["cues"][0]["text"] = "The river was still."
    track["cues"][1]["text"] = "Aram knew it."
    save = SaveTranscriptAction(None, work, [track], base_revision=2)
    save.execute()
    review(work)
    assert not save.hidden_again and "still" in text_of(work) and "Aram" not in text_of(work)


@pytest.mark.parametrize("way", ["restore", "proposal"])
def test_an_older_text_does_not_show_what_was_hidden_in_a_passage_that_it_has_not(site, monkeypatch, way):
    community = a_community()
    work = published(a_testimony(community, original="Գետը լուռ էր։ Արամը գիտեր։"))
    first, tracks = work.revisions.get(number=1), [as_written(work, "t1")]
    tracks[0]["cues"][0]["text"] = "Գետը լուռ էր։ || Արամը գիտեր։"
    new = EDITS["split"](tracks, tracks[0]["cues"][0]["id"])
    SaveTranscriptAction(None, work, tracks, base_revision=1).execute()
    review(work)
    RedactAction(None, work, [hiding(work, anchor=new, words="")]).execute()
    assert "Արամը" not in text_of(work)
    editor = a_member(community, "editor")
    if way == "restore":
        at_the_desk(editor, monkeypatch).post(f"/admin/testimonies/{work.pk}/revisions/", {"restore": "1"})
    else:
        row = Proposal.objects.create(
            record_id=work.pk,
            batch=ImportBatch.objects.create(community=community, source_format="tei"),
            snapshot=first.snapshot,
            base_revision=work.current_revision,
        )
        DecideProposalAction(editor, row, accept=True).execute()
    work.refresh_from_db()
    assert work.current_revision == 3 and len(work.tracks.get(key="t1").cues) == 1
    review(work)
    assert "Արամը" not in text_of(work)


def test_the_tests_of_texts_written_anew_see_a_guard_that_is_off(site, monkeypatch):
    work = aligned(a_community())
    monkeypatch.setattr(KeepHidden, "carry_on", lambda self: [])
    tracks = [as_written(work, "t1"), as_written(work)]
    EDITS["own"](tracks, "p-t2cue001")
    SaveTranscriptAction(None, work, tracks[1:], base_revision=2).execute()
    review(work)
    assert "Aram" in text_of(work)
