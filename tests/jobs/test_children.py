"""Child programs and their limits, with and without bubblewrap."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import children, processes
from jobs.children import MIB, Limits, run


@pytest.fixture(params=["bubblewrap", "limits only"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[bool]:
    wanted = request.param == "bubblewrap"
    if wanted and not children.bubblewrap():
        pytest.skip("bubblewrap is not installed, or cannot make name spaces here")
    yield wanted


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def test_output_exit_code_and_input(sandbox: bool) -> None:
    done = run(
        python("import sys; sys.stdout.write(sys.stdin.read()); sys.exit(3)"), stdin="ٱلسَّلَام".encode(), sandbox=sandbox
    )
    assert (done.verdict, done.exit_code, done.stdout.decode(), done.ok) == ("ended", 3, "ٱلسَّلَام", False)
    assert done.sandboxed == sandbox


def test_lines_arrive_one_by_one(sandbox: bool) -> None:
    lines: list[str] = []
    run(python("print('eins'); print('два'); print('三', end='')"), on_line=lines.append, sandbox=sandbox)
    assert lines == ["eins", "два", "三"]


def test_environment_is_scrubbed(sandbox: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "canary")
    done = run(python("import os; print(dict(os.environ))"), environment={"OMP_NUM_THREADS": "1"}, sandbox=sandbox)
    assert b"canary" not in done.stdout
    assert b"OMP_NUM_THREADS" in done.stdout


@pytest.mark.parametrize(
    ("code", "limits", "verdict"),
    [
        ("b = bytearray(3 << 30)\nfor i in range(0, len(b), 4096): b[i] = 1", Limits(memory_bytes=200 * MIB), "memory"),
        ("import time; time.sleep(60)", Limits(seconds=0.5), "time"),
        ("while True: print('x' * 999)", Limits(output_bytes=50_000), "output"),
        (
            "import os, time\nfor i in range(40):\n  if not os.fork(): os.setsid(); time.sleep(60)\ntime.sleep(60)",
            Limits(processes=20),
            "processes",
        ),
    ],
    ids=["memory", "time", "output", "processes"],
)
def test_limit_kills_and_is_named(sandbox: bool, code: str, limits: Limits, verdict: str) -> None:
    begun = time.monotonic()
    done = run(python(code), limits=limits, sandbox=sandbox)
    assert (done.verdict, done.ok) == (verdict, False)
    assert time.monotonic() - begun < 10
    assert len(done.stdout) <= limits.output_bytes


def test_file_larger_than_allowed_is_refused(sandbox: bool, tmp_path: Path) -> None:
    target = tmp_path / "big"
    code = "import sys; open(sys.argv[1], 'wb').write(b'x' * (3 << 20))"
    done = run(python(code, str(target)), writable=[tmp_path], limits=Limits(file_bytes=MIB), sandbox=sandbox)
    assert not done.ok
    assert target.stat().st_size <= MIB


def test_stop_ends_it_with_everything_below(sandbox: bool, tmp_path: Path) -> None:
    seen: list[int] = []

    def stop() -> bool:
        seen[:] = [pid for pid in processes.tree(os.getpid()) if _name(pid) == "sleep"]
        return bool(seen)

    done = run(["sh", "-c", "setsid sleep 62 & sleep 63"], should_stop=stop, sandbox=sandbox)
    assert done.verdict == "stopped"
    deadline = time.monotonic() + 3
    while any(_name(pid) == "sleep" for pid in seen) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(_name(pid) == "sleep" for pid in seen)


def test_missing_program_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="gibt-es-nicht"):
        run(["gibt-es-nicht"])


def test_sandbox_shows_only_what_is_named(tmp_path: Path) -> None:
    if not children.bubblewrap():
        pytest.skip("bubblewrap is not installed, or cannot make name spaces here")
    given, hidden = tmp_path / "given", tmp_path / "hidden"
    for folder in (given, hidden):
        folder.mkdir()
        (folder / "file").write_text("x")
    code = (
        "import os, sys\n"
        "print(os.path.exists(sys.argv[1]), os.path.exists(sys.argv[2]), os.path.exists('/etc/passwd'))\n"
        "print(sorted(p for p in os.listdir('/proc') if p.isdigit())[:1], len(os.listdir('/sys/class/net')) "
        "if os.path.exists('/sys/class/net') else 0)\n"
        "try:\n  open(sys.argv[1], 'w')\nexcept OSError as e: print(type(e).__name__)\n"
        "import socket\ns = socket.socket()\n"
        "try:\n  s.connect(('192.0.2.1', 80))\nexcept OSError as e: print(e.strerror)\n"
    )
    done = run(python(code, str(given / "file"), str(hidden / "file")), read_only=[given])
    assert done.stdout.decode().splitlines() == [
        "True False False",
        "['1'] 0",
        "OSError",
        "Network is unreachable",
    ], done.stderr


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
