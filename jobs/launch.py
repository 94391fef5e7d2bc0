"""Started between a worker and its child program: sets limits on itself, then becomes the program.

Run as a script (``python -I -S launch.py SPEC``), never imported for its main part by a child. An own
process does this because code between ``fork`` and ``exec`` may deadlock in a worker with threads.
SPEC is JSON: ``{"parent": pid, "argv": […], "cwd": str|null, "file_bytes": int, "open_files": int,
"address_space": int|null, "session": bool}``.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the thread that started it ends (Linux; nothing elsewhere)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _limit(which: int, value: int) -> None:
    import resource

    _soft, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def main(spec: dict) -> None:
    """Apply the specification to this process and exec its program; exit 127 when there is no such program."""
    die_with_parent()
    if os.getppid() != spec["parent"]:
        # The parent died before the kernel was asked.
        sys.exit(137)
    # Processes that lose their parent stay below this one, where they can be counted and killed.
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    if spec.get("limited", True):
        import resource

        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_FSIZE, spec["file_bytes"])
        _limit(resource.RLIMIT_NOFILE, spec["open_files"])
        if spec.get("address_space"):
            _limit(resource.RLIMIT_AS, spec["address_space"])
    if spec.get("cwd"):
        os.chdir(spec["cwd"])
    argv = spec["argv"]
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - no shell is wanted, and argv comes from our own code
    except OSError as error:
        sys.stderr.write(f"{os.path.basename(argv[0])}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
