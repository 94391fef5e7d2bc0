"""Plain triangle meshes with a material per face, and the few solids the monument is put together from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float64]
Faces = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Mesh:
    """Vertices (V, 3) in metres, faces (F, 3) counter-clockwise seen from outside, materials (F,)."""

    vertices: Vector
    faces: Faces
    materials: npt.NDArray[np.uint8]


def join(parts: Sequence[Mesh]) -> Mesh:
    """One mesh of all parts, their vertices kept apart."""
    offsets = np.cumsum([0, *[len(part.vertices) for part in parts]])
    return Mesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + offset for part, offset in zip(parts, offsets, strict=False)]).astype(np.int32),
        np.concatenate([part.materials for part in parts]),
    )


def grid_faces(rows: int, columns: int, keep: Mask | None = None) -> Faces:
    """Two triangles for every cell of a (rows, columns) grid of vertices; `keep` is (rows - 1, columns - 1)."""
    index = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    cells = np.stack([np.stack([a, b, c], -1), np.stack([a, c, d], -1)], 2)
    chosen = cells if keep is None else cells[keep]
    return chosen.reshape(-1, 3)


def uniform(vertices: Vector, faces: Faces, material: int) -> Mesh:
    """A mesh of a single material without unused vertices."""
    used, compact = np.unique(faces, return_inverse=True)
    return Mesh(vertices[used], compact.reshape(-1, 3).astype(np.int32), np.full(len(faces), material, np.uint8))


def with_thickness(mesh: Mesh, direction: Vector, material: int) -> Mesh:
    """The sheet with walls swept along `direction` from its open border, so that it has a silhouette."""
    edges = np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])
    key = np.sort(edges, axis=1).astype(np.int64) @ np.array([len(mesh.vertices), 1])
    _, first, count = np.unique(key, return_index=True, return_counts=True)
    border = edges[first[count == 1]]
    size = len(border)
    front = mesh.vertices[border]
    vertices = np.concatenate([front[:, 0], front[:, 1], front[:, 0] + direction, front[:, 1] + direction])
    a, b, c, d = (np.arange(size) + k * size for k in range(4))
    faces = np.concatenate([np.stack([b, a, c], 1), np.stack([b, c, d], 1)]).astype(np.int32)
    return join([mesh, Mesh(vertices, faces, np.full(len(faces), material, np.uint8))])


def revolved(
    centre: tuple[float, float],
    bottom: float,
    top: float,
    radius: Callable[[Vector, Vector], Vector],
    *,
    spacing: float,
    material: int,
) -> Mesh:
    """A solid of revolution about a vertical axis; `radius(height, angle)` in metres, closed at the top."""
    rows = max(3, round((top - bottom) / spacing) + 1)
    heights = np.linspace(bottom, top, rows)
    widest = float(np.max(radius(heights[:, None], np.linspace(0, 2 * np.pi, 64)[None, :])))
    columns = max(12, round(2 * np.pi * widest / spacing)) + 1
    angles = np.linspace(0, 2 * np.pi, columns)
    r = np.broadcast_to(radius(heights[:, None], angles[None, :]), (rows, columns)).copy()
    r[-1] = 1e-4
    x = centre[0] + r * np.cos(angles)
    y = centre[1] + r * np.sin(angles)
    z = np.broadcast_to(heights[:, None], r.shape).copy()
    z[-1] = heights[-2]
    vertices = np.stack([x, y, z], -1).reshape(-1, 3)
    return uniform(vertices, grid_faces(rows, columns), material)


def box(low: Sequence[float], high: Sequence[float], *, spacing: float, material: int) -> Mesh:
    """An axis-parallel block, its sides cut into squares of about `spacing` so that light can vary along them."""
    lower, upper = np.asarray(low, float), np.asarray(high, float)
    sides = []
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        us = np.linspace(lower[u], upper[u], max(2, round((upper[u] - lower[u]) / spacing) + 1))
        vs = np.linspace(lower[v], upper[v], max(2, round((upper[v] - lower[v]) / spacing) + 1))
        for level, outward in ((lower[axis], False), (upper[axis], True)):
            vertices = np.empty((len(vs), len(us), 3))
            vertices[..., axis] = level
            vertices[..., u] = us[None, :]
            vertices[..., v] = vs[:, None]
            faces = grid_faces(len(vs), len(us))
            sides.append(uniform(vertices.reshape(-1, 3), faces if outward else faces[:, ::-1], material))
    return join(sides)


def rotated(mesh: Mesh, rotation: Vector, about: Vector, shift: Vector) -> Mesh:
    """The mesh turned by `rotation` (3, 3) about a point, then moved."""
    return Mesh((mesh.vertices - about) @ rotation.T + about + shift, mesh.faces, mesh.materials)


def leaves(centres: Vector, size: Vector, rng: np.random.Generator, *, material: int) -> Mesh:
    """One randomly turned square leaf for each centre (N, 3), `size` (N,) metres across, bent along its middle."""
    count = len(centres)
    first = rng.normal(size=(count, 3))
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    other = np.cross(first, rng.normal(size=(count, 3)))
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    bend = np.cross(first, other)
    half = size[:, None] / 2
    corners = np.stack(
        [
            centres - half * first,
            centres + half * other * 0.6 + half * bend * 0.25,
            centres + half * first,
            centres - half * other * 0.6 + half * bend * 0.25,
        ],
        1,
    )
    base = np.arange(count, dtype=np.int32)[:, None] * 4
    faces = np.concatenate([base + np.array([0, 1, 2]), base + np.array([0, 2, 3])])
    return Mesh(corners.reshape(-1, 3), faces.astype(np.int32), np.full(len(faces), material, np.uint8))
