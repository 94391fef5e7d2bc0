"""Walls around native code: what a child may read."""

from pathlib import Path

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
