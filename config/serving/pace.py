"""How long the site waits for whoever is at the other end, and a socket on which no thread waits for a reader.

Waiting is paid from a purse: it holds some seconds, waiting spends them, every byte that passes earns its share back.
Whoever keeps to the least rate waits for ever; whoever trickles is let go when the purse is empty.
"""

from __future__ import annotations

import errno
import select
import socket
import time

#: Seconds within which the whole head of a request must have come.
HEAD_SECONDS = 10.0
#: Least rate of a form or any other body, in bytes a second. A phone at the edge of a network does better.
BODY_RATE = 4096.0
#: Least rate below ``/uploads/``: whoever sends an original over a bad line is not hurried more than this.
UPLOAD_RATE = 4096.0
UPLOADS = "/uploads/"
#: Seconds a body may be behind that rate.
BODY_SECONDS = 10.0
#: Least rate at which an answer must be taken, and how long it may rest: a player that has enough stops reading for a
#: while, and asks for the rest anew when the connection has gone meanwhile.
READER_RATE = 4096.0
READER_SECONDS = 60.0
#: Bytes of an answer that are kept for a slow reader; beyond them the answer rests until she has read on.
KEPT = 256 * 1024
_PIECE = 256 * 1024


class TooSlow(ConnectionResetError):
    """The other end kept us waiting for too long; treated like a connection it has closed."""

    def __init__(self) -> None:
        super().__init__(errno.ECONNRESET, "The other end is too slow.")


class Patience:
    """The purse: ``rate`` bytes earn a second, and there are never more than ``most`` seconds in it."""

    def __init__(self, rate: float, most: float) -> None:
        self.rate, self.most, self.left = rate, most, most

    def waited(self, seconds: float, passed: int) -> None:
        """Account for a wait after which ``passed`` bytes came through."""
        self.left = min(self.most, self.left - seconds + passed / self.rate)


class PacedSocket:
    """What gunicorn gets instead of the socket: reading waits with patience, writing never waits.

    What does not fit into the kernel's buffer stays in ``unsent`` and is sent by the worker's main loop
    (``config.serving.receiving``). The real socket never blocks.
    """

    def __init__(self, real: socket.socket) -> None:
        self.real = real
        self.unsent = bytearray()
        self.receiving = Patience(BODY_RATE, BODY_SECONDS)
        self.sending = Patience(READER_RATE, READER_SECONDS)
        self._timeout: float | None = None

    @property
    def full(self) -> bool:
        """Whether more is kept for the reader than should be: whoever produces the answer rests now."""
        return len(self.unsent) >= KEPT

    def recv(self, size: int) -> bytes:
        """Wait for bytes of a body.

        :raises TooSlow: when they come below the least rate.
        :raises TimeoutError: when the caller's own timeout is shorter and ran out.
        """
        while True:
            started = time.monotonic()
            try:
                piece = self.real.recv(size)
            except BlockingIOError:
                piece = None
                limits = [limit for limit in (self.receiving.left, self._timeout) if limit is not None]
                waiting = select.poll()
                waiting.register(self.real, select.POLLIN)
                ready = waiting.poll(max(0.0, min(limits)) * 1000)
                if not ready and self._timeout is not None and self._timeout <= self.receiving.left:
                    raise TimeoutError from None
            self.receiving.waited(time.monotonic() - started, len(piece or b""))
            if piece is not None:
                return piece
            if self.receiving.left <= 0:
                raise TooSlow

    def sendall(self, data: bytes) -> None:
        """Send what the kernel takes and keep the rest."""
        taken = 0
        if not self.unsent:
            try:
                taken = self.real.send(data)
            except BlockingIOError:
                pass
        self.unsent += data[taken:]

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    def flush(self) -> int:
        """Send of what is kept as much as goes; returns how many bytes went."""
        passed = 0
        while self.unsent:
            try:
                with memoryview(self.unsent) as view:
                    count = self.real.send(view[:_PIECE])
            except BlockingIOError:
                break
            del self.unsent[:count]
            passed += count
        return passed

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def setblocking(self, blocking: bool) -> None:
        self._timeout = None if blocking else 0.0

    def fileno(self) -> int:
        return self.real.fileno()

    def getsockname(self) -> object:
        return self.real.getsockname()

    def shutdown(self, how: int) -> None:
        self.real.shutdown(how)

    def close(self) -> None:
        self.real.close()
