"""A first look at the model within seconds: pairs of photographs, rectified and matched by rows.

H. Hirschmüller: Stereo processing by semiglobal matching and mutual information, PAMI 2008, in OpenCV's version. The
pairs' depths go through the same volume as the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.dense.fusion import AgreedMap
from heritage3d.pipeline.dense.pictures import read_colour
from heritage3d.pipeline.scene import Camera, Scene

LONGEST = 640
DISPARITIES = 160
MOST_PAIRS = 12
#: Support given to a pixel of a pair: as if this many photographs agreed.
SUPPORT = 3


def pairs_of(scene: Scene, sources: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Each photograph with its best source that lies beside it (rectified rows stay rows), spread over the set."""
    pairs = []
    for index, chosen in enumerate(sources):
        for other in chosen:
            base = scene.cameras[index].R @ (scene.cameras[other].centre - scene.cameras[index].centre)
            if abs(base[0]) > 1.2 * abs(base[1]) and abs(base[0]) > abs(base[2]):
                pairs.append((index, other))
                break
    step = max(1, -(-len(pairs) // MOST_PAIRS))
    return pairs[::step]


def depth_of_pair(scene: Scene, index: int, other: int) -> AgreedMap | None:
    """The depth that photograph `index` sees with `other`, in a rectified camera of its own; None where it fails."""
    left, right = (scene.cameras[each].fitted(LONGEST) for each in (index, other))
    size = (left.width, left.height)
    R = right.R @ left.R.T
    t = right.t - R @ left.t
    shift = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    R1, R2, P1, P2, *_ = cv2.stereoRectify(
        left.K - shift, np.zeros(5), right.K - shift, np.zeros(5), size, R, t.reshape(3, 1),
        flags=cv2.CALIB_ZERO_DISPARITY, alpha=0,
    )  # fmt: skip
    if abs(P2[0, 3]) < abs(P2[1, 3]):
        return None
    pictures = []
    for camera, each, rotation, projection in ((left, index, R1, P1), (right, other, R2, P2)):
        grey = cv2.cvtColor(read_colour(scene.images[each]), cv2.COLOR_BGR2GRAY)
        small = cv2.resize(grey, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
        maps = cv2.initUndistortRectifyMap(camera.K - shift, np.zeros(5), rotation, projection, size, cv2.CV_32FC1)
        pictures.append(cv2.remap(small, maps[0], maps[1], cv2.INTER_LINEAR))
        if each == index:
            usable = _usable(scene, index, camera, maps)
    rectified = Camera(left.name, left.width, left.height, P1[:, :3] + shift, R1 @ left.R, R1 @ left.t)
    points = scene.points[np.intersect1d(scene.observations[index], scene.observations[other])]
    if len(points) < 8:
        return None
    depths = points @ rectified.R[2] + rectified.t[2]
    disparity = -P2[0, 3] / depths
    sign = 1.0 if np.median(disparity) > 0 else -1.0
    if sign < 0:
        # The source lies to the left: mirrored pictures turn it round.
        pictures = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    low, high = np.percentile(sign * disparity, [2, 98])
    lowest = int(np.floor(low - 0.15 * (high - low) - 4))
    count = int(min(DISPARITIES, max(16, np.ceil((high - low) * 1.3 + 8))) + 15) // 16 * 16
    if lowest + count >= left.width:
        return None
    matcher = cv2.StereoSGBM.create(
        minDisparity=lowest, numDisparities=count, blockSize=5, P1=200, P2=1600, disp12MaxDiff=1, uniquenessRatio=10,
        speckleWindowSize=120, speckleRange=2, mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )  # fmt: skip
    found = matcher.compute(pictures[0], pictures[1]).astype(np.float32) / 16
    valid = found > lowest
    if sign < 0:
        found, valid = found[:, ::-1], valid[:, ::-1]
    inverse = sign * found / -P2[0, 3]
    valid = valid & (inverse > 0) & usable
    inverse = np.where(valid, inverse, 0).astype(np.float32)
    return AgreedMap(rectified, _planes(inverse), np.where(valid, SUPPORT, 0).astype(np.uint8))


def _usable(
    scene: Scene, index: int, camera: Camera, maps: tuple[npt.NDArray[np.generic], ...]
) -> npt.NDArray[np.bool_]:
    mask = scene.masks[index]
    stored = None if mask is None else cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
    full = np.full((camera.height, camera.width), 255, np.uint8)
    if stored is not None:
        full = np.asarray(cv2.resize(stored, (camera.width, camera.height), interpolation=cv2.INTER_AREA), np.uint8)
    straight = cv2.remap(full, np.asarray(maps[0]), np.asarray(maps[1]), cv2.INTER_LINEAR)
    return np.asarray(straight > 127)


def _planes(inverse: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Inverse depth with its slopes, smoothed over five pixels; level where a neighbour is missing or far off."""
    known = inverse > 0
    soft = cv2.blur(inverse, (5, 5)) / np.maximum(cv2.blur(known.astype(np.float32), (5, 5)), 1e-6)
    planes = np.zeros((*inverse.shape, 3), np.float32)
    planes[..., 0] = inverse
    for axis, channel in ((1, 1), (0, 2)):
        slope = np.gradient(soft, axis=axis)
        calm = np.abs(slope) < 0.01 * np.maximum(inverse, 1e-9)
        planes[..., channel] = np.where(known & calm, slope, 0)
    return planes


def depths_of_pairs(scene: Scene, pairs: Sequence[tuple[int, int]]) -> Iterator[AgreedMap]:
    """All pairs that gave a depth."""
    for index, other in pairs:
        found = depth_of_pair(scene, index, other)
        if found is not None and found.accepted.any():
            yield found
