"""What looked like sky and cannot be: it has a distance, or it lies below the horizon.

A plain, bluish plaster wall has the colour, the smoothness and the place of a sky. Once the cameras are known, two
things tell it from one: points were triangulated in it, or it reaches well below the horizon, where no sky is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.georeference.frame import held, upright_axes
from heritage3d.pipeline.scene import Camera

Vector = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]
#: A patch called sky that holds so many well-triangulated points per 10,000 pixels of the copy is a wall.
WALL_POINTS_PER_10000 = 0.15
FEWEST_WALL_POINTS = 6
#: A patch of which this share lies so far below the horizon is a wall. No sky of Sceaux or of the synthetic monument
#: reaches lower than 3.0°; the plaster beside the fountain has 5–19 % below 4°.
DIP_DEGREES = 4.0
SHARE_BELOW = 0.03
#: Above these (degrees) photographs were not held level, or do not tell up surely: then the horizon decides nothing.
LARGEST_ROLL, LARGEST_UP_SIGMA = 3.0, 1.0
_STEP = 4


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the solved cameras say: pixels (N, 2) of points that three photographs agree on, and up (3,) or None."""

    sure: Vector
    up: Vector | None


def level_of(cameras: Sequence[Camera], orientations: Mapping[str, int]) -> Vector | None:
    """Up (3,) in the frame of the cameras, from how level they were held; None where that is not sure.

    `orientations` are EXIF's, by name. Up is at right angles to all picture rows; how far they disagree is their roll,
    and that roll over their spread is the standard deviation of up.
    """
    if len(cameras) < 4:
        return None
    up, _ahead = upright_axes(cameras, orientations)
    rows, _downs = held(cameras, orientations)
    roll = float(np.sqrt(((rows @ up) ** 2).sum() / (len(rows) - 2)))
    spread = float(np.linalg.svd(rows, compute_uv=False)[1])
    if roll > np.radians(LARGEST_ROLL) or roll > np.radians(LARGEST_UP_SIGMA) * spread:
        return None
    return up


def only_sky(sky: Mask, K: Vector, R: Vector, evidence: Evidence) -> Mask:
    """The sky mask (H, W; 255 = sky) without the patches that the evidence proves to be solid."""
    count, found = cv2.connectedComponents((sky > 127).astype(np.uint8), connectivity=4)
    labels = np.asarray(found, np.int32)
    solid = _with_points(sky, labels, count, evidence.sure)
    if evidence.up is not None:
        solid |= _below_horizon(labels, count, K, R, evidence.up)
    return np.where((labels > 0) & ~solid[labels], 255, 0).astype(np.uint8)


def _with_points(sky: Mask, labels: npt.NDArray[np.int32], count: int, sure: Vector) -> npt.NDArray[np.bool_]:
    """Which patches hold triangulated points well inside them."""
    margin = max(3, max(sky.shape) // 150)
    inner = cv2.erode((sky > 127).astype(np.uint8), np.ones((2 * margin + 1, 2 * margin + 1), np.uint8)) > 0
    columns = np.clip(sure[:, 0].astype(int), 0, sky.shape[1] - 1)
    rows = np.clip(sure[:, 1].astype(int), 0, sky.shape[0] - 1)
    found = np.bincount(labels[rows, columns][inner[rows, columns]], minlength=count)
    areas = np.bincount(labels.ravel(), minlength=count)
    return np.asarray(found >= np.maximum(FEWEST_WALL_POINTS, WALL_POINTS_PER_10000 * areas / 10_000))


def _below_horizon(
    labels: npt.NDArray[np.int32], count: int, K: Vector, R: Vector, up: Vector
) -> npt.NDArray[np.bool_]:
    """Which patches reach below the horizon; distortion moves it by less than the dip that is allowed."""
    height, width = labels.shape
    v, u = np.mgrid[0:height:_STEP, 0:width:_STEP] + 0.5
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones_like(u)], axis=-1)
    sine = (rays @ (R @ up)) / np.linalg.norm(rays, axis=-1)
    few = labels[::_STEP, ::_STEP]
    below = np.bincount(few[sine < -np.sin(np.radians(DIP_DEGREES))], minlength=count)
    return np.asarray(below > SHARE_BELOW * np.maximum(1, np.bincount(few.ravel(), minlength=count)))
