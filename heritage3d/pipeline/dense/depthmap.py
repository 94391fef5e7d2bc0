"""A depth for every pixel of one photograph: the steps from coarse to fine.

Two functions a run calls for every photograph, each giving the same bytes whatever else is running:
`match_coarse` compares at an eighth to a half of the size by appearance alone; `match_fine`, once the coarse maps of
its sources exist, finishes at full size with the forward-backward term and planes for weakly textured places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree

from heritage3d.pipeline.dense.patchmatch import sweep
from heritage3d.pipeline.dense.pictures import Picture, pack_quads
from heritage3d.pipeline.dense.planeprior import plane_prior, triangulated_planes
from heritage3d.pipeline.dense.refine import refine
from heritage3d.pipeline.scene import Camera

Planes = npt.NDArray[np.float32]

#: Sizes in the pyramid: full, half, quarter, eighth.
LEVELS = 4


@dataclass(frozen=True)
class Matching:
    """How carefully planes are searched. The defaults are those of the standard preset."""

    #: The window reaches this many pixels to each side, sampled at every `window_step`-th pixel.
    window_radius: int = 3
    window_step: int = 1
    #: Grey-value difference at which a pixel of the window counts for 1/e as much.
    tonal_spread: float = 14.0
    #: Sweeps at an eighth, a quarter and half of the size.
    coarse_sweeps: tuple[int, ...] = (8, 4, 3)
    #: Cost of one pixel of forward-backward error in each sweep at full size: it removes errors first, and then gets
    #: out of the way, because the sources' coarse maps are less exact than what is being found.
    geometric: tuple[float, ...] = (0.1, 0.02)
    #: Least-squares steps with all sources at the end.
    refinements: int = 1
    #: Largest cost of one pixel of disagreement with the plane proposed for a weakly textured place.
    prior: float = 0.03
    #: How firmly neighbours' slopes hold a slope in the least-squares step: standard deviation as a tangent.
    slope_deviation: float = 0.1


@dataclass(frozen=True, eq=False)
class DepthMap:
    """Planes and their cost for the pixels of one photograph.

    `planes` (H, W, 3) float32: inverse depth and its change per pixel to the right and downwards, 0 where there is
    none; `cost` (H, W) float32 (0 best, 2 none); `camera` has the map's size.
    """

    camera: Camera
    planes: Planes
    cost: npt.NDArray[np.float32]

    def depth(self) -> npt.NDArray[np.float32]:
        """Depths along the optical axis, (H, W), 0 where unknown."""
        inverse = self.planes[..., 0]
        return np.where(inverse > 0, 1.0 / np.where(inverse > 0, inverse, 1), 0).astype(np.float32)

    def normals(self) -> npt.NDArray[np.float32]:
        """Unit normals in the camera's frame that look towards the camera, (H, W, 3)."""
        return plane_normals(self.planes, self.camera)

    def save(self, path: Path) -> None:
        """Write the numbers; slopes with 16 bits (relative to inverse depth and focal length), cost with 8."""
        inverse = np.where(self.planes[..., 0] > 0, self.planes[..., 0], 1)[..., None]
        focal = np.array([self.camera.K[0, 0], self.camera.K[1, 1]], np.float32)
        slopes = np.where(self.planes[..., :1] > 0, self.planes[..., 1:] * focal / inverse, 0)
        with path.open("wb") as file:
            np.savez(
                file,
                size=np.array([self.camera.width, self.camera.height]),
                inverse_depth=self.planes[..., 0],
                slopes=slopes.astype(np.float16),
                cost=np.clip(np.rint(self.cost * 100), 0, 255).astype(np.uint8),
            )

    @classmethod
    def load(cls, path: Path, camera: Camera) -> DepthMap:
        """Read what `save` wrote for the photograph of `camera`, whatever the size of that camera."""
        with np.load(path, allow_pickle=False) as stored:
            width, height = (int(value) for value in stored["size"])
            sized = camera.resized(width, height)
            focal = np.array([sized.K[0, 0], sized.K[1, 1]], np.float32)
            inverse = stored["inverse_depth"][..., None]
            planes = np.concatenate([inverse, stored["slopes"].astype(np.float32) * inverse / focal], axis=2)
            return cls(sized, np.ascontiguousarray(planes, np.float32), stored["cost"].astype(np.float32) / 100)


def plane_normals(planes: Planes, camera: Camera) -> npt.NDArray[np.float32]:
    """Unit normals (H, W, 3) of planes (H, W, 3) in the camera's frame, looking towards the camera."""
    height, width = planes.shape[:2]
    fx, fy, cx, cy = camera.K[0, 0], camera.K[1, 1], camera.K[0, 2] - 0.5, camera.K[1, 2] - 0.5
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    w, gx, gy = planes[..., 0], planes[..., 1], planes[..., 2]
    normals = -np.stack([fx * gx, fy * gy, w + gx * (cx - columns) + gy * (cy - rows)], axis=2)
    return (normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-20)).astype(np.float32)


def index_intrinsics(camera: Camera) -> npt.NDArray[np.float64]:
    """K with the first pixel's centre at 0, as loops over indices want it."""
    shifted = camera.K.copy()
    shifted[:2, 2] -= 0.5
    return shifted


def projection(of: Camera, onto: Camera) -> npt.NDArray[np.float32]:
    """(12,) P and p of `q ~ P (x, y, 1) + p w`: a pixel of one camera at inverse depth w, seen by another."""
    turn = onto.R @ of.R.T
    target = index_intrinsics(onto)
    matrix = target @ turn @ np.linalg.inv(index_intrinsics(of))
    return np.concatenate([matrix.ravel(), target @ (onto.t - turn @ of.t)]).astype(np.float32)


def pixel_step(of: Camera, sources: Sequence[Camera], inverse_depth: float) -> float:
    """Change of inverse depth that moves the image in a typical source by one pixel."""
    centre = np.array([of.width / 2, of.height / 2, 1.0])
    steps = []
    for source in sources:
        p = projection(of, source).astype(np.float64)
        q = p[:9].reshape(3, 3) @ centre + p[9:] * inverse_depth
        move = (p[9:11] - q[:2] / q[2] * p[11]) / q[2]
        steps.append(1.0 / max(float(np.hypot(*move)), 1e-12))
    return float(np.median(steps))


def upsample(planes: Planes, width: int, height: int) -> Planes:
    """Planes of a smaller map evaluated at the pixels of a larger one of `width` x `height`."""
    old_height, old_width = planes.shape[:2]
    scale_x, scale_y = old_width / width, old_height / height
    x = (np.arange(width) + 0.5) * scale_x - 0.5
    y = (np.arange(height) + 0.5) * scale_y - 0.5
    columns = np.clip(np.rint(x).astype(int), 0, old_width - 1)
    rows = np.clip(np.rint(y).astype(int), 0, old_height - 1)
    larger = planes[rows[:, None], columns[None, :]]
    known = larger[..., 0] > 0
    larger[..., 0] += np.where(known, larger[..., 1] * (x - columns)[None, :] + larger[..., 2] * (y - rows)[:, None], 0)
    larger[..., 1] *= scale_x
    larger[..., 2] *= scale_y
    return np.ascontiguousarray(larger, dtype=np.float32)


def match_coarse(
    reference: Sequence[Picture],
    sources: Sequence[Sequence[Picture]],
    points: npt.NDArray[np.float64],
    matching: Matching | None = None,
) -> DepthMap:
    """Planes at half of the size, by appearance alone.

    `reference` and each of `sources` are pyramids of `LEVELS` pictures (`read_pyramid`); `points` (M, 3) are the
    sparse points that the reference photograph observed: they give the range of depths and the first guess.
    Raises ValueError without sources or with fewer than 4 points in front of the camera.
    """
    matching = matching or Matching()
    if not sources:
        raise ValueError(f"{reference[0].camera.name}: no other photograph to compare it with")
    camera = reference[-1].camera
    pixels, depths = camera.project(points)
    front = depths > 1e-9
    if front.sum() < 4:
        raise ValueError(f"{camera.name}: fewer than four sparse points in front of the camera")
    inverse = 1.0 / depths[front]
    low, high = np.percentile(inverse, [0.5, 99.5])
    farthest, nearest = 0.6 * low, 1.6 * high
    kept = (inverse >= low) & (inverse <= high)
    state = first_guess(pixels[front][kept], inverse[kept], camera.width, camera.height)
    cost = np.empty((0, 0), np.float32)
    chosen = np.full((camera.height, camera.width, 2), -1, np.int8)
    for level in range(LEVELS - 1, 0, -1):
        picture = reference[level]
        if state.shape[:2] != picture.shape:
            state = upsample(state, picture.camera.width, picture.camera.height)
            chosen = _upsample_chosen(chosen, picture.shape)
        cost = np.full(picture.shape, 2.0, np.float32)
        state, cost = _sweeps(
            picture,
            [pyramid[level] for pyramid in sources],
            (),
            state,
            cost,
            chosen,
            (farthest, nearest),
            matching,
            matching.coarse_sweeps[LEVELS - 1 - level],
            newton_from=matching.coarse_sweeps[LEVELS - 1 - level] - 2,
            amplitude=4.0 if level == LEVELS - 1 else 1.5,
            prior=None,
        )
    return _masked(reference[1], state, cost)


def first_guess(pixels: npt.NDArray[np.float64], inverse: npt.NDArray[np.float64], width: int, height: int) -> Planes:
    """Planes (height, width, 3) to start from: through the sparse points `pixels` (n, 2) with their `inverse` depths.

    Between the points lies their triangulation, and outside it each pixel continues the nearest triangle. Its slopes
    let paving that is seen at a grazing angle be found at all: random slopes hardly ever come near it. Without any
    triangle, the mean of the nearest points, without slope.
    """
    state = np.zeros((height, width, 3), np.float32)
    if (spanned := triangulated_planes(pixels, inverse, width, height)) is not None:
        planes, covered = spanned
        rows, columns = distance_transform_edt(~covered, return_distances=False, return_indices=True)
        state[:] = planes[rows, columns]
        down, right = np.mgrid[0:height, 0:width]
        state[..., 0] += state[..., 1] * (right - columns) + state[..., 2] * (down - rows)
        return state
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1).reshape(-1, 2)
    distance, index = cKDTree(pixels).query(grid, k=min(4, len(pixels)))
    near = 1.0 / (distance.reshape(len(grid), -1) + 2.0)
    values = inverse[index].reshape(near.shape)
    state[..., 0] = ((values * near).sum(1) / near.sum(1)).reshape(height, width)
    return state


def match_fine(
    reference: Sequence[Picture],
    sources: Sequence[Sequence[Picture]],
    coarse: DepthMap,
    coarse_sources: Sequence[DepthMap],
    matching: Matching | None = None,
) -> DepthMap:
    """Planes at full size, from the coarse map of the photograph and those of its sources (in the same order)."""
    matching = matching or Matching()
    picture = reference[0]
    known = coarse.planes[..., 0][coarse.planes[..., 0] > 0]
    if not len(known):
        return _masked(picture, np.zeros((*picture.shape, 3), np.float32), np.full(picture.shape, 2.0, np.float32))
    nearest, farthest = float(known.max()) * 1.02, float(known.min()) * 0.98
    filled = coarse.planes.copy()
    filled[..., 0][filled[..., 0] <= 0] = np.median(known)
    state = upsample(filled, picture.camera.width, picture.camera.height)
    step = pixel_step(picture.camera, [pyramid[0].camera for pyramid in sources], float(np.median(known)))
    prior = plane_prior(picture.grey, coarse.planes, coarse.cost, step, matching.prior) if matching.prior > 0 else None
    cost = np.full(picture.shape, 2.0, np.float32)
    chosen = np.full((*picture.shape, 2), -1, np.int8)
    state, cost = _sweeps(
        picture,
        [pyramid[0] for pyramid in sources],
        coarse_sources,
        state,
        cost,
        chosen,
        (farthest, nearest),
        matching,
        len(matching.geometric),
        newton_from=0,
        amplitude=0.5,
        prior=prior,
    )
    return _masked(picture, state, cost)


def _upsample_chosen(chosen: npt.NDArray[np.int8], shape: tuple[int, int]) -> npt.NDArray[np.int8]:
    rows = np.minimum((np.arange(shape[0]) * chosen.shape[0] // shape[0]), chosen.shape[0] - 1)
    columns = np.minimum((np.arange(shape[1]) * chosen.shape[1] // shape[1]), chosen.shape[1] - 1)
    return np.ascontiguousarray(chosen[rows[:, None], columns[None, :]])


def _masked(picture: Picture, state: Planes, cost: npt.NDArray[np.float32]) -> DepthMap:
    if picture.usable is not None:
        state[~picture.usable] = 0
        cost[~picture.usable] = 2
    return DepthMap(picture.camera, state, cost)


def window_offsets(matching: Matching) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Offsets (n,), (n,) of the window's samples and their weights by distance (n,), sigma the window's radius."""
    steps = np.arange(-matching.window_radius, matching.window_radius + 1, matching.window_step, dtype=np.int32)
    dy, dx = (values.ravel() for values in np.meshgrid(steps, steps, indexing="ij"))
    weights = np.exp(-(dx**2 + dy**2) / (2.0 * (0.8 * matching.window_radius) ** 2))
    return np.ascontiguousarray(dx), np.ascontiguousarray(dy), weights.astype(np.float32)


def _sweeps(
    picture: Picture,
    sources: Sequence[Picture],
    source_maps: Sequence[DepthMap],
    state: Planes,
    cost: npt.NDArray[np.float32],
    chosen: npt.NDArray[np.int8],
    depth_range: tuple[float, float],
    matching: Matching,
    count: int,
    *,
    newton_from: int,
    amplitude: float,
    prior: tuple[Planes, npt.NDArray[np.float32]] | None,
) -> tuple[Planes, npt.NDArray[np.float32]]:
    """Run `count` red-black sweeps, changing `state`, `cost` and `chosen`, and refine; the planes and their cost."""
    camera = picture.camera
    farthest, nearest = (np.float32(value) for value in depth_range)
    np.clip(state[..., 0], farthest, nearest, out=state[..., 0])
    bases = np.cumsum([0, *[source.grey.size for source in sources[:-1]]]).astype(np.int32)
    words = np.concatenate([pack_quads(source.grey).ravel() for source in sources])
    shapes = np.array([source.shape for source in sources], np.int32)
    projections = np.stack([projection(camera, source.camera) for source in sources])
    if source_maps:
        plane_shapes = np.array([known.planes.shape[:2] for known in source_maps], np.int32)
        planes = np.zeros((len(source_maps), *plane_shapes.max(axis=0), 3), np.float32)
        for slot, known in zip(planes, source_maps, strict=True):
            slot[: known.planes.shape[0], : known.planes.shape[1]] = known.planes
        to_planes = np.stack([projection(camera, known.camera) for known in source_maps])
        from_planes = np.stack([projection(known.camera, camera) for known in source_maps])
    else:
        plane_shapes = np.zeros((len(sources), 2), np.int32)
        planes = np.zeros((1, 1, 1, 3), np.float32)
        to_planes = from_planes = projections
    if prior is None:
        prior_planes, prior_weight = np.zeros((*picture.shape, 3), np.float32), np.zeros(picture.shape, np.float32)
    else:
        prior_planes, prior_weight = prior
    step = np.float32(pixel_step(camera, [source.camera for source in sources], float(np.median(state[..., 0]))))
    K = index_intrinsics(camera)
    intrinsics = np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]], np.float32)
    usable = picture.usable if picture.usable is not None else np.ones(picture.shape, bool)
    offsets_x, offsets_y, spatial = window_offsets(matching)
    tonal = np.exp(-np.arange(256) / matching.tonal_spread).astype(np.float32)
    slope_precision = np.float32((camera.K[0, 0] / matching.slope_deviation) ** 2 / 4)
    for iteration in range(count):
        # The last sweep at full size leaves exactness to the refinement that follows.
        last = bool(source_maps) and matching.refinements > 0 and iteration == count - 1
        newton = 1 if iteration >= newton_from and not last else 0
        geometric = matching.geometric[iteration] if source_maps else 0.0
        fading = 0.6**iteration
        for colour in (0, 1):
            sweep(
                picture.grey, usable, intrinsics, words,
                bases, shapes, projections, planes, plane_shapes, to_planes, from_planes,
                np.float32(geometric), prior_planes, prior_weight, step,
                state, cost, chosen, nearest, farthest, offsets_x, offsets_y, spatial, tonal, colour, iteration,
                np.float32(amplitude * fading), np.float32(0.5 * fading), 1 if source_maps else 3, newton,
                slope_precision, np.float32(0.04),
            )  # fmt: skip
    if source_maps:
        for _ in range(matching.refinements):
            state, cost = refine(
                picture.grey, usable, intrinsics, words, bases, shapes, projections, state, cost, step, nearest,
                farthest, offsets_x, offsets_y, spatial, tonal, slope_precision,
            )  # fmt: skip
    return state, cost
