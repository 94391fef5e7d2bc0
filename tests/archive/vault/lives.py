"""An instance with a database of its own, whose life a driver tells."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

PROJECT = Path(__file__).resolve().parents[3]


def life_of(folder: Path, driver: str, *arguments: str, seconds: int = 900) -> dict[str, Any]:
    """What the module ``driver`` says of a new instance below ``folder``; it is told where its backup goes.

    It runs in a process of its own, on a copy of this test's database (a transactional one).
    """
    if connection.vendor != "sqlite":
        pytest.skip("the scenario copies the migrated SQLite database; on PostgreSQL run the driver itself")
    data = folder / "instance"
    (data / "db").mkdir(parents=True)
    connection.ensure_connection()
    target = sqlite3.connect(data / "db" / "cairn.sqlite3")
    connection.connection.backup(target)
    target.close()
    done = subprocess.run(
        [sys.executable, "-m", driver, str(folder / "backup.tar"), *arguments],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "CAIRN_DATA": str(data), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen
