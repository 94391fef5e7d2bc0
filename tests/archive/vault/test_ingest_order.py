"""write → fsync → rename → fsync folder → commit → receipt, read from the kernel's record of the calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.archive.vault.tracing import Call, broken_promises, needs_strace, run_traced

pytestmark = needs_strace
SCENARIOS = ("new", "version", "batch", "quarantine")


def first(calls: list[Call], name: str, text: str) -> int:
    """Index of the first successful call of this name whose arguments hold ``text``."""
    return next(index for index, call in enumerate(calls) if call.name == name and call.done and text in call.arguments)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_promise_is_broken_by_a_power_cut(tmp_path: Path, scenario: str) -> None:
    run = run_traced(tmp_path / "run", scenario)
    assert run.status == 0, run.complaints
    assert sum(line.startswith("RECEIPT") for line in run.said) >= 1
    assert any(call.name == "rename" for call in run.calls)
    assert broken_promises(run.calls, tmp_path / "run") == []


def test_the_order_of_one_original_to_the_letter(tmp_path: Path) -> None:
    calls = run_traced(tmp_path / "run", "new").calls
    content = "/object/v1/content/0001.xml"
    steps = [
        first(calls, "write", content),
        first(calls, "fsync", content),
        first(calls, "rename", "/vault/ocfl/"),
        first(calls, "fsync", "/vault/ocfl/"),
        first(calls, "fdatasync", "db.sqlite3-wal"),
        first(calls, "write", '"RECEIPT'),
    ]
    assert steps == sorted(steps)


def test_the_number_of_syncs_of_one_document_is_what_the_import_budget_says(tmp_path: Path) -> None:
    one = [call.name for call in run_traced(tmp_path / "one", "new").calls if call.done]
    end = one.index("fdatasync")
    assert one[:end].count("fsync") == 13
    # Three documents together: two syncs of the file system and one commit each.
    many = run_traced(tmp_path / "many", "batch").calls
    last = max(index for index, call in enumerate(many) if call.spoken.startswith("RECEIPT"))
    names = [call.name for call in many[:last]]
    assert (names.count("syncfs"), names.count("fsync"), names.count("fdatasync")) == (2, 0, 3)


@pytest.mark.parametrize(("scenario", "syncs"), [("new", 13), ("version", 11)])
def test_dropping_any_one_sync_turns_the_check_red(tmp_path: Path, scenario: str, syncs: int) -> None:
    for ordinal in range(1, syncs + 1):
        folder = tmp_path / f"run-{ordinal}"
        run = run_traced(folder, scenario, environment={"DROP_SYNC": str(ordinal)})
        assert run.status == 0, run.complaints
        assert broken_promises(run.calls, folder), f"nobody noticed that sync {ordinal} was dropped"


def test_a_database_without_syncs_turns_the_check_red(tmp_path: Path) -> None:
    run = run_traced(tmp_path / "run", "new", environment={"DROP_DATABASE_SYNC": "1"})
    assert any("wal was not synced" in promise for promise in broken_promises(run.calls, tmp_path / "run"))
