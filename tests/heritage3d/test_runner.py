"""The runner on the first stages: resuming, tampering, faults, refusals; and walls that hold."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)

from heritage3d.pipeline import runner, sandbox
from heritage3d.pipeline.photographs.advice import MOVE
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.progress import RemainingTime, TerminalProgress, spoken
from heritage3d.pipeline.recipe import RECIPE, STAGE_NAMES, Request, stage_named
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.sealing import verify
from heritage3d.pipeline.verdicts import Cancelled, ImpossibleInput, StageFault
from heritage3d.pipeline.watch import Outcome


class Silent:
    """Follows a run and remembers which stages were really made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.kept: list[str] = []
        self.messages: list[str] = []

    def stage_started(self, stage: str, position: int, count: int) -> None: ...

    def stage_progress(self, stage: str, done: float, total: float) -> None:
        assert 0 <= done <= total + 1e-6

    def stage_finished(self, stage: str, seconds: float, cached: bool) -> None:
        (self.kept if cached else self.made).append(stage)

    def message(self, text: str) -> None:
        self.messages.append(text)


def request(photos: Path, out: Path, **changes: object) -> Request:
    return replace(Request((photos,), out, DRAFT, deterministic=True), **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder in which everything up to the cameras is done."""
    out = tmp_path_factory.mktemp("finished") / "out"
    Run(request(small_set / "photos", out), Silent()).perform("sfm")
    return out


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


def test_cameras_are_solved_near_the_truth(finished: Path, small_set: Path) -> None:
    from heritage3d.pipeline.scene import Scene
    from heritage3d.pipeline.synthetic.evaluate import Truth, compare_cameras

    folder = next((finished / "work" / "stages" / "sfm").iterdir())
    scene = Scene.load(folder)
    names = {entry["copy"]: entry["name"] for entry in json.loads((folder / "cameras.json").read_text())}
    _, error = compare_cameras(
        [replace(camera, name=names[camera.name]) for camera in scene.cameras], Truth(small_set).cameras
    )
    assert error.matched == 6
    assert error.position_rms < 0.12


def test_a_second_run_keeps_everything_and_another_place_does_not_matter(again: Path, small_set: Path) -> None:
    elsewhere = again.parent / "Fotografije (kopija)"
    shutil.copytree(small_set / "photos", elsewhere)
    progress = Silent()
    run = Run(request(elsewhere, again, resume=True, threads=1), progress)
    run.perform("sfm")
    assert progress.made == [] and progress.kept == list(STAGE_NAMES[:4])
    for record in run.records:
        assert record.cached and record.seconds > 0 and record.cpu_seconds > 0 and record.peak_rss_mb > 10
        assert isinstance(record.warnings, list)


def test_without_resume_everything_is_made_anew(again: Path, small_set: Path) -> None:
    progress = Silent()
    Run(request(small_set / "photos", again), progress).perform("inspect")
    assert progress.made == ["inspect"]


def test_from_a_stage_on_results_are_made_anew(again: Path, small_set: Path) -> None:
    before = verify(next((again / "work" / "stages" / "sfm").iterdir())).digest
    progress = Silent()
    run = Run(request(small_set / "photos", again, start_from="matching"), progress)
    run.perform("sfm")
    assert progress.kept == ["inspect", "features"] and progress.made == ["matching", "sfm"]
    # With --deterministic the cameras are the same to the last byte.
    assert run.sealed["sfm"].digest == before


def test_a_tampered_result_is_found_and_made_anew(again: Path, small_set: Path) -> None:
    folder = next((again / "work" / "stages" / "features").iterdir())
    data = bytearray((folder / "database.db").read_bytes())
    data[5000] ^= 1
    (folder / "database.db").write_bytes(data)
    progress = Silent()
    Run(request(small_set / "photos", again, resume=True), progress).perform("features")
    assert progress.made == ["features"]
    assert any("changed since it was sealed" in text for text in progress.messages)


def test_another_photograph_changes_the_key(again: Path, small_set: Path) -> None:
    photos = again.parent / "more"
    shutil.copytree(small_set / "photos", photos)
    next(photos.glob("*.jpg")).unlink()
    progress = Silent()
    Run(request(photos, again, resume=True), progress).perform("inspect")
    assert progress.made == ["inspect"]


def test_a_limit_of_memory_is_named_and_nothing_half_sealed_remains(
    again: Path, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAIRN_STAGE_MEMORY", str(20 * 1024**2))
    with pytest.raises(StageFault, match=r"features needed more than the 20 MiB of memory") as fault:
        Run(request(small_set / "photos", again, start_from="features"), Silent()).perform("sfm")
    assert fault.value.exit_code == 3 and "draft" in fault.value.advice[0]
    assert not (again / "work" / "stages" / "features").exists()
    monkeypatch.delenv("CAIRN_STAGE_MEMORY")
    progress = Silent()
    Run(request(small_set / "photos", again, resume=True), progress).perform("features")
    assert progress.kept == ["inspect"] and progress.made == ["features"]


def test_a_cancelled_run_says_so_and_resumes(again: Path, small_set: Path) -> None:
    progress = Silent()
    stop = lambda: "inspect" in progress.kept  # noqa: E731 - one line says it
    with pytest.raises(Cancelled, match="Stopped in features"):
        Run(request(small_set / "photos", again, start_from="features"), progress, stop).perform("sfm")
    Run(request(small_set / "photos", again, resume=True), progress).perform("features")
    assert progress.made == ["features"]


def test_cancelled_while_files_are_hashed_it_stops_there(again: Path, small_set: Path) -> None:
    """Hundreds of photographs and gigabytes of kept results take longer to read than a person waits for an end."""
    asked = 0

    def third_file() -> bool:
        nonlocal asked
        asked += 1
        return asked >= 3

    with pytest.raises(Cancelled, match="Stopped in reading the photographs"):
        Run(request(small_set / "photos", again, resume=True), Silent(), third_file).perform("sfm")
    assert asked == 3
    progress = Silent()
    asked = -6
    with pytest.raises(Cancelled, match="Stopped in inspect"):
        Run(request(small_set / "photos", again, resume=True), progress, third_file).perform("sfm")
    assert progress.kept == [] and progress.made == []
    Run(request(small_set / "photos", again, resume=True), progress).perform("sfm")
    assert progress.kept == list(STAGE_NAMES[:4])


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (-9, "it was killed from outside"),
        (137, "it was killed from outside"),
        (139, "it crashed, SIGSEGV"),
        (-6, "it crashed, SIGABRT"),
        (1, "exit code 1"),
    ],
)
def test_how_a_child_ended_is_told_in_words(again: Path, small_set: Path, exit_code: int, said: str) -> None:
    run = Run(request(small_set / "photos", again), Silent())
    with pytest.raises(StageFault) as fault:
        run._judge(stage_named("depth"), Outcome(exit_code=exit_code), 2**30)
    assert str(fault.value).startswith("depth ended without a result") and said in str(fault.value)
    assert "--resume" in fault.value.advice[0] and "depth.log" in " ".join(fault.value.advice)


def test_an_error_of_the_file_system_is_named_and_only_a_full_disk_is_called_one(
    again: Path, small_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(number: int) -> Callable[..., None]:
        def run_child(*_: object, **__: object) -> None:
            raise OSError(number, os.strerror(number), "/somewhere/depth.log")

        return run_child

    run = Run(request(small_set / "photos", again, start_from="features"), Silent())
    monkeypatch.setattr(runner, "run_child", failing(errno.ENOSPC))
    with pytest.raises(StageFault, match="The disk was full in features"):
        run.perform("features")
    monkeypatch.setattr(runner, "run_child", failing(errno.EIO))
    with pytest.raises(StageFault, match=r"features could not go on: Input/output error \(/somewhere/depth\.log\)"):
        run.perform("features")


def test_two_runs_in_one_folder_are_kept_apart(again: Path, small_set: Path) -> None:
    first = Run(request(small_set / "photos", again, resume=True), Silent())
    with first._alone(), pytest.raises(StageFault, match="Another reconstruction"):
        Run(request(small_set / "photos", again, resume=True), Silent()).perform("inspect")


def refusal(photos: Path, out: Path) -> ImpossibleInput:
    with pytest.raises(ImpossibleInput) as found:
        Run(request(photos, out), Silent()).perform("sfm")
    assert found.value.exit_code == 2 and found.value.advice
    return found.value


def test_two_photographs_and_a_page_end_with_advice(small_set: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in sorted((small_set / "photos").glob("*.jpg"))[:2]:
        shutil.copy(path, photos)
    (photos / "letter.jpg").write_bytes(b"<html>")
    found = refusal(photos, tmp_path / "out")
    assert "Only 2 of 3 files" in str(found)
    assert any("letter.jpg: it is no photograph" in sentence for sentence in found.advice)


def test_blurred_photographs_end_with_advice(small_set: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for path in sorted((small_set / "photos").glob("*.jpg")):
        cv2.imwrite(str(photos / path.name), cv2.GaussianBlur(cv2.imread(str(path)), (0, 0), 8))
    assert "blurred" in str(refusal(photos, tmp_path / "out"))


def test_photographs_of_different_things_end_with_advice(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        noise = cv2.GaussianBlur(rng.random((320, 480, 3)).astype(np.float32), (0, 0), 1.5)
        cv2.imwrite(str(photos / f"{number}.png"), np.clip((noise - 0.5) * 900 + 128, 0, 255).astype(np.uint8))
    assert "No two photographs" in str(refusal(photos, tmp_path / "out"))


def test_a_camera_turned_on_the_spot_ends_with_advice(small_set: Path, tmp_path: Path) -> None:
    """Homographies of one picture by a rotation: there is no depth to be had."""
    photos = tmp_path / "photos"
    photos.mkdir()
    picture = cv2.imread(str(sorted((small_set / "photos").glob("*.jpg"))[2]))
    K = np.array([[504.0, 0, 240], [0, 504, 160], [0, 0, 1]])
    for number, angle in enumerate(np.radians([-8, -4, 0, 4, 8])):
        turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
        seen = cv2.warpPerspective(picture, K @ turn @ np.linalg.inv(K), (480, 320))
        cv2.imwrite(str(photos / f"{number}.jpg"), seen)
    found = refusal(photos, tmp_path / "out")
    assert MOVE in found.advice


@pytest.mark.skipif(sandbox.bubblewrap() is None, reason="bubblewrap does not work here")
def test_inside_the_walls_there_is_no_home_no_network_and_no_writing(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    given = tmp_path / "given"
    given.mkdir()
    probe = (
        "import os, socket, sys\n"
        f"print(os.path.exists({str(secret)!r}))\n"
        "print(os.path.exists(os.path.expanduser('~root/.ssh')), len(os.environ) < 20)\n"
        "try:\n socket.create_connection(('127.0.0.1', 9), 1)\nexcept OSError as e: print(type(e).__name__)\n"
        f"open({str(given / 'ok')!r}, 'w').write('x')\n"
        "try:\n open(os.path.join(sys.prefix, 'x'), 'w')\nexcept OSError as e: print(e.strerror)\n"
    )
    walls = sandbox.Walls((), (given,), 10**6)
    done = subprocess.run(
        sandbox.wrapped([sys.executable, "-c", probe], walls),
        env=sandbox.scrubbed_environment(1, tmp_path),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    lines = done.stdout.split("\n")
    assert lines[0] == "False" and lines[1] == "False True", done.stderr
    assert lines[3] == "Read-only file system"
    assert (given / "ok").read_text() == "x"


def test_the_recipe_names_twelve_stages_in_an_order_that_can_run() -> None:
    assert len(RECIPE) == 12 and len(set(STAGE_NAMES)) == 12
    for position, stage in enumerate(RECIPE):
        assert all(STAGE_NAMES.index(need) < position for need in stage.needs)
    assert stage_named("preview").needs == ("sfm",)


def test_time_left_follows_the_pace_and_is_spoken_plainly() -> None:
    remaining = RemainingTime(RECIPE)
    start = remaining.seconds()
    remaining.finish("inspect", 3 * RECIPE[0].usual_seconds, False)
    assert remaining.seconds() > start - RECIPE[0].usual_seconds
    for stage in RECIPE:
        remaining.finish(stage.name, stage.usual_seconds, False)
    assert remaining.seconds() == 0
    assert [spoken(s) for s in (0.2, 40, 200, 9000)] == ["1 s", "40 s", "3 min", "2 h 30 min"]


def test_a_run_goes_on_when_nobody_reads_its_progress_any_more() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    progress = TerminalProgress(Gone(), RECIPE)
    progress.stage_started("depth", 5, 12)
    progress.stage_finished("depth", 12.34, False)


def test_what_follows_a_rewritten_line_stands_on_its_own() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    progress = TerminalProgress(stream, RECIPE)
    progress.stage_started("depth", 5, 12)
    progress.close()
    assert stream.getvalue().endswith(" left\r\x1b[K")
    progress.stage_finished("depth", 12.34, False)
    finished = stream.getvalue()
    progress.close()
    assert stream.getvalue() == finished and finished.endswith("[5/12] depth: 12.3 s\n")
    assert all(len(line) < 80 for line in finished.replace("\r", "\n").split("\n"))


def test_progress_is_plain_lines_where_nobody_watches() -> None:
    stream = io.StringIO()
    progress = TerminalProgress(stream, RECIPE)
    progress.stage_started("depth", 5, 12)
    progress.stage_progress("depth", 1, 2)
    progress.stage_finished("depth", 12.34, False)
    assert stream.getvalue() == "[5/12] depth: started\n[5/12] depth: 12.3 s\n"


@pytest.mark.parametrize("stage", ["inspect", "features", "matching", "sfm"])
def test_a_disk_that_takes_no_more_is_a_fault_of_ours_and_resumes(
    again: Path, small_set: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """The largest file a child may write stands for the disk: both end a write with an error."""
    monkeypatch.setattr(runner, "LARGEST_FILE", 15_000)
    with pytest.raises(StageFault) as fault:
        Run(request(small_set / "photos", again, start_from=stage), Silent()).perform("sfm")
    assert fault.value.exit_code == 3 and "resume" in " ".join(fault.value.advice)
    assert not list((again / "work" / "stages").glob(f"{stage}/*"))
    monkeypatch.undo()
    progress = Silent()
    Run(request(small_set / "photos", again, resume=True), progress).perform(stage)
    assert progress.made == [stage]
