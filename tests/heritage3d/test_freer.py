"""A lens is freed when the observations prove it, and left alone when they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pycolmap = pytest.importorskip("pycolmap", exc_type=ImportError)

from heritage3d.pipeline.cameras.freer import Trial, noise_of, refine  # noqa: E402 - after the check

PLAIN = [1280.0, 512.0, 384.0, -0.05]


def solved(model: str, params: list[float], noise: float = 0.1) -> Any:
    """Twelve photographs of 700 points through the given lens, solved with a lens that is too simple."""
    pycolmap.set_random_seed(3)
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_frames_per_rig, options.num_points3D = 1, 12, 700
    options.camera_model_id = getattr(pycolmap.CameraModelId, model)
    options.camera_params = params
    found = pycolmap.synthesize_dataset(options)
    blur = pycolmap.SyntheticNoiseOptions()
    blur.point2D_stddev = noise
    pycolmap.synthesize_noise(blur, found)
    for camera in found.cameras.values():
        camera.model = pycolmap.CameraModelId.SIMPLE_RADIAL
        camera.params = PLAIN
    return found


def refined(model: Any, scratch: Path) -> tuple[Any, list[Trial], float]:
    better, trials = refine(model, scratch, threads=1, progress=lambda done, total: None)
    return next(iter(better.cameras.values())), trials, noise_of(better)


def test_a_plain_lens_stays_plain(tmp_path: Path) -> None:
    camera, trials, noise = refined(solved("SIMPLE_RADIAL", PLAIN), tmp_path)
    assert camera.model_name == "SIMPLE_RADIAL" and not any(trial.kept for trial in trials)
    assert (camera.principal_point_x, camera.principal_point_y) == (512, 384)
    assert noise < 0.2
    # Nothing is tried twice.
    assert [trial.name for trial in trials] == ["principal point", "RADIAL", "OPENCV"]


def test_a_shifted_principal_point_and_stronger_distortion_are_found(tmp_path: Path) -> None:
    truth = [1280.0, 519.0, 379.0, -0.15, 0.8]
    camera, trials, noise = refined(solved("RADIAL", truth, 0.03), tmp_path)
    kept = {trial.name for trial in trials if trial.kept}
    assert kept == {"principal point", "RADIAL"} and camera.model_name == "RADIAL"
    found = np.asarray(camera.params)
    assert np.allclose(found[:3], truth[:3], atol=2.0) and np.allclose(found[3:], truth[3:], atol=0.05)
    assert noise < 0.2


def test_a_lens_that_is_askew_is_found(tmp_path: Path) -> None:
    truth = [1280.0, 1287.0, 512.0, 384.0, -0.06, 0.02, 0.002, -0.003]
    camera, trials, _ = refined(solved("OPENCV", truth), tmp_path)
    assert camera.model_name == "OPENCV" and trials[-1].kept
    assert np.allclose(np.asarray(camera.params)[:2], truth[:2], atol=4.0)


def test_a_few_wrong_matches_decide_nothing(tmp_path: Path) -> None:
    model = solved("SIMPLE_RADIAL", PLAIN)
    rng = np.random.default_rng(0)
    for image in model.images.values():
        for point in image.points2D:
            if point.has_point3D() and rng.random() < 0.05:
                point.xy = point.xy + rng.normal(size=2) * 5
    _, trials, noise = refined(model, tmp_path)
    assert not any(trial.kept for trial in trials) and noise < 0.5
