"""Every fault in every stage: killed, cancelled, out of memory, out of disk; it resumes to the same bytes.

A stage's result is a function of the digests of what it reads, so a stage that comes out with the same digest after a
fault gives every later stage the same key: each test makes one stage anew and not all that follow. The whole command
is killed, cancelled and taken to its end where that is what is tested.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("pycolmap")
pytest.importorskip("open3d")

from heritage3d.pipeline import runner
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.recipe import STAGE_NAMES, Request, stage_named
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.sealing import Sealed, verify
from heritage3d.pipeline.verdicts import Cancelled, StageFault
from tests.heritage3d.whole_command import PROJECT, command, reconstruct

pytestmark = [pytest.mark.slow, pytest.mark.faults]

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
    if stage_named(stage) in map(stage_named, STAGE_NAMES[4:]) and (finished / "work/stages/preview").exists():
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
        with contextlib.suppress(psutil.Error):
            words = child.cmdline()
            if "heritage3d.pipeline.child" in words and any(f"/partial/{stage}/" in word for word in words):
                found.append(child)
    return found


def has_begun(out: Path, stage: str) -> bool:
    """Whether the stage has written something (or is too brief to wait for that)."""
    return stage in BRIEF or any(path.is_file() for path in (out / "work" / "partial" / stage).glob("*/**/*"))


def assert_nothing_half_done_counts(out: Path, stage: str) -> None:
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


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_a_killed_child_leaves_nothing_half_done(finished: Path, tiny_photos: Path, tmp_path: Path, stage: str) -> None:
    out = set_out(finished, tmp_path / "run", stage)
    killed: list[int] = []

    def strike() -> bool:
        if not killed and has_begun(out, stage):
            for child in children_at_work(stage):
                child.kill()
                killed.append(child.pid)
        return False

    with pytest.raises(StageFault, match=f"{stage} ended without a result") as fault:
        run_of(tiny_photos, out, strike).perform(stage)
    assert killed and fault.value.exit_code == 3 and "--resume" in fault.value.advice[0]
    assert_nothing_half_done_counts(out, stage)
    assert_it_resumes_to_the_same(tiny_photos, out, finished, stage)


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_cancelled_it_stops_within_ten_seconds(finished: Path, tiny_photos: Path, tmp_path: Path, stage: str) -> None:
    out = set_out(finished, tmp_path / "run", stage)
    asked = 0.0

    def stop() -> bool:
        nonlocal asked
        if not asked and has_begun(out, stage) and children_at_work(stage):
            asked = time.monotonic()
        return bool(asked)

    with pytest.raises(Cancelled, match=f"Stopped in {stage}"):
        run_of(tiny_photos, out, stop).perform(stage)
    assert asked and time.monotonic() - asked < 10
    assert not children_at_work(stage)
    assert_nothing_half_done_counts(out, stage)
    assert_it_resumes_to_the_same(tiny_photos, out, finished, stage)


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_beyond_its_memory_it_is_ended_and_says_so(
    finished: Path, tiny_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The limit is half of what the stage is known to take, so it strikes while the stage works."""
    out = set_out(finished, tmp_path / "run", stage)
    whole = sealed_result(finished, stage)
    assert whole is not None
    monkeypatch.setenv("CAIRN_STAGE_MEMORY", str(int(whole.metrics["_run"]["peak_rss_mb"] * 2**20 / 2)))
    with pytest.raises(StageFault, match=f"{stage} needed more than .* GiB of memory") as fault:
        run_of(tiny_photos, out).perform(stage)
    assert "draft" in fault.value.advice[0]
    assert_nothing_half_done_counts(out, stage)
    monkeypatch.delenv("CAIRN_STAGE_MEMORY")
    assert_it_resumes_to_the_same(tiny_photos, out, finished, stage)


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A file system of 192 MiB, or None where none may be mounted."""
    folder = tmp_path_factory.mktemp("disk")
    mounting = ["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mounting, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    yield folder if mounted else None
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_a_full_disk_is_named_and_resumes(
    finished: Path,
    tiny_photos: Path,
    tmp_path: Path,
    small_disk: Path | None,
    monkeypatch: pytest.MonkeyPatch,
    stage: str,
) -> None:
    """A real full disk, half of the result being written; else the largest file a child may write stands for it."""
    whole = sealed_result(finished, stage)
    assert whole is not None
    sizes = [path.stat().st_size for path in whole.folder.rglob("*") if path.is_file()]
    if small_disk is None:
        out = set_out(finished, tmp_path / "run", stage)
        monkeypatch.setattr(runner, "LARGEST_FILE", max(sizes) // 2)
        expected = "The disk was full|failed|ended without"
    else:
        # What a failed test left there must not fill the next one's disk.
        for left in small_disk.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        out = set_out(finished, small_disk / stage, stage, linked=False)
        ballast = small_disk / "ballast"
        room = shutil.disk_usage(small_disk).free - sum(sizes) // 2
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, room)
        expected = f"The disk was full in {stage}"
    with pytest.raises(StageFault, match=expected) as fault:
        run_of(tiny_photos, out).perform(stage)
    assert "--resume" in " ".join(fault.value.advice)
    if small_disk is not None:
        ballast.unlink()
    monkeypatch.undo()
    assert_nothing_half_done_counts(out, stage)
    assert_it_resumes_to_the_same(tiny_photos, out, finished, stage)


def started(photos: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(photos, out, "--deterministic", *more),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_command_killed_between_depth_maps_goes_on_with_the_next_and_ends_with_the_same_bytes(
    finished: Path, tiny_photos: Path, tmp_path: Path
) -> None:
    out = set_out(finished, tmp_path / "run", "depth")
    partial = out / "work" / "partial" / "depth"
    process = started(tiny_photos, out, "--resume")
    wait_for(lambda: len(list(partial.glob("*/0*.npz.seal"))) >= 3, process)
    process.kill()
    process.wait()
    # Its child dies with it: nobody writes behind the next run's back.
    deadline = time.monotonic() + 10
    while left := [each for each in psutil.process_iter(["cmdline"]) if _concerns(each, out)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    kept = {path.name: path.stat().st_mtime_ns for path in partial.glob("*/0*.npz")}
    done = reconstruct(tiny_photos, out, "--resume", "--deterministic")
    assert done.returncode == 0, done.stderr
    made = {path.name: path.stat().st_mtime_ns for path in (out / "work/stages/depth").glob("*/0*.npz")}
    assert sum(made[name] == stamp for name, stamp in kept.items()) >= 3
    for stage in STAGE_NAMES[4:-1]:
        again, whole = sealed_result(out, stage), sealed_result(finished, stage)
        assert again is not None and whole is not None and again.digest == whole.digest, stage
    for name in ("model.glb", "model.ply", "low.glb", "high.glb", "cloud.ply"):
        assert (out / name).read_bytes() == (finished / name).read_bytes(), name


def _concerns(process: psutil.Process, out: Path) -> bool:
    return any(str(out) in word for word in process.info["cmdline"] or [])


def test_the_command_asked_to_stop_says_how_to_go_on(finished: Path, tiny_photos: Path, tmp_path: Path) -> None:
    out = set_out(finished, tmp_path / "run", "matching")
    process = started(tiny_photos, out, "--resume")
    wait_for(lambda: has_begun(out, "matching"), process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Stopped in matching." in said and "--resume" in said and "Traceback" not in said
    assert_nothing_half_done_counts(out, "matching")


def test_a_result_that_was_being_sealed_does_not_count(finished: Path, tiny_photos: Path, tmp_path: Path) -> None:
    """A kill between the list of hashes and the renaming leaves a folder that looks whole in the wrong place."""
    out = set_out(finished, tmp_path / "run", "fusion")
    whole = sealed_result(finished, "fusion")
    assert whole is not None
    left = out / "work" / "partial" / "fusion" / whole.folder.name
    shutil.copytree(whole.folder, left)
    victim = next(path for path in left.rglob("*.npz"))
    victim.write_bytes(victim.read_bytes()[:1000])
    assert_it_resumes_to_the_same(tiny_photos, out, finished, "fusion")
