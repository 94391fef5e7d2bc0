"""Photographs as the matcher wants them: grey, in a pyramid of sizes, four neighbouring pixels packed into one word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.scene import Camera

GreyPicture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """One photograph at one size.

    `grey` (H, W) uint8; `usable` (H, W) bool or None where all of it may be used; `camera` has the same size.
    """

    camera: Camera
    grey: GreyPicture
    usable: npt.NDArray[np.bool_] | None

    @property
    def shape(self) -> tuple[int, int]:
        return self.camera.height, self.camera.width


def read_colour(path: Path) -> npt.NDArray[np.uint8]:
    """The pixels of a work copy as they are stored, (H, W, 3) BGR; ValueError when it cannot be read."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        raise ValueError(f"{path.name} cannot be read as a picture")
    return np.asarray(picture, dtype=np.uint8)


def read_pyramid(camera: Camera, image: Path, mask: Path | None, longest: int, levels: int) -> tuple[Picture, ...]:
    """The photograph at `longest` pixels and its halvings, finest first: `levels` pictures.

    A coarse pixel may be used only where most of the finest ones may.
    """
    finest = camera.fitted(longest)
    colour = read_colour(image)
    grey = cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY)
    if (finest.height, finest.width) != grey.shape[:2]:
        grey = cv2.resize(grey, (finest.width, finest.height), interpolation=cv2.INTER_AREA)
    usable = None
    if mask is not None:
        stored = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
        if stored is None:
            raise ValueError(f"{mask.name} cannot be read as a mask")
        usable = cv2.resize(stored, (finest.width, finest.height), interpolation=cv2.INTER_AREA)
    pictures = []
    for level in range(levels):
        size = (max(2, round(finest.width / 2**level)), max(2, round(finest.height / 2**level)))
        smaller = grey if level == 0 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        kept = None if usable is None else cv2.resize(usable, size, interpolation=cv2.INTER_AREA) > 127
        pictures.append(Picture(finest.resized(*size), np.ascontiguousarray(smaller, dtype=np.uint8), kept))
    return tuple(pictures)


def pack_quads(grey: GreyPicture) -> npt.NDArray[np.uint32]:
    """Each pixel with its right, lower and lower right neighbour in one 32-bit word, (H, W).

    A bilinear sample then takes one memory access instead of four, which is what lets the matching loop use the
    processor's gather instructions.
    """
    wide = np.pad(grey, ((0, 1), (0, 1)), mode="edge").astype(np.uint32)
    return np.ascontiguousarray(
        wide[:-1, :-1] | (wide[:-1, 1:] << 8) | (wide[1:, :-1] << 16) | (wide[1:, 1:] << 24), dtype=np.uint32
    )
