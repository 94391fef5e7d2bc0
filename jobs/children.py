"""Running a program we do not trust with what it reads: parsers, ffmpeg, native 3D code.

The child is executed, never forked off; it gets a scrubbed environment, a private temporary folder,
limits of time, memory, processes, file size and output, and dies with its worker. Where bubblewrap
works it also has no network, no other processes and a file system that holds only the operating
system, the Python in use, and what the caller names. Imports no Django.
"""

from __future__ import annotations

import functools
import json
import os
import selectors
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from jobs import processes

MIB = 1024 * 1024
_LAUNCH = Path(__file__).with_name("launch.py")
_TICK = 0.05
#: What a program of the system or of our virtual environment needs to start.
_SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/mime.types",
    "/sys/devices/system/cpu",
    "/nix/store",
)

#: Why a child ended: by itself, or killed for one of these.
Verdict = Literal["ended", "time", "memory", "output", "processes", "stopped"]


@dataclass(frozen=True)
class Limits:
    """What a child may use. ``memory_bytes`` is resident memory of all its processes together, watched
    every 50 ms; ``address_space`` is a hard limit for programs that reserve no more than they use
    (OpenBLAS, OpenMP and TBB do)."""

    seconds: float = 60.0
    memory_bytes: int = 2048 * MIB
    file_bytes: int = 1024 * MIB
    output_bytes: int = 1 * MIB
    processes: int = 64
    open_files: int = 256
    address_space: int | None = None


@dataclass(frozen=True)
class Finished:
    """How a child ended. ``exit_code`` is negative for a signal; ``stderr`` keeps its last 64 KiB.

    ``peak_bytes`` is the largest resident memory seen, of all processes together.
    """

    exit_code: int
    verdict: Verdict
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)
    seconds: float
    peak_bytes: int
    sandboxed: bool

    @property
    def ok(self) -> bool:
        """Whether it ended by itself and with success."""
        return self.verdict == "ended" and self.exit_code == 0


@functools.cache
def bubblewrap() -> str | None:
    """The path of a bubblewrap that really works here, or None (absent, or the kernel forbids namespaces)."""
    program = shutil.which("bwrap")
    if program is None:
        return None
    try:
        probe = subprocess.run(  # noqa: S603 - a fixed command line
            [program, *_namespaces(), "--ro-bind", "/", "/", "true"], capture_output=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return program if probe.returncode == 0 else None


def run(
    argv: Sequence[str],
    *,
    limits: Limits | None = None,
    read_only: Sequence[Path] = (),
    writable: Sequence[Path] = (),
    cwd: Path | None = None,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    should_stop: Callable[[], bool] | None = None,
    on_line: Callable[[str], None] | None = None,
    sandbox: bool = True,
) -> Finished:
    """Run ``argv`` and return how it ended; never raises for what the child does.

    ``read_only`` and ``writable`` are the files and folders the child may see (bubblewrap) beside the
    system and the Python in use; name them under their real paths in ``argv``. ``environment`` is added
    to a minimal one. ``should_stop`` is asked about 20 times a second. ``on_line`` takes lines of standard
    output as they come (then ``stdout`` stays empty). ``sandbox=False`` leaves out bubblewrap, not the
    limits. Raises FileNotFoundError when the program does not exist.
    """
    limits = limits or Limits()
    if shutil.which(argv[0]) is None:
        raise FileNotFoundError(f"There is no program {argv[0]!r} on this machine.")
    wrapper = bubblewrap() if sandbox else None
    with tempfile.TemporaryDirectory(prefix="cairn-child-", ignore_cleanup_errors=True) as private:
        scratch = "/tmp" if wrapper else private  # noqa: S108 - the child's own tmpfs
        scrubbed = {
            "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": scratch,
            "TMPDIR": scratch,
            "PYTHONDONTWRITEBYTECODE": "1",
            **(environment or {}),
        }
        command = list(argv)
        if wrapper:
            command = [*_wrapped(wrapper, limits, read_only, writable, cwd), "--", *argv]
        spec = {
            "parent": os.getpid(),
            "argv": command,
            "cwd": None if wrapper else str(cwd or private),
            "file_bytes": limits.file_bytes,
            "open_files": limits.open_files,
            "address_space": limits.address_space,
        }
        with tempfile.TemporaryFile(dir=private) as given:
            given.write(stdin)
            given.seek(0)
            begun = time.monotonic()
            child = subprocess.Popen(  # noqa: S603 - argv is ours; nothing passes a shell
                [sys.executable, "-I", "-S", str(_LAUNCH), json.dumps(spec)],
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=scrubbed,
                start_new_session=True,
                close_fds=True,
            )
        with child:
            watch = _Watch(child, limits, should_stop, on_line)
            try:
                verdict = watch.until_end()
            finally:
                processes.kill_tree(child.pid)
        return Finished(
            exit_code=child.returncode,
            verdict=verdict,
            stdout=bytes(watch.stdout),
            stderr=bytes(watch.stderr),
            seconds=time.monotonic() - begun,
            peak_bytes=watch.peak,
            sandboxed=wrapper is not None,
        )


class _Watch:
    """Reads a child's output and kills it when it passes a limit."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        limits: Limits,
        should_stop: Callable[[], bool] | None,
        on_line: Callable[[str], None] | None,
    ) -> None:
        self.child = child
        self.limits = limits
        self.should_stop = should_stop
        self.on_line = on_line
        self.stdout = bytearray()
        self.stderr = bytearray()
        self.peak = 0
        self._received = 0

    def until_end(self) -> Verdict:
        deadline = time.monotonic() + self.limits.seconds
        verdict: Verdict = "ended"
        with selectors.DefaultSelector() as selector:
            for stream in (self.child.stdout, self.child.stderr):
                assert stream is not None  # noqa: S101 - both are pipes; told to the type checker
                os.set_blocking(stream.fileno(), False)
                selector.register(stream, selectors.EVENT_READ)
            while True:
                # Looked at before reading: what it wrote before its end is then complete.
                ended = self.child.poll() is not None
                for key, _events in selector.select(0 if ended else _TICK):
                    if not self._read(key.fileobj):  # type: ignore[arg-type]
                        selector.unregister(key.fileobj)
                if self._received > self.limits.output_bytes:
                    verdict = "output"
                elif not ended:
                    verdict = self._over_limit(deadline)
                if verdict != "ended":
                    processes.kill_tree(self.child.pid)
                    self.child.wait()
                    return verdict
                if ended:
                    break
                if not selector.get_map():
                    time.sleep(_TICK)
        self._last_line()
        return verdict

    def _over_limit(self, deadline: float) -> Verdict:
        if self.should_stop is not None and self.should_stop():
            return "stopped"
        if time.monotonic() > deadline:
            return "time"
        tree = processes.tree(self.child.pid)
        resident = processes.resident_bytes(tree)
        self.peak = max(self.peak, resident)
        if resident > self.limits.memory_bytes:
            return "memory"
        if len(tree) > self.limits.processes:
            return "processes"
        return "ended"

    def _read(self, stream: IO[bytes]) -> bool:
        """Take what is there; False at the end of the stream."""
        try:
            block = os.read(stream.fileno(), 65536)
        except BlockingIOError:
            return True
        if stream is self.child.stderr:
            self.stderr += block
            del self.stderr[: -64 * 1024]
            return bool(block)
        self._received += len(block)
        self.stdout += block[: max(0, self.limits.output_bytes - len(self.stdout))]
        while self.on_line is not None and (end := self.stdout.find(b"\n")) >= 0:
            self.on_line(self.stdout[:end].decode("utf-8", "replace"))
            del self.stdout[: end + 1]
        return bool(block)

    def _last_line(self) -> None:
        if self.on_line is not None and self.stdout:
            self.on_line(self.stdout.decode("utf-8", "replace"))
            self.stdout.clear()


def _namespaces() -> list[str]:
    return ["--unshare-all", "--die-with-parent", "--new-session"]


def _wrapped(
    wrapper: str, limits: Limits, read_only: Sequence[Path], writable: Sequence[Path], cwd: Path | None
) -> list[str]:
    """The bubblewrap command line: an allow-list of paths, its own /tmp, no network."""
    # Files in these memory folders count as memory of nobody, so their size is limited as well.
    size = ["--size", str(limits.file_bytes)]
    command = [wrapper, *_namespaces(), *size, "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev"]  # noqa: S108
    command += [*size, "--tmpfs", "/dev/shm"]  # noqa: S108 - inside the child's own name space
    python = {sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)}
    for place in (*_SYSTEM, *sorted(python)):
        command += ["--ro-bind-try", place, place]
    for flag, paths in (("--ro-bind", read_only), ("--bind", writable)):
        for path in paths:
            command += [flag, str(path.resolve()), str(path.absolute())]
    return [*command, "--chdir", str(cwd) if cwd else "/tmp"]  # noqa: S108
