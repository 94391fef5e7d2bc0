"""The closer of two states, whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from archive.vault.narrowings import narrower

states = st.fixed_dictionaries(
    {
        "scopes": st.dictionaries(st.sampled_from(["research", "classroom"]), st.sampled_from(["no", "ask", "yes"])),
        "identity": st.sampled_from(["withheld", "pseudonym", "first-name", "real-name"]),
        "sealed": st.lists(st.sampled_from(["a", "b", "c"]), unique=True).map(sorted),
        "ends_at": st.none() | st.sampled_from(["2026-01-01", "2027-01-01"]),
        "embargo_until": st.none() | st.sampled_from(["2026-01-01", "2027-01-01"]),
        "protocols": st.lists(st.integers(1, 3), unique=True).map(sorted),
        "protocols_all": st.booleans(),
    }
)


@given(states, states)
def test_the_closer_of_two_is_closer_than_each_and_stays_so(one, other):
    both = narrower(one, other)
    assert narrower(both, both) == both
    assert narrower(both, other) == both or both["protocols"] != other["protocols"]
    assert set(both["sealed"]) >= {*one["sealed"], *other["sealed"]}
    for scope, answer in both["scopes"].items():
        assert answer in (one["scopes"].get(scope, "no"), other["scopes"].get(scope, "no"))
