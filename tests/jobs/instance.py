"""A second instance in a temporary folder, used through real processes like an operator's own."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

_ENQUEUE = """
import django, json, sys
django.setup()
from tests.jobs.handlers import register_all
register_all()
from jobs.api import enqueue
kind, given = sys.argv[1], json.loads(sys.argv[2])
sys.stdout.write(str(enqueue(kind, input=given).public_id))
"""


class Instance:
    """An instance on SQLite with its own folder; holds what was started and ends it."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "CELERY_BROKER_URL"}},
            "CAIRN_DATA": str(folder),
            "DJANGO_SETTINGS_MODULE": "tests.jobs.settings",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self.started: list[subprocess.Popen[bytes]] = []

    def run(self, *argv: str) -> str:
        done = subprocess.run(
            [sys.executable, *argv], env=self.environment, cwd=ROOT, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def make_database(self) -> None:
        """Only the tables of this room: the whole site's migrations would take most of the test's time."""
        self.run("manage.py", "migrate", "jobs", "--verbosity=0", "--skip-checks")
        self.query("CREATE TABLE jobs_effect (job text, stage text)")

    def enqueue(self, kind: str, given: str) -> str:
        return self.run("-c", _ENQUEUE, kind, given)

    def worker(self, lease: float, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.worker_process", str(lease), *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.started.append(process)
        return process

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        with sqlite3.connect(self.folder / "db" / "cairn.sqlite3", timeout=20) as database:
            return database.execute(sql, parameters).fetchall()

    def state(self, public_id: str) -> str:
        return self.query("SELECT state FROM jobs_job WHERE public_id = ?", public_id.replace("-", ""))[0][0]

    def end(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
        self.started.clear()


def wait_for(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true answer of ``condition``; fails the test when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.03)
    raise AssertionError(f"waited {seconds} s in vain")
