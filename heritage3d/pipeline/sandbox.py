"""Walls around native code that reads what strangers sent.

Tier A is bubblewrap: the child sees the system's libraries, this program and the folders it is given, nothing else of
the machine, and no network. Where bubblewrap is absent or may not make namespaces, tier B confines the process to the
same folders with Landlock. In both, `no_new_privs`, no core files, and a watchdog on resident memory
(`RLIMIT_AS` fails spuriously with OpenBLAS, OpenMP and TBB).
"""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SYS_LANDLOCK_CREATE_RULESET = 444
_SYS_LANDLOCK_ADD_RULE = 445
_SYS_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_RULE_PATH_BENEATH = 1
#: All file rights of Landlock's first version; of them, those that only read.
_LANDLOCK_ALL = 0x1FFF
_LANDLOCK_READ = 0b1101
_SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/localtime", "/opt")
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Walls:
    """What a child may touch: folders to read, folders to write, the largest file it may make (bytes)."""

    readable: tuple[Path, ...]
    writable: tuple[Path, ...]
    largest_file: int


@functools.cache
def bubblewrap() -> str | None:
    """The path of a bubblewrap that really works here, else None."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    trial = [found, "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", sys.executable, "-I", "-S", "-c", ""]
    try:
        done = subprocess.run(trial, capture_output=True, timeout=20, check=False)  # noqa: S603 - our own arguments
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found if done.returncode == 0 else None


def tier() -> str:
    """ "bubblewrap", "landlock" or "none": how native code is walled in on this machine."""
    if bubblewrap():
        return "bubblewrap"
    return "landlock" if _landlock_version() > 0 else "none"


def program_folders() -> tuple[Path, ...]:
    """Folders a child needs to read to be this program: interpreter, packages, our own code."""
    wanted = {
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sysconfig.get_paths()["purelib"]),
        PROJECT / "heritage3d",
        # gltf-transform, with which Node compresses derivatives.
        PROJECT / "node_modules",
        PROJECT / "package.json",
    }
    # As named and as they really lie: an environment may be a link to another place.
    return tuple(sorted({each for path in wanted if path.exists() for each in (path, path.resolve())}))


def wrapped(command: Sequence[str], walls: Walls) -> list[str]:
    """The command inside bubblewrap, or itself where there is none (then `confine` does what it can)."""
    program = bubblewrap()
    if program is None:
        return list(command)
    arguments = [program, "--unshare-all", "--die-with-parent", "--new-session", "--proc", "/proc", "--dev", "/dev"]
    arguments += ["--tmpfs", "/tmp"]  # noqa: S108 - the sandbox's own, empty and gone with it
    for folder in (*map(Path, _SYSTEM_FOLDERS), *program_folders(), *walls.readable):
        arguments += ["--ro-bind-try", str(folder), str(folder)]
    for folder in walls.writable:
        arguments += ["--bind", str(folder), str(folder)]
    return [*arguments, "--chdir", str(PROJECT / "heritage3d"), *command]


def scrubbed_environment(threads: int, cache: Path) -> dict[str, str]:
    """The only variables a child sees; `cache` is a folder where numba keeps what it compiled."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        "PYTHONPATH": str(PROJECT),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
        # Open3D brings a TBB of its own that numba refuses.
        "NUMBA_THREADING_LAYER": "omp",
        "NUMBA_CACHE_DIR": str(cache),
        "XERCES_DISABLE_DTD": "1",
    }


#: Makes the package known without looking for it: under Landlock the project's folder, in which an instance may lie,
#: cannot be listed, and an import would not find it there.
_BOOTSTRAP = """
import importlib.util, runpy, sys
folder, module = sys.argv.pop(1), sys.argv.pop(1)
spec = importlib.util.spec_from_file_location(
    "heritage3d", folder + "/__init__.py", submodule_search_locations=[folder]
)
package = sys.modules["heritage3d"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def interpreter_for(module: str) -> list[str]:
    """The command that runs a module of this room in a new interpreter from within the walls."""
    return [sys.executable, "-c", _BOOTSTRAP, str(PROJECT / "heritage3d"), module]


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux)."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(walls: dict[str, Any]) -> None:
    """Called by the child on itself, before anything foreign is read.

    `walls` holds "largest_file", "readable", "writable", "inside" (true when bubblewrap is around us already) and
    "parent", the process id of whoever started us.
    """
    import resource

    die_with_parent()
    # It may have died before that; inside bubblewrap process ids are others, and bubblewrap dies with it.
    if not walls["inside"] and os.getppid() != walls["parent"]:
        os._exit(1)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = walls["largest_file"] if hard == resource.RLIM_INFINITY else min(hard, walls["largest_file"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    # A write past the limit shall be an error that can be told, not a signal that kills.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    if not walls["inside"] and _landlock_version() > 0:
        _landlock([Path(path) for path in walls["readable"]], [Path(path) for path in walls["writable"]])


def _syscall(number: int, *arguments: Any) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


@functools.cache
def _landlock_version() -> int:
    """The kernel's Landlock ABI, 0 where there is none (landlock(7))."""
    if sys.platform != "linux":
        return 0
    return max(0, _syscall(_SYS_LANDLOCK_CREATE_RULESET, None, 0, 1))


def _landlock(readable: Sequence[Path], writable: Sequence[Path]) -> None:
    """Forbid every file outside the given folders to this process and its children; for ever."""

    class Ruleset(ctypes.Structure):
        _fields_ = [("handled_access_fs", ctypes.c_uint64)]

    class PathBeneath(ctypes.Structure):
        _pack_ = 1
        _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]

    ruleset = Ruleset(_LANDLOCK_ALL)
    descriptor = _syscall(_SYS_LANDLOCK_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0)
    if descriptor < 0:
        return
    system = [Path(folder) for folder in (*_SYSTEM_FOLDERS, "/proc", "/dev")]
    allowed = [(path, _LANDLOCK_READ) for path in (*system, *program_folders(), *readable)]
    allowed += [(path, _LANDLOCK_ALL) for path in (*writable, Path("/dev/null"), Path("/dev/shm"))]  # noqa: S108
    for path, rights in allowed:
        try:
            parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        file_rights = rights if path.is_dir() else rights & 0b111
        rule = PathBeneath(file_rights, parent)
        _syscall(_SYS_LANDLOCK_ADD_RULE, descriptor, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0)
        os.close(parent)
    _syscall(_SYS_LANDLOCK_RESTRICT_SELF, descriptor, 0)
    os.close(descriptor)
