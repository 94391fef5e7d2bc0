"""The surface as the zero of averaged, truncated signed distances to all depth maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.dense.depthmap import index_intrinsics
from heritage3d.pipeline.dense.fusion import AgreedMap
from heritage3d.pipeline.surface import nets
from heritage3d.pipeline.surface.blocks import EMPTY, VOLUME, insert_blocks, integrate, touched_blocks


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles: `vertices` (N, 3) float64 in the frame of the scene, `faces` (M, 3) int32, outside anticlockwise."""

    vertices: npt.NDArray[np.float64]
    faces: npt.NDArray[np.int32]

    def face_normals(self) -> npt.NDArray[np.float64]:
        """Normals (M, 3) whose length is twice the face's area."""
        corners = self.vertices[self.faces]
        return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])

    def vertex_normals(self) -> npt.NDArray[np.float32]:
        """Unit normals (N, 3), averaged over the faces by area."""
        normals = np.zeros_like(self.vertices)
        of_faces = self.face_normals()
        for corner in range(3):
            for axis in range(3):
                normals[:, axis] += np.bincount(
                    self.faces[:, corner], weights=of_faces[:, axis], minlength=len(self.vertices)
                )
        length = np.linalg.norm(normals, axis=1, keepdims=True)
        return np.where(length > 0, normals / np.maximum(length, 1e-30), [0.0, 0.0, 1.0]).astype(np.float32)


@dataclass(frozen=True)
class Volume:
    """How depth maps become a surface. Lengths are in voxels."""

    truncation: float = 4.0
    carving: float = 0.3
    #: Weight (photographs that agree times cosine squared) below which a voxel counts as unobserved.
    fewest: float = 1.0


class SparseVolume:
    """Truncated signed distances in a narrow band around the surface; see `blocks`.

    `voxel` is the edge of a voxel in scene units. Call `reserve` with every map, then `integrate` with every map
    (each sees all blocks, so that free space seen by one photograph removes what another invented), then `extract`.
    """

    def __init__(self, voxel: float, origin: Sequence[float] = (0.0, 0.0, 0.0), volume: Volume | None = None) -> None:
        if not voxel > 0:
            raise ValueError(f"A voxel must have a positive edge, not {voxel}")
        self.voxel = float(voxel)
        self.origin = np.array(origin, np.float64)
        self.settings = volume or Volume()
        self._table_keys = np.full(1 << 16, EMPTY, np.int64)
        self._table_values = np.full(1 << 16, EMPTY, np.int32)
        self._coordinates = np.zeros((1 << 15, 3), np.int32)
        self._count = 0
        self._distance = np.empty((0, VOLUME), np.float32)
        self._weight = np.empty((0, VOLUME), np.float32)

    @property
    def truncation(self) -> float:
        return self.settings.truncation * self.voxel

    @property
    def blocks(self) -> int:
        return self._count

    def reserve(self, found: AgreedMap) -> None:
        """Make room for what a depth map sees."""
        camera = found.camera
        keys = touched_blocks(
            found.planes, _four(found), camera.R, camera.centre, self.origin, self.voxel, self.truncation
        )
        while True:
            count = insert_blocks(keys, self._table_keys, self._table_values, self._coordinates, self._count)
            if count >= 0:
                self._count = count
                return
            self._enlarge()

    def integrate(self, found: AgreedMap) -> None:
        """Average a depth map into all blocks."""
        if len(self._distance) != self._count:
            if len(self._distance):
                raise ValueError("Reserve room for every depth map before the first is integrated")
            self._distance = np.ones((self._count, VOLUME), np.float32)
            self._weight = np.zeros((self._count, VOLUME), np.float32)
        camera = found.camera
        integrate(
            self._coordinates[: self._count], self.origin, self.voxel, self.truncation, found.planes, found.support,
            _four(found), camera.R, camera.t, self.settings.carving, self._distance, self._weight,
        )  # fmt: skip

    def extract(self) -> Mesh:
        """The zero surface; edges of what was observed stay open."""
        if not len(self._distance):
            return Mesh(np.empty((0, 3)), np.empty((0, 3), np.int32))
        coordinates = self._coordinates[: self._count]
        fewest = np.float32(self.settings.fewest)
        table = (coordinates, self._table_keys, self._table_values, self._distance, self._weight, fewest)
        counts = nets.count_vertices(*table)
        starts = np.concatenate([[0], np.cumsum(counts)])
        vertices = np.empty((int(starts[-1]), 3), np.float64)
        indices = np.empty((self._count, VOLUME), np.int32)
        nets.place_vertices(*table, starts, vertices, indices)
        face_counts = np.zeros(self._count, np.int64)
        nets.join_vertices(*table, indices, vertices, face_counts, np.empty((0, 3), np.int32))
        face_starts = np.concatenate([[0], np.cumsum(face_counts)])
        faces = np.empty((int(face_starts[-1]), 3), np.int32)
        if len(faces):
            nets.join_vertices(*table, indices, vertices, face_starts, faces)
        return Mesh(vertices * self.voxel + self.origin, faces)

    def _enlarge(self) -> None:
        keys = np.full(4 * len(self._table_keys), EMPTY, np.int64)
        values = np.full(len(keys), EMPTY, np.int32)
        coordinates = np.zeros((4 * len(self._coordinates), 3), np.int32)
        known = self._table_keys[self._table_keys != EMPTY]
        order = np.argsort(self._table_values[self._table_keys != EMPTY], kind="stable")
        self._count = insert_blocks(known[order], keys, values, coordinates, 0)
        self._table_keys, self._table_values, self._coordinates = keys, values, coordinates


def matched_gsd(maps: Iterable[AgreedMap]) -> float:
    """Median over all accepted pixels of depth ÷ focal length, in scene units; ValueError where none was accepted."""
    values = [
        1.0 / (found.planes[..., 0][found.accepted][::7].astype(np.float64) * found.camera.K[0, 0]) for found in maps
    ]
    joined = np.concatenate([*values, np.empty(0)])
    if not len(joined):
        raise ValueError("No two photographs agree on any depth")
    return float(np.median(joined))


def surface_from_depths(maps: Sequence[AgreedMap], voxel: float, volume: Volume | None = None) -> Mesh:
    """The surface that all depth maps agree on, with voxels of edge `voxel` in scene units."""
    grid = SparseVolume(voxel, volume=volume)
    for found in maps:
        grid.reserve(found)
    for found in maps:
        grid.integrate(found)
    return grid.extract()


def _four(found: AgreedMap) -> npt.NDArray[np.float64]:
    K = index_intrinsics(found.camera)
    return np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]])
