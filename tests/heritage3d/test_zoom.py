"""Photographs zoomed behind their group's back get a focal length of their own, others do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pycolmap = pytest.importorskip("pycolmap", exc_type=ImportError)
pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline.cameras.adjustment import Freedom, Trial  # noqa: E402 - after the check
from heritage3d.pipeline.cameras.freer import refine  # noqa: E402
from heritage3d.pipeline.cameras.mapping import solve  # noqa: E402
from heritage3d.pipeline.cameras.zoom import (  # noqa: E402
    NAME,
    WORST_MEDIAN,
    badly_fitting,
    free_focal_lengths,
    median_residuals,
    with_own_cameras,
)
from heritage3d.pipeline.photographs.table import Photograph  # noqa: E402
from heritage3d.pipeline.stages.sfm import _write_cameras  # noqa: E402
from heritage3d.pipeline.synthetic.evaluate import similarity_between  # noqa: E402

FOCAL, MIDDLE = 1280.0, np.array([512.0, 384.0])
ODD = (4, 8)
SHARED = Freedom("SIMPLE_RADIAL", "SIMPLE_RADIAL", principal_point=False)


def photographed(database: Path, zoom: float = 1.0, noise: float = 0.0) -> dict[str, Any]:
    """Twelve photographs of 700 points in a database, two of them zoomed or noisy; the true centres by name."""
    pycolmap.set_random_seed(3)
    options = pycolmap.SyntheticDatasetOptions()
    options.num_rigs, options.num_frames_per_rig, options.num_points3D = 1, 12, 700
    options.camera_model_id = pycolmap.CameraModelId.SIMPLE_RADIAL
    options.camera_params = [FOCAL, *MIDDLE, -0.05]
    blur = pycolmap.SyntheticNoiseOptions()
    blur.point2D_stddev = 0.1
    rng = np.random.default_rng(0)
    with pycolmap.Database.open(database) as opened:
        true = pycolmap.synthesize_dataset(options, opened)
        pycolmap.synthesize_noise(blur, true, opened)
        for image_id in ODD:
            keypoints = np.array(opened.read_keypoints(image_id))
            keypoints[:, :2] = (
                MIDDLE + zoom * (keypoints[:, :2] - MIDDLE) + noise * rng.normal(size=(len(keypoints), 2))
            )
            opened.update_keypoints(image_id, keypoints)
    return {image.name: image.projection_center() for image in true.images.values()}


def solved(folder: Path, zoom: float = 1.0, noise: float = 0.0) -> tuple[Any, dict[str, Any]]:
    centres = photographed(folder / "database.db", zoom, noise)
    models = solve(
        folder / "database.db", folder, folder / "models", count=12, threads=1, progress=lambda done, total: None
    )
    assert models is not None and models.largest.num_reg_images() == 12
    return models.largest, centres


def refined(model: Any, folder: Path) -> tuple[Any, list[Trial]]:
    better: tuple[Any, list[Trial]] = refine(model, folder / "freer", threads=1, progress=lambda done, total: None)
    return better


def off(model: Any, centres: dict[str, Any]) -> float:
    """RMS of positions after a similarity, in units of the cameras' distance from their middle."""
    ours = np.array([model.image(each).projection_center() for each in sorted(model.reg_image_ids())])
    true = np.array([centres[model.image(each).name] for each in sorted(model.reg_image_ids())])
    left = similarity_between(ours, true).apply(ours) - true
    return float(np.sqrt((left**2).sum(1).mean()) / np.linalg.norm(true - true.mean(0), axis=1).mean())


@pytest.mark.parametrize("zoom", [1.12, 1.4])
def test_two_zoomed_photographs_are_found_out(tmp_path: Path, zoom: float) -> None:
    model, centres = solved(tmp_path, zoom)
    residuals = median_residuals(model)
    assert {each for each, median in residuals.items() if median > WORST_MEDIAN} == set(ODD)
    better, trials = refined(model, tmp_path)
    assert trials[-1].name == NAME and trials[-1].kept and trials[-1].after < 0.25 * trials[-1].before
    assert len(better.cameras) == 3
    # What the zoomed ones show has no part in the lens of the others.
    assert all(trial.before < 0.1 for trial in trials[:-1]) and not any(trial.kept for trial in trials[:-1])
    for image_id in better.reg_image_ids():
        expected = FOCAL * (zoom if image_id in ODD else 1)
        assert better.image(image_id).camera.mean_focal_length() == pytest.approx(expected, rel=0.003)
    assert max(median_residuals(better).values()) < 0.2
    assert off(better, centres) < 0.001 < off(model, centres)
    # The report tells each photograph's own K.
    names = {better.image(each).name: each for each in better.reg_image_ids()}
    table = {
        name: Photograph(name, name, 1, 1024, 768, 2048, 1536, 1, None, None, 0.0, 0.5, False, False) for name in names
    }
    _write_cameras(better, table, tmp_path / "cameras.json")
    for entry in json.loads((tmp_path / "cameras.json").read_text(encoding="utf-8")):
        expected = 2 * FOCAL * (zoom if names[entry["name"]] in ODD else 1)
        assert entry["K"][0][0] == pytest.approx(expected, rel=0.003)


def test_where_all_fit_nothing_is_tried(tmp_path: Path) -> None:
    model, _ = solved(tmp_path)
    same, trial = free_focal_lengths(model, SHARED, 0.1, tmp_path, 1)
    assert same is model and trial is None
    better, trials = refined(model, tmp_path)
    assert len(better.cameras) == 1 and NAME not in {each.name for each in trials}


def test_a_shaken_photograph_is_not_called_zoomed(tmp_path: Path) -> None:
    model, _ = solved(tmp_path, noise=1.6)
    assert {each for each, median in median_residuals(model).items() if median > WORST_MEDIAN} == set(ODD)
    better, trials = refined(model, tmp_path)
    assert trials[-1].name == NAME and not trials[-1].kept and trials[-1].reason.startswith("0 of 2")
    assert len(better.cameras) == 1


def test_a_camera_that_no_other_photograph_shares_is_free_already(tmp_path: Path) -> None:
    model, _ = solved(tmp_path)
    medians = {each: 3.0 if each in ODD else 0.1 for each in model.reg_image_ids()}
    assert badly_fitting(model, medians) == list(ODD)
    alone, groups = with_own_cameras(model, ODD[:1])
    assert groups == {2: 1} and badly_fitting(alone, medians) == list(ODD[1:])


def test_own_cameras_change_nothing_else(tmp_path: Path) -> None:
    model, _ = solved(tmp_path)
    copied, groups = with_own_cameras(model, ODD)
    assert groups == {2: 1, 3: 1} and {each: copied.image(each).camera_id for each in ODD} == {4: 2, 8: 3}
    for image_id in model.reg_image_ids():
        a, b = model.image(image_id), copied.image(image_id)
        assert a.name == b.name and np.allclose(a.cam_from_world().matrix(), b.cam_from_world().matrix())
        assert (np.asarray(a.camera.params) == np.asarray(b.camera.params)).all()
        assert [p.has_point3D() for p in a.points2D] == [p.has_point3D() for p in b.points2D]
    assert copied.num_points3D() == model.num_points3D()
    assert copied.compute_num_observations() == model.compute_num_observations()
    assert copied.compute_mean_reprojection_error() == pytest.approx(model.compute_mean_reprojection_error())
