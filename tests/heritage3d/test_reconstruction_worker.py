"""The reconstruction in a real worker that is killed, and in one that is told to stop: what is finished stays."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)
pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline.recipe import STAGE_NAMES
from heritage3d.reconstruction_job import KIND
from tests.heritage3d.struck import assert_nobody_is_left, sealed_result
from tests.jobs.instance import Instance, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.faults]

#: Seconds after which a worker that gives no sign of life is taken for dead.
LEASE = 3.0


@pytest.fixture
def instance(tmp_path: Path, small_set: Path) -> Iterator[Instance]:
    made = Instance(tmp_path / "instance", DJANGO_SETTINGS_MODULE="tests.heritage3d.worker_settings")
    made.make_database()
    shutil.copytree(small_set / "photos", made.folder / "captures" / "set")
    yield made
    made.end()


def told(instance: Instance, job: str) -> dict[str, object]:
    """The job's row: where it is and what became of it."""
    fields = ("state", "stage", "attempts", "result", "error_code", "error_text")
    row = instance.query(f"SELECT {', '.join(fields)} FROM jobs_job WHERE public_id = ?", job.replace("-", ""))[0]
    return dict(zip(fields, row, strict=True))


def test_killed_it_is_taken_up_where_it_was_and_cancelled_it_stops_and_keeps_what_is_finished(
    instance: Instance,
) -> None:
    given = json.dumps({"photographs": "set", "out": "run", "preset": "draft"})
    out = instance.folder / "reconstructions" / "run"
    job = instance.enqueue(KIND, given)
    first = instance.worker(LEASE, "visit", job)
    wait_for(lambda: len(list(out.glob("work/partial/depth/*/0*.npz.seal"))) >= 2 or first.poll() is not None, 240)
    assert told(instance, job)["stage"] == "depth"
    first.kill()
    first.wait()
    assert_nobody_is_left(out)
    kept = {path.stem: path.with_suffix("").stat().st_ino for path in out.glob("work/partial/depth/*/0*.npz.seal")}
    assert len(kept) >= 2 and sealed_result(out, "depth") is None

    time.sleep(LEASE)
    second = instance.worker(LEASE, "visit", job)
    wait_for(lambda: told(instance, job)["stage"] == "texture" or second.poll() is not None, 240)
    asked = time.monotonic()
    instance.query("UPDATE jobs_job SET cancel_requested = 1 WHERE public_id = ?", job.replace("-", ""))
    assert second.communicate(timeout=60)[0].endswith(b"cancelled")
    assert time.monotonic() - asked < 10
    assert told(instance, job)["state"] == "cancelled" and told(instance, job)["attempts"] == 2
    assert_nobody_is_left(out)
    depth = sealed_result(out, "depth")
    assert depth is not None and sealed_result(out, "texture") is None
    assert {name: (depth.folder / name).stat().st_ino for name in kept} == kept

    again = instance.enqueue(KIND, given)
    assert instance.worker(LEASE, "visit", again).communicate(timeout=240)[0].endswith(b"done")
    result = json.loads(str(told(instance, again)["result"]))
    assert result == {"verdict": "not-for-measurement", "images": 6, "used": 6, "exit_code": 0}
    stages = json.loads((out / "report.json").read_text(encoding="utf-8"))["stages"]
    before = STAGE_NAMES.index("texture")
    assert [stage["cached"] for stage in stages] == [True] * before + [False] * (len(STAGE_NAMES) - before)
    assert (out / "model.glb").exists() and not list(out.glob("work/partial/*/*"))


def test_a_fault_of_the_pipeline_fails_the_job_with_its_sentence_and_its_remedy(instance: Instance) -> None:
    instance.environment["CAIRN_STAGE_MEMORY"] = str(40 * 2**20)
    job = instance.enqueue(KIND, json.dumps({"photographs": "set", "out": "small", "preset": "draft"}))
    assert instance.worker(LEASE, "visit", job).communicate(timeout=120)[0].endswith(b"failed")
    failed = told(instance, job)
    assert failed["error_code"] == "pipeline-fault"
    assert "inspect needed more than the 40 MiB" in str(failed["error_text"]) and "draft" in str(failed["error_text"])
    assert_nobody_is_left(instance.folder / "reconstructions" / "small")
