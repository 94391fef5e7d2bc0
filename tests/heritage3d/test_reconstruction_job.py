"""The pipeline as a job: paths stay inside the instance, news reaches the run, faults become sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from heritage3d.reconstruction_job import KIND, FollowedByJob, inside, reconstruct, request_of
from jobs.errors import Cancelled, JobFailed
from jobs.registry import kind_of


class FakeContext:
    """What the handler uses of a job's context."""

    def __init__(self, job_input: dict[str, Any], cancel: bool = False) -> None:
        self.input = job_input
        self.cancel = cancel
        self.told: list[Any] = []

    def cancelled(self) -> bool:
        return self.cancel

    def check(self) -> None:
        if self.cancel:
            raise Cancelled

    def stage(self, name: str) -> None:
        self.told.append(("stage", name))

    def progress(self, done: int, total: int | None = None) -> None:
        self.told.append(("progress", done, total))

    def log(self, text: str) -> None:
        self.told.append(("log", text))


@pytest.fixture
def instance(settings: Any, tmp_path: Path) -> Path:
    settings.CAIRN_DATA = tmp_path
    return tmp_path


def test_the_kind_is_registered_for_the_heavy_queue() -> None:
    assert kind_of(KIND).queue == "heavy"


@pytest.mark.parametrize("given", ["", ".", "../secrets", "/etc/passwd", "a/../../vault"])
def test_paths_that_lead_out_of_the_instance_are_refused(instance: Path, given: str) -> None:
    with pytest.raises(JobFailed) as failed:
        inside("captures", given)
    assert failed.value.code == "bad-input"


def test_a_job_resumes_and_names_its_folders(instance: Path) -> None:
    request = request_of({"photographs": "7k2m9", "out": "4hd81/1", "preset": "draft", "masks": "7k2m9-masks"})
    assert request.resume and request.preset.name == "draft"
    assert request.out == (instance / "reconstructions" / "4hd81" / "1").resolve()
    assert request.masks == (instance / "captures" / "7k2m9-masks").resolve()


def test_an_unknown_preset_is_refused(instance: Path) -> None:
    with pytest.raises(JobFailed):
        request_of({"photographs": "a", "out": "b", "preset": "perfect"})


def test_progress_is_passed_on_from_the_handlers_thread_only() -> None:
    context = FakeContext({})
    followed = FollowedByJob(context)  # type: ignore[arg-type]
    followed.stage_started("depth", 5, 12)
    followed.stage_progress("depth", 1, 4)
    assert context.told == [("stage", "depth")]
    assert followed.stop_wanted() is False
    assert followed.stop_wanted() is False
    assert context.told == [("stage", "depth"), ("progress", 250, 1000)]
    context.cancel = True
    assert followed.stop_wanted() is True


def test_missing_photographs_fail_with_a_sentence(instance: Path) -> None:
    (instance / "captures" / "empty").mkdir(parents=True)
    with pytest.raises(JobFailed) as failed:
        reconstruct(FakeContext({"photographs": "empty", "out": "x"}))  # type: ignore[arg-type]
    assert failed.value.code == "impossible-input" and "No photographs" in failed.value.sentence


def test_cancelling_raises_the_jobs_own_news(instance: Path, small_set: Path) -> None:
    pytest.importorskip("pycolmap", exc_type=ImportError)
    (instance / "captures").mkdir()
    (instance / "captures" / "set").symlink_to(small_set / "photos")
    # A link out of the captures folder is followed before it is judged.
    with pytest.raises(JobFailed):
        reconstruct(FakeContext({"photographs": "set", "out": "x"}))  # type: ignore[arg-type]
    (instance / "captures" / "set").unlink()
    (instance / "captures" / "set").mkdir()
    for path in (small_set / "photos").iterdir():
        (instance / "captures" / "set" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(Cancelled):
        reconstruct(FakeContext({"photographs": "set", "out": "x"}, cancel=True))  # type: ignore[arg-type]
