"""On a bare system the command says what is missing instead of failing inside a stage."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import call_command

from heritage3d.pipeline import runner, system_libraries
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.recipe import Request
from heritage3d.pipeline.verdicts import StageFault
from heritage3d.reconstruction_job import reconstruct
from jobs.errors import JobFailed
from tests.heritage3d.struck import Unfollowed


@pytest.fixture(autouse=True)
def asked_anew():
    asked = system_libraries.missing_packages
    asked.cache_clear()
    yield
    asked.cache_clear()


def test_what_does_not_load_is_named_by_its_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_libraries, "NEEDED", {"libc.so.6": "libc6", "libnobody-has-this.so.9": "libnobody9"})
    monkeypatch.setattr(system_libraries.sys, "platform", "linux")
    assert system_libraries.missing_packages() == ("libnobody9",)


def test_a_reconstruction_without_them_ends_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(system_libraries, "missing_packages", lambda: ("libegl1", "libgomp1"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"")
    run = runner.Run(Request(inputs=(tmp_path / "photos",), out=tmp_path / "out", preset=DRAFT), Unfollowed())
    with pytest.raises(StageFault, match="libegl1, libgomp1") as said:
        run.execute()
    assert said.value.exit_code == 3 and "apt-get install libegl1 libgomp1" in said.value.advice[0]
    assert not (tmp_path / "out" / "work").exists()


def test_without_the_workers_packages_the_command_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system_libraries, "find_spec", lambda module: None if module in ("open3d", "numpy") else True)
    with pytest.raises(SystemExit) as ended:
        call_command("reconstruct", tmp_path, out=tmp_path / "out")
    said = capsys.readouterr().err
    assert ended.value.code == 3
    assert "numpy, open3d" in said and "make workers" in said


def test_a_job_on_a_machine_without_them_fails_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_libraries, "find_spec", lambda module: None)
    with pytest.raises(JobFailed) as failed:
        reconstruct(SimpleNamespace(input={}))
    assert failed.value.code == "not-installed" and "make workers" in failed.value.sentence
