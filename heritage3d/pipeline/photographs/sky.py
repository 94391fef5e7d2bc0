"""Which pixels are sky: they have no distance, and every method that gives them one paints clouds on rooflines."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

WORKING_SIZE = 448
#: The border is fitted on pictures of this size.
FITTING_SIZE = 1600
#: A sky smaller than this share of the picture is not looked for.
SMALLEST_SKY = 0.01
#: Turns that bring the sensor's frame upright, by EXIF orientation (mirrored ones look the same for the sky).
_UPRIGHT = {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}


def sky_mask(picture: Picture, orientation: int = 1) -> Picture | None:
    """Sky of an sRGB picture (H, W, 3) as (H, W) uint8, 255 where the sky is; None when no sky is seen.

    Sky is what looks like sky (bright and pale, or blue), is smooth and hangs on the top edge; GrabCut (Rother et al.
    2004) then finds its border. `orientation` is EXIF's, because "top" is where the photographer's sky was.
    """
    height, width = picture.shape[:2]
    scale = min(1.0, WORKING_SIZE / max(height, width))
    small = cv2.resize(
        picture, (max(8, round(width * scale)), max(8, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    turns = _UPRIGHT.get(orientation, 0)
    upright = np.ascontiguousarray(np.rot90(small.astype(np.uint8), turns))
    found = _sky_upright(upright)
    if found is None:
        return None
    back = np.ascontiguousarray(np.rot90(found, -turns)).astype(np.uint8)
    enlarged = cv2.resize(back * 255, (width, height), interpolation=cv2.INTER_LINEAR)
    return _follow_edges(picture, np.asarray(enlarged, np.uint8))


def _looks_like_sky(picture: Picture) -> tuple[Flags, Flags]:
    """Where colour and smoothness are those of a sky: (surely, perhaps)."""
    r, g, b = (picture[..., k].astype(np.float32) for k in range(3))
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    value = np.maximum(np.maximum(r, g), b)
    saturation = (value - np.minimum(np.minimum(r, g), b)) / np.maximum(value, 1)
    blue = (b >= g) & (g >= r - 4) & (b - r > 12) & (value > 75)
    pale = (value > 150) & (saturation < 0.16) & (b >= r - 10)
    mean = cv2.blur(grey, (5, 5))
    deviation = np.sqrt(np.maximum(cv2.blur(grey * grey, (5, 5)) - mean * mean, 0))
    colour = blue | pale
    return colour & (deviation < 5), colour & (deviation < 14)


def _hanging_on_top(flags: Flags) -> Flags:
    """The connected parts that touch the top edge along at least 3 % of it."""
    count, labels = cv2.connectedComponents(flags.astype(np.uint8), connectivity=4)
    if count < 2:
        return np.zeros_like(flags)
    touching = np.bincount(labels[:2].max(axis=0), minlength=count)
    kept = [label for label in range(1, count) if touching[label] >= 0.03 * flags.shape[1]]
    return np.isin(labels, kept)


def _sky_upright(picture: Picture) -> Flags | None:
    surely, perhaps = _looks_like_sky(picture)
    seed = _hanging_on_top(surely)
    if seed.mean() < SMALLEST_SKY:
        return None
    reach = _hanging_on_top(perhaps | seed)
    labels = np.full(picture.shape[:2], cv2.GC_BGD, np.uint8)
    near = cv2.dilate(reach.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    labels[near] = cv2.GC_PR_BGD
    labels[reach] = cv2.GC_PR_FGD
    labels[cv2.erode(seed.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0] = cv2.GC_FGD
    if not (labels == cv2.GC_FGD).any() or not (labels == cv2.GC_BGD).any():
        return seed
    sky_model, rest_model = np.zeros((1, 65), np.float64), np.zeros((1, 65), np.float64)
    cv2.setRNGSeed(0)
    blue_first = np.ascontiguousarray(picture[..., ::-1])
    cv2.grabCut(blue_first, labels, (0, 0, 1, 1), sky_model, rest_model, 2, cv2.GC_INIT_WITH_MASK)
    sky = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    sky = _hanging_on_top(sky) | seed
    return sky if sky.mean() >= SMALLEST_SKY else None


def _follow_edges(picture: Picture, mask: Picture) -> Picture:
    """Fit the enlarged mask to the picture's own edges (guided filter, He et al. 2013, radius 1/160 of the width).

    Its two coefficients are found on a reduced picture and enlarged (fast guided filter, He and Sun 2015).
    """
    height, width = mask.shape
    scale = min(1.0, FITTING_SIZE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    full = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    guide = cv2.resize(full, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    wanted = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    radius = max(2, max(size) // 160)
    window = (2 * radius + 1, 2 * radius + 1)
    mean_g, mean_w = cv2.blur(guide, window), cv2.blur(wanted, window)
    variance = cv2.blur(guide * guide, window) - mean_g * mean_g
    covariance = cv2.blur(guide * wanted, window) - mean_g * mean_w
    slope = covariance / (variance + 1e-4)
    offset = mean_w - slope * mean_g
    slopes = cv2.resize(cv2.blur(slope, window), (width, height), interpolation=cv2.INTER_LINEAR)
    offsets = cv2.resize(cv2.blur(offset, window), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(slopes * (full.astype(np.float32) / 255) + offsets > 0.5, 255, 0).astype(np.uint8)
