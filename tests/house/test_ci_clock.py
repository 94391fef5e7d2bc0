"""CI's clock: what always runs fails the run, the rest runs as far as the time allows and says what was left."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / ".ci" / "suites.py"


@pytest.fixture(scope="module")
def suites() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ci_suites", FILE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def run(*arguments: str, began: float = 0.0) -> tuple[int, list[str]]:
    """The command itself; ``began`` seconds ago. Its exit status and its last four lines."""
    begun = str(time.time() - began)
    done = subprocess.run(
        [sys.executable, str(FILE), "--begun", begun, *arguments], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout.splitlines()[-4:]


def test_each_day_begins_with_another_suite(suites: ModuleType) -> None:
    names = ["slow", "faults", "elasticsearch"]
    firsts = [suites.turned(names, day)[0] for day in range(6)]
    assert sorted(firsts[:3]) == sorted(names)
    assert firsts[:3] == firsts[3:]
    assert all(sorted(suites.turned(names, day)) == sorted(names) for day in range(6))


def test_every_suite_that_has_time_runs() -> None:
    status, lines = run("one=true", "two=true")
    assert status == 0
    assert sorted(lines[0].removeprefix("suites ran: ").split(", ")) == ["one", "two"]
    assert lines[1:] == ["suites failed: none", "suites cut: none", "suites left out: none"]


def test_a_failing_suite_fails_the_run_and_the_others_still_run() -> None:
    status, lines = run("good=true", "bad=false")
    assert status == 1
    assert lines[:2] == ["suites ran: good", "suites failed: bad"]


def test_past_minute_fifty_nothing_starts_and_nothing_fails() -> None:
    status, lines = run("never=false", began=50 * 60)
    assert (status, lines[0], lines[3]) == (0, "suites ran: none", "suites left out: never")


def test_at_minute_eighty_a_running_suite_is_cut_without_failing() -> None:
    begun = time.monotonic()
    status, lines = run("--cut-at", "1", "long=sleep 50")
    assert (status, lines[2]) == (0, "suites cut: long")
    assert time.monotonic() - begun < 20


def test_a_cut_suite_that_had_a_failed_test_fails(suites: ModuleType) -> None:
    script = "trap 'echo \"1 failed, 3 passed in 9.0s\"; exit 2' INT; sleep 50 & wait"
    outcome = suites.run_all(
        {"cut": ["bash", "-c", script]}, lambda: 0.0, clock=True, day=0, start_before=10, cut_at=1, grace=10
    )
    assert (outcome.failed, outcome.cut) == (["cut"], [])


def test_what_does_not_stop_when_asked_is_killed(suites: ModuleType) -> None:
    begun = time.monotonic()
    outcome = suites.run_all(
        {"deaf": ["bash", "-c", "trap '' INT; sleep 50"]},
        lambda: 0.0, clock=True, day=0, start_before=10, cut_at=1, grace=1,
    )  # fmt: skip
    assert outcome.cut == ["deaf"]
    assert time.monotonic() - begun < 20


def test_without_a_clock_everything_runs() -> None:
    status, lines = run("--all", "late=true", began=80 * 60)
    assert (status, lines[0]) == (0, "suites ran: late")


def test_a_server_left_behind_does_not_hold_the_run(suites: ModuleType) -> None:
    begun = time.monotonic()
    outcome = suites.run_all({"leaves": ["bash", "-c", "setsid sleep 25 & echo done"]}, lambda: 0.0, clock=True, day=0)
    assert outcome.ran == ["leaves"]
    assert time.monotonic() - begun < 20
