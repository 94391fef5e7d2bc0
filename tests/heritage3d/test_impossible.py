"""Input from which no model can come: each ends with exit code 2 and advice, and leaves no model behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)
pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline.photographs.advice import MOVE, OVERLAP, STEADY, TURNTABLE
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.recipe import Request
from heritage3d.pipeline.runner import Run
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.stages.sfm import CAMERAS_JSON
from heritage3d.pipeline.synthetic.evaluate import compare_cameras
from heritage3d.pipeline.synthetic.scenes import (
    photograph_apart,
    photograph_blurred,
    photograph_panorama,
    photograph_turntable,
    true_cameras,
)
from tests.heritage3d.test_runner import Silent
from tests.heritage3d.whole_command import reconstruct

pytestmark = pytest.mark.slow


def few_turns(folder: Path) -> None:
    photograph_turntable(folder, count=12, size=(640, 480))


@pytest.mark.parametrize(
    ("scene", "why", "advice"),
    [
        (photograph_apart, "show the same", OVERLAP),
        (photograph_blurred, "blurred", STEADY),
        (photograph_panorama, "turned on the spot", MOVE),
        (few_turns, "stands still", TURNTABLE),
    ],
)
def test_the_command_ends_with_advice_and_without_a_model(
    scene: Callable[[Path], None], why: str, advice: str, tmp_path: Path
) -> None:
    scene(tmp_path / "scene")
    done = reconstruct(tmp_path / "scene" / "photos", tmp_path / "out")
    assert done.returncode == 2, done.stderr
    assert why in done.stderr and advice in done.stderr and "Traceback" not in done.stderr
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert left <= {"work", "logs"}


def test_with_masks_the_same_turntable_is_solved(tmp_path: Path) -> None:
    """At least 95 % of the photographs, each where the camera stood as seen from the statue."""
    photograph_turntable(tmp_path / "scene")
    request = Request((tmp_path / "scene" / "photos",), tmp_path / "out", DRAFT, masks=tmp_path / "scene" / "masks")
    run = Run(request, Silent())
    run.perform("sfm")
    entries = json.loads((run.sealed["sfm"].folder / CAMERAS_JSON).read_text(encoding="utf-8"))
    solved = [
        Camera(
            each["name"], each["width"], each["height"], np.array(each["K"]), np.array(each["R"]), np.array(each["t"])
        )
        for each in entries
    ]
    true = true_cameras(tmp_path / "scene")
    assert len(solved) >= 0.95 * len(true)
    _, error = compare_cameras(solved, true)
    assert error.position_max < 0.05 and error.rotation_mean < 0.7
