"""Nobody writes lines of her own into a log: what a stranger sent stays on the line that speaks of it."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from config import logging as ours
from config.logging import QuietFormatter, on_one_line
from config.management.commands.serve import web_service

#: A line that looks like the site's own, behind everything that can begin a line or command a terminal.
FORGED = "2026-01-01 00:00:00,000 CRITICAL archive.vault forged"
BREAKS = [
    "\n",
    "\r",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x1e",
    "\x85",
    "\u2028",
    "\u2029",
    "\x1b[2J",
    "\x07",
    "\x7f",
    "\x9b31m",
    "\u202e",
    "\u2066",
    "\u200f",
    "\x00",
]


def line(message: str, *arguments: object, name: str = "django.request") -> str:
    return QuietFormatter().format(logging.LogRecord(name, logging.WARNING, "f", 1, message, arguments, None))


@pytest.mark.parametrize("mark", BREAKS)
def test_a_message_stays_on_its_line(mark: str) -> None:
    written = line("Not Found: %s", f"/en/nothing{mark}{FORGED}")
    assert len(written.splitlines()) == 1
    assert written.isprintable()
    assert FORGED in written, "what was asked for can still be read"


def test_the_test_above_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "on_one_line", str)
    assert line("Not Found: %s", f"/en/nothing\n{FORGED}").splitlines()[1] == FORGED


@given(st.text())
def test_any_text_is_one_printable_line(text: str) -> None:
    assert line("%s", text).isprintable()
    # What people write in any script is left as it is.
    assert on_one_line("Գետը · עברית · 河 · é") == "Գետը · עברית · 河 · é"


def test_what_is_escaped_still_loses_addresses_and_queries() -> None:
    written = line("asked\n203.0.113.5 for\t/en/search/?q=Rózsa\x0bHajnal\u3000more")
    assert "203.0.113.5" not in written
    assert "Rózsa" not in written and "Hajnal" not in written and "more" not in written


@pytest.mark.parametrize(
    "said",
    [
        "Invalid request from ip=127.0.0.1: Invalid HTTP Version: 'Rózsa Hajnal HTTP/1.1'",
        'Invalid request from ip=127.0.0.1: Invalid HTTP Header: "Rózsa: \'Hajnal"',
        "Not Found: /en/search?q=Rózsa Hajnal/",
        "Not Found: /en/search%3Fq=Rózsa%20Hajnal/",
        "Not Found: /en/search?-Rózsa Hajnal",
        "Forbidden (Referer checking failed - https://other.example/Rózsa/Hajnal does not match any trusted origins.)",
        "Forbidden (Origin checking failed - https://Rózsa-Hajnal.example does not match any trusted origins.)",
    ],
)
def test_nothing_that_a_visitor_wrote_behind_a_question_mark_or_elsewhere_is_kept(said: str) -> None:
    written = line(said)
    assert "Rózsa" not in written and "Hajnal" not in written
    # Written twice through the same door, as the access log is, a line keeps what stands behind the trace.
    assert line("GET /en/search/?- 200 12 bytes").endswith("/en/search/?- 200 12 bytes")


def test_an_exception_begins_lines_only_with_our_own_frames() -> None:
    try:
        raise AttributeError(f"no attribute 'x\n{FORGED}'")
    except AttributeError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "Internal error", None, sys.exc_info())
    lines = QuietFormatter().format(record).splitlines()
    assert len(lines) >= 3 and not any(one.startswith(FORGED) for one in lines)


class Served:
    """The site as ``manage.py serve`` runs it, with its access log, over a copy of the test's database."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        (data / "db").mkdir(parents=True)
        with closing(sqlite3.connect(data / "db" / "cairn.sqlite3")) as target:
            connection.connection.backup(target)
        monkeypatch.setenv("CAIRN_ACCESS_LOG", "1")
        service = web_service("127.0.0.1", self.port, 1, 2)
        self.log = data / "log"
        environment = {**os.environ, **service.environment, "CAIRN_DATA": str(data), "PORT": str(self.port)}
        # Otherwise it would want all static files collected, which takes longer than this test.
        environment["DEBUG"] = "1"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(service.argv, env=environment, stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self) -> Served:
        deadline = time.monotonic() + 60
        while True:
            try:
                if b" 200 " in self.send(b"GET /healthz HTTP/1.1"):
                    return self
            except OSError:
                assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
                time.sleep(0.2)

    def __exit__(self, *_arguments: object) -> None:
        self.process.terminate()
        self.process.wait(30)

    def send(self, first_line: bytes, *headers: bytes) -> bytes:
        """The beginning of the answer to a request written by hand."""
        host = f"Host: localhost:{self.port}".encode()
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as asking:
            asking.sendall(b"\r\n".join([first_line, host, *headers, b"Connection: close", b"", b""]))
            return asking.recv(4096)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3", reason="copies a database of one file"
)
def test_a_real_server_logs_one_line_a_request(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = FORGED.replace(" ", "%20").encode()
    with Served(tmp_path / "instance", monkeypatch) as served:
        for mark in (b"%0a", b"%0d%0a", b"%0b", b"%1b%5b2J", b"%7f", b"%c2%85", b"%e2%80%a8", b"%e2%80%ae"):
            assert b" 404 " in served.send(b"GET /en/nothing" + mark + forged + b" HTTP/1.1")
        # gunicorn itself speaks of these: a version, a method and a header that it does not take.
        served.send(b"GET /x HTTP/9.9\x1b[2J\x85\n" + FORGED.encode())
        served.send(b"G\x1bT\x0b /x HTTP/1.1")
        served.send(b"GET /x HTTP/1.1", b"x\x0b" + FORGED.encode() + b"\x1b[2J: 1", b"y\n" + FORGED.encode())
    text = served.log.read_bytes().decode("utf-8", "replace")
    lines = text.removesuffix("\n").split("\n")
    assert text.splitlines() == lines, "something other than our own line breaks ends a line"
    assert all(one.isprintable() for one in lines)
    assert not [one for one in lines if one.startswith(FORGED)]
    assert sum("Not Found: /en/nothing" in one for one in lines) == 8, "Django's warnings are in the log"
    assert sum(one.split(" ")[3:5] == ["gunicorn.access", "GET"] for one in lines) >= 8, "and gunicorn's own lines"
    assert sum("gunicorn.error" in one for one in lines) >= 1
