"""The process that opens strangers' files, and the keeper that gives it 60 seconds and 2 GiB for each.

`python -m heritage3d.pipeline.photographs.worker` reads one JSON request a line and answers with one. When it dies, is
too slow or grows too large over a file, that file is refused and the next worker goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from heritage3d.pipeline.sandbox import die_with_parent, interpreter_for

SECONDS_A_FILE = 60.0
BYTES_A_FILE = 2 * 1024**3


def serve() -> int:
    """Answer requests until the input ends."""
    die_with_parent()
    from heritage3d.pipeline.photographs.decode import Refused, make_copy

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What image libraries print must not mix with the answers.
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any]
        try:
            facts = make_copy(Path(request["source"]), Path(request["copy"]), Path(request["opacity"]))
            answer = {"facts": facts.as_json()}
        except Refused as refusal:
            answer = {"refused": str(refusal)}
        except MemoryError:
            answer = {"refused": "opening it took more memory than a photograph may"}
        except OSError as error:
            answer = {"failed": error.errno or 0, "refused": "it could not be read"}
        except Exception as error:  # noqa: BLE001 - a file that breaks a decoder in a new way is refused, not fatal
            answer = {"refused": f"it cannot be read ({type(error).__name__})"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


class Keeper:
    """Owns one worker and starts a new one when a file has brought it down."""

    def __init__(self, seconds: float = SECONDS_A_FILE, memory: int = BYTES_A_FILE) -> None:
        self._seconds = seconds
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        #: Largest resident memory of any worker so far, bytes.
        self.peak = 0

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def copy(self, source: Path, copy: Path, opacity: Path) -> dict[str, Any]:
        """{"facts": …} or {"refused": why}. Raises OSError when the disk, not the file, is at fault.

        A worker that was killed from outside says nothing about the file: it is tried a second time.
        """
        answer = self._ask(source, copy, opacity) or self._ask(source, copy, opacity)
        return answer or {"refused": "opening it took more memory than the machine had"}

    def _ask(self, source: Path, copy: Path, opacity: Path) -> dict[str, Any] | None:
        """The answer of one worker; None when something else than the file or its keeper killed it."""
        process = self._running()
        request = json.dumps({"source": str(source), "copy": str(copy), "opacity": str(opacity)}) + "\n"
        verdict: str | None = None
        line = b""
        try:
            if process.stdin is None or process.stdout is None:
                raise BrokenPipeError
            process.stdin.write(request.encode("utf-8"))
            process.stdin.flush()
            deadline = time.monotonic() + self._seconds
            while True:
                ready, _, _ = select.select([process.stdout], [], [], 0.1)
                if ready:
                    line = process.stdout.readline()
                    break
                if self._resident(process.pid) > self._memory:
                    verdict = f"opening it took more than {self._memory // 1024**3} GiB of memory"
                    break
                if time.monotonic() > deadline:
                    verdict = f"opening it took more than {self._seconds:.0f} seconds"
                    break
        except BrokenPipeError:
            pass
        self._resident(process.pid)
        if line:
            answer: dict[str, Any] = json.loads(line)
            if "failed" in answer and not copy.parent.exists():
                raise OSError(answer["failed"], os.strerror(answer["failed"]))
            if answer.get("failed") in (28, 122, 27):
                raise OSError(answer["failed"], os.strerror(answer["failed"]))
            return answer
        killed = verdict is None and _ended_by(process) == -signal.SIGKILL
        self._end()
        for half in (copy, opacity):
            half.unlink(missing_ok=True)
        return None if killed else {"refused": verdict or "it brought the image decoder down"}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                interpreter_for("heritage3d.pipeline.photographs.worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self._process

    def _resident(self, pid: int) -> int:
        resident = 0
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    self.peak = max(self.peak, int(line.split()[1]) * 1024)
                elif line.startswith("VmRSS:"):
                    resident = int(line.split()[1]) * 1024
        return resident

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self._process = None


def _ended_by(process: subprocess.Popen[bytes]) -> int | None:
    """The exit code of a process that closed its pipe; None when it goes on nevertheless."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=2)
    return None


if __name__ == "__main__":
    sys.exit(serve())
