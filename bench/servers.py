"""A web server to measure: the same gunicorn, workers and threads for whatever runs in it, and its processes."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from bench.load import Connection

WORKERS = 2
THREADS = 6
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """gunicorn on loopback; a context manager that waits until it answers and ends it afterwards."""

    def __init__(self, application: str, folder: Path, environment: dict[str, str], *extra: str) -> None:
        self.application, self.folder, self.extra = application, folder, extra
        self.environment = environment
        self.port = free_port()

    def __enter__(self) -> Self:
        scratch = Path("/dev/shm")
        command = [
            sys.executable, "-m", "gunicorn", self.application, f"--bind=127.0.0.1:{self.port}",
            "--worker-class=gthread", f"--workers={WORKERS}", f"--threads={THREADS}", "--timeout=120",
            "--keep-alive=5", "--no-control-socket", f"--chdir={self.folder}", "--log-level=warning",
            *([f"--worker-tmp-dir={scratch}"] if scratch.is_dir() else []), *self.extra,
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": str(self.folder), **self.environment}
        self.process = subprocess.Popen(command, env=environment, cwd=self.folder)
        return self

    def wait(self, path: str) -> None:
        """Until ``path`` is answered with 200 and every worker is there.

        :raises RuntimeError: when it is not within a minute.
        """
        ends = time.monotonic() + 60
        while time.monotonic() < ends and self.process.poll() is None:
            with contextlib.suppress(OSError):
                connection = Connection(self.port)
                try:
                    if connection.get(path) == 200 and len(self.workers()) == WORKERS:
                        return
                finally:
                    connection.close()
            time.sleep(0.2)
        raise RuntimeError(f"{self.application} does not answer {path} with 200.")

    def __exit__(self, *_error: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def workers(self) -> list[int]:
        """Process ids of the web processes."""
        said = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in said.split()]

    def cpu_seconds(self) -> float:
        """Processor time that the web processes have used so far."""
        total = 0
        for pid in self.workers():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / _TICKS

    def private_megabytes(self) -> list[float]:
        """Memory that each web process shares with nobody, in MB."""
        found = []
        for pid in self.workers():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            found.append(sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) * 1024 / 1e6)
        return found

    @contextlib.contextmanager
    def one_connection_each(self, path: str) -> Iterator[list[Connection]]:
        """A kept connection to every web process, ``path`` asked for on each.

        The kernel hands a connection to whichever worker accepts first; whose it became is read from
        the socket's inode, so as many are opened as it takes.
        """
        mine: dict[int, Connection] = {}
        spare: list[Connection] = []
        try:
            for _attempt in range(400):
                if len(mine) == WORKERS:
                    break
                connection = Connection(self.port)
                connection.get(path)
                worker = self._worker_of(connection)
                if worker is None or worker in mine:
                    spare.append(connection)
                else:
                    mine[worker] = connection
            if len(mine) < WORKERS:
                raise RuntimeError("Not every web process took a connection.")
            for connection in mine.values():
                # Still open after the search for the last one, and the page in every memory.
                connection.get(path)
            yield list(mine.values())
        finally:
            for connection in [*mine.values(), *spare]:
                connection.close()

    def _worker_of(self, connection: Connection) -> int | None:
        here, there = f":{self.port:04X}", f":{connection.local_port:04X}"
        inode = next(
            (
                fields[9]
                for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
                if fields[1].endswith(here) and fields[2].endswith(there)
            ),
            None,
        )
        for pid in self.workers():
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) == f"socket:[{inode}]":
                        return pid
        return None
