"""On a bare system the command says what is missing instead of failing inside a stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from heritage3d.pipeline import runner, system_libraries
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.recipe import Request
from heritage3d.pipeline.verdicts import StageFault
from tests.heritage3d.struck import Unfollowed


@pytest.fixture(autouse=True)
def asked_anew():
    system_libraries.missing_packages.cache_clear()
    yield
    system_libraries.missing_packages.cache_clear()


def test_what_does_not_load_is_named_by_its_debian_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_libraries, "NEEDED", {"libc.so.6": "libc6", "libnobody-has-this.so.9": "libnobody9"})
    monkeypatch.setattr(system_libraries.sys, "platform", "linux")
    assert system_libraries.missing_packages() == ("libnobody9",)


def test_a_reconstruction_without_them_ends_with_the_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runner, "missing_packages", lambda: ("libegl1", "libgomp1"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"")
    run = runner.Run(Request(inputs=(tmp_path / "photos",), out=tmp_path / "out", preset=DRAFT), Unfollowed())
    with pytest.raises(StageFault, match="libegl1, libgomp1") as said:
        run.execute()
    assert said.value.exit_code == 3 and "apt-get install libegl1 libgomp1" in said.value.advice[0]
    assert not (tmp_path / "out" / "work").exists()
