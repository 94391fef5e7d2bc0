"""From the depth maps of all photographs to depths that several agree on, and to one cloud of points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.dense.consistency import claim, fill_gaps, vote
from heritage3d.pipeline.dense.depthmap import DepthMap, Planes, index_intrinsics, plane_normals
from heritage3d.pipeline.scene import Camera

Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Fusing:
    """When depths of different photographs are taken for the same surface."""

    #: A pixel that costs more than this is not believed. Nearly all may speak: weakly textured stone costs much and is
    #: still right, and agreement between photographs is the stronger test.
    highest_cost: float = 0.95
    #: Pixels between two estimates, seen from the other photograph.
    largest_error: float = 1.0
    largest_depth: float = 0.01
    largest_angle: float = 25.0
    #: Relative depth by which a photograph must see farther to see through a point.
    through_depth: float = 0.02
    #: Photographs that must agree (the pixel's own included) where so many look, and where only two do.
    views: int = 3
    #: Two are enough for a pixel that costs less than this and that no photograph sees through.
    convincing_cost: float = 0.3
    #: Connected patches smaller than this number of pixels are dropped.
    speckle: int = 60
    #: Gaps that known pixels surround within this number of pixels are closed where the surface is smooth.
    gap: int = 10


@dataclass(frozen=True, eq=False)
class AgreedMap:
    """Depths that several photographs agree on.

    `planes` (H, W, 3) float32 as in `DepthMap`, averaged over the agreeing photographs, 0 where nothing was accepted;
    `support` (H, W) uint8: how many photographs agree, 1 for small gaps that were filled.
    """

    camera: Camera
    planes: Planes
    support: Counts

    @property
    def accepted(self) -> Flags:
        return self.planes[..., 0] > 0

    def depth(self) -> npt.NDArray[np.float32]:
        """Depths along the optical axis, (H, W), 0 where unknown."""
        inverse = self.planes[..., 0]
        return np.where(inverse > 0, 1.0 / np.where(inverse > 0, inverse, 1), 0).astype(np.float32)

    def normals(self) -> npt.NDArray[np.float32]:
        """Unit normals in the camera's frame that look towards the camera, (H, W, 3)."""
        return plane_normals(self.planes, self.camera)

    def save(self, path: Path) -> None:
        """Write as `DepthMap` does, with the support in place of the cost."""
        with path.open("wb") as file:
            np.savez(
                file,
                size=np.array([self.camera.width, self.camera.height]),
                planes=self.planes,
                support=self.support,
            )

    @classmethod
    def load(cls, path: Path, camera: Camera) -> AgreedMap:
        """Read what `save` wrote for the photograph of `camera`, whatever the size of that camera."""
        with np.load(path, allow_pickle=False) as stored:
            width, height = (int(value) for value in stored["size"])
            return cls(camera.resized(width, height), stored["planes"], stored["support"])


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points (N, 3) float64, unit normals (N, 3) float32, views that agree (N,) uint8, colours (N, 3) uint8 RGB."""

    points: npt.NDArray[np.float64]
    normals: npt.NDArray[np.float32]
    support: Counts
    colours: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.points)


def believed(found: DepthMap, fusing: Fusing | None = None) -> Flags:
    """Pixels of a map that may vote at all: cheap enough and part of a patch, not a speckle."""
    fusing = fusing or Fusing()
    valid = (found.planes[..., 0] > 0) & (found.cost < fusing.highest_cost)
    return valid & ~speckles(found.planes[..., 0], valid, fusing.speckle)


def speckles(inverse: npt.NDArray[np.float32], valid: Flags, smallest: int, *, step: float = 0.005) -> Flags:
    """Valid pixels in connected patches of fewer than `smallest`; neighbours connect when inverse depth differs by
    less than `step` (relative)."""
    scaled = np.where(valid, np.log(np.maximum(inverse, 1e-12)) / step, 0)
    if not valid.any():
        return np.zeros_like(valid)
    scaled -= scaled[valid].min()
    # Within 16 bits, leaving 0 to what is not valid; a wider range of depths only repeats values far apart.
    steps = np.where(valid, 1 + np.rint(scaled * 2) % 32000, 0).astype(np.int16)
    cv2.filterSpeckles(steps, 0, smallest, 2)
    return valid & (steps == 0)


def neighbours_of(sources: Sequence[Sequence[int]], limit: int = 10) -> tuple[tuple[int, ...], ...]:
    """Photographs that vote on each photograph: its sources, those it is a source of, and their sources."""
    found: list[tuple[int, ...]] = []
    for i, own in enumerate(sources):
        order = list(own) + [j for j, theirs in enumerate(sources) if i in theirs]
        order += [k for j in own for k in sources[j]]
        found.append(tuple(list(dict.fromkeys(j for j in order if j != i))[:limit]))
    return tuple(found)


def count_support(
    index: int,
    maps: Sequence[DepthMap],
    valid: Sequence[Flags],
    neighbours: Sequence[int],
    fusing: Fusing | None = None,
) -> Counts:
    """How many neighbours agree with each believed pixel of map `index`, (H, W)."""
    return _votes(index, maps, valid, neighbours, fusing or Fusing()).support


def agree(
    index: int,
    maps: Sequence[DepthMap],
    valid: Sequence[Flags],
    reliable: Sequence[Flags],
    neighbours: Sequence[int],
    fusing: Fusing | None = None,
) -> AgreedMap:
    """The depths of map `index` that enough neighbours support, averaged with theirs.

    `reliable[j]` are the pixels of map j that at least one other supports: only those may average and see through.
    A pixel stays when ≥ `fusing.views` photographs agree (two, where no more look), and more agree than see through.
    """
    fusing = fusing or Fusing()
    own = maps[index]
    votes = _votes(index, maps, reliable, neighbours, fusing, own_valid=valid[index])
    convincing = (own.cost < fusing.convincing_cost) & (votes.through == 0)
    needed = np.where((votes.looking + 1 >= fusing.views) & ~convincing, fusing.views, 2)
    views = votes.support + 1
    accepted = valid[index] & (views >= needed) & (votes.through < views)
    trust = (1.0 / (0.05 + own.cost))[..., None]
    planes = (own.planes * trust + votes.total) / (trust + votes.weight[..., None])
    planes = np.where(accepted[..., None], planes, 0).astype(np.float32)
    dropped = speckles(planes[..., 0], accepted, fusing.speckle)
    planes[dropped] = 0
    support = np.where(accepted & ~dropped, views, 0).astype(np.uint8)
    planes, support = fill_gaps(
        planes, support, own.planes, fusing.gap, np.float32(0.006), np.float32(fusing.through_depth)
    )
    return AgreedMap(own.camera, planes, support)


def merge(
    maps: Sequence[AgreedMap],
    neighbours: Sequence[Sequence[int]],
    pictures: Sequence[npt.NDArray[np.uint8]],
    fusing: Fusing | None = None,
) -> Cloud:
    """One point for what several photographs see: each point claims the pixels of the others that agree with it.

    `pictures[i]` is (H, W, 3) BGR of the map's size.
    """
    fusing = fusing or Fusing()
    taken = [np.zeros(found.support.shape, bool) for found in maps]
    points, normals, support, colours = [], [], [], []
    for i, found in enumerate(maps):
        fresh = found.accepted & (found.support >= 2) & ~taken[i]
        camera = found.camera
        for j in neighbours[i]:
            R, t = _relative(camera, maps[j].camera)
            claim(
                found.planes, fresh, _four(camera), maps[j].planes, _four(maps[j].camera), R, t,
                np.float32(fusing.largest_depth), taken[j],
            )  # fmt: skip
        rows, columns = np.nonzero(fresh)
        depth = 1.0 / found.planes[rows, columns, 0].astype(np.float64)
        points.append(camera.unproject(np.column_stack([columns, rows]).astype(np.float64) + 0.5, depth))
        normals.append((found.normals()[fresh] @ camera.R).astype(np.float32))
        support.append(found.support[fresh])
        colours.append(pictures[i][fresh][:, ::-1])
    return Cloud(
        np.concatenate([*points, np.empty((0, 3))]),
        np.concatenate([*normals, np.empty((0, 3), np.float32)]),
        np.concatenate([*support, np.empty(0, np.uint8)]),
        np.ascontiguousarray(np.concatenate([*colours, np.empty((0, 3), np.uint8)])),
    )


@dataclass(frozen=True, eq=False)
class _Votes:
    support: Counts
    looking: Counts
    through: Counts
    total: Planes
    weight: npt.NDArray[np.float32]


def _four(camera: Camera) -> npt.NDArray[np.float32]:
    K = index_intrinsics(camera)
    return np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]], np.float32)


def _relative(of: Camera, onto: Camera) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    turn = onto.R @ of.R.T
    return turn.astype(np.float32), (onto.t - turn @ of.t).astype(np.float32)


def _votes(
    index: int,
    maps: Sequence[DepthMap],
    valid: Sequence[Flags],
    neighbours: Sequence[int],
    fusing: Fusing,
    own_valid: Flags | None = None,
) -> _Votes:
    own = maps[index]
    shape = own.cost.shape
    votes = _Votes(
        np.zeros(shape, np.uint8),
        np.zeros(shape, np.uint8),
        np.zeros(shape, np.uint8),
        np.zeros((*shape, 3), np.float32),
        np.zeros(shape, np.float32),
    )
    for j in neighbours:
        R, t = _relative(own.camera, maps[j].camera)
        vote(
            own.planes, valid[index] if own_valid is None else own_valid, _four(own.camera),
            maps[j].planes, valid[j], maps[j].cost, _four(maps[j].camera), R, t,
            np.float32(fusing.largest_error), np.float32(fusing.largest_depth),
            np.float32(np.cos(np.radians(fusing.largest_angle))), np.float32(fusing.through_depth),
            votes.support, votes.looking, votes.through, votes.total, votes.weight,
        )  # fmt: skip
    return votes
