from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.importing.alignment import CONFIDENCE, align, align_lengths
from archive.importing.anchors import with_anchors
from archive.importing.parsed import ParsedCue, ParsedTrack


def track(kind: str, pages: list[tuple[str, int]]) -> ParsedTrack:
    cues = tuple(ParsedCue("x" * length, page=page, place=str(i)) for i, (page, length) in enumerate(pages))
    return ParsedTrack(id=kind[:2], kind=kind, language="hu", is_original=kind == "transcript", cues=cues)


def groups(first: list[tuple[str, int]], second: list[tuple[str, int]]):
    tracks = with_anchors("K", [track("transcript", first), track("translation", second)])
    aligned, problems = align("K", "f.xml", tracks)
    order: dict[str, tuple[list[int], list[int]]] = {}
    for side, one in enumerate(aligned):
        for index, cue in enumerate(one.cues):
            order.setdefault(cue.group, ([], []))[side].append(index)
    return list(order.values()), problems


def test_equal_counts_on_a_page_pair_one_to_one_whatever_their_lengths():
    pairs, problems = groups([("1", 10), ("1", 900), ("2", 5)], [("1", 800), ("1", 9), ("2", 400)])
    assert pairs == [([0], [0]), ([1], [1]), ([2], [2])]
    assert not problems


def test_a_paragraph_that_was_split_in_translation_stands_with_both_halves():
    pairs, _ = groups([("1", 200), ("1", 410), ("1", 90)], [("1", 205), ("1", 200), ("1", 208), ("1", 95)])
    assert pairs == [([0], [0]), ([1], [1, 2]), ([2], [3])]


def test_what_cannot_be_told_apart_is_one_group_and_is_named():
    pairs, problems = groups([("7", 50)] * 4, [("7", 50)] * 6)
    assert pairs == [([0, 1, 2, 3], [0, 1, 2, 3, 4, 5])]
    assert [problem.code for problem in problems] == ["alignment-uncertain"]
    assert "7" in problems[0].reason


def test_pages_only_one_side_has_are_joined_to_the_page_before():
    pairs, _ = groups([("1", 100), ("2", 100), ("3", 100)], [("1", 100), ("1", 100), ("3", 100)])
    assert pairs == [([0], [0]), ([1], [1]), ([2], [2])]


def test_a_paragraph_left_out_in_translation_is_not_given_a_counterpart_by_guess():
    _beads, confidence = align_lengths([300, 90, 310], [305, 312], 1.0)
    assert confidence < CONFIDENCE
    pairs, problems = groups([("1", 300), ("1", 90), ("1", 310)], [("1", 305), ("1", 312)])
    assert pairs == [([0, 1, 2], [0, 1])]
    assert [problem.code for problem in problems] == ["alignment-uncertain"]


def test_several_translations_share_the_groups_of_the_original():
    tracks = with_anchors(
        "K",
        [
            track("transcript", [("", 100), ("", 100)]),
            ParsedTrack(id="en", kind="translation", language="en", cues=(ParsedCue("a" * 100), ParsedCue("b" * 100))),
            ParsedTrack(id="de", kind="translation", language="de", cues=(ParsedCue("c" * 201),)),
        ],
    )
    (original, english, german), _ = align("K", "f", tracks)
    assert {cue.group for one in (original, english, german) for cue in one.cues} == {original.cues[0].group}


lengths = st.lists(st.integers(1, 900), min_size=1, max_size=12)


@given(lengths, lengths)
def test_an_alignment_covers_both_texts_once_and_in_order(first, second):
    beads, confidence = align_lengths(first, second)
    assert 0 <= confidence <= 1 + 1e-9
    assert [i for bead in beads for i in range(bead.i1, bead.i2)] == list(range(len(first)))
    assert [j for bead in beads for j in range(bead.j1, bead.j2)] == list(range(len(second)))


@given(st.lists(st.integers(40, 900), min_size=2, max_size=10))
def test_a_faithful_translation_is_found_with_confidence(original):
    translation = [round(length * 1.1) for length in original]
    beads, _confidence = align_lengths(original, translation, 1.1)
    assert all(bead.i2 - bead.i1 == bead.j2 - bead.j1 for bead in beads)


@pytest.mark.parametrize("size", [200, 400])
def test_a_long_text_without_pages_takes_bounded_work(size):
    import time

    begun = time.process_time()
    beads, confidence = align_lengths([100 + i % 97 for i in range(size)], [110 + i % 97 for i in range(size + 1)])
    assert beads[-1].i2 == size and confidence < 1
    assert time.process_time() - begun < 8, f"confidence threshold {CONFIDENCE}"
