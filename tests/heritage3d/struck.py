"""Runs that are struck: folders in which all is done up to one stage, and what must hold after a fault in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.recipe import STAGE_NAMES, Request
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.sealing import Sealed, verify

#: Stages that are over before they have written half of anything: they are struck as soon as their child is there.
BRIEF = ("georeference", "validate")


class Unfollowed:
    """A run that nobody watches."""

    def stage_started(self, stage: str, position: int, count: int) -> None: ...

    def stage_progress(self, stage: str, done: float, total: float) -> None: ...

    def stage_finished(self, stage: str, seconds: float, cached: bool) -> None: ...

    def message(self, text: str) -> None: ...


def before(stage: str) -> tuple[str, ...]:
    """The stages that are finished when this one begins."""
    return STAGE_NAMES[: STAGE_NAMES.index(stage)]


def set_out(finished: Path, out: Path, stage: str, *, linked: bool = True) -> Path:
    """An output folder in which everything before `stage` is done and nothing after it."""
    copy: Callable[[str, str], object] = os.link if linked else shutil.copyfile
    for name in before(stage):
        shutil.copytree(finished / "work" / "stages" / name, out / "work" / "stages" / name, copy_function=copy)
    if stage in STAGE_NAMES[4:] and (finished / "work/stages/preview").exists():
        shutil.copytree(finished / "work/stages/preview", out / "work/stages/preview", copy_function=copy)
    return out


def run_of(photos: Path, out: Path, is_cancelled: Callable[[], bool] = lambda: False) -> Run:
    request = Request((photos,), out, DRAFT, deterministic=True, resume=True, threads=2)
    return Run(request, Unfollowed(), is_cancelled)


def sealed_result(out: Path, stage: str) -> Sealed | None:
    """The stage's sealed result, verified; None where there is none."""
    folders = list((out / "work" / "stages" / stage).glob("*"))
    assert len(folders) <= 1
    return verify(folders[0]) if folders else None


def children_at_work(stage: str) -> list[psutil.Process]:
    """Processes below this one that make the stage (bubblewrap and the interpreter in it), once they have begun."""
    found = []
    for child in psutil.Process().children(recursive=True):
        words = words_of(child)
        if "heritage3d.pipeline.child" in words and any(f"/partial/{stage}/" in word for word in words):
            found.append(child)
    return found


def kill_those_at_work(stage: str) -> list[int]:
    """Their process ids; whoever dies with bubblewrap dies before its own turn comes."""
    killed = []
    for child in children_at_work(stage):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
            killed.append(child.pid)
    return killed


def words_of(process: psutil.Process) -> list[str]:
    """Its command line; nothing when it has ended meanwhile."""
    with contextlib.suppress(psutil.Error):
        return process.cmdline()
    return []


def has_begun(out: Path, stage: str) -> bool:
    """Whether the stage has written something (or is too brief to wait for that)."""
    return stage in BRIEF or any(path.is_file() for path in (out / "work" / "partial" / stage).glob("*/**/*"))


def at_work_for(out: Path) -> list[psutil.Process]:
    """All processes of this machine that name something in the output folder (bubblewrap's rules do)."""
    return [
        each
        for each in psutil.process_iter(["cmdline"])
        if any(str(out) in word for word in each.info["cmdline"] or [])
    ]


def assert_nobody_is_left(out: Path) -> None:
    """Whoever worked there dies with the run: nobody writes behind the next one's back."""
    deadline = time.monotonic() + 10
    while left := at_work_for(out):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def assert_nothing_half_done_counts(out: Path, stage: str) -> None:
    assert_nobody_is_left(out)
    assert sealed_result(out, stage) is None
    for name in before(stage):
        assert sealed_result(out, name) is not None


def assert_it_resumes_to_the_same(photos: Path, out: Path, finished: Path, stage: str) -> None:
    """The stage is made again, nothing else is, and what comes of it is what came of the run without a fault.

    COLMAP's database has another layout of bytes after an interruption; what is promised are the cameras solved from
    it. The report holds when and how long; what it says of the model must be the same.
    """
    run = run_of(photos, out)
    run.perform(stage)
    assert [record.name for record in run.records if not record.cached] == [stage]
    told = "sfm" if stage in ("features", "matching") else stage
    if told != stage:
        run = run_of(photos, out)
        run.perform(told)
    whole = sealed_result(finished, told)
    assert whole is not None
    if stage == "validate":
        assert whole.metrics["verdict"] == run.sealed[stage].metrics["verdict"]
    else:
        assert run.sealed[told].digest == whole.digest
    assert not list((out / "work" / "partial").glob("*/*")), "what a fault left is still there"
