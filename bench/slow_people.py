"""Twelve slow connections on loopback, for the benchmark and for the test that lives among them for two minutes."""

from __future__ import annotations

import socket
import threading
from typing import Self

SLOW = 12
BEGINNINGS = (
    b"",
    b"GET /en/ HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\na",
    b"POST /uploads/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n" + b"a" * 70_000,
)


class SlowPeople:
    """Connections that trickle a byte now and then; whoever is let go comes again. A context manager."""

    def __init__(self, port: int) -> None:
        self.port = port
        #: How often somebody came.
        self.turns = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _come(self) -> socket.socket:
        one = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        one.sendall(BEGINNINGS[self.turns % len(BEGINNINGS)])
        self.turns += 1
        one.setblocking(False)
        return one

    def _run(self) -> None:
        people = [self._come() for _one in range(SLOW)]
        while not self._ended.wait(0.5):
            for place, one in enumerate(people):
                if _gone(one):
                    one.close()
                    people[place] = self._come()
        for one in people:
            one.close()


def _gone(one: socket.socket) -> bool:
    try:
        one.send(b"a")
        return not one.recv(1000)
    except BlockingIOError:
        return False
    except OSError:
        return True
