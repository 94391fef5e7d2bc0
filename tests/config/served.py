"""A whole instance, started as an operator starts it, and plain sockets to speak to it."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import schema_template

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Answer:
    """One answer of a server, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def ask(port: int, path: str, headers: dict[str, str] | None = None, *, method: str = "GET", body: str = "") -> Answer:
    """Send one request to loopback, the headers as they are given (underscores too)."""
    lines = {"Host": f"localhost:{port}", **(headers or {})}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if body:
            lines |= {"Content-Length": str(len(body)), "Content-Type": "application/x-www-form-urlencoded"}
        for name, value in lines.items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() or None)
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


class Served:
    """An instance in a folder of its own; ``run`` uses its commands, ``start`` serves it on loopback."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        dropped = {"DATABASE_URL", "CELERY_BROKER_URL", "CACHE_URL", "SECRET_KEY", "ALLOWED_HOSTS"}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in dropped},
            "CAIRN_DATA": str(folder),
            "CAIRN_MODE": "development",
            "PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder.parent / f"{folder.name}.log"

    def prepare(self) -> None:
        """``prepare_site``; the two hundred migrations come from the template the tests have made already."""
        template = schema_template()
        if template.exists():
            (self.folder / "db").mkdir(parents=True)
            shutil.copy(template, self.folder / "db" / "cairn.sqlite3")
        self.run("manage.py", "prepare_site", "--verbosity=0")

    def run(self, *argv: str) -> str:
        """Run Python in the instance's environment and return what it printed."""
        done = subprocess.run(
            [sys.executable, *argv], env=self.environment, cwd=ROOT, capture_output=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def start(self, *arguments: str) -> None:
        """``manage.py serve``, without workers for jobs unless they are asked for; returns when it answers."""
        sizes = ["--web=1", "--light=0", "--media=0", "--heavy=0"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve", f"--port={self.port}", *sizes, *arguments],
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if ask(self.port, "/healthz").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"The site does not start: {self.log.read_text()}")

    def end(self) -> None:
        """Ctrl-C."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
