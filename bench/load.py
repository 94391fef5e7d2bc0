"""A small load generator for loopback: some clients, each with one kept connection and one request at a time.

``python -m bench.load`` reads a plan as JSON from standard input and prints what happened as JSON::

    {"port": 8001, "paths": ["/en/…"], "clients": 8, "seconds": 5, "once": false, "watch": ["/en/…"]}

With ``once`` every path is asked for exactly once. It runs in a process of its own, so that its work does not
show in the latencies it measures more than a browser's would, and never asks anything but 127.0.0.1.
"""

from __future__ import annotations

import json
import random
import re
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

SEED = 20_261_121
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
#: Nothing of a benchmark takes longer; a server that hangs ends the run instead of hanging it.
PATIENCE = 60.0


class Connection:
    """One client: sends, reads the whole answer, says when it is done."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.started = 0.0
        self.path = ""
        self.open()

    def open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.expected = -1

    @property
    def local_port(self) -> int:
        return int(self.socket.getsockname()[1])

    def send(self, path: str) -> None:
        self.path, self.buffer, self.expected, self.started = path, b"", -1, time.monotonic()
        request = f"GET {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nAccept-Encoding: gzip\r\n\r\n"
        self.socket.sendall(request.encode("ascii"))

    def receive(self) -> bool:
        """Read what is there; True when the answer is complete.

        :raises ConnectionError: when the server closed before the end of the answer.
        """
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise ConnectionError("closed")
        self.buffer += piece
        if self.expected < 0:
            head_end = self.buffer.find(b"\r\n\r\n")
            if head_end < 0:
                return False
            length = _LENGTH.search(self.buffer, 0, head_end + 2)
            if length is None:
                raise ConnectionError("an answer without a length")
            self.expected = head_end + 4 + int(length.group(1))
        return len(self.buffer) >= self.expected

    @property
    def status(self) -> int:
        return int(self.buffer[9:12])

    def get(self, path: str) -> int:
        """Ask and wait: the status of one answer."""
        self.send(path)
        while not self.receive():
            pass
        return self.status

    def close(self) -> None:
        self.socket.close()


def _endless(paths: list[str]) -> Iterator[str]:
    """Every path equally often, in another order each round."""
    order = random.Random(SEED)
    while True:
        round_ = list(paths)
        order.shuffle(round_)
        yield from round_


def run(plan: dict[str, Any]) -> dict[str, Any]:
    """Do what the plan says; latencies in milliseconds, times on the system's monotonic clock."""
    paths = iter(plan["paths"]) if plan.get("once") else _endless(plan["paths"])
    watch = frozenset(plan.get("watch", ()))
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    watched: list[tuple[str, float, int]] = []
    reopened = received = 0
    with selectors.DefaultSelector() as selector:
        active = 0
        started = time.monotonic()
        ends = started + (PATIENCE if plan.get("once") else plan["seconds"])
        for _client in range(plan["clients"]):
            path = next(paths, None)
            if path is None:
                break
            connection = Connection(plan["port"])
            connection.send(path)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            active += 1
        while active:
            events = selector.select(timeout=PATIENCE)
            if not events:
                raise TimeoutError("The server answers nothing any more.")
            for key, _mask in events:
                connection = key.data
                try:
                    if not connection.receive():
                        continue
                except ConnectionError:
                    # A kept connection that the server had just closed: asked again, the clock running on.
                    reopened += 1
                    if reopened > 1000:
                        raise
                    selector.unregister(connection.socket)
                    connection.close()
                    first = connection.started
                    connection.open()
                    connection.send(connection.path)
                    connection.started = first
                    selector.register(connection.socket, selectors.EVENT_READ, connection)
                    continue
                now = time.monotonic()
                latencies.append((now - connection.started) * 1000)
                statuses[connection.status] += 1
                received += len(connection.buffer)
                if connection.path in watch:
                    watched.append((connection.path, connection.started, connection.status))
                path = next(paths, None) if now < ends else None
                if path is None:
                    selector.unregister(connection.socket)
                    connection.close()
                    active -= 1
                else:
                    connection.send(path)
        seconds = time.monotonic() - started
    latencies.sort()

    def percentile(share: float) -> float:
        return latencies[min(len(latencies) - 1, int(len(latencies) * share))]

    return {
        "requests": len(latencies),
        "seconds": seconds,
        "p50": percentile(0.5),
        "p95": percentile(0.95),
        "p99": percentile(0.99),
        "longest": latencies[-1],
        "statuses": dict(statuses),
        "bytes": received,
        "reopened": reopened,
        "watched": watched,
    }


class Load:
    """The generator in a process of its own; ``result`` waits for it."""

    def __init__(self, **plan: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(plan))
        self.process.stdin.close()

    def result(self) -> dict[str, Any]:
        """What happened.

        :raises RuntimeError: when the generator failed (its own words are on standard error).
        """
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        if self.process.wait(timeout=PATIENCE):
            raise RuntimeError("The load generator failed.")
        return dict(json.loads(said))


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
