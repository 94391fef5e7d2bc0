"""gunicorn's threads, behind a main loop that waits for slow people in their stead.

gunicorn's own ``gthread`` gives every new connection to a thread, which then waits for the head, the body and whoever
reads the answer: as many slow connections as threads stop the site. Here the main loop receives a request whole (its
head within ``HEAD_SECONDS``, its body at a least rate) before a thread takes it, and sends what a reader is slow to
take; a thread works and hardly ever waits. Only a body longer than ``IN_FRONT`` is read by a thread, as it comes, and
at most half of the threads do so at a time.

One visitor holds at most half of the threads; her further requests wait for her own. Behind a trusted proxy
(``TRUSTED_PROXIES``) a visitor is whom the proxy names, not the proxy.

An answer that is sent piece by piece (a file) may be continued by another thread than the one that began it: what
produces the pieces must hold nothing that belongs to a thread, such as a database cursor.
"""

from __future__ import annotations

import contextlib
import enum
import selectors
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from datetime import datetime
from typing import Any

from django.conf import settings
from gunicorn import http
from gunicorn.http import wsgi
from gunicorn.workers.gthread import TConn, ThreadWorker

from accounts.client_address import household, is_trusted_proxy, nearest_stranger
from config.serving.heads import END, LONGEST, Head, read_head
from config.serving.pace import (
    BODY_RATE,
    BODY_SECONDS,
    HEAD_SECONDS,
    READER_RATE,
    READER_SECONDS,
    UPLOAD_RATE,
    UPLOADS,
    PacedSocket,
    Patience,
)

#: Bytes of a body that the main loop always receives. Of a longer one it receives as much.
IN_FRONT = 64 * 1024
#: Bytes of the longest form (Django takes no longer one): the main loop receives it whole while there is room for it,
#: for one visitor and for all together. Only files are longer.
FORM = 2_621_440
FORMS_PER_VISITOR = 2 * FORM
FORMS_IN_ALL = 16 * FORM
#: Connections that one address may have open with one process; a trusted proxy may have all.
OPEN_PER_ADDRESS = 100
#: Seconds a whole request waits for a thread before it is told to come again.
QUEUE_SECONDS = 60.0
#: Seconds for the other end to close after the last answer, while what it still sends is thrown away.
LINGER_SECONDS = 2.0
#: Seconds between two looks for those who have run out of time.
LOOK_EVERY = 0.25
#: How long a thread that makes a page keeps the interpreter while the main loop, which needs it for microseconds, waits
#: for it. With Python's 5 ms small answers came half as often.
SWITCH_SECONDS = 0.0005
#: An answer that rested is continued when less than this is left of what was kept.
GO_ON_BELOW = 64 * 1024
_PIECE = 64 * 1024

#: What a thread says of an answer that rests until its reader has taken more.
RESTS = object()


class State(enum.Enum):
    """Where a connection is; only ``RUNNING`` is a thread's, all others the main loop's."""

    IDLE = enum.auto()
    HEAD = enum.auto()
    BODY = enum.auto()
    QUEUED = enum.auto()
    RUNNING = enum.auto()
    SENDING = enum.auto()
    LINGERING = enum.auto()
    CLOSED = enum.auto()


class Visit(TConn):
    """One connection, from accept to close."""

    def __init__(self, cfg: Any, real: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, real, client, server)
        self.real = real
        self.sock = PacedSocket(real)
        self.peer = str(client[0]) if isinstance(client, tuple) else ""
        self.trusted = False
        self.watched = False
        self.household = self.visitor = household(self.peer)
        self.state = State.HEAD
        self.deadline = 0.0
        self.buffer = bytearray()
        self.head: Head | None = None
        self.needed = 0
        #: Bytes of its form that the main loop has promised to keep.
        self.promised = 0
        self.long = False
        self.heard = 0.0
        self.answer: Answer | None = None
        self.keep = False
        # The parser reads through the paced socket; nothing of gunicorn's own waiting is used.
        self.parser = http.get_parser(cfg, self.sock, client)
        self.initialized = True


class Answer:
    """An answer under way: what a thread needs to go on with it."""

    def __init__(self, request: Any, response: Any, environ: dict[str, Any], produced: Any, started: datetime) -> None:
        self.request, self.response, self.environ, self.started = request, response, environ, started
        self.produced = produced
        self.pieces: Iterator[bytes] = iter(produced)


class ReceivingWorker(ThreadWorker):
    """``gthread`` with the waiting taken out of its threads."""

    alive: bool
    head_seconds = HEAD_SECONDS
    body_rate, body_seconds = BODY_RATE, BODY_SECONDS
    upload_rate = UPLOAD_RATE
    reader_rate, reader_seconds = READER_RATE, READER_SECONDS
    queue_seconds = QUEUE_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.threads: int = self.cfg.threads
        self.share = max(1, self.threads // 2)
        self.visits: set[Visit] = set()
        self.queue: deque[Visit] = deque()
        self.running = 0
        self.held: Counter[str] = Counter()
        self.long_held: Counter[str] = Counter()
        #: Bytes of long forms that the main loop has promised to keep, by visitor.
        self.promised: Counter[str] = Counter()
        self.looked = 0.0

    def run(self) -> None:
        # Read here: the settings are loaded with the application.
        self.trusted: list[str] = list(settings.TRUSTED_PROXIES)
        sys.setswitchinterval(SWITCH_SECONDS)
        super().run()

    # --- The main loop: connections come ---------------------------------------------------------

    def accept(self, listener: socket.socket) -> None:
        try:
            real, client = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        visit = Visit(self.cfg, real, client, listener.getsockname())
        visit.trusted = is_trusted_proxy(visit.peer, self.trusted)
        if not visit.trusted and sum(other.household == visit.household for other in self.visits) >= OPEN_PER_ADDRESS:
            real.close()
            return
        self.visits.add(visit)
        self.nr_conns = len(self.visits)
        self._await(visit, State.HEAD, self.head_seconds)
        if self.nr_conns >= self.worker_connections:
            self._make_room()
        self._receive(visit)

    def _make_room(self) -> None:
        """Let one go who waits for nothing yet, so that there is always room for the next."""
        waiting = [visit for visit in self.visits if visit.state in (State.IDLE, State.LINGERING)]
        waiting = waiting or [visit for visit in self.visits if visit.state in (State.HEAD, State.BODY)]
        if waiting:
            self._drop(min(waiting, key=lambda visit: visit.deadline))

    def _await(self, visit: Visit, state: State, seconds: float, events: int = selectors.EVENT_READ) -> None:
        """Let the poller wait for ``visit``, for so many seconds."""
        self._unwatch(visit)
        visit.state, visit.deadline = state, time.monotonic() + seconds
        act = self._send if events == selectors.EVENT_WRITE else self._receive
        self.poller.register(visit.real, events, lambda _file: act(visit))
        visit.watched = True

    def _unwatch(self, visit: Visit) -> None:
        if visit.watched:
            visit.watched = False
            self.poller.unregister(visit.real)

    def _drop(self, visit: Visit, answer: str = "") -> None:
        """Close at once; a last word is sent only if the kernel takes it."""
        if visit.state is State.CLOSED:
            return
        self._unwatch(visit)
        with contextlib.suppress(OSError):
            if answer:
                visit.real.send(f"HTTP/1.1 {answer}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
        if visit.state is State.QUEUED:
            self.queue.remove(visit)
        visit.state = State.CLOSED
        self._keep_no_longer(visit)
        if visit.answer is not None:
            self._end_answer(visit)
        with contextlib.suppress(OSError):
            visit.real.close()
        self.visits.discard(visit)
        self.nr_conns = len(self.visits)

    # --- The main loop: a request comes ----------------------------------------------------------

    def _receive(self, visit: Visit) -> None:
        if visit.state not in (State.IDLE, State.HEAD, State.BODY, State.LINGERING):
            return
        try:
            piece = visit.real.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._drop(visit)
        elif visit.state is not State.LINGERING:
            self._received(visit, piece)

    def _received(self, visit: Visit, piece: bytes) -> None:
        """Take in what has come; when it is a whole request, it queues for a thread."""
        now = time.monotonic()
        if visit.state is State.IDLE:
            visit.state, visit.deadline = State.HEAD, now + self.head_seconds
        searched = max(0, len(visit.buffer) - len(END))
        visit.buffer += piece
        if visit.state is State.HEAD:
            end = visit.buffer.find(END, searched)
            if end < 0:
                if len(visit.buffer) > LONGEST:
                    self._drop(visit, "431 Request Header Fields Too Large")
                return
            self._understand(visit, end + len(END))
            visit.state = State.BODY
        else:
            visit.sock.receiving.waited(now - visit.heard, len(piece))
        visit.heard = now
        visit.deadline = now + visit.sock.receiving.left
        if len(visit.buffer) >= visit.needed:
            self._enqueue(visit)

    def _understand(self, visit: Visit, head_length: int) -> None:
        visit.head = read_head(bytes(visit.buffer[:head_length]))
        if visit.head.forwarded_for and visit.trusted:
            visit.visitor = household(nearest_stranger(visit.peer, visit.head.forwarded_for, self.trusted))
        else:
            visit.visitor = visit.household
        length = visit.head.length
        in_front = 0 if length is None or visit.head.expects else min(length, IN_FRONT)
        if (
            length is not None
            and not visit.head.expects
            and IN_FRONT < length <= FORM
            and self._has_room(visit, length)
        ):
            in_front = visit.promised = length
            self.promised[visit.visitor] += length
        visit.long = length is None or length > in_front
        visit.needed = head_length + in_front
        rate = self.upload_rate if visit.head.path.startswith(UPLOADS) else self.body_rate
        visit.sock.receiving = Patience(rate, self.body_seconds)

    def _has_room(self, visit: Visit, length: int) -> bool:
        own = self.promised[visit.visitor]
        return own + length <= FORMS_PER_VISITOR and self.promised.total() + length <= FORMS_IN_ALL

    def _keep_no_longer(self, visit: Visit) -> None:
        """The form is with a thread, or its sender is gone: its room is free."""
        if visit.promised:
            self._give_back(self.promised, visit.visitor, visit.promised)
            visit.promised = 0

    # --- The main loop: threads ------------------------------------------------------------------

    def _enqueue(self, visit: Visit) -> None:
        self._unwatch(visit)
        visit.state, visit.deadline = State.QUEUED, time.monotonic() + self.queue_seconds
        if not self.queue and self._may_run(visit):
            self._run(visit)
        else:
            self.queue.append(visit)
            self._dispatch()

    def _dispatch(self) -> None:
        """Give threads to those who wait longest and do not hold their share already."""
        if not self.queue:
            return
        for visit in list(self.queue):
            if self.running >= self.threads:
                return
            if self._may_run(visit):
                self.queue.remove(visit)
                self._run(visit)

    def _may_run(self, visit: Visit) -> bool:
        if self.running >= self.threads or self.held[visit.visitor] >= self.share:
            return False
        if not visit.long:
            return True
        own = self.long_held[visit.visitor]
        return self.long_held.total() < self.share and own < max(1, self.share // 2)

    def _run(self, visit: Visit) -> None:
        visit.state = State.RUNNING
        self.running += 1
        self.held[visit.visitor] += 1
        if visit.long:
            self.long_held[visit.visitor] += 1
        work: Callable[[Visit], object] = self._go_on if visit.answer is not None else self.handle
        if visit.answer is None:
            visit.parser.unreader.unread(bytes(visit.buffer))
            visit.buffer.clear()
            self._keep_no_longer(visit)
        future = self.tpool.submit(work, visit)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, visit, done))

    def finish_request(self, conn: Visit, fs: Future[object]) -> None:
        """A thread is done with ``conn``; the main loop sends what the reader has not taken yet."""
        self.running -= 1
        self._give_back(self.held, conn.visitor)
        if conn.long:
            self._give_back(self.long_held, conn.visitor)
            # Its body is read: what is left of its answer is no longer of that kind.
            conn.long = False
        failed = fs.cancelled() or fs.exception() is not None
        result = False if failed else fs.result()
        conn.keep = result is not False
        conn.sock.sending = Patience(self.reader_rate, self.reader_seconds)
        conn.heard = time.monotonic()
        if conn.real.fileno() < 0:
            self._drop(conn)
        elif conn.sock.unsent:
            self._await(conn, State.SENDING, self.reader_seconds, selectors.EVENT_WRITE)
        elif conn.answer is not None:
            self._enqueue(conn)
        else:
            self._answered(conn)
        self._dispatch()

    @staticmethod
    def _give_back(held: Counter[str], visitor: str, amount: int = 1) -> None:
        held[visitor] -= amount
        if held[visitor] <= 0:
            del held[visitor]

    # --- The main loop: the answer goes ----------------------------------------------------------

    def _send(self, visit: Visit) -> None:
        if visit.state is not State.SENDING:
            return
        try:
            passed = visit.sock.flush()
        except OSError:
            self._drop(visit)
            return
        now = time.monotonic()
        visit.sock.sending.waited(now - visit.heard, passed)
        visit.heard, visit.deadline = now, now + visit.sock.sending.left
        if visit.answer is not None:
            if len(visit.sock.unsent) < GO_ON_BELOW:
                self._enqueue(visit)
        elif not visit.sock.unsent:
            self._answered(visit)

    def _answered(self, visit: Visit) -> None:
        """The whole answer is with the kernel: wait for the next request, or for the other end to close."""
        if visit.keep and self.alive:
            self._await(visit, State.IDLE, self.cfg.keepalive)
            # A body may have been read on into the next request.
            if ahead := visit.parser.unreader.take_buffered():
                self._received(visit, ahead)
            return
        try:
            visit.real.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(visit)
            return
        self._await(visit, State.LINGERING, LINGER_SECONDS)

    # --- The main loop: time passes --------------------------------------------------------------

    def murder_keepalived(self, force: bool = False) -> None:
        """Let those go whose time is over (gunicorn asks for this at every turn)."""
        now = time.monotonic()
        if not force and now - self.looked < LOOK_EVERY:
            return
        self.looked = now
        for visit in list(self.visits):
            if visit.state is State.RUNNING or (visit.deadline > now and not (force and visit.state is State.IDLE)):
                continue
            if visit.state is State.QUEUED:
                self._drop(visit, "" if visit.answer is not None else "503 Service Unavailable")
            elif visit.state is State.BODY or (visit.state is State.HEAD and visit.buffer):
                self._drop(visit, "408 Request Timeout")
            else:
                self._drop(visit)

    def murder_pending(self) -> None:
        """Nobody is pending in gunicorn's sense."""

    def _cap_keepalive(self, deadline: float) -> None:
        for visit in self.visits:
            if visit.state in (State.IDLE, State.HEAD):
                visit.deadline = min(visit.deadline, deadline)

    # --- In a thread: making the answer ----------------------------------------------------------

    def handle_request(self, req: Any, conn: Visit) -> object:
        """gunicorn's, but for an answer that may rest between two pieces."""
        self.cfg.pre_request(self, req)
        started = datetime.now()
        response, environ = wsgi.create(req, conn.sock, conn.client, conn.server, self.cfg)
        environ["wsgi.multithread"] = True
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        if not self.alive or not self.cfg.keepalive:
            response.force_close()
        produced = self.wsgi(environ, response.start_response)
        if isinstance(produced, environ["wsgi.file_wrapper"]):
            # Django's pieces of 4 KiB are for servers that hand the file to the kernel.
            produced.blksize = _PIECE
        conn.answer = Answer(req, response, environ, produced, started)
        return self._produce(conn)

    def _produce(self, conn: Visit) -> object:
        """Send pieces until the reader has enough for now, or all have gone."""
        answer = conn.answer
        assert answer is not None  # noqa: S101 - its only callers have just seen it
        try:
            for piece in answer.pieces:
                answer.response.write(piece)
                if conn.sock.full:
                    return RESTS
            answer.response.close()
        except BaseException as error:
            self._end_answer(conn)
            if answer.response.headers_sent and not isinstance(error, OSError):
                # An error page in the middle of an answer would be taken for a part of it.
                self.log.exception("Error handling request")
                conn.real.close()
                raise StopIteration from None
            raise
        self._end_answer(conn)
        return not answer.response.should_close()

    def _go_on(self, conn: Visit) -> object:
        """Continue an answer that rested."""
        try:
            return self._keepalive_after(conn, self._produce(conn))
        except (OSError, StopIteration):
            # The reader has gone, or was cut off in the middle of a broken answer.
            conn.real.close()
            return False

    def _keepalive_after(self, conn: Visit, keepalive: object) -> object:
        if keepalive is RESTS:
            return RESTS
        # A request with “Upgrade” or the like never comes here: only HTTP/1 is spoken.
        return super()._keepalive_after(conn, keepalive)

    def _end_answer(self, conn: Visit) -> None:
        answer, conn.answer = conn.answer, None
        if answer is None:
            return
        self.log.access(answer.response, answer.request, answer.environ, datetime.now() - answer.started)
        try:
            if hasattr(answer.produced, "close"):
                answer.produced.close()
        finally:
            self.cfg.post_request(self, answer.request, answer.environ, answer.response)
