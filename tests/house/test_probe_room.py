"""A new kind of record needs no line of the archive: the probe room is run in a process that has it installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_a_room_that_brings_a_kind_gets_everything_by_its_registration():
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--ds=tests.house.probe_settings"),
            "tests/house/probe_room/inside.py",
        ],
        cwd=PROJECT,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
