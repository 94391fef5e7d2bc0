"""Nobody who is slow holds a thread: slow heads, slow bodies, slow readers, and one address that wants everything."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from config.serving.heads import read_head
from config.serving.pace import Patience
from tests.config.quick_front import LONG
from tests.config.served import ROOT, ask, free_port

THREADS = 4
Start = Callable[..., int]


@pytest.fixture
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts the little application on a gunicorn of its own and returns its port."""
    servers: list[subprocess.Popen[bytes]] = []

    def begin(worker: str = "tests.config.quick_front.QuickWorker", **environment: str) -> int:
        port = free_port()
        command = [sys.executable, "-m", "gunicorn", "tests.config.quick_front:application", f"--bind=127.0.0.1:{port}"]
        command += ["--config=python:config.serving.gunicorn_settings", f"--worker-class={worker}", "--workers=1"]
        command += [f"--threads={THREADS}", "--no-control-socket", "--keep-alive=2", "--graceful-timeout=3"]
        instance = {"CAIRN_DATA": str(tmp_path_factory.mktemp("quick")), "PYTHONPATH": str(ROOT)}
        servers.append(subprocess.Popen(command, env={**os.environ, **instance, **environment}, cwd=ROOT))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                assert ask(port, "/").status == 200
                return port
            except OSError:
                time.sleep(0.05)
        raise AssertionError("The little application does not answer.")

    yield begin
    for server in servers:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def opened(port: int, text: bytes = b"") -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), timeout=20)
    made.sendall(text)
    return made


def post(path: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def seconds_of_a_page(port: int) -> float:
    begun = time.monotonic()
    assert ask(port, "/page").status == 200
    return time.monotonic() - begun


SLOW = {
    "no word": b"",
    "half a head": b"GET /page HTTP/1.1\r\nHost: x\r\nX-A: ",
    "half a form": post("/form", 1000) + b"a=",
    "half an upload": post("/uploads/x", 10_000_000) + b"a" * 70_000,
    "no reader": b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n",
    "stays after the last word": b"GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("words", SLOW.values(), ids=SLOW.keys())
def test_three_times_as_many_slow_connections_as_threads_stop_nothing(start: Start, words: bytes) -> None:
    port = start()
    slow = [opened(port, words) for _one in range(3 * THREADS)]
    time.sleep(0.3)
    assert max(seconds_of_a_page(port) for _page in range(3)) < 1.5
    for one in slow:
        one.close()


def test_this_goes_red_with_gunicorns_own_threads(start: Start) -> None:
    port = start("gthread")
    slow = [opened(port, SLOW["half a head"]) for _one in range(3 * THREADS)]
    time.sleep(0.3)
    with pytest.raises(TimeoutError):
        opened_at = opened(port, b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        opened_at.settimeout(3)
        opened_at.recv(1000)
    for one in slow:
        one.close()


def ends(one: socket.socket, within: float) -> bytes:
    """What the server still says before it closes; fails when it does not close in time."""
    said, deadline = b"", time.monotonic() + within
    while True:
        one.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            piece = one.recv(65536)
        except ConnectionResetError:
            return said
        if not piece:
            return said
        said += piece


@pytest.mark.parametrize("name", ["half a head", "half a form"])
def test_who_does_not_finish_is_told_so_and_let_go(start: Start, name: str) -> None:
    begun = time.monotonic()
    assert ends(opened(start(), SLOW[name]), 6).startswith(b"HTTP/1.1 408 ")
    assert time.monotonic() - begun < 6


def test_who_says_nothing_or_trickles_is_let_go(start: Start) -> None:
    port = start()
    assert ends(opened(port), 5) == b""
    trickling = opened(port, post("/form", 100_000))
    begun = time.monotonic()
    with pytest.raises(OSError):
        while time.monotonic() - begun < 8:
            trickling.sendall(b"a")
            time.sleep(0.2)
    assert time.monotonic() - begun < 5


def test_a_slow_uploader_who_keeps_the_least_rate_is_served(start: Start) -> None:
    port = start()
    body = b"ab" * 1500
    one = opened(port, post("/uploads/x", len(body), "Connection: close"))
    for begin in range(0, len(body), 300):
        one.sendall(body[begin : begin + 300])
        time.sleep(0.3)
    assert ends(one, 5).endswith(f"POST /uploads/x {len(body)} {sum(body)}".encode())


@pytest.mark.parametrize("size", [0, 1, 60_000, 70_000, 3_000_000])
def test_bodies_of_every_size_arrive_whole_and_the_connection_stays(start: Start, size: int) -> None:
    port = start()
    one = opened(port)
    for _turn in range(2):
        body = os.urandom(size)
        one.sendall(post("/form", size) + body)
        expected = f"POST /form {size} {sum(body)}".encode()
        said = b""
        while not said.endswith(expected):
            piece = one.recv(65536)
            assert piece, said
            said += piece


def test_chunks_expectations_and_requests_sent_ahead_are_understood(start: Start) -> None:
    port = start()
    chunks = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    one = opened(port, chunks + b"GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    said = ends(one, 5)
    assert b"POST /c 3 294" in said and said.endswith(b"GET /next 0 0")
    two = opened(port, post("/e", 3, "Expect: 100-continue", "Connection: close"))
    assert two.recv(100).startswith(b"HTTP/1.1 100 ")
    two.sendall(b"abc")
    assert ends(two, 5).endswith(b"POST /e 3 294")
    assert ends(opened(port, b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 70_000), 5).startswith(b"HTTP/1.1 431 ")
    assert ends(opened(port, b"nonsense\r\n\r\n"), 5).startswith(b"HTTP/1.1 400 ")


def test_a_long_answer_arrives_whole_however_it_is_read(start: Start) -> None:
    port = start()
    assert ask(port, "/long").body == b"x" * LONG
    slow = opened(port, b"GET /long HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    received = 0
    while piece := slow.recv(400_000):
        received += len(piece)
        time.sleep(0.01)
    assert received > LONG


def test_a_reader_who_stops_reading_is_let_go(start: Start) -> None:
    port = start()
    still = opened(port, b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(4)
    received = 0
    try:
        while piece := still.recv(1 << 20):
            received += len(piece)
    except ConnectionResetError:
        pass
    assert received < LONG


def test_an_answer_that_breaks_off_is_not_filled_up(start: Start) -> None:
    said = ends(opened(start(), b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n"), 5)
    assert b"Internal Server Error" not in said
    assert len(said) < LONG


def at_once(port: int, seconds: float, visitors: list[str]) -> float:
    """Seconds that work of so many seconds for each of ``visitors`` takes together."""

    def one(visitor: str) -> None:
        assert ask(port, f"/work/{seconds}", {"X-Forwarded-For": visitor}).status == 200

    begun = time.monotonic()
    asking = [threading.Thread(target=one, args=(visitor,)) for visitor in visitors]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    return time.monotonic() - begun


def test_one_address_holds_half_of_the_threads_and_leaves_the_others(start: Start) -> None:
    port = start(TRUSTED_PROXIES="127.0.0.1")
    greedy = threading.Thread(target=at_once, args=(port, 2, ["198.51.100.7"] * (2 * THREADS)))
    greedy.start()
    time.sleep(0.3)
    # On all threads her work would take four seconds; on half of them it takes eight, and nobody waits for her.
    assert at_once(port, 0.1, ["203.0.113.5"]) < 1.5
    begun = time.monotonic()
    greedy.join()
    assert time.monotonic() - begun > 4


def test_slow_files_of_some_addresses_leave_room_for_everybodys_forms(start: Start) -> None:
    """Long bodies that never end hold the places for long bodies; a form of any size is received in front of them."""
    port = start("config.serving.receiving.ReceivingWorker", TRUSTED_PROXIES="127.0.0.1")
    slow = [
        opened(port, post("/form", 2_000_000, f"X-Forwarded-For: 198.51.100.{address}") + b"a" * 70_000)
        for address in range(3)
        for _one in range(4)
    ]
    time.sleep(0.5)
    for size in (90_000, 2_000_000):
        body, begun = os.urandom(size), time.monotonic()
        one = opened(port, post("/form", size, "X-Forwarded-For: 203.0.113.5", "Connection: close") + body)
        assert ends(one, 8).endswith(f"POST /form {size} {sum(body)}".encode())
        assert time.monotonic() - begun < 4
    for one in slow:
        one.close()


def test_a_trusted_proxy_is_not_one_reader(start: Start) -> None:
    port = start(TRUSTED_PROXIES="127.0.0.1")
    assert at_once(port, 1.5, [f"198.51.100.{number}" for number in range(THREADS)]) < 2.9
    # Nobody trusts this machine here: whatever is claimed, it is one visitor.
    assert at_once(start(), 1.5, [f"198.51.100.{number}" for number in range(THREADS)]) >= 2.9


def test_waiting_is_paid_and_bytes_earn_it_back() -> None:
    patience = Patience(rate=1000, most=10)
    patience.waited(9, 0)
    assert patience.left == 1
    patience.waited(1, 3000)
    assert patience.left == 3
    patience.waited(0, 1_000_000)
    assert patience.left == 10


def test_a_head_is_read_as_far_as_needed() -> None:
    head = read_head(b"POST /x HTTP/1.1\r\nContent-Length: 12\r\nx-forwarded-for: a\r\nX-Forwarded-For: b\r\n\r\n")
    assert (head.path, head.length, head.expects, head.forwarded_for) == ("/x", 12, False, "a,b")
    for strange in (b"\xff\xfe\r\n\r\n", b"\r\n\r\n", b"GET\r\nContent-Length: -1\r\n\r\n", b"A B\r\n:\r\n\r\n"):
        assert read_head(strange).length in (0, None)
