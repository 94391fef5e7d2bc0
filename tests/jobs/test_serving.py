"""What surrounds the jobs: health, refusals, quiet logs, the supervisor, the address to listen on."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.test import Client

from config import checks, health
from config.logging import ACCESS_FORMAT, AccessLogger, QuietFormatter, without_traces
from config.management.commands.serve import Command, refuse_taken
from config.serving.supervisor import Service, Supervisor
from tests.jobs.instance import wait_for


@pytest.fixture(autouse=True)
def _fresh() -> None:
    health.forget()


@pytest.mark.django_db
def test_ready_when_all_parts_are(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert all(part["ok"] for part in answer.json()["parts"].values())
    assert {"database", "broker", "storage"} <= set(answer.json()["parts"])
    assert client.get("/healthz").json() == {"ok": True}


@pytest.mark.django_db
def test_not_ready_when_storage_is_away_and_no_path_is_told(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.CAIRN_DATA = tmp_path / "gone-canary"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["storage"] == {"ok": False, "reason": "no-write"}
    assert "canary" not in answer.text


@pytest.mark.django_db
def test_a_database_file_that_was_moved_away_is_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.backends.sqlite3.base import DatabaseWrapper

    path = tmp_path / "cairn.sqlite3"
    moved = DatabaseWrapper({**health.connection.settings_dict, "ENGINE": "django.db.backends.sqlite3", "NAME": path})
    monkeypatch.setattr(health, "connection", moved)
    moved.ensure_connection()
    health._refuse_lost_file()
    path.rename(tmp_path / "away")
    with pytest.raises(health.NotReady, match="missing"):
        health._refuse_lost_file()
    path.touch()
    with pytest.raises(health.NotReady, match="replaced"):
        health._refuse_lost_file()
    health._refuse_lost_file()
    moved.close()


@pytest.mark.django_db
def test_not_ready_when_the_index_was_lost(client: Client, site: None, settings: Any) -> None:
    from tests.archive.factories import published

    published()
    assert client.get("/readyz").json()["parts"]["search"] == {"ok": True}
    health.forget()
    for path in settings.SEARCH_PATH.parent.iterdir():
        path.unlink()
    assert client.get("/readyz").json()["parts"]["search"] == {"ok": False, "reason": "index"}


@pytest.mark.django_db
def test_not_ready_when_the_disk_is_full_or_a_part_breaks(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MINIMUM_FREE", 1 << 62)

    def broken() -> None:
        raise RuntimeError("canary")

    monkeypatch.setitem(health._parts, "search", broken)
    answer = client.get("/readyz")
    assert answer.json()["parts"]["storage"]["reason"] == "full"
    assert answer.json()["parts"]["search"] == {"ok": False, "reason": "fault"}


@pytest.mark.parametrize(
    ("environment", "changes", "expected"),
    [
        ({"PUBLIC_URL": "https://a.example"}, {"SECRET_KEY": "django-insecure-" + "x" * 60}, "cairn.E002"),
        ({"PUBLIC_URL": "https://a.example"}, {"SECRET_KEY": "short"}, "cairn.E002"),
        ({}, {}, "cairn.E004"),
        ({"PUBLIC_URL": "x"}, {"PUBLIC_URL": "http://a.example"}, "cairn.E005"),
        ({"PUBLIC_URL": "x"}, {"ALLOWED_HOSTS": ["b.example"]}, "cairn.E006"),
        ({"PUBLIC_URL": "x"}, {"DEBUG": True}, "cairn.E007"),
        ({"CAIRN_HOSTS": "2"}, {}, "cairn.E008"),
        ({"CAIRN_HOSTS": "2"}, {"CELERY_BROKER_URL": "filesystem://"}, "cairn.E009"),
        ({"CAIRN_HOSTS": "2"}, {}, "cairn.E010"),
    ],
)
def test_production_refuses_with_a_remedy(
    environment: dict[str, str], changes: dict[str, Any], expected: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SECRET_KEY", "PUBLIC_URL", "CAIRN_HOSTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    sqlite = {"default": {**settings.DATABASES["default"], "ENGINE": "django.db.backends.sqlite3"}}
    for name, value in {
        "CAIRN_MODE": "production",
        "PUBLIC_URL": "https://a.example",
        "DATABASES": sqlite,
        **changes,
    }.items():
        setattr(settings, name, value)
    found = {message.id: message for message in checks.production()}
    assert expected in found
    assert all(message.hint for message in found.values())
    with pytest.raises(ImproperlyConfigured, match="does not start"):
        checks.refuse_unsafe()
    settings.CAIRN_MODE = "development"
    assert checks.production() == []


@pytest.mark.parametrize("tail", ["/archive", "?a=b", "#top"])
def test_an_address_below_a_path_is_refused(tail: str, settings: Any) -> None:
    settings.PUBLIC_URL = f"https://a.example{tail}"
    assert [message.id for message in checks.address()] == ["cairn.E013"]
    with pytest.raises(ImproperlyConfigured, match="a host of its own"):
        checks.refuse_unsafe()
    settings.PUBLIC_URL = "https://a.example:8443"
    assert checks.address() == []


def test_every_section_of_the_readme_that_a_check_names_is_there() -> None:
    root = Path(checks.__file__).resolve().parent.parent
    headings = re.findall(r"^#+ (.+)$", (root / "README.md").read_text("utf-8"), re.MULTILINE)
    code = [*root.glob("*/checks.py"), *(root / "config").rglob("*.py")]
    named = {name for file in code for name in re.findall(r"README[^“\n]{0,12}“([^”]+)”", file.read_text("utf-8"))}
    assert named and named <= set(headings)


def test_mode_with_a_slip_of_the_pen_is_refused(settings: Any) -> None:
    settings.CAIRN_MODE = "prodution"
    assert [message.id for message in checks.mode()] == ["cairn.E001"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GET /en/search/?q=Rózsa&page=2 200", "GET /en/search/?- 200"),
        ("from 192.0.2.17 and 2001:db8::1 at 14:03:22", "from - and - at 14:03:22"),
        ("GET /class/s3cr3t/ 200", "GET /class/-/ 200"),
        ("Not Found: /review/s3cr3t/", "Not Found: /review/-/"),
    ],
)
def test_lines_lose_what_tells_who_read_what(line: str, expected: str) -> None:
    assert without_traces(line) == expected


def test_exceptions_are_logged_without_their_words() -> None:
    try:
        raise KeyError("Haj" + "nal".strip())
    except KeyError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "Internal error", None, sys.exc_info())
    text = QuietFormatter().format(record)
    assert "KeyError" in text
    assert "test_serving.py" in text
    assert "Hajnal" not in text


def test_access_log_is_made_of_harmless_parts_whatever_the_format() -> None:
    from gunicorn.config import Config

    config = Config()
    config.set("accesslog", "-")
    request = type("Request", (), {"headers": [("REFERER", "https://x/?q=canary")]})()
    response = type("Response", (), {"status": "200 OK", "headers": [], "sent": 12})()
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/en/search/?q=canary",
        "PATH_INFO": "/en/search/",
        "QUERY_STRING": "q=canary",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.17",
        "HTTP_REFERER": "https://x/?q=canary",
    }
    import datetime

    logger = AccessLogger(config)
    atoms = logger.atoms_wrapper_class(logger.atoms(response, request, environ, datetime.timedelta(seconds=1)))
    for style in (ACCESS_FORMAT, '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s" %(q)s %({referer}i)s'):
        line = style % atoms
        assert "canary" not in line
        assert "192.0.2.17" not in line
    assert (ACCESS_FORMAT % atoms).startswith("GET /en/search/ 200 12 bytes")


def test_taken_port_is_said_in_one_sentence_with_the_remedy() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        port = holder.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} is taken .*PORT={port + 1}"):
            refuse_taken("127.0.0.1", port)
    with pytest.raises(CommandError, match="is no port"):
        refuse_taken("127.0.0.1", 70_000)


def test_demo_listens_on_this_machine_only(settings: Any) -> None:
    settings.CAIRN_MODE = "demo"
    assert Command()._bind(None) == "127.0.0.1"
    with pytest.raises(CommandError, match="this machine only"):
        Command()._bind("0.0.0.0")
    settings.CAIRN_MODE = "production"
    assert Command()._bind("0.0.0.0") == "0.0.0.0"


def test_supervisor_restarts_the_dead_says_so_and_ends_all(tmp_path: Path) -> None:
    said: list[str] = []
    code = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(60)"
    service = Service("worker for light jobs", [sys.executable, "-c", code, str(tmp_path / "pids")])
    supervisor = Supervisor([service], say=said.append)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}

    def pids() -> list[int]:
        path = tmp_path / "pids"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def play() -> None:
        wait_for(pids)
        os.kill(pids()[0], signal.SIGKILL)
        wait_for(lambda: len(pids()) == 2)
        supervisor.stop.set()

    player = threading.Thread(target=play)
    player.start()
    begun = time.monotonic()
    try:
        supervisor.run(tick=0.05)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    player.join()
    assert said == ["The worker for light jobs ended (killed by signal 9); it starts again in 1 s."]
    assert 1.0 <= time.monotonic() - begun < 15
    assert not Path(f"/proc/{pids()[1]}").exists()


def test_a_process_starts_once_it_is_wanted() -> None:
    wanted = threading.Event()
    service = Service("worker", [sys.executable, "-c", "input()"], wanted=wanted.is_set)
    supervisor = Supervisor([service], say=lambda sentence: None)
    supervisor._look(1.0)
    assert service.process is None
    wanted.set()
    supervisor._look(2.0)
    assert service.process is not None
    supervisor._end_all()


def test_back_off_grows_to_half_a_minute() -> None:
    assert [Service("x", [], deaths=deaths).pause() for deaths in (1, 2, 3, 9)] == [1, 2, 4, 30]
