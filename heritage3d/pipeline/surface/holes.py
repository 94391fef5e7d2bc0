"""What the photographs show and the mesh lacks; pinholes are closed, larger holes stay open and are measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.rasterise import rasterise
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.surface.tsdf import Mesh

Flags = npt.NDArray[np.bool_]

#: A hole whose rim has at most this many edges is a pinhole (in a mesh of uniform edges of about 1.25 GSD, about 12
#: GSD across), when its rim also leaves its plane by no more than `FLAT_RIM` of its extent.
PINHOLE_EDGES = 30
FLAT_RIM = 0.2
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


def close_pinholes(mesh: Mesh, longest: int = PINHOLE_EDGES) -> Mesh:
    """The mesh with a fan of triangles over every small hole whose rim is flat: nothing is invented that could be seen.

    Rims are loops of directed edges that only one face has; where rims touch in a vertex they stay open.
    """
    count = len(mesh.vertices)
    rim = _rims(mesh)
    following = np.full(count, -1, np.int64)
    following[rim[:, 0]] = rim[:, 1]
    # A vertex in which two rims meet leads nowhere.
    following[np.bincount(rim[:, 0], minlength=count) > 1] = -1
    visited = np.zeros(count, bool)
    centres: list[npt.NDArray[np.float64]] = []
    faces: list[npt.NDArray[np.int64]] = []
    for start in np.sort(rim[:, 0]):
        loop = []
        at = int(start)
        while at >= 0 and not visited[at]:
            visited[at] = True
            loop.append(at)
            at = int(following[at])
        if at != start or not 3 <= len(loop) <= longest or not _flat(mesh.vertices[loop]):
            continue
        centre = count + len(centres)
        centres.append(mesh.vertices[loop].mean(axis=0))
        faces.append(np.column_stack([np.roll(loop, -1), loop, np.full(len(loop), centre)]))
    if not centres:
        return mesh
    return Mesh(
        np.concatenate([mesh.vertices, np.array(centres)]),
        np.concatenate([mesh.faces, *faces]).astype(np.int32),
    )


def _rims(mesh: Mesh) -> npt.NDArray[np.int64]:
    """Directed edges (R, 2) whose reverse no face has."""
    # Around an inner vertex each neighbour follows it once and precedes it once: the numbers of those that follow,
    # less the numbers of those that precede, add up to nothing. Only the few others need their edges compared.
    count = len(mesh.vertices)
    corners = mesh.faces.astype(np.float64).T
    balance = sum(
        np.bincount(mesh.faces[:, k], weights=corners[(k + 1) % 3] - corners[(k + 2) % 3], minlength=count)
        for k in range(3)
    )
    outer = np.asarray(balance) != 0
    near = mesh.faces[outer[mesh.faces].sum(axis=1) >= 2]
    edges = np.concatenate([near[:, [0, 1]], near[:, [1, 2]], near[:, [2, 0]]]).astype(np.int64)
    edges = edges[outer[edges].all(axis=1)]
    return edges[~np.isin(edges[:, 0] * count + edges[:, 1], edges[:, 1] * count + edges[:, 0])]


def _flat(rim: npt.NDArray[np.float64]) -> bool:
    """Whether points (n, 3) leave their best plane by at most `FLAT_RIM` of their extent."""
    singular = np.linalg.svd(rim - rim.mean(axis=0), compute_uv=False)
    return bool(singular[2] <= FLAT_RIM * singular[0])


def open_edges(mesh: Mesh) -> npt.NDArray[np.int32]:
    """Edges (E, 2) that belong to one face only."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    ordered = np.sort(edges, axis=1)
    unique, count = np.unique(ordered, axis=0, return_counts=True)
    return unique[count == 1].astype(np.int32)
