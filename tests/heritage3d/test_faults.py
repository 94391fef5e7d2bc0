"""Every fault in every stage: killed, cancelled, out of memory, out of disk; it resumes to the same bytes.

A stage's result is a function of the digests of what it reads, so a stage that comes out with the same digest after a
fault gives every later stage the same key: each test makes one stage anew and not all that follow. The whole command
is killed, cancelled and taken to its end where that is what is tested. Six small photographs are enough for that: a
fault does not ask how many there are.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)
pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline import runner, watch
from heritage3d.pipeline.recipe import STAGE_NAMES
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.sealing import MANIFEST, Sealed
from heritage3d.pipeline.verdicts import Cancelled, StageFault
from tests.heritage3d.struck import (
    assert_it_resumes_to_the_same,
    assert_nobody_is_left,
    assert_nothing_half_done_counts,
    children_at_work,
    has_begun,
    kill_those_at_work,
    run_of,
    sealed_result,
    set_out,
    words_of,
)
from tests.heritage3d.whole_command import PROJECT, command, reconstruct

pytestmark = [pytest.mark.slow, pytest.mark.faults]

#: A runner in a process of its own, to be killed: photographs, output folder, stage.
RUNNER = """
import sys
from pathlib import Path
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.progress import TerminalProgress
from heritage3d.pipeline.recipe import RECIPE, Request
from heritage3d.pipeline.runner import Run
photos, out, stage = sys.argv[1:]
request = Request((Path(photos),), Path(out), DRAFT, deterministic=True, resume=True, threads=2)
Run(request, TerminalProgress(sys.stderr, RECIPE)).perform(stage)
"""


@pytest.fixture(scope="module")
def photos(small_set: Path) -> Path:
    """Six photographs of 480 × 320 pixels."""
    return small_set / "photos"


@pytest.fixture(scope="module")
def finished(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the whole command on them, in draft and deterministic, that met no fault."""
    out = tmp_path_factory.mktemp("finished") / "run"
    done = reconstruct(photos, out, "--deterministic")
    assert done.returncode == 0, done.stderr
    return out


def kill_the_child(photos: Path, out: Path, stage: str) -> None:
    """As the kernel does where memory runs out: the run goes on living and must say what happened."""
    killed: list[int] = []

    def strike() -> bool:
        if not killed and has_begun(out, stage):
            killed.extend(kill_those_at_work(stage))
        return False

    with pytest.raises(StageFault, match=f"{stage} ended without a result: it was killed from outside") as fault:
        run_of(photos, out, strike).perform(stage)
    assert killed and fault.value.exit_code == 3 and "--resume" in fault.value.advice[0]


def kill_the_run(photos: Path, out: Path, stage: str) -> None:
    """The process that a person or a worker started, with nobody left to tidy up."""
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(photos), str(out), stage],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    itself = psutil.Process(process.pid)

    def at_work() -> bool:
        words = [word for each in itself.children(recursive=True) for word in words_of(each)]
        return has_begun(out, stage) and any(f"/partial/{stage}/" in word for word in words)

    wait_for(at_work, process)
    process.kill()
    process.wait()


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_killed_it_leaves_nothing_half_done(finished: Path, photos: Path, tmp_path: Path, stage: str) -> None:
    out = set_out(finished, tmp_path / "run", stage)
    kill_the_child(photos, out, stage)
    assert_nothing_half_done_counts(out, stage)
    kill_the_run(photos, out, stage)
    assert_nothing_half_done_counts(out, stage)
    assert_it_resumes_to_the_same(photos, out, finished, stage)


def cancel(photos: Path, out: Path, stage: str) -> None:
    """Somebody asks for an end while the stage works; it is there within ten seconds and nobody works on."""
    asked = 0.0

    def stop() -> bool:
        nonlocal asked
        if not asked and has_begun(out, stage) and children_at_work(stage):
            asked = time.monotonic()
        return bool(asked)

    with pytest.raises(Cancelled, match=f"Stopped in {stage}") as told:
        run_of(photos, out, stop).perform(stage)
    assert asked and time.monotonic() - asked < 10
    assert not children_at_work(stage)
    assert told.value.exit_code == 143 and "--resume" in told.value.advice[0]


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_cancelled_it_stops_within_ten_seconds(finished: Path, photos: Path, tmp_path: Path, stage: str) -> None:
    out = set_out(finished, tmp_path / "run", stage)
    cancel(photos, out, stage)
    assert_nothing_half_done_counts(out, stage)
    assert_it_resumes_to_the_same(photos, out, finished, stage)


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_beyond_its_memory_it_is_ended_and_says_so(
    finished: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The limit is nine tenths of what the stage is known to take: above what its libraries take, where they are not
    nearly all of it, so that it strikes while the stage works.
    """
    out = set_out(finished, tmp_path / "run", stage)
    whole = sealed_result(finished, stage)
    assert whole is not None
    monkeypatch.setenv("CAIRN_STAGE_MEMORY", str(int(whole.metrics["_run"]["peak_rss_mb"] * 2**20 * 0.9)))
    with pytest.raises(StageFault, match=f"{stage} needed more than the .* [GM]iB of memory") as fault:
        run_of(photos, out).perform(stage)
    assert fault.value.exit_code == 3 and "draft" in fault.value.advice[0] and "--resume" in fault.value.advice[0]
    assert_nothing_half_done_counts(out, stage)
    monkeypatch.delenv("CAIRN_STAGE_MEMORY")
    assert_it_resumes_to_the_same(photos, out, finished, stage)


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


def emptied(disk: Path) -> None:
    """What a failed test left there must not fill the next one's disk."""
    for left in disk.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def all_but(disk: Path, room: int) -> Path:
    """A file that takes everything but so many bytes of the disk."""
    ballast = disk / "ballast"
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, shutil.disk_usage(disk).free - room)
    return ballast


@pytest.mark.parametrize("stage", STAGE_NAMES)
def test_a_full_disk_is_named_and_resumes(
    finished: Path,
    photos: Path,
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
        emptied(small_disk)
        out = set_out(finished, small_disk / stage, stage, linked=False)
        ballast = all_but(small_disk, sum(sizes) // 2)
        expected = f"The disk was full in {stage}"
    with pytest.raises(StageFault, match=expected) as fault:
        run_of(photos, out).perform(stage)
    assert fault.value.exit_code == 3 and "--resume" in " ".join(fault.value.advice)
    if small_disk is not None:
        ballast.unlink()
    monkeypatch.undo()
    assert_nothing_half_done_counts(out, stage)
    assert_it_resumes_to_the_same(photos, out, finished, stage)


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
    finished: Path, photos: Path, tmp_path: Path
) -> None:
    out = set_out(finished, tmp_path / "run", "depth")
    partial = out / "work" / "partial" / "depth"
    process = started(photos, out, "--resume")
    wait_for(lambda: len(list(partial.glob("*/0*.npz.seal"))) >= 2, process)
    process.kill()
    process.wait()
    assert_nothing_half_done_counts(out, "depth")
    kept = {path.with_suffix("").name: path.with_suffix("").stat() for path in partial.glob("*/0*.npz.seal")}
    count = len(list(photos.iterdir()))
    assert 2 <= len(kept) < count
    done = reconstruct(photos, out, "--resume", "--deterministic")
    assert done.returncode == 0, done.stderr
    made = {path.name: path.stat() for path in (out / "work/stages/depth").glob("*/0*.npz")}
    assert len(made) == count
    for name, before_kill in kept.items():
        assert (made[name].st_ino, made[name].st_mtime_ns) == (before_kill.st_ino, before_kill.st_mtime_ns), name
    # The log has a line for every map that is computed.
    computed = [line for line in (out / "logs/depth.log").read_text().splitlines() if "median cost" in line]
    assert count - 1 <= len(computed) <= count, computed
    for stage in STAGE_NAMES[4:-1]:
        again, whole = sealed_result(out, stage), sealed_result(finished, stage)
        assert again is not None and whole is not None and again.digest == whole.digest, stage
    for name in ("model.glb", "model.ply", "low.glb", "high.glb", "cloud.ply"):
        assert (out / name).read_bytes() == (finished / name).read_bytes(), name


def test_the_command_asked_to_stop_says_how_to_go_on(finished: Path, photos: Path, tmp_path: Path) -> None:
    out = set_out(finished, tmp_path / "run", "matching")
    process = started(photos, out, "--resume")
    wait_for(lambda: has_begun(out, "matching"), process)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "Stopped in matching." in said and "--resume" in said and "Traceback" not in said
    assert_nothing_half_done_counts(out, "matching")


def test_a_result_that_was_being_sealed_does_not_count(finished: Path, photos: Path, tmp_path: Path) -> None:
    """A kill between the list of hashes and the renaming leaves a folder that looks whole in the wrong place."""
    out = set_out(finished, tmp_path / "run", "fusion")
    whole = sealed_result(finished, "fusion")
    assert whole is not None
    left = out / "work" / "partial" / "fusion" / whole.folder.name
    shutil.copytree(whole.folder, left)
    victim = next(path for path in left.rglob("*.npz"))
    victim.write_bytes(victim.read_bytes()[:1000])
    assert_it_resumes_to_the_same(photos, out, finished, "fusion")


def test_the_last_step_on_a_full_disk_says_so_and_resumes(
    finished: Path, photos: Path, small_disk: Path | None
) -> None:
    """All stages are done and kept; only putting the results in place finds no room."""
    if small_disk is None:
        pytest.skip("no file system of a chosen size may be mounted here")
    emptied(small_disk)
    out = small_disk / "last"
    shutil.copytree(finished / "work" / "stages", out / "work" / "stages")
    model = finished / "model.glb"
    ballast = all_but(small_disk, model.stat().st_size // 2 + 2**20)
    done = reconstruct(photos, out, "--resume", "--deterministic")
    assert done.returncode == 3 and "Traceback" not in done.stderr
    assert "The disk was full in the last step" in done.stderr and "--resume" in done.stderr
    assert not list(out.rglob("*.tmp"))
    ballast.unlink()
    done = reconstruct(photos, out, "--resume", "--deterministic")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(": kept from before") == len(STAGE_NAMES)
    assert (out / "model.glb").read_bytes() == model.read_bytes()
    assert not list(out.rglob("*.tmp"))


def test_cancelled_in_the_last_step_it_stops_between_two_files(finished: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(finished / "work" / "stages", out / "work" / "stages", copy_function=os.link)
    with pytest.raises(Cancelled, match="Stopped in the last step"):
        run_of(photos, out, (out / "cloud.ply").exists).execute()
    assert not (out / "report.json").exists() and not list(out.rglob("*.tmp"))
    outcome = run_of(photos, out).execute()
    assert outcome.exit_code == 0 and all(record.cached for record in outcome.records)
    assert (out / "model.glb").read_bytes() == (finished / "model.glb").read_bytes()


def test_a_disk_that_is_full_for_a_moment_never_makes_a_lesser_model(
    finished: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is only missing while Node writes a derivative: what is kept must not be the uncompressed one."""
    out = set_out(finished, tmp_path / "run", "derivatives")
    whole = sealed_result(finished, "derivatives")
    assert whole is not None
    room = (whole.folder / "low.glb").stat().st_size // 2
    in_child(
        monkeypatch,
        "from heritage3d.pipeline import gltf\n"
        "node = gltf.node_command()\n"
        f"gltf.node_command = lambda: ['/bin/sh', '-c', 'ulimit -f {room // 512}; exec \"$0\" \"$@\"', *node]\n",
    )
    with pytest.raises(StageFault, match="The disk was full in derivatives") as fault:
        run_of(photos, out).perform("derivatives")
    assert "--resume" in " ".join(fault.value.advice)
    monkeypatch.undo()
    assert_nothing_half_done_counts(out, "derivatives")
    assert_it_resumes_to_the_same(photos, out, finished, "derivatives")


def test_killed_while_depth_is_being_sealed_no_map_is_computed_again(
    finished: Path, photos: Path, tmp_path: Path
) -> None:
    out = set_out(finished, tmp_path / "run", "depth")
    left = out / "work" / "partial" / "depth" / folder_of(finished, "depth").name
    shutil.copytree(folder_of(finished, "depth"), left)
    (left / MANIFEST).unlink()
    stamps = {path.name: path.stat().st_ino for path in left.glob("0*.npz")}
    assert_it_resumes_to_the_same(photos, out, finished, "depth")
    assert {path.name: path.stat().st_ino for path in folder_of(out, "depth").glob("0*.npz")} == stamps


@pytest.mark.parametrize("stage", ["inspect", "derivatives"])
def test_without_bubblewrap_programs_below_the_child_run_and_the_bytes_are_the_same(
    finished: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """Landlock, where the kernel has it, holds for the decoder and for Node too, and must let them start."""
    monkeypatch.setattr(runner.sandbox, "bubblewrap", lambda: None)
    out = set_out(finished, tmp_path / "run", stage)
    kill_the_child(photos, out, stage)
    assert_nothing_half_done_counts(out, stage)
    assert_it_resumes_to_the_same(photos, out, finished, stage)


def folder_of(out: Path, stage: str) -> Path:
    """The folder of a stage's sealed result."""
    whole = sealed_result(out, stage)
    assert whole is not None
    return whole.folder


# --- What must never be believed, and switches that show that these cases can fail ----------------------


def in_child(monkeypatch: pytest.MonkeyPatch, patch: str) -> None:
    """Run these lines in the stage's child before the stage."""
    wrapped = runner.sandbox.wrapped

    def patched(command: list[str], walls: runner.sandbox.Walls) -> list[str]:
        *before_module, _flag, module, request, channel = command
        assert module == "heritage3d.pipeline.child"
        code = f"import sys\n{patch}\nfrom heritage3d.pipeline.child import main\nsys.exit(main(*sys.argv[1:]))"
        return wrapped([*before_module, "-c", code, request, channel], walls)

    monkeypatch.setattr(runner.sandbox, "wrapped", patched)


def meet_a_changed_result(finished: Path, photos: Path, out: Path) -> None:
    """One bit of a sealed surface is another: it is made anew, to the same bytes."""
    set_out(finished, out, "simplify", linked=False)
    victim = next(path for path in (out / "work/stages/surface").rglob("*.npz"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    assert_it_resumes_to_the_same(photos, out, finished, "surface")


def meet_a_changed_map(finished: Path, photos: Path, out: Path) -> None:
    """A depth map that was kept holds another photograph's: its mark does not fit, so it is computed again."""
    set_out(finished, out, "depth")
    left = out / "work" / "partial" / "depth" / folder_of(finished, "depth").name
    shutil.copytree(folder_of(finished, "depth"), left)
    (left / MANIFEST).unlink()
    maps = sorted(left.glob("0*.npz"))
    shutil.copyfile(maps[0], maps[1])
    assert_it_resumes_to_the_same(photos, out, finished, "depth")


def test_a_changed_result_is_made_anew(finished: Path, photos: Path, tmp_path: Path) -> None:
    meet_a_changed_result(finished, photos, tmp_path / "run")


def test_a_changed_map_is_computed_again(finished: Path, photos: Path, tmp_path: Path) -> None:
    meet_a_changed_map(finished, photos, tmp_path / "run")


def test_it_goes_red_when_results_are_believed_unread(
    finished: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def believing(folder: Path, _between: object) -> Sealed:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return Sealed(folder, manifest["digest"], manifest["metrics"])

    monkeypatch.setattr(runner, "verify", believing)
    with pytest.raises(AssertionError):
        meet_a_changed_result(finished, photos, tmp_path / "run")


def test_it_goes_red_when_marks_of_maps_are_believed_unread(
    finished: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_child(
        monkeypatch,
        "from heritage3d.pipeline.sealing import SealedItems\n"
        "SealedItems.has = lambda self, name: (self.folder / f'{name}.seal').exists()",
    )
    with pytest.raises(AssertionError):
        meet_a_changed_map(finished, photos, tmp_path / "run")


def test_it_goes_red_when_half_a_stage_is_sealed(
    finished: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "_judge", lambda *_: None)
    out = set_out(finished, tmp_path / "run", "surface")
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        kill_the_child(photos, out, "surface")
    with pytest.raises(AssertionError):
        assert_nothing_half_done_counts(out, "surface")


def test_it_goes_red_when_cancelling_leaves_the_child_alone(
    finished: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "end", lambda _process: None)
    out = set_out(finished, tmp_path / "run", "depth")
    try:
        with pytest.raises(AssertionError):
            cancel(photos, out, "depth")
    finally:
        kill_those_at_work("depth")
    assert_nobody_is_left(out)
