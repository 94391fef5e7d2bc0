"""Sharpness, exposure and likeness of a photograph, each as a number that can be compared over a set."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

JUDGED_SIZE = 1000
#: Above this a photograph counts as blurred (0 crisp, 1 no detail); measured on blurred copies of real photographs.
BLURRED = 0.62
DARK, BRIGHT = 0.08, 0.92


@dataclass
class Judgement:
    """`blur` in [0, 1] after Crete et al. (2007); `brightness` in [0, 1]; `clipped` share of pixels at either end;
    `likeness` a 64-bit difference hash in hexadecimal, of which near duplicates share nearly all bits.
    """

    blur: float = 0.0
    brightness: float = 0.5
    clipped: float = 0.0
    likeness: str = ""


def judge(picture: npt.NDArray[np.uint8]) -> Judgement:
    """Judge an sRGB picture (H, W, 3)."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    scale = JUDGED_SIZE / max(grey.shape)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    values = grey.astype(np.float32)
    return Judgement(
        blur=round(blur_of(values), 4),
        brightness=round(float(values.mean() / 255), 4),
        clipped=round(float(((grey <= 2) | (grey >= 253)).mean()), 4),
        likeness=_likeness(np.asarray(grey, np.uint8)),
    )


def blur_of(grey: npt.NDArray[np.float32]) -> float:
    """How little a picture changes when it is blurred once more: 0 crisp, 1 nothing left to lose.

    Crete, Dolmiere, Ladret, Nicolas: "The blur effect", SPIE 6492 (2007), with a 9-pixel box in both directions.
    """
    worst = 0.0
    for axis, size in ((1, (9, 1)), (0, (1, 9))):
        softer = cv2.blur(grey, size)
        sharp_change = np.abs(np.diff(grey, axis=axis))
        soft_change = np.abs(np.diff(softer, axis=axis))
        lost = np.maximum(0, sharp_change - soft_change).sum()
        total = float(sharp_change.sum())
        worst = max(worst, 1.0 - float(lost) / total if total > 0 else 1.0)
    return worst


def _likeness(grey: npt.NDArray[np.uint8]) -> str:
    small = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    bits = (small[:, 1:] > small[:, :-1]).ravel()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"
