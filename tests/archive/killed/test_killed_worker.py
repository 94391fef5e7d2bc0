"""``kill -9`` of real workers, as ``manage.py serve`` starts them, during imports and while public copies are made.

Nothing may be lost, nothing doubled: in the database, the vault, the custody log, the search and the report.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.processes import tree
from tests.jobs.instance import ROOT, Instance, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("killed")]

#: Enough for an import of several seconds: three parts of the importer.
WORKS = 90
SECONDS_OF_SOUND = 600
#: How long to wait for what takes a few seconds on a machine that does nothing else.
PATIENCE = 120


class Site(Instance):
    """A whole site under ``manage.py serve``, whose workers can be found and killed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, DJANGO_SETTINGS_MODULE="tests.archive.killed.settings", CAIRN_MODE="development")
        self.log = folder.parent / f"{folder.name}.log"

    def probe(self, *arguments: str) -> Any:
        return json.loads(self.run("manage.py", "probe", *arguments))

    def serve(self, *, light: int = 1, change: str = "") -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        command = ["manage.py", "serve", "--port", port, "--web=1", f"--light={light}"]
        with self.log.open("ab") as log:
            self.started.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    env={**self.environment, "KILLED_CHANGE": change},
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                )
            )

    def workers(self, queue: str) -> list[int]:
        """Process ids of the workers of a queue, without the launchers that become them."""
        return [pid for pid in tree(self.started[-1].pid) if f"--queues={queue}" in _command(pid)]

    def job(self, public_id: str) -> dict[str, Any]:
        columns = ("state", "attempts", "stage", "lease_holder", "fence")
        rows = self.query(f"SELECT {', '.join(columns)} FROM jobs_job WHERE public_id = ?", public_id.replace("-", ""))
        return dict(zip(columns, rows[0], strict=True))

    def worker_of(self, job: str) -> int:
        """The process that works on the job, once one does."""

        def found() -> int | None:
            row = self.job(job)
            pid = int(row["lease_holder"].split(":")[1]) if row["state"] == "running" else 0
            return pid if pid and not _gone(pid) else None

        return int(wait_for(found, PATIENCE))

    def until_over(self, job: str) -> str:
        wait_for(lambda: self.job(job)["state"] in {"done", "failed", "quarantined", "cancelled"}, 2 * PATIENCE)
        return str(self.job(job)["state"])

    def end(self) -> None:
        for process in self.started:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        super().end()


def _command(pid: int) -> list[str]:
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []
    return [] if "launch.py" in " ".join(argv[:5]) else argv


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance brought up once; each test works in a copy of it."""
    folder = tmp_path_factory.mktemp("prepared") / "instance"
    folder.mkdir()
    Site(folder).run("manage.py", "prepare_site")
    return folder


@pytest.fixture
def site(prepared: Path, tmp_path: Path) -> Iterator[Site]:
    shutil.copytree(prepared, tmp_path / "instance")
    made = Site(tmp_path / "instance")
    yield made
    made.end()


def imported(site: Site, batch: str) -> int:
    """How many works of the batch have their receipt."""
    sql = "SELECT count(*) FROM archive_importitem i JOIN archive_importbatch b ON b.id = i.batch_id WHERE b.uuid = ?"
    return int(site.query(sql, batch.replace("-", ""))[0][0])


def assert_imported_once(seen: dict[str, Any], count: int) -> None:
    """Every work, original, custody event, item, publication and search result is there, and there once."""
    assert (seen["damage"], seen["notices"], seen["custody"]) == ([], [], [])
    assert (seen["staging"], seen["waiting"]) == ([], 0)
    for name in ("works", "originals", "items", "publications"):
        assert (len(seen[name]), set(seen[name].values())) == (count, {1}), name
    assert seen["objects"] == seen["digests"] == count
    assert seen["ingestions"] == [1] * count
    assert seen["outcomes"] == {"created": count}
    assert seen["found"] == {"1": count}, "search finds each work once"
    # One place and one concept that all name, one person and one place of each.
    assert (seen["people"], seen["places"]) == (count, count + 1)
    assert seen["made"] == seen["authorities"], "an undo must know every authority that the import made"
    assert seen["finished"]
    assert (seen["counts"]["created"], seen["counts"]["published"]) == (count, count)
    assert (seen["reported"], seen["reported_as_published"], seen["problems"]) == (count, count, [])


def test_an_import_survives_the_kills_of_its_workers(site: Site) -> None:
    moments = random.Random(20)
    begun = site.probe("begin-import", str(WORKS))
    site.serve(change="dies-throwing-away")
    # While it starts and among the receipts of the second part; the third time it dies by itself, right at its end.
    for receipts in (0, 40):
        worker = site.worker_of(begun["job"])
        wait_for(lambda receipts=receipts: imported(site, begun["batch"]) >= receipts, PATIENCE)
        time.sleep(moments.uniform(0.0, 0.3))
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda worker=worker: _gone(worker))
    # Three deaths in a row, and nobody can know that the job is not to blame: a person tries it again.
    assert site.until_over(begun["job"]) == "quarantined"
    assert site.job(begun["job"])["fence"] == 3, "every kill hit a worker at work"
    site.probe("retry", begun["job"])
    assert site.until_over(begun["job"]) == "done"
    assert_imported_once(site.probe("look-at-import", begun["batch"], str(WORKS)), WORKS)


def freeze_in_the_middle(site: Site, begun: dict[str, str]) -> None:
    """Stop a worker in its import for longer than its lease, let another take over, and wake it up again."""
    frozen = site.worker_of(begun["job"])
    wait_for(lambda: imported(site, begun["batch"]) > 0, PATIENCE)
    wait_for(lambda: stopped_outside_a_transaction(site, frozen), PATIENCE)
    try:
        wait_for(lambda: site.job(begun["job"])["fence"] > 1, PATIENCE)
        wait_for(lambda: site.job(begun["job"])["state"] == "done", PATIENCE)
    finally:
        os.kill(frozen, signal.SIGCONT)


def stopped_outside_a_transaction(site: Site, pid: int) -> bool:
    """Stop a process, unless it holds SQLite's one write lock, which would stop everybody."""
    os.kill(pid, signal.SIGSTOP)
    try:
        with sqlite3.connect(site.folder / "db" / "cairn.sqlite3", timeout=0.2, isolation_level=None) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.OperationalError:
        os.kill(pid, signal.SIGCONT)
        return False
    return True


def test_a_worker_that_wakes_up_after_its_lease_doubles_nothing(site: Site) -> None:
    begun = site.probe("begin-import", str(WORKS))
    site.serve(light=2)
    freeze_in_the_middle(site, begun)
    time.sleep(5)
    assert_imported_once(site.probe("look-at-import", begun["batch"], str(WORKS)), WORKS)


def test_without_its_fence_the_import_is_seen_to_double(site: Site) -> None:
    """The guard of the test above: with the fence taken out it is red."""
    begun = site.probe("begin-import", str(WORKS))
    site.serve(light=2, change="without-fence")
    freeze_in_the_middle(site, begun)
    time.sleep(5)
    with pytest.raises(AssertionError):
        assert_imported_once(site.probe("look-at-import", begun["batch"], str(WORKS)), WORKS)


def test_without_its_notes_a_killed_import_is_seen_to_double(site: Site) -> None:
    """The guard of the kills: a second attempt that does not ask what the first wrote down is found out."""
    begun = site.probe("begin-import", str(WORKS))
    site.serve(change="without-notes")
    worker = site.worker_of(begun["job"])
    wait_for(lambda: imported(site, begun["batch"]) > 0, PATIENCE)
    os.kill(worker, signal.SIGKILL)
    assert site.until_over(begun["job"]) == "done"
    with pytest.raises(AssertionError, match="items"):
        assert_imported_once(site.probe("look-at-import", begun["batch"], str(WORKS)), WORKS)


# --- public copies -------------------------------------------------------------------------------


def encoders(below: int) -> list[int]:
    """Every ffmpeg that runs below a process."""
    return [pid for pid in tree(below) if Path((_command(pid) or [""])[0]).name.startswith("ffmpeg")]


def kill_while_encoding(site: Site, begun: dict[str, str]) -> list[int]:
    """Kill the worker while its encoder runs; returns the encoders that outlived it."""
    worker = site.worker_of(begun["job"])
    running: list[int] = wait_for(lambda: encoders(worker), PATIENCE)
    time.sleep(0.3)
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: _gone(worker))
    time.sleep(1)
    return [pid for pid in running if not _gone(pid)]


def assert_made_once(seen: dict[str, Any]) -> None:
    """One public copy of each kind, whole, shown, and no other file once the leftovers are tidied away."""
    assert (seen["damage"], seen["notices"], seen["custody"], seen["staging"]) == ([], [], [], [])
    assert seen["kinds"] == seen["whole"] == ["audio", "waveform"]
    assert seen["files"] == seen["named"] == seen["shown"]
    assert seen["objects"] == 1 and seen["ingestions_of_asset"] == 1


def test_public_copies_survive_the_kills_of_their_workers(site: Site) -> None:
    begun = site.probe("begin-recording", str(SECONDS_OF_SOUND))
    site.serve(change="dies-around-its-rows")
    assert kill_while_encoding(site, begun) == [], "a program outlived its worker"
    assert site.until_over(begun["job"]) == "quarantined"
    assert site.job(begun["job"])["fence"] == 3
    site.probe("retry", begun["job"])
    assert site.until_over(begun["job"]) == "done"
    assert_made_once(site.probe("look-at-recording", begun["asset"]))


def test_without_the_death_signal_an_encoder_is_seen_to_survive(site: Site) -> None:
    """The guard of the test above: programs that do not die with their worker are found out."""
    begun = site.probe("begin-recording", str(SECONDS_OF_SOUND * 4))
    site.serve(change="without-death-signal")
    survivors = kill_while_encoding(site, begun)
    for pid in survivors:
        os.kill(pid, signal.SIGKILL)
    assert survivors


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
