"""Workers that die, hang or are overtaken: real processes on an instance of their own."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from tests.jobs.instance import Instance, wait_for

LEASE = 1.5


def _effects(instance: Instance, job: str) -> list[str]:
    return [row[0] for row in instance.query("SELECT stage FROM jobs_effect WHERE job = ?", job)]


def test_killed_worker_is_followed_by_another_at_the_last_finished_stage(instance: Instance, folder: Path) -> None:
    job = instance.enqueue("test.staged", json.dumps({"folder": str(folder)}))
    first = instance.worker(LEASE, "visit", job)
    wait_for((folder / "waiting").exists)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert instance.state(job) == "running"
    assert _effects(instance, job) == ["lire", "读"]

    time.sleep(LEASE)
    second = instance.worker(LEASE, "visit", job)
    second.communicate(timeout=30)

    assert instance.state(job) == "done"
    assert _effects(instance, job) == ["lire", "读", "اقرأ"]
    assert (folder / "passes").read_text() == "end\n"
    attempts, fence = instance.query("SELECT attempts, fence FROM jobs_job WHERE kind = 'test.staged'")[0]
    assert (attempts, fence) == (2, 2)


def test_zombie_that_wakes_after_its_lease_writes_nothing(instance: Instance, folder: Path) -> None:
    job = instance.enqueue("test.staged", json.dumps({"folder": str(folder)}))
    zombie = instance.worker(LEASE, "visit", job)
    wait_for((folder / "waiting").exists)
    os.kill(zombie.pid, signal.SIGSTOP)
    time.sleep(LEASE + 0.3)
    second = instance.worker(LEASE, "visit", job)
    assert second.communicate(timeout=30)[0] == b"done"
    (folder / "go").touch()
    os.kill(zombie.pid, signal.SIGCONT)
    output = zombie.communicate(timeout=30)[0]

    assert output.endswith(b"None"), output
    assert _effects(instance, job) == ["lire", "读", "اقرأ"]
    assert (folder / "passes").read_text() == "end\n"
    result = instance.query("SELECT result FROM jobs_job WHERE public_id = ?", job.replace("-", ""))[0][0]
    assert json.loads(result) == {"attempt": 2}


def test_job_that_kills_its_workers_is_set_aside_after_three(instance: Instance) -> None:
    job = instance.enqueue("test.deadly", "{}")
    for attempt in (1, 2, 3):
        worker = instance.worker(0.4, "visit", job)
        worker.communicate(timeout=30)
        assert worker.returncode == -signal.SIGKILL, attempt
        time.sleep(0.5)
    last = instance.worker(0.4, "visit", job)
    assert last.communicate(timeout=30)[0] == b"None"
    assert instance.state(job) == "quarantined"


def test_handler_that_never_asks_is_cancelled_in_time(instance: Instance, folder: Path) -> None:
    job = instance.enqueue("test.deaf", json.dumps({"folder": str(folder)}))
    worker = instance.worker(6.0, "visit", job)
    wait_for((folder / "waiting").exists)
    begun = time.monotonic()
    instance.query("UPDATE jobs_job SET cancel_requested = 1 WHERE public_id = ?", job.replace("-", ""))
    assert worker.communicate(timeout=15)[0].endswith(b"cancelled")
    assert time.monotonic() - begun < 10
    assert instance.state(job) == "cancelled"


def test_cancel_kills_the_child_program(instance: Instance, folder: Path) -> None:
    job = instance.enqueue("test.mother", json.dumps({"folder": str(folder)}))
    worker = instance.worker(3.0, "visit", job)
    wait_for((folder / "waiting").exists)
    child = wait_for(lambda: _sleeper_below(worker.pid))
    instance.query("UPDATE jobs_job SET cancel_requested = 1 WHERE public_id = ?", job.replace("-", ""))
    assert worker.communicate(timeout=15)[0].endswith(b"cancelled")
    assert not Path(f"/proc/{child}").exists()


def test_child_program_dies_with_a_killed_worker(instance: Instance, folder: Path) -> None:
    job = instance.enqueue("test.mother", json.dumps({"folder": str(folder)}))
    worker = instance.worker(3.0, "visit", job)
    wait_for((folder / "waiting").exists)
    child = wait_for(lambda: _sleeper_below(worker.pid))
    worker.kill()
    worker.wait()
    wait_for(lambda: _gone(child), 5)


def _sleeper_below(pid: int) -> int | None:
    from jobs.processes import tree

    for each in tree(pid):
        try:
            if Path(f"/proc/{each}/comm").read_text().strip() == "sleep":
                return each
        except OSError:
            continue
    return None


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
