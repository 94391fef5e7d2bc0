"""The transcript editor as a plain form: what it keeps, what it saves, and what two people see of each other."""

from __future__ import annotations

import pytest

from archive.models import EntityLink, Publication, Redaction, TextTrack, TranscriptDraft
from tests.archive.factories import a_community, a_member, a_place, a_testimony, committed, cue, published
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def editor(work):
    return f"/admin/testimonies/{work.pk}/transcript/"


def cues(work, key="t1"):
    return TextTrack.objects.get(record=work, key=key).cues


def test_what_is_typed_is_kept_until_it_is_saved(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    anchor = cues(work)[0]["id"]
    page = client.get(editor(work)).content.decode()
    assert "Մենք գիտեինք" in page and "We knew that the river" in page
    answer = client.post(
        editor(work),
        {"op": "store", "counter": "0", f"c-{anchor}-text": "  Մենք   գիտեինք "},
        headers={"accept": "application/json"},
    )
    assert answer.json()["counter"] == 1 and answer.json()["changed"]
    assert cues(work)[0]["text"] != "Մենք գիտեինք"
    assert ">Մենք գիտեինք</textarea>" in client.get(editor(work)).content.decode()
    client.post(editor(work), {"op": "save", "counter": "1", f"c-{anchor}-text": "Մենք գիտեինք"})
    work.refresh_from_db()
    assert cues(work)[0]["text"] == "Մենք գիտեինք" and cues(work)[0]["id"] == anchor
    assert work.current_revision == 2 and not TranscriptDraft.objects.exists()


def test_splitting_and_joining_keep_the_first_anchor_and_the_row(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    anchor = cues(work)[0]["id"]
    client.post(editor(work), {"op": f"split:{anchor}", f"c-{anchor}-text": "Մենք գիտեինք, || որ գետը կփրկի մեզ։"})
    client.post(editor(work), {"op": "save"})
    first, second = cues(work)
    assert (first["id"], first["text"], second["text"]) == (anchor, "Մենք գիտեինք,", "որ գետը կփրկի մեզ։")
    assert first["group"] == second["group"] == cues(work, "t2")[0]["group"]
    client.post(editor(work), {"op": f"merge:{anchor}"})
    client.post(editor(work), {"op": "save"})
    assert [c["text"] for c in cues(work)] == ["Մենք գիտեինք, որ գետը կփրկի մեզ։"]
    answer = client.post(editor(work), {"op": f"split:{anchor}"}, follow=True)
    assert "where the second passage begins" in answer.content.decode()


def test_a_passage_moves_to_the_row_beside(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    track = TextTrack.objects.get(record=work, key="t1")
    track.cues = [*track.cues, cue("p-secondrow", "Եվ գնացինք։")]
    track.save()
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    client.post(editor(work), {"op": f"down:{cues(work, 't2')[0]['id']}"})
    client.post(editor(work), {"op": "save"})
    assert cues(work, "t2")[0]["group"] == cues(work)[1]["group"] != ""


def test_bad_times_are_said_and_the_text_is_kept(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    anchor = cues(work)[0]["id"]
    sent = {"op": "save", f"c-{anchor}-text": "Նոր խոսք", f"c-{anchor}-start": "noon", f"c-{anchor}-end": "1:02"}
    answer = client.post(editor(work), sent, follow=True)
    page = answer.content.decode()
    assert "“noon” is no time" in page and "Նոր խոսք" in page and cues(work)[0]["text"] != "Նոր խոսք"


def test_two_people_are_told_and_both_texts_are_shown(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    hers, his = (at_the_desk(a_member(community, "editor"), monkeypatch) for _n in range(2))
    original, english = cues(work)[0]["id"], cues(work, "t2")[0]["id"]
    hers.post(editor(work), {"op": "store", f"c-{original}-text": "Նրա խոսքը"})
    assert "is changing this text too" in his.get(editor(work)).content.decode()
    his.post(editor(work), {"op": "save", f"c-{original}-text": "Իմ խոսքը", f"c-{english}-text": "His English"})
    answer = hers.post(editor(work), {"op": "save", f"c-{original}-text": "Նրա խոսքը"}, follow=True)
    page = answer.content.decode()
    assert "Saved meanwhile by somebody else" in page and "Իմ խոսքը" in page and "Նրա խոսքը" in page
    assert cues(work)[0]["text"] == "Իմ խոսքը"
    hers.post(editor(work), {"op": "save"})
    assert cues(work)[0]["text"] == "Նրա խոսքը" and cues(work, "t2")[0]["text"] == "His English"


def test_changes_of_different_passages_are_put_together(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    hers, his = (at_the_desk(a_member(community, "editor"), monkeypatch) for _n in range(2))
    hers.get(editor(work))
    hers.post(editor(work), {"op": "store", f"c-{cues(work)[0]['id']}-text": "Նրա խոսքը"})
    his.post(editor(work), {"op": "save", f"c-{cues(work, 't2')[0]['id']}-text": "His English"})
    hers.post(editor(work), {"op": "save"})
    assert cues(work)[0]["text"] == "Նրա խոսքը" and cues(work, "t2")[0]["text"] == "His English"


def test_a_second_window_does_not_overwrite_unseen(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    anchor = cues(work)[0]["id"]
    client.post(editor(work), {"op": "store", "counter": "0", f"c-{anchor}-text": "Առաջին պատուհան"})
    client.post(editor(work), {"op": "store", "counter": "0", f"c-{anchor}-text": "Երկրորդ պատուհան"})
    page = client.get(editor(work)).content.decode()
    assert "Առաջին պատուհան" in page and "Երկրորդ պատուհան" in page


def test_a_translator_changes_translations_only(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "translator"), monkeypatch)
    sent = {f"c-{cues(work)[0]['id']}-text": "Ուրիշ", f"c-{cues(work, 't2')[0]['id']}-text": "Other words"}
    client.post(editor(work), {"op": "save", **sent})
    assert cues(work, "t2")[0]["text"] == "Other words" and cues(work)[0]["text"] != "Ուրիշ"


VTT = """WEBVTT

00:01.000 --> 00:04.000
<v Anahit>Գիշեր էր։

00:05.000 --> 00:03.000
ետ գնացող
"""


def test_webvtt_is_read_into_the_draft_and_its_faults_are_named(site, monkeypatch):
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    sent = {"op": "read", "timed-into": "", "timed-kind": "captions", "timed-language": "hy", "timed-pasted": VTT}
    answer = client.post(editor(work), sent, follow=True)
    page = answer.content.decode()
    assert "1 passages were read into your draft" in page and "cue 2" in page
    client.post(editor(work), {"op": "save"})
    assert cues(work, "t3")[0]["speaker"] == "Anahit" and cues(work, "t3")[0]["start_ms"] == 1000
    refused = client.post(editor(work), {**sent, "timed-pasted": "only words", "timed-language": "qq-nonsense-x"})
    text = refused.content.decode()
    assert "No timed passage was found" in text and "Name the language" in text


def test_hidden_words_stay_hidden_in_public_while_the_text_is_edited(site, monkeypatch):
    community = a_community()
    work = a_testimony(community, original="Թաքնվեցինք Արամի ջրաղացում մինչև լույս։", english="Until dawn.")
    anchor = cues(work)[0]["id"]
    place = a_place()
    EntityLink.objects.create(record=work, target=place, anchors=[anchor])
    Redaction.objects.create(
        record=work, anchor=anchor, start=11, end=25, words="", mode="remove", reason="family", hidden_up_to="community"
    )
    published(work)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    with committed():
        client.post(
            editor(work),
            {
                "op": f"split:{anchor}",
                f"c-{anchor}-text": "Երկար տարիներ առաջ || թաքնվեցինք Արամի ջրաղացում մինչև լույս։",
            },
        )
        client.post(editor(work), {"op": "save"})
    hidden = "Արամի ջրաղացում"[:14]
    for row in Publication.objects.filter(public_id=work.public_id):
        assert hidden not in str(row.payload)
    moved = Redaction.objects.exclude(anchor=anchor).get()
    assert moved.words == hidden and moved.anchor == cues(work)[1]["id"]
