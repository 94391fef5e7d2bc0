"""What lenses are tried with: the bundle adjustment, and the errors of observations that it was not shown."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycolmap

HELD_OUT_SHARE = 0.1
#: The mean squared held-out error must fall by this share …
NEEDED_GAIN = 0.02
#: … and the fall must be this many times its own standard error.
SURE_GAIN = 3.0
#: Held-out errors count at most so many times the noise: a few wrong matches must not decide.
CLIPPED_AT = 5.0
#: Largest standard deviation of a principal point or a focal length, in units of the width.
LARGEST_SIGMA = 0.002

Observation = tuple[int, int, int]


@dataclass(frozen=True)
class Freedom:
    """One way to model the lens."""

    name: str
    model: str
    principal_point: bool
    focal_only: bool = False


@dataclass(frozen=True)
class Trial:
    """What became of one freedom: mean squared held-out error (pixels²) before and after, and why it was kept."""

    name: str
    before: float
    after: float
    kept: bool
    reason: str


def copy_of(model: pycolmap.Reconstruction, scratch: Path) -> pycolmap.Reconstruction:
    """A deep copy by way of the disk: bindings share what Python's copy would duplicate."""
    model.write_binary(scratch)
    return pycolmap.Reconstruction(scratch)


def halves_of(model: pycolmap.Reconstruction, scratch: Path) -> Iterator[pycolmap.Reconstruction]:
    """Two copies with every other point each: what is fitted to one owes nothing to the points of the other."""
    for half in range(2):
        part = copy_of(model, scratch)
        for number, point_id in enumerate(sorted(part.point3D_ids())):
            if number % 2 == half:
                part.delete_point3D(point_id)
        yield part


def robust_options(
    scale: float, threads: int, *, iterations: int, tolerance: float
) -> pycolmap.BundleAdjustmentOptions:
    """Options of an adjustment in which errors beyond `scale` (pixels) count ever less (Cauchy)."""
    options = pycolmap.BundleAdjustmentOptions()
    options.print_summary = False
    options.ceres.solver_options.num_threads = threads
    options.ceres.solver_options.max_num_iterations = iterations
    options.ceres.solver_options.function_tolerance = tolerance
    options.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    options.ceres.loss_function_scale = scale
    return options


def adjust(
    model: pycolmap.Reconstruction,
    freedom: Freedom,
    noise: float,
    threads: int,
    *,
    held_lenses: Collection[int] = (),
) -> None:
    """Bundle adjustment of everything the freedom allows; errors beyond `noise` (pixels) count ever less (Cauchy).

    The lenses of the cameras `held_lenses` (ids) stay as they are.
    """
    # Stop when an iteration gains less than a millionth: the rest moves nothing that could be measured.
    options = robust_options(noise, threads, iterations=60, tolerance=1e-6)
    options.refine_principal_point = freedom.principal_point
    options.refine_extra_params = not freedom.focal_only
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in model.reg_image_ids():
        config.add_image(image_id)
    for camera_id in held_lenses:
        config.set_constant_cam_intrinsics(camera_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    adjuster = pycolmap.create_default_ceres_bundle_adjuster(options, config, model)
    adjuster.solve()
    model.update_point_3d_errors()


def held_out_errors(
    model: pycolmap.Reconstruction, held_out: list[Observation], noise: float
) -> npt.NDArray[np.float64]:
    """Squared distances (pixels², clipped) between where held-out features are and where the model puts them."""
    most = (CLIPPED_AT * noise) ** 2
    errors = np.full(len(held_out), most)
    for number, (image_id, feature, point_id) in enumerate(held_out):
        if not model.exists_point3D(point_id):
            continue
        image = model.image(image_id)
        predicted = image.project_point(model.point3D(point_id).xyz)
        if predicted is not None:
            errors[number] = min(most, float(((predicted - image.points2D[feature].xy) ** 2).sum()))
    return errors


def predicts_better(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> bool:
    """Whether squared held-out errors (N,) fell by enough, and for certain."""
    gain = before - after
    certain = float(gain.mean()) > SURE_GAIN * float(gain.std()) / np.sqrt(len(gain))
    return certain and float(after.mean()) <= float(before.mean()) * (1 - NEEDED_GAIN)
