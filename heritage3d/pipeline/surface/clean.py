"""A mesh without splinters, floating crumbs and doubled triangles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from heritage3d.pipeline.surface.tsdf import Mesh


def components(faces: npt.NDArray[np.integer], vertex_count: int) -> npt.NDArray[np.int32]:
    """Number of the connected part that each face belongs to, (M,); faces connect through shared vertices."""
    if not len(faces):
        return np.empty(0, np.int32)
    ones = np.ones(len(faces), np.int8)
    graph = coo_matrix(
        (np.concatenate([ones, ones]), (np.tile(faces[:, 0], 2), np.concatenate([faces[:, 1], faces[:, 2]]))),
        shape=(vertex_count, vertex_count),
    )
    _, of_vertex = connected_components(graph, directed=False)
    return of_vertex[faces[:, 0]].astype(np.int32)


def compact(vertices: npt.NDArray[np.float64], faces: npt.NDArray[np.integer]) -> Mesh:
    """The mesh without unused vertices, without faces that name a vertex twice and without repeated faces."""
    faces = np.asarray(faces)
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    faces = faces[proper]
    if len(faces):
        # Repeats are found by a 64-bit mix of the corners: sorting rows takes ten times as long, and of four million
        # faces one is lost to a chance collision in a million meshes.
        corners = np.sort(faces, axis=1).astype(np.uint64)
        mixed = corners[:, 0] * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ corners[:, 1]) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(32)) ^ corners[:, 2]) * np.uint64(0x94D049BB133111EB)
        _, first = np.unique(mixed ^ (mixed >> np.uint64(31)), return_index=True)
        faces = faces[np.sort(first)]
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    number = np.cumsum(used) - 1
    return Mesh(vertices[used], number[faces].astype(np.int32))


def clean(mesh: Mesh, gsd: float, *, smallest_extent: float = 50.0, smallest_share: float = 0.0015) -> Mesh:
    """Drop the parts that are smaller than `smallest_extent` ground sample distances squared, or than
    `smallest_share` of the largest part, by area. `gsd` in scene units."""
    if not len(mesh.faces):
        return mesh
    part = components(mesh.faces, len(mesh.vertices))
    area = np.bincount(part, weights=np.linalg.norm(mesh.face_normals(), axis=1) / 2)
    least = max((smallest_extent * gsd) ** 2, smallest_share * float(area.max()))
    return compact(mesh.vertices, mesh.faces[area[part] >= least])


def crop(mesh: Mesh, low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> Mesh:
    """The faces whose vertices all lie within the box `low` (3,) … `high` (3,)."""
    inside = np.asarray(((mesh.vertices >= low) & (mesh.vertices <= high)).all(axis=1))
    return compact(mesh.vertices, mesh.faces[inside[mesh.faces].all(axis=1)])
