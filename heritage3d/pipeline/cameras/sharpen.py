"""Observations made exact: every view of a point is matched against the others, grey value by grey value.

SIFT finds the same spot in each photograph for itself, in reduced photographs, and errs by some tenths of a pixel. The
solved cameras say nearly how the surroundings of a point look in each photograph; least-squares matching in the work
copies finds the rest: first against the view that looks straightest, then against the mean of all that agreed. An
observation that finds no good match stays where it was.

Sources: A. Grün: Adaptive least squares correlation, 1985; P. Lindenberger et al.: Pixel-perfect structure-from-motion
with featuremetric refinement, 2021 (the idea of adjusting keypoints along tracks).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pycolmap

from heritage3d.pipeline.cameras.least_squares import (
    FOUND,
    WIDE,
    add_windows,
    match_windows,
    sample_windows,
    window_weights,
)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Windows = npt.NDArray[np.float32]
Pyramid = tuple[npt.NDArray[np.uint8], ...]

#: The work copy and its halvings.
LEVELS = 4
#: Memory for photographs that are kept between rounds, bytes; a larger set is read once a round.
PICTURE_MEMORY = 320 * 1024**2
#: Samples of a window are so many scales of the feature apart, but neither finer nor coarser than so many pixels.
SPACING, FINEST, COARSEST = 0.25, 0.6, 4.0
#: Standard deviation of the window's weights, in samples.
SPREAD = 4.0
#: Damping of the affine part, in units of its own weight.
HOLD = 0.05
MOST_STEPS = 12
#: An observation is moved when its window correlates at least so well …
LOWEST_CORRELATION = 0.9
#: … its place is known to so many pixels (standard deviation) …
LARGEST_SIGMA = 0.6
#: … and lies within so many scales of the feature from where SIFT saw it.
LONGEST_MOVE = 1.0
#: … and its shape is not stretched or squeezed more than so many times against what the geometry predicts.
LARGEST_BEND = 2.0


@dataclass(eq=False)
class Tracks:
    """All observations of a model, sorted by image.

    For observation m: `image` (M,) the image's id, `feature` (M,) its row there, `track` (M,) the row of its point,
    `places` (M, 2) pixels, `shapes` (M, 2, 2) pixels for a step of one sample along either side of the window, `scales`
    (M,) the feature's scale in pixels. `reference` (N,) is the observation that stands for each point.
    """

    image: Ints
    feature: Ints
    track: Ints
    places: Floats
    shapes: Floats
    scales: Floats
    reference: Ints

    def by_image(self) -> list[tuple[int, Ints]]:
        """Image ids and the rows of their observations."""
        ids, starts = np.unique(self.image, return_index=True)
        rows = np.split(np.arange(len(self.image)), starts[1:])
        return [(int(image_id), mine) for image_id, mine in zip(ids, rows, strict=True)]


@dataclass(frozen=True)
class Sharpened:
    """How many of all observations found their place, and how far those moved on the median (pixels)."""

    observations: int
    sharpened: int
    median_move: float


class GreyPictures:
    """Work copies as grey pyramids; the first few stay in memory."""

    def __init__(self, paths: Mapping[int, Path], memory: int = PICTURE_MEMORY) -> None:
        self._paths = paths
        self._left = memory
        self._kept: dict[int, Pyramid] = {}

    def of(self, image_id: int) -> Pyramid:
        """The photograph and its halvings, uint8. Raises OSError when it cannot be read."""
        if image_id in self._kept:
            return self._kept[image_id]
        path = self._paths[image_id]
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        if grey is None:
            raise OSError(f"{path.name} cannot be read")
        levels = [np.ascontiguousarray(grey, np.uint8)]
        for _ in range(1, LEVELS):
            height, width = levels[-1].shape
            size = max(1, (width + 1) // 2), max(1, (height + 1) // 2)
            levels.append(np.ascontiguousarray(cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA), np.uint8))
        pyramid = tuple(levels)
        size_in_memory = sum(level.nbytes for level in pyramid)
        if size_in_memory <= self._left:
            self._left -= size_in_memory
            self._kept[image_id] = pyramid
        return pyramid


def read_scales(database: Path) -> dict[int, Windows]:
    """The scale of every feature (pixels of the copy) by image id."""
    found = {}
    with pycolmap.Database.open(database) as opened:
        for image in opened.read_all_images():
            keypoints = np.asarray(opened.read_keypoints(image.image_id))
            if keypoints.shape[1] >= 6:
                along, across = keypoints[:, [2, 4]], keypoints[:, [3, 5]]
                scale = 0.5 * (np.linalg.norm(along, axis=1) + np.linalg.norm(across, axis=1))
            else:
                scale = np.asarray(keypoints[:, 2], np.float64)
            found[image.image_id] = np.asarray(scale, np.float32)
    return found


def sharpen(
    model: pycolmap.Reconstruction,
    scales: Mapping[int, npt.NDArray[np.float32]],
    pictures: GreyPictures,
    *,
    progress: Callable[[float, float], None],
) -> Sharpened:
    """Move the observations of `model` to where their windows match; points and cameras stay as they are.

    `scales` gives every feature's scale by image id, as `read_scales` does.
    """
    tracks = gather(model, scales)
    groups = tracks.by_image()
    weights = window_weights(SPREAD)
    templates = _templates(tracks, groups, pictures)
    usable = np.isfinite(templates[:, 0, 0])
    stands_for = np.zeros(len(tracks.image), bool)
    stands_for[tracks.reference] = True
    places, shapes = tracks.places.copy(), tracks.shapes.copy()
    found = np.zeros(len(tracks.image), bool)
    for last in (False, True):
        total = np.zeros_like(templates) if last else templates.copy()
        votes = np.zeros(len(templates)) if last else usable.astype(np.float64)
        for number, (image_id, rows) in enumerate(groups):
            mine = rows[usable[tracks.track[rows]]]
            mine = mine if last else mine[~stands_for[mine]]
            at, shape = places[mine], shapes[mine]
            states, correlations, sigmas = np.zeros(len(mine), np.int64), np.zeros(len(mine)), np.zeros(len(mine))
            windows = np.zeros((len(mine), WIDE, WIDE), np.float32)
            which = tracks.track[mine]
            match_windows(
                pictures.of(image_id), at, shape, templates, which, weights, HOLD, MOST_STEPS,
                states, correlations, sigmas, windows,
            )  # fmt: skip
            good = (states == FOUND) & trustworthy(correlations, sigmas, tracks.shapes[mine], shape)
            good &= np.linalg.norm(at - tracks.places[mine], axis=1) <= LONGEST_MOVE * tracks.scales[mine]
            found[mine] = good
            places[mine[good]], shapes[mine[good]] = at[good], shape[good]
            if not last:
                add_windows(windows[good], which[good], templates, weights, total, votes)
            progress(number + (len(groups) if last else 0), 2 * len(groups))
        if not last:
            # A view that nobody agrees with stands for nothing.
            usable &= votes >= 2
            templates = np.asarray(total / np.maximum(votes, 1)[:, None, None], np.float32)
    for image_id, rows in groups:
        points2d = model.image(image_id).points2D
        for row in rows[found[rows]]:
            points2d[int(tracks.feature[row])].xy = places[row]
    model.update_point_3d_errors()
    moves = np.linalg.norm(places - tracks.places, axis=1)[found]
    return Sharpened(len(found), int(found.sum()), float(np.median(moves)) if len(moves) else 0.0)


def trustworthy(correlations: Floats, sigmas: Floats, predicted: Floats, shapes: Floats) -> Flags:
    """Which windows (M,) match well enough, are placed surely enough and look as their geometry lets expect.

    `predicted` and `shapes` (M, 2, 2) are the shapes before and after matching.
    """
    stretch = np.asarray(np.linalg.svd(np.linalg.pinv(predicted) @ shapes, compute_uv=False))
    natural = (stretch[:, 0] <= LARGEST_BEND) & (stretch[:, 1] >= 1 / LARGEST_BEND)
    return np.asarray(natural & (correlations >= LOWEST_CORRELATION) & (sigmas <= LARGEST_SIGMA))


def _templates(tracks: Tracks, groups: list[tuple[int, Ints]], pictures: GreyPictures) -> Windows:
    """The window of every point's reference view, (N, WIDE, WIDE); NaN where it leaves the photograph."""
    templates = np.full((len(tracks.reference), WIDE, WIDE), np.nan, np.float32)
    stands_for = np.zeros(len(tracks.image), bool)
    stands_for[tracks.reference] = True
    for image_id, rows in groups:
        mine = rows[stands_for[rows]]
        windows = np.empty((len(mine), WIDE, WIDE), np.float32)
        inside = np.zeros(len(mine), bool)
        sample_windows(pictures.of(image_id), tracks.places[mine], tracks.shapes[mine], windows, inside)
        templates[tracks.track[mine[inside]]] = windows[inside]
    return templates


def gather(model: pycolmap.Reconstruction, scales: Mapping[int, npt.NDArray[np.float32]]) -> Tracks:
    """The observations of a model with the shapes that its geometry predicts.

    A point's surroundings are taken for a plane across the mean of the directions it is seen from; the reference is the
    view nearest to that mean, and shows the window upright.
    """
    points = [model.point3D(point_id) for point_id in sorted(model.point3D_ids())]
    table = np.array(
        [(each.image_id, each.point2D_idx, row) for row, point in enumerate(points) for each in point.track.elements],
        dtype=np.int64,
    ).reshape(-1, 3)
    image, feature, track = table[np.lexsort((table[:, 1], table[:, 0]))].T
    X = np.array([point.xyz for point in points]).reshape(-1, 3)
    count = len(image)
    places, scale = np.empty((count, 2)), np.empty(count)
    derivatives, rays = np.empty((count, 2, 3)), np.empty((count, 3))
    for image_id in np.unique(image):
        mine = np.flatnonzero(image == image_id)
        view = model.image(int(image_id))
        places[mine] = np.array([point.xy for point in view.points2D])[feature[mine]]
        scale[mine] = scales[int(image_id)][feature[mine]]
        derivatives[mine] = projection_derivatives(view, model.camera(view.camera_id), X[track[mine]])
        away = view.projection_center() - X[track[mine]]
        rays[mine] = away / np.linalg.norm(away, axis=1, keepdims=True)
    normal = np.zeros_like(X)
    np.add.at(normal, track, rays)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    order = np.lexsort(((rays * normal[track]).sum(1), track))
    reference = np.empty(len(X), np.int64)
    reference[track[order]] = order
    helper = np.where(np.abs(normal[:, :1]) < 0.7, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    shapes = derivatives @ np.stack([first, np.cross(normal, first)], 2)[track]
    spacing = np.clip(SPACING * scale[reference], FINEST, COARSEST)
    upright = np.linalg.pinv(shapes[reference]) * spacing[:, None, None]
    return Tracks(image, feature, track, places, shapes @ upright[track], scale, reference)


def projection_derivatives(view: pycolmap.Image, camera: pycolmap.Camera, X: Floats) -> Floats:
    """How pixels move with points X (N, 3), (N, 2, 3); distortion, a few percent, left out."""
    pose = view.cam_from_world()
    R = pose.rotation.matrix()
    local = X @ R.T + np.asarray(pose.translation)
    focal, depth = camera.mean_focal_length(), local[:, 2]
    derivatives = np.zeros((len(X), 2, 3))
    derivatives[:, 0, 0] = derivatives[:, 1, 1] = focal / depth
    derivatives[:, :, 2] = -focal * local[:, :2] / depth[:, None] ** 2
    return np.asarray(derivatives @ R)
