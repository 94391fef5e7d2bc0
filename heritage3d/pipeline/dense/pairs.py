"""Quick depths from pairs of photographs, for the preview: semi-global matching on rectified pictures.

Source: H. Hirschmüller: Stereo processing by semiglobal matching and mutual information, PAMI 2008, in OpenCV's form.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.dense.fusion import AgreedMap
from heritage3d.pipeline.dense.pictures import Picture
from heritage3d.pipeline.scene import Camera

Floats = npt.NDArray[np.float64]

#: Disparities searched at most; a pair with more between its nearest and farthest point is searched at its middle.
MOST_DISPARITIES = 256
#: Below this share of the photograph's pixels a rectified pair is not worth matching.
SMALLEST_OVERLAP = 0.2


@dataclass(frozen=True, eq=False)
class RectifiedPair:
    """Two cameras with parallel axes and one row for each point; the second lies `baseline` to the right.

    `first_warp`, `second_warp` (3, 3) take pixels of the photographs (first pixel's centre at 0) to those of the
    rectified pictures.
    """

    first: Camera
    second: Camera
    baseline: float
    first_warp: Floats
    second_warp: Floats


def rectify(first: Camera, second: Camera) -> RectifiedPair:
    """Turn both cameras so that their common x axis is the baseline. Raises ValueError where their centres coincide
    or one looks along the baseline."""
    step = second.centre - first.centre
    baseline = float(np.linalg.norm(step))
    forward = first.R[2] + second.R[2]
    if baseline < 1e-12 or np.linalg.norm(forward) < 1e-6:
        raise ValueError(f"{first.name} and {second.name} make no stereo pair")
    x = step / baseline
    z = forward - (forward @ x) * x
    if np.linalg.norm(z) < 0.5 * np.linalg.norm(forward):
        raise ValueError(f"{first.name} and {second.name} lie one behind the other")
    z /= np.linalg.norm(z)
    R = np.stack([x, np.cross(z, x), z])
    focal = 0.5 * (first.K[0, 0] + second.K[0, 0])
    boxes = [_seen_box(camera, R) for camera in (first, second)]
    # One vertical range for both, so that rows correspond; each its own horizontal range, of one width.
    top, bottom = max(box[2] for box in boxes), min(box[3] for box in boxes)
    if bottom - top <= 0:
        raise ValueError(f"{first.name} and {second.name} share no rows")
    width = round(max(box[1] - box[0] for box in boxes) * focal)
    height = round((bottom - top) * focal)
    limit = 2 * (first.width + first.height)
    if not (16 <= width <= limit and 16 <= height <= limit):
        raise ValueError(f"{first.name} and {second.name} look too far apart to be rectified")
    cameras, warps = [], []
    for camera, box in zip((first, second), boxes, strict=True):
        K = np.array([[focal, 0, -box[0] * focal], [0, focal, -top * focal], [0, 0, 1]])
        cameras.append(Camera(camera.name, width, height, K, R, -R @ camera.centre))
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
        warps.append(np.linalg.inv(half) @ K @ R @ camera.R.T @ np.linalg.inv(camera.K) @ half)
    return RectifiedPair(cameras[0], cameras[1], baseline, warps[0], warps[1])


def pair_depths(first: Picture, second: Picture, points: Floats) -> AgreedMap | None:
    """Depths of the rectified first picture, or None where the pair cannot be rectified or shows too little.

    `points` (M, 3) are sparse points seen by the first photograph: they bound the depths that are searched.
    """
    try:
        pair = rectify(first.camera, second.camera)
    except ValueError:
        return None
    size = (pair.first.width, pair.first.height)
    left = cv2.warpPerspective(first.grey, pair.first_warp, size, flags=cv2.INTER_LINEAR)
    right = cv2.warpPerspective(second.grey, pair.second_warp, size, flags=cv2.INTER_LINEAR)
    usable = first.usable if first.usable is not None else np.ones(first.shape, bool)
    inside = cv2.warpPerspective(usable.astype(np.uint8), pair.first_warp, size, flags=cv2.INTER_NEAREST) > 0
    if inside.sum() < SMALLEST_OVERLAP * first.grey.size:
        return None
    depths = points @ pair.first.R[2] + pair.first.t[2]
    depths = depths[depths > 1e-9]
    if len(depths) < 4:
        return None
    scale = pair.first.K[0, 0] * pair.baseline
    shift = pair.first.K[0, 2] - pair.second.K[0, 2]
    low, high = np.percentile(scale / depths, [1, 99]) * [0.8, 1.25] + shift
    count = int(min(MOST_DISPARITIES, 16 * np.ceil((high - low) / 16 + 1)))
    start = int(np.floor((low + high - count) / 2))
    matcher = cv2.StereoSGBM_create(  # type: ignore[attr-defined]
        minDisparity=start, numDisparities=count, blockSize=5, P1=8 * 25, P2=32 * 25, disp12MaxDiff=1,
        preFilterCap=31, uniquenessRatio=8, speckleWindowSize=80, speckleRange=2, mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )  # fmt: skip
    disparity = matcher.compute(left, right).astype(np.float32) / 16
    valid = (disparity > start - 0.5) & inside
    inverse = (disparity - np.float32(shift)) / np.float32(scale)
    valid &= inverse > 0
    planes = _fitted_planes(inverse, valid)
    return AgreedMap(pair.first, planes, np.where(planes[..., 0] > 0, 2, 0).astype(np.uint8))


def _seen_box(camera: Camera, R: Floats) -> tuple[float, float, float, float]:
    """Left, right, top, bottom of the photograph in the turned frame, as tangents."""
    corners = np.array([[0, 0, 1], [camera.width, 0, 1], [camera.width, camera.height, 1], [0, camera.height, 1.0]])
    rays = corners @ np.linalg.inv(camera.K).T @ camera.R @ R.T
    if (rays[:, 2] < 0.2 * np.linalg.norm(rays, axis=1)).any():
        raise ValueError(f"{camera.name} looks along the baseline")
    flat = rays[:, :2] / rays[:, 2:]
    return float(flat[:, 0].min()), float(flat[:, 0].max()), float(flat[:, 1].min()), float(flat[:, 1].max())


def _fitted_planes(
    inverse: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], radius: int = 3
) -> npt.NDArray[np.float32]:
    """Least-squares planes (H, W, 3) through the valid inverse depths around each valid pixel that are like its own.

    Box filters of the moments; windows across a step in depth (a large residual) fall back to the pixel alone.
    """
    size = (2 * radius + 1, 2 * radius + 1)
    rows, columns = np.mgrid[0 : inverse.shape[0], 0 : inverse.shape[1]].astype(np.float64)
    weight = valid.astype(np.float64)
    value = np.where(valid, inverse, 0).astype(np.float64)
    reference = float(value[valid].mean()) if valid.any() else 0.0
    value = np.where(valid, value - reference, 0)

    def total(array: Floats) -> Floats:
        return np.asarray(cv2.boxFilter(array, -1, size, normalize=False), np.float64)

    n = np.maximum(total(weight), 1e-9)
    mx, my, mv = total(weight * columns) / n, total(weight * rows) / n, total(value) / n
    xx = total(weight * columns * columns) / n - mx * mx
    yy = total(weight * rows * rows) / n - my * my
    xy = total(weight * columns * rows) / n - mx * my
    xv = total(value * columns) / n - mx * mv
    yv = total(value * rows) / n - my * mv
    determinant = xx * yy - xy * xy
    sound = valid & (n >= 0.5 * size[0] ** 2) & (determinant > 0.5)
    safe = np.where(sound, determinant, 1)
    gx = np.where(sound, (xv * yy - yv * xy) / safe, 0)
    gy = np.where(sound, (yv * xx - xv * xy) / safe, 0)
    fitted = reference + mv + gx * (columns - mx) + gy * (rows - my)
    close = sound & (np.abs(fitted - inverse) < 0.02 * np.abs(inverse))
    planes = np.stack([fitted, gx, gy], axis=2)
    planes[~close] = 0
    return planes.astype(np.float32)
