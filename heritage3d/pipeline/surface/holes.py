"""What the photographs show and the mesh lacks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.rasterise import rasterise
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.surface.tsdf import Mesh

Flags = npt.NDArray[np.bool_]

#: A pixel lies within the outline of the model when it meets the model in this many of eight directions.
SURROUNDED = 7


@dataclass(frozen=True)
class Holes:
    """Shares of photo pixels whose ray misses the mesh, all photographs together, and `by_photograph`.

    `share` is of the foreground: what may be used of a photograph and lies within the outline of the model in it.
    `beyond` is of all that may be used: it also counts lawn, trees and neighbours that nobody could match.
    """

    share: float
    beyond: float
    by_photograph: dict[str, float]


def hole_share(mesh: Mesh, views: Iterable[tuple[Camera, Flags]]) -> Holes:
    """Measure holes: `views` are cameras with the pixels (H, W) that may be used, e.g. what is not sky.

    Both may be reduced: a width of 400 pixels measures to a tenth of a percent.
    """
    holes = inside = missing = total = 0
    by_photograph = {}
    for camera, usable in views:
        seen = rasterise(mesh.vertices, mesh.faces, camera).covered
        foreground = usable & within_outline(seen)
        wanted, missed = int(foreground.sum()), int((foreground & ~seen).sum())
        by_photograph[camera.name] = missed / wanted if wanted else 0.0
        holes, inside = holes + missed, inside + wanted
        missing, total = missing + int((usable & ~seen).sum()), total + int(usable.sum())
    return Holes(holes / inside if inside else 0.0, missing / total if total else 0.0, by_photograph)


def within_outline(covered: Flags) -> Flags:
    """Pixels (H, W) that are `covered` or meet what is in at least `SURROUNDED` of the eight directions.

    A window in a wall is within; the sky between two towers and the lawn before them are not.
    """
    directions = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
    met = sum(_met(covered, down, right).astype(np.uint8) for down, right in directions)
    return np.asarray(covered | (met >= SURROUNDED))


def _met(covered: Flags, down: int, right: int) -> Flags:
    """Whether a ray from each pixel in this direction meets something covered before it leaves the picture."""
    if down == 0:
        ordered = covered[:, ::-right]
        return np.asarray(np.logical_or.accumulate(ordered, axis=1)[:, ::-right])
    ordered = covered[::-down]
    met = ordered.copy()
    for row in range(1, len(met)):
        before = met[row - 1]
        if right > 0:
            met[row, :-1] |= before[1:]
        elif right < 0:
            met[row, 1:] |= before[:-1]
        else:
            met[row] |= before
    return np.asarray(met[::-down])


def open_edges(mesh: Mesh) -> npt.NDArray[np.int32]:
    """Edges (E, 2) that belong to one face only."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    ordered = np.sort(edges, axis=1)
    unique, count = np.unique(ordered, axis=0, return_counts=True)
    return unique[count == 1].astype(np.int32)
