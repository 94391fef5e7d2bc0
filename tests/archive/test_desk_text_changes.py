"""Anchors, marks and redactions through editing: what a person does to words must not lose or reveal anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archive.values.text_changes import Hiding, carry_marks, further_hidings, moved_anchors, three_way
from tests.archive.factories import cue

NAME = {"start": 5, "end": 11, "type": "person", "ref": "urn:anahit", "key": "", "data": {}}


def test_a_mark_follows_its_words_and_goes_with_them():
    before = [cue("p-1", "Then Anahit came.", marks=[NAME])]
    shifted = carry_marks(before, [cue("p-1", "And then Anahit came.")])
    assert shifted[0]["marks"][0]["start"] == 9
    assert carry_marks(before, [cue("p-1", "Then Anaxit came.")])[0]["marks"] == []


def test_marks_survive_a_split_and_a_merge():
    before = [cue("p-1", "Գիշեր էր։ Then Anahit came.", marks=[{**NAME, "start": 15, "end": 21}])]
    split = carry_marks(before, [cue("p-1", "Գիշեր էր։"), cue("p-2", "Then Anahit came.")])
    assert split[0]["marks"] == [] and split[1]["marks"] == [NAME]
    merged = carry_marks(split, [cue("p-1", "Գիշեր էր։ Then Anahit came.")])
    assert merged[0]["marks"] == before[0]["marks"]


def test_page_breaks_stay_between_words_that_changed():
    page = {"start": 5, "end": 5, "type": "page", "ref": "", "key": "", "data": {"n": "7"}}
    after = carry_marks([cue("p-1", "aaaa bbbb", marks=[page])], [cue("p-1", "cccc dddd")])
    assert after[0]["marks"][0]["data"] == {"n": "7"}


def test_what_pointed_to_a_merged_passage_points_to_where_it_went():
    before = [cue("p-1", "a"), cue("p-2", "b"), cue("p-3", "c")]
    assert moved_anchors(before, [cue("p-1", "a b"), cue("p-3", "c")]) == {"p-2": "p-1"}
    assert moved_anchors(before, [cue("p-2", "b"), cue("p-3", "c")]) == {"p-1": "p-2"}


def test_hidden_words_stay_hidden_when_they_move_to_a_new_passage():
    before = [cue("p-1", "We hid at Aram’s mill until dawn.")]
    words = Hiding("p-1", "Aram’s mill")
    split = [cue("p-1", "We hid at"), cue("p-2", "Aram’s mill until dawn.")]
    assert further_hidings([words], before, split) == [(words, Hiding("p-2", "Aram’s mill"))]
    # Cut through the middle: neither half holds the words, so both are hidden whole.
    halves = [cue("p-1", "We hid at Aram’s"), cue("p-2", "mill until dawn.")]
    assert further_hidings([words], before, halves) == [(words, Hiding("p-2", ""))]
    whole = Hiding("p-1", "")
    assert further_hidings([whole], before, split) == [(whole, Hiding("p-2", ""))]


def test_hidden_words_stay_hidden_when_their_passage_is_merged_away():
    before = [cue("p-1", "We waited."), cue("p-2", "At Aram’s mill.")]
    words = Hiding("p-2", "Aram’s mill")
    assert further_hidings([words], before, [cue("p-1", "We waited. At Aram’s mill.")]) == [
        (words, Hiding("p-1", "Aram’s mill"))
    ]


def test_two_people_s_changes_meet_and_only_the_same_passage_is_a_conflict():
    base = [cue("p-1", "one"), cue("p-2", "two"), cue("p-3", "three")]
    mine = [cue("p-1", "ONE"), cue("p-2", "two, mine"), cue("p-9", "new"), cue("p-3", "three")]
    theirs = [cue("p-1", "one"), cue("p-2", "two, theirs"), cue("p-3", "THREE")]
    merged = three_way(base, mine, theirs)
    assert [c["text"] for c in merged.cues] == ["ONE", "two, mine", "new", "THREE"]
    assert merged.conflicts == {"p-2": "two, theirs"}


def test_what_i_took_out_and_they_rewrote_is_not_lost():
    base = [cue("p-1", "one"), cue("p-2", "two")]
    merged = three_way(base, [cue("p-1", "one")], [cue("p-1", "one"), cue("p-2", "two, better")])
    assert [c["id"] for c in merged.cues] == ["p-1", "p-2"] and merged.conflicts == {"p-2": "two, better"}


texts = st.text(alphabet="ab ցհ", max_size=12)


@given(texts, texts, st.integers(0, 12), st.integers(0, 12))
def test_a_carried_mark_always_covers_the_very_same_words(old, new, first, last):
    start, end = sorted((min(first, len(old)), min(last, len(old))))
    mark = {"start": start, "end": end, "type": "term", "ref": "", "key": "", "data": {}}
    for carried in carry_marks([cue("p-1", old, marks=[mark])], [cue("p-1", new)])[0]["marks"]:
        assert new[carried["start"] : carried["end"]] == old[start:end]


@given(st.lists(texts, min_size=1, max_size=4), st.lists(texts, min_size=1, max_size=4))
def test_no_passage_with_hidden_words_is_left_open(old, new):
    before = [cue(f"p-{n}", text) for n, text in enumerate(old)]
    after = [cue(f"p-{n}", text) for n, text in enumerate(new)]
    words = next((text.strip() for text in old if text.strip()), "")
    if not words:
        return
    hidings = [Hiding(c["id"], words) for c in before if words in c["text"]]
    covered = {new.anchor for _one, new in further_hidings(hidings, before, after)} | {h.anchor for h in hidings}
    kept = {c["id"]: c["text"] for c in before}
    for one in after:
        arrived = words in one["text"] and words not in kept.get(one["id"], "")
        from_hidden = any(h.anchor not in {c["id"] for c in after} for h in hidings)
        if arrived and from_hidden and one["id"] not in kept:
            assert one["id"] in covered
