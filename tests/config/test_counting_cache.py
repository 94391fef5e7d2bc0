"""Limits hold in every cache we support: for their whole window, and when many ask at once."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.core.cache.backends import db as djangos
from django.db import connection
from django.utils import timezone

from archive.public import rate
from config import counting_cache
from config.counting_cache import CountingDatabaseCache

HOUR = 3600
#: Several processes act at the same moment; prints how many acts were allowed, once for each way to count.
CROWD = """
import os, sys
import django
django.setup()
from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.management import call_command
from django.db import connections
from archive.public.rate import allowed
from config.counting_cache import CountingDatabaseCache
call_command("createcachetable", verbosity=0)
for way in sys.argv[1:]:
    if way == "djangos":
        CountingDatabaseCache.incr = BaseCache.incr
    connections.close_all()
    children, (ready, start) = [], os.pipe()
    for _child in range(6):
        reader, writer = os.pipe()
        if not (child := os.fork()):
            os.close(start)
            os.read(ready, 1)
            act = f"act {os.getppid()} {way}"
            told = sum(allowed(act, who, 50, 10**8) for _ in range(20) for who in ("one", "two"))
            told += 1000 * cache.add(f"lock {os.getppid()} {way}", True, timeout=600)
            os.write(writer, f"{told}\\n".encode())
            os._exit(0)
        os.close(writer)
        children.append((child, reader))
    os.close(start)
    print(sum(int(os.read(reader, 100)) for _child, reader in children))
"""


def crowd(*ways: str, data: Path, **environment: str) -> list[int]:
    """Acts allowed to six processes of forty each, a hundred of which are allowed; and 1000 for each lock taken."""
    given = {**os.environ, "CAIRN_DATA": str(data), **environment}
    told = subprocess.run(
        [sys.executable, "-c", CROWD, *ways],
        env=given, capture_output=True, text=True, timeout=300, check=False,
        cwd=Path(__file__).resolve().parent.parent.parent,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    return [int(line) for line in told.stdout.split()]


def test_the_database_counts_every_act_of_every_process(tmp_path: Path) -> None:
    ours, djangos_own = crowd("ours", "djangos", data=tmp_path / "instance")
    assert ours == 1100
    assert djangos_own > 1100, "this test could not fail: Django's counter loses acts that come at the same moment"


@pytest.mark.server
def test_redis_counts_every_act_of_every_process(tmp_path: Path) -> None:
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed")
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        assert crowd("ours", data=tmp_path / "instance", CACHE_URL=f"rediscache://127.0.0.1:{port}/0") == [1100]
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[Any]:
    """The time as the cache and the limits see it; call it to move on by seconds. It begins on an hour."""
    begin = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    passed = [0.0]
    for module, name in ((djangos, "tz_now"), (counting_cache, "now")):
        monkeypatch.setattr(module, name, lambda: begin + timedelta(seconds=passed[0]))
    monkeypatch.setattr(time, "time", lambda: begin.timestamp() + passed[0])

    def moves(seconds: float) -> None:
        passed[0] += seconds

    yield moves


@pytest.mark.django_db
def test_a_limit_of_an_hour_lasts_an_hour(clock: Any) -> None:
    assert isinstance(cache._connections["default"], CountingDatabaseCache)  # type: ignore[attr-defined]
    assert [rate.allowed("report", "one", 2, HOUR) for _ in range(3)] == [True, True, False]
    clock(301)
    assert not rate.allowed("report", "one", 2, HOUR), "forgotten after the cache's default of five minutes"
    assert rate.allowed("report", "another", 2, HOUR)
    clock(HOUR - 302)
    assert not rate.allowed("report", "one", 2, HOUR), "the last second of the hour"
    clock(1)
    assert rate.allowed("report", "one", 2, HOUR), "the next hour"


@pytest.mark.django_db
def test_what_cannot_be_counted_is_not_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CountingDatabaseCache, "add", lambda *arguments, **options: False)
    assert not rate.allowed("report", "one", 2, HOUR)


@pytest.mark.django_db
def test_a_counter_keeps_its_end_and_ends(clock: Any) -> None:
    cache.add("counter", 5, timeout=100)
    clock(99)
    assert cache.incr("counter", 2) == 7 and cache.decr("counter") == 6
    assert cache.get("counter") == 6
    clock(2)
    with pytest.raises(ValueError, match="no such counter"):
        cache.incr("counter")
    assert cache.add("counter", 1, timeout=100), "what has run out is in nobody's way"
    assert not cache.add("counter", 1, timeout=100)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cairn_cache WHERE cache_key LIKE %s", ["%counter%"])
        assert cursor.fetchone()[0] == 1
