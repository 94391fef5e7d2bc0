"""Restores as an operator runs them: no damage of the ledger and no kill brings a withdrawn work back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.archive.vault.lives import life_of

pytestmark = pytest.mark.slow
DRIVER = "tests.archive.vault.whole_restores_driver"
WITHDRAWN = [410]


def test_no_damage_of_the_ledger_lets_a_restore_open_the_site(transactional_db, tmp_path: Path):
    seen: dict[str, Any] = life_of(tmp_path, DRIVER, "damages")
    assert seen.pop("whole") == {"kept": 200, "withdrawn": WITHDRAWN, "pending": False}
    assert len(seen) >= 30
    # Refused before anything is touched: what stood is served as before, with everything withdrawn.
    assert {name: one for name, one in seen.items() if not one["restore"]} == {}
    assert {name: one for name, one in seen.items() if one["withdrawn"] != WITHDRAWN} == {}


def test_a_restore_that_is_killed_serves_nothing_withdrawn_and_goes_through_the_next_time(
    transactional_db, tmp_path: Path
):
    seen: dict[str, Any] = life_of(tmp_path, DRIVER, "kills")
    whole = {"kept": 200, "withdrawn": WITHDRAWN, "pending": False}
    assert seen.pop("undisturbed") == whole
    assert sum(one["at_work"] for one in seen.values()) >= 8
    for moment, one in seen.items():
        killed = one["killed"]
        assert killed["pending"] or killed.get("withdrawn") == WITHDRAWN, (moment, one)
        assert killed.get("error") or killed["withdrawn"] in (WITHDRAWN, [503]), (moment, one)
        assert (one["again"], one["after"]) == (0, whole), (moment, one)
