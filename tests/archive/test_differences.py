"""Word-by-word differences, in any script."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archive.values.differences import cue_differences, words_apart
from tests.archive.factories import cue


def test_only_the_word_that_changed_is_marked_in_arabic_too():
    before, after = words_apart("خرجنا من القرية ليلا", "خرجنا من المدينة ليلا")
    assert [p.text for p in before if p.changed] == ["القرية"]
    assert [p.text for p in after if p.changed] == ["المدينة"]


@given(st.text(alphabet="ab ،հ.ن", max_size=30), st.text(alphabet="ab ،հ.ن", max_size=30))
def test_the_pieces_of_each_side_are_the_whole_text(before, after):
    left, right = words_apart(before, after)
    assert "".join(p.text for p in left) == before and "".join(p.text for p in right) == after
    assert [p.text for p in left if not p.changed] == [p.text for p in right if not p.changed]


def test_passages_that_came_and_went_stand_where_they_were():
    old = [cue("p-1", "one"), cue("p-2", "two"), cue("p-3", "three")]
    new = [cue("p-1", "one"), cue("p-3", "three"), cue("p-4", "four")]
    found = cue_differences(old, new, "en")
    assert [("".join(p.text for p in d.before), "".join(p.text for p in d.after)) for d in found] == [
        ("two", ""),
        ("", "four"),
    ]
