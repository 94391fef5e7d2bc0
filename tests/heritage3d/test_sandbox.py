"""Walls around native code: what a child may read."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heritage3d.pipeline import sandbox


def test_an_environment_that_is_a_link_is_readable_under_both_names(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "real" / "node_modules").mkdir(parents=True)
    project = tmp_path / "project"
    (project / "heritage3d").mkdir(parents=True)
    (project / "node_modules").symlink_to(tmp_path / "real" / "node_modules")
    monkeypatch.setattr(sandbox, "PROJECT", project)
    folders = set(sandbox.program_folders())
    assert {project / "node_modules", tmp_path / "real" / "node_modules", project / "heritage3d"} <= folders
    assert project / "package.json" not in folders  # it is not there


def test_walls_show_the_program_and_nothing_else_of_the_machine(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sandbox, "bubblewrap", lambda: "/usr/bin/bwrap")
    command = sandbox.wrapped(["true"], sandbox.Walls((tmp_path / "in",), (tmp_path / "out",), 1))
    bound = {command[i + 1] for i, word in enumerate(command) if word in ("--ro-bind-try", "--bind")}
    assert {str(tmp_path / "in"), str(tmp_path / "out")} <= bound
    assert not {"/", "/home", "/root", str(tmp_path)} & bound
    assert "--unshare-all" in command


#: A child that puts walls round itself and then says what it can do: its folder for reading, its folder for writing, a
#: secret beside them, the process id it takes for its parent's.
CONFINED = """
import errno, os, subprocess, sys
from heritage3d.pipeline.sandbox import confine, interpreter_for
given, out, secret, parent = sys.argv[1:]
confine({"inside": False, "parent": int(parent), "readable": [given], "writable": [out], "largest_file": 1000})
def tried(path, mode, size=1):
    try:
        with open(path, mode) as stream:
            stream.write(b"x" * size) if mode == "wb" else stream.read()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"
print(tried(given + "/photo", "rb"), tried(given + "/new", "wb"), tried(out + "/new", "wb"))
print(tried(out + "/large", "wb", 1001), tried(secret, "rb"), os.path.isdir("/etc") and tried("/etc/hostname", "rb"))
print(subprocess.run(interpreter_for("heritage3d.pipeline.presets")).returncode)
"""


def confined(tmp_path: Path, parent: int) -> subprocess.CompletedProcess[str]:
    for name in ("given", "out"):
        (tmp_path / name).mkdir()
    for name in ("given/photo", "secret"):
        (tmp_path / name).write_bytes(b"stone")
    arguments = [str(tmp_path / name) for name in ("given", "out", "secret")]
    environment = sandbox.scrubbed_environment(1, tmp_path)
    return subprocess.run(
        [sys.executable, "-c", CONFINED, *arguments, str(parent)],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.skipif(sandbox._landlock_version() == 0, reason="this kernel has no Landlock")
def test_landlock_leaves_a_child_its_folders_and_the_programs_below_it(tmp_path: Path) -> None:
    done = confined(tmp_path, os.getpid())
    assert done.stdout.split("\n")[:3] == ["ok EACCES ok", "EFBIG EACCES EACCES", "0"], done.stderr
    assert (tmp_path / "out" / "new").read_bytes() == b"x"


def test_a_child_whose_parent_died_before_it_could_ask_to_die_with_it_ends(tmp_path: Path) -> None:
    done = confined(tmp_path, os.getpid() + 1)
    assert (done.returncode, done.stdout) == (1, "")
