"""How the demonstration starts: what is done already is not done again, and refusals are one sentence."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as instance_settings
from django.core.management import CommandError, call_command
from django.db import connection

from archive.management.commands.migrate import LeftClosed
from archive.models import PublicClock
from archive.pages.models import HomePage
from config import preparing

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def sources(settings: Any, tmp_path: Path) -> Path:
    """Static sources of our own and an instance to collect them into."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "site.css").write_text("body{}")
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.CAIRN_DATA = tmp_path / "instance"
    settings.CAIRN_DATA.mkdir()
    settings.STATIC_ROOT = settings.CAIRN_DATA / "static"
    return folder


@pytest.fixture
def collected(sources: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Calls of ``collectstatic``; Django's own copying is not what is tested here."""
    calls: list[str] = []

    def call(name: str, **_more: Any) -> None:
        calls.append(name)
        settings.STATIC_ROOT.mkdir(exist_ok=True)

    monkeypatch.setattr(preparing, "call_command", call)
    return calls


def test_static_files_are_collected_again_only_after_a_change(collected: list[str], sources: Path) -> None:
    assert preparing.collect_static() and not preparing.collect_static()
    (sources / "site.css").write_text("body{color:red}")
    assert preparing.collect_static() and not preparing.collect_static()
    (sources / "deeper").mkdir()
    (sources / "deeper" / "icon.svg").write_text("<svg/>")
    assert preparing.collect_static()
    assert collected == ["collectstatic"] * 3


def test_lost_static_files_are_collected_again(collected: list[str], settings: Any) -> None:
    preparing.collect_static()
    settings.STATIC_ROOT.rmdir()
    assert preparing.collect_static()


def test_a_start_that_was_interrupted_collects_again(
    collected: list[str], sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(name: str, **_more: Any) -> None:
        raise KeyboardInterrupt

    preparing.collect_static()
    (sources / "site.css").write_text("body{color:blue}")
    with monkeypatch.context() as patch:
        patch.setattr(preparing, "call_command", interrupted)
        with pytest.raises(KeyboardInterrupt):
            preparing.collect_static()
    assert preparing.collect_static()


@pytest.mark.django_db
def test_a_database_with_all_migrations_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(preparing, "call_command", lambda name, **_more: called.append(name))
    assert preparing.missing_migrations() == 0
    assert not preparing.bring_database_up()
    monkeypatch.setattr(preparing, "missing_migrations", lambda: 3)
    assert preparing.bring_database_up()
    assert called == ["migrate", "createcachetable"]


@pytest.mark.django_db
def test_a_preparation_that_was_interrupted_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Publications that wait to be made again, or a cache table that was never made."""
    called: list[str] = []
    monkeypatch.setattr(preparing, "call_command", lambda name, **_more: called.append(name))
    PublicClock.objects.update_or_create(pk=1, defaults={"remaking": True})
    assert preparing.bring_database_up()
    PublicClock.objects.update(remaking=False)
    assert not preparing.bring_database_up()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE cairn_cache")
    assert preparing.bring_database_up()
    assert called == ["migrate", "createcachetable"] * 2


@pytest.mark.django_db
def test_works_that_cannot_be_made_again_are_told_after_everything_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []

    def call(name: str, **_more: Any) -> None:
        called.append(name)
        if name == "migrate":
            raise LeftClosed("These could not be made again: aaaaaaaaaa.")

    monkeypatch.setattr(preparing, "call_command", call)
    monkeypatch.setattr(preparing, "missing_migrations", lambda: 1)
    with pytest.raises(LeftClosed):
        preparing.bring_database_up()
    assert called == ["migrate", "createcachetable"]


@pytest.mark.django_db
def test_serve_says_what_is_to_be_done_first(settings: Any, tmp_path: Path) -> None:
    PublicClock.objects.update_or_create(pk=1, defaults={"remaking": True})
    with pytest.raises(CommandError, match=r"run “manage.py migrate”, which goes on where it was interrupted"):
        call_command("serve")
    PublicClock.objects.update(remaking=False)
    HomePage.objects.all().delete()
    settings.STATIC_ROOT = tmp_path / "static"
    with pytest.raises(CommandError, match=r"lacks the first pages and the static files: run “manage.py prepare_site”"):
        call_command("serve")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment(data: Path, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return {**kept, "CAIRN_DATA": str(data), "PORT": str(port), "CAIRN_MODE": "demo"}


def _start(data: Path, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo"],
        cwd=ROOT,
        env=_environment(data, port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_taken_port_is_said_in_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = int(taken.getsockname()[1])
        process = _start(tmp_path / "instance", port)
        said, _none = process.communicate(timeout=120)
    assert process.returncode != 0
    lines = [line for line in said.splitlines() if line.strip()]
    assert len(lines) == 1 and f"Port {port} is taken" in lines[0] and f"PORT={port + 1}" in lines[0]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    port = _free_port()
    process = _start(tmp_path / "instance", port)
    yield process, port, tmp_path / "instance"
    if process.poll() is None:
        process.kill()
        process.wait()


def _wait_for(port: int, seconds: float) -> float:
    """Seconds until the site answers that it is ready."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return time.monotonic() - began
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"The site did not become ready within {seconds:.0f} s.")


@pytest.mark.slow
def test_an_empty_folder_becomes_a_site_and_ctrl_c_ends_it(
    started: tuple[subprocess.Popen[str], int, Path],
) -> None:
    process, port, data = started
    _wait_for(port, 600)
    with urllib.request.urlopen(f"http://localhost:{port}/en/", timeout=30) as answer:
        assert "invented to show the archive" in answer.read().decode()
    process.send_signal(signal.SIGINT)
    said, _none = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in said
    assert "The database is made" in said and "operator" in said and said.rstrip().endswith("Everything has ended.")
    again = _start(data, port)
    try:
        took = _wait_for(port, 300)
        busy = os.getloadavg()[0] / (os.cpu_count() or 1)
        # On a machine that does nothing else; a busy one is allowed its share.
        assert took <= 15 * max(1.0, busy)
    finally:
        again.send_signal(signal.SIGINT)
        said, _none = again.communicate(timeout=60)
    assert "The database is made" not in said and "enter the vault" not in said and "Traceback" not in said


def test_the_developers_own_instance_is_never_touched() -> None:
    assert Path(instance_settings.CAIRN_DATA) != ROOT / "var"
