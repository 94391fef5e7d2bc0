"""The same suite for both doorbells: the folder inside the instance, and a real Redis where one is installed."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from config import broker as folder_broker
from config.celery import make
from tests.jobs.instance import Instance, wait_for

WORKER = (
    "celery",
    "worker",
    "-Q",
    "light",
    "--pool=solo",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
)


def _free_port() -> int:
    """A port that nobody listens on and that no outgoing connection is given: Redis must get it a second time."""
    # Below 32768, where Linux takes the ports of outgoing connections from.
    for port in random.SystemRandom().sample(range(20_000, 32_000), 50):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("of fifty ports none was free")


class RedisServer:
    """A Redis of our own on a free port of the loopback, without a file on disk."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder, self.port = program, folder, _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )
        wait_for(self._answers)
        assert self.process.poll() is None, "Redis did not start"

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module", params=["folder", pytest.param("redis", marks=pytest.mark.server)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance with a worker at the doorbell under test."""
    server = None
    environment = {"CELERY_BROKER_URL": "filesystem://"}
    if request.param == "redis":
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip("redis-server is not installed: only the folder broker is tried")
        server = RedisServer(program, tmp_path_factory.mktemp("redis"))
        server.start()
        environment = {"CELERY_BROKER_URL": f"redis://127.0.0.1:{server.port}/0"}
    made = Instance(tmp_path_factory.mktemp("site"), **environment)
    made.server = server  # type: ignore[attr-defined] # for the one test that takes it away
    try:
        made.make_database()
        yield made
    finally:
        made.end()
        if server:
            server.end()


def _messages(site: Instance) -> list[Any]:
    """The raw messages that wait at the doorbell."""
    url = site.environment["CELERY_BROKER_URL"]
    if url.startswith("filesystem"):
        return [path.read_bytes() for path in sorted((site.folder / "broker" / "messages").glob("*.light.msg"))]
    import redis

    return redis.Redis.from_url(url).lrange("light", 0, -1)


def test_message_carries_the_id_and_nothing_else(site: Instance) -> None:
    canary = "Nagymama-Łódź-canary"
    job = site.enqueue("test.quick", json.dumps({"name": canary, "folder": f"/{canary}"}))
    (raw,) = _messages(site)
    message = json.loads(raw)
    body = base64.b64decode(message["body"])
    assert json.loads(body)[:2] == [[job], {}]
    plain = raw + body
    for word in (canary, canary.encode("unicode_escape").decode(), "test.quick", str(site.folder)):
        assert word.encode() not in plain
    assert message["headers"]["task"] == "jobs.visit"
    assert message["headers"]["argsrepr"] == repr([job])
    site.query("UPDATE jobs_job SET queue = 'heavy', rung_at = NULL")
    site.run("manage.py", "sweep_jobs", "--once", "--skip-checks")
    assert len(_messages(site)) == 1, "a bell for the heavy queue rang in the light one"
    site.query("UPDATE jobs_job SET queue = 'light'")


def test_worker_answers_soon_and_hands_back_when_told_to_stop(site: Instance, tmp_path: Path) -> None:
    worker = site.worker(4.0, *WORKER)
    first = site.enqueue("test.quick", "{}")
    wait_for(lambda: site.state(first) == "done")
    begun = time.monotonic()
    second = site.enqueue("test.quick", "{}")
    wait_for(lambda: site.state(second) == "done")
    assert time.monotonic() - begun < 8, "most of it is the start of the process that enqueues"
    assert _messages(site) == []

    long = site.enqueue("test.deaf", json.dumps({"folder": str(tmp_path)}))
    wait_for((tmp_path / "waiting").exists)
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=20)
    assert site.state(long) == "queued"
    attempts = site.query("SELECT attempts FROM jobs_job WHERE public_id = ?", long.replace("-", ""))
    assert attempts == [(0,)]
    site.query("DELETE FROM jobs_job")


def test_lost_messages_and_dead_workers_only_make_it_late(site: Instance, tmp_path: Path) -> None:
    lost = site.enqueue("test.quick", "{}")
    url = site.environment["CELERY_BROKER_URL"]
    if url.startswith("filesystem"):
        for path in (site.folder / "broker" / "messages").iterdir():
            path.unlink()
    else:
        import redis

        redis.Redis.from_url(url).flushall()
    # Behind the other one, for a bell calls to the most pressing job.
    site.query("UPDATE jobs_job SET priority = -1")
    staged = site.enqueue("test.staged", json.dumps({"folder": str(tmp_path)}))
    first = site.worker(1.5, *WORKER)
    wait_for((tmp_path / "waiting").exists)
    first.kill()
    first.wait()
    site.worker(1.5, *WORKER)
    time.sleep(1.5)
    site.query("UPDATE jobs_job SET rung_at = '2020-01-01 00:00:00'")
    site.run("manage.py", "sweep_jobs", "--once", "--skip-checks")
    wait_for(lambda: (site.state(staged), site.state(lost)) == ("done", "done"))
    assert len(site.query("SELECT * FROM jobs_effect WHERE job = ?", staged)) == 3


def test_broker_that_is_away_refuses_nobody(site: Instance) -> None:
    server: RedisServer | None = site.server  # type: ignore[attr-defined]
    if server is None:
        pytest.skip("the folder is a part of the instance: it is away only when the database is")
    site.end()
    server.end()
    begun = time.monotonic()
    job = site.enqueue("test.quick", "{}")
    assert time.monotonic() - begun < 12
    assert site.state(job) == "queued"
    server.start()
    site.worker(5.0, *WORKER)
    site.run("manage.py", "sweep_jobs", "--once", "--skip-checks")
    wait_for(lambda: site.state(job) == "done")


# --- What only the folder has to prove ------------------------------------------------------------


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return folder_broker.folder_options(tmp_path / "broker")


def _connection(options: dict[str, Any]) -> Connection:
    return Connection(f"{folder_broker.SCHEME}://localhost", transport_options=options)


def test_messages_never_pass_through_the_systems_temporary_folder(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden() -> str:
        raise AssertionError("the broker asked for the system's temporary folder")

    monkeypatch.setattr(tempfile, "gettempdir", forbidden)
    with _connection(options) as link, link.SimpleQueue("light") as queue:
        queue.put({"id": 1})
        assert queue.get(timeout=2).payload == {"id": 1}


def test_the_guard_above_can_fail(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = tempfile.gettempdir

    def noted() -> str:
        asked.append(True)
        return real()

    monkeypatch.setattr(tempfile, "gettempdir", noted)
    with _connection({**options, "store_processed": False}) as link, link.SimpleQueue("light") as queue:
        queue.put({"id": 1})
        queue.get(timeout=2)
    assert asked


def test_many_writers_and_readers_lose_and_double_nothing(options: dict[str, Any]) -> None:
    got: list[int] = []
    writers_done = threading.Event()

    def write(start: int) -> None:
        with _connection(options) as link, link.SimpleQueue("light") as queue:
            for number in range(start, start + 40):
                queue.put({"id": number, "padding": "ж" * 2000})

    def read() -> None:
        with _connection(options) as link, link.SimpleQueue("light") as queue:
            while True:
                ended = writers_done.is_set()
                try:
                    message = queue.get(timeout=0.3)
                except queue.Empty:
                    if ended:
                        return
                    continue
                got.append(message.payload["id"])
                message.ack()

    writers = [threading.Thread(target=write, args=(start,)) for start in (0, 40, 80)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    writers_done.set()
    for thread in readers:
        thread.join(timeout=30)
    assert sorted(got) == list(range(120))


def test_folders_are_private_and_processed_messages_go(options: dict[str, Any]) -> None:
    folder = Path(options["control_folder"]).parent
    assert folder.stat().st_mode & 0o077 == 0
    with _connection(options) as link, link.SimpleQueue("light") as queue:
        queue.put({"id": 1})
        queue.get(timeout=2).ack()
    processed = folder / "processed"
    assert len(list(processed.iterdir())) == 1
    assert folder_broker.purge_processed(folder) == 0
    assert folder_broker.purge_processed(folder, now=time.time() + folder_broker.KEEP_PROCESSED + 1) == 1
    assert list(processed.iterdir()) == []


def test_configuration_lets_nothing_but_the_doorbell_pass() -> None:
    conf = make("redis://broker.invalid/0").conf
    assert conf.accept_content == ["json"]
    assert not conf.worker_enable_remote_control
    assert not conf.worker_send_task_events
    assert conf.result_backend is None
    assert {queue.name for queue in conf.task_queues} == {"light", "media", "heavy"}
