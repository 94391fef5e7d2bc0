"""Orthophotos: the model seen along parallel rays, so that lengths can be taken from the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.report.render import along_rays, main_parts, shrunk
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.texture.bake import TexturedMesh

Numbers = npt.NDArray[np.float64]

LONGEST = 3000
#: Rays a pixel in each direction.
OVERSAMPLING = 2
_ROUND_LENGTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0)


@dataclass(frozen=True, eq=False)
class Orthophoto:
    """`picture` (H, W, 4) BGRA; `pixel` is the edge of a pixel in units of the model."""

    picture: npt.NDArray[np.uint8]
    pixel: float


def facade_axes(cameras: Sequence[Camera]) -> tuple[Numbers, Numbers, Numbers]:
    """Right, down and ahead of the view that faces the facade: level, along the mean direction of all photographs."""
    ahead = np.mean([camera.R[2] for camera in cameras], axis=0)
    ahead[2] = 0.0
    length = np.linalg.norm(ahead)
    ahead = ahead / length if length > 0.2 else np.array([0.0, 1.0, 0.0])
    down = np.array([0.0, 0.0, -1.0])
    return np.cross(down, ahead), down, ahead


def plan_axes(cameras: Sequence[Camera]) -> tuple[Numbers, Numbers, Numbers]:
    """Right, down and ahead of the view from above, the facade's front at the lower edge."""
    right, down, ahead = facade_axes(cameras)
    return right, -ahead, down


def take(model: TexturedMesh, axes: tuple[Numbers, Numbers, Numbers], gsd: float, *, with_bar: bool) -> Orthophoto:
    """The orthophoto along `axes` at about `gsd` a pixel; with a scale bar where lengths are metres.

    It reaches as far as the main parts of the model; fragments beyond them are cut off.
    """
    right, down, ahead = axes
    parts = main_parts(model)
    u, v = parts @ right, parts @ down
    low = np.array([u.min(), v.min()])
    size = np.array([u.max(), v.max()]) - low
    pixel = float(max(gsd, size.max() / LONGEST))
    width, height = (max(8, int(np.ceil(side / pixel)) + 2) for side in size)
    fine = pixel / OVERSAMPLING
    to_pixels = np.zeros((3, 4))
    to_pixels[0, :3], to_pixels[0, 3] = right / fine, (pixel - low[0]) / fine
    to_pixels[1, :3], to_pixels[1, 3] = down / fine, (pixel - low[1]) / fine
    to_pixels[2, :3] = ahead
    picture = shrunk(along_rays(model, to_pixels, width * OVERSAMPLING, height * OVERSAMPLING), OVERSAMPLING)
    if with_bar:
        picture = with_scale_bar(picture, pixel)
    return Orthophoto(picture, pixel)


def with_scale_bar(picture: npt.NDArray[np.uint8], pixel: float) -> npt.NDArray[np.uint8]:
    """The picture with a strip below it that holds a bar of a round length in metres."""
    wanted = picture.shape[1] * pixel / 4
    length = max((each for each in _ROUND_LENGTHS if each <= wanted), default=_ROUND_LENGTHS[0])
    bar = max(1, round(length / pixel))
    unit = max(14, picture.shape[1] // 60)
    strip = np.full((unit * 4, picture.shape[1], 4), 255, np.uint8)
    black = (0, 0, 0, 255)
    left, top = unit, unit
    cv2.rectangle(strip, (left, top), (left + bar, top + unit), black, max(1, unit // 12))
    for part in range(0, 5, 2):
        cv2.rectangle(strip, (left + bar * part // 5, top), (left + bar * (part + 1) // 5, top + unit), black, -1)
    text = f"{length * 100:g} cm" if length < 1 else f"{length:g} m"
    cv2.putText(
        strip, text, (left + bar + unit, top + unit), cv2.FONT_HERSHEY_SIMPLEX, unit / 24, black, max(1, unit // 12),
        cv2.LINE_AA,
    )  # fmt: skip
    return np.concatenate([picture, strip])
