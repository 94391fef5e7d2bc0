"""A frame from the places that photographs carry, helped by what their own directions say about up.

Positions of a telephone or a drone are wrong by metres. Over a hundred metres that still tilts a model by a degree,
and along a straight wall it leaves the turn about that wall open altogether. Photographs know better: people hold
cameras level, and drones look straight down. So both are weighed against each other by how sure each is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.georeference.frame import PARALLEL_ROWS, Frame, fit_similarity, held
from heritage3d.pipeline.scene import Camera

Vector = npt.NDArray[np.float64]

#: GPS of a camera or telephone is about this exact (metres); a smaller set says nothing about scale.
GPS_METRES = 4.0
#: Positions that fit better than this are of a surveyor's receiver; better than this they are not believed.
FINEST_METRES = 0.05
FEWEST_POSITIONS = 4
#: A position farther off than so many σ of one coordinate counts for no more than one that is just so far.
OUTLIER = 3.0
#: What pictures that agree may still be wrong by together: held by people, and by a gimbal (radians).
SURE_OF_LEVEL = np.radians(0.7)
SURE_OF_NADIR = np.radians(0.3)
#: Photographs that all look the same way say little of whether they were tipped up or down (radians).
SURE_OF_TIPPING = np.radians(8.0)
#: Photographs count as taken straight down when their axes scatter less than this about one another (radians).
NADIR_SCATTER = np.radians(8.0)
#: Squared deviations beyond this many (four σ) refute a guess of up, whatever it says.
REFUTED = 16.0
#: A row of photographs of a wall and a strip flown over a field look alike: the wall is likelier.
NADIR_DOUBT = 2.0


@dataclass(frozen=True, eq=False)
class Level:
    """A guess of the unit vector `up` in the frame of the cameras, its σ in radians, and what was doubtful of it."""

    name: str
    up: Vector
    sigma: float
    doubt: float = 0.0


def held_level(up: Vector, cameras: Sequence[Camera], orientations: Mapping[str, int]) -> Level:
    """`up` as pictures held level have it, with σ from how well their rows agree on it.

    Rows that point in many directions fix up by their scatter about level; parallel ones leave tipping open.
    """
    rows, _ = held(cameras, orientations)
    scatter, across, _ = np.linalg.eigvalsh(rows.T @ rows / len(rows))
    parallel = across < PARALLEL_ROWS**2
    by_rows = SURE_OF_TIPPING if parallel else float(np.sqrt(max(scatter, 0.0) / (across * len(rows))))
    return Level("pictures held level", up, float(np.hypot(SURE_OF_LEVEL, min(by_rows, SURE_OF_TIPPING))))


def nadir_level(cameras: Sequence[Camera]) -> Level | None:
    """Up as cameras have it that all look the same way, if that way is down; None where they do not."""
    axes = np.array([camera.R[2] for camera in cameras])
    mean = axes.mean(0)
    length = float(np.linalg.norm(mean))
    if length < 0.5:
        return None
    scatter = float(np.sqrt(np.mean(np.arccos(np.clip(axes @ (mean / length), -1, 1)) ** 2)))
    if scatter > NADIR_SCATTER:
        return None
    sigma = float(np.hypot(SURE_OF_NADIR, scatter / np.sqrt(len(cameras))))
    return Level("photographs taken straight down", -mean / length, sigma, NADIR_DOUBT)


def from_positions(centres: Vector, places: Vector, levels: Sequence[Level] = ()) -> Frame | None:
    """A frame that takes `centres` (N, 3) of cameras to `places` (N, 3, metres east, north, up).

    Single wrong positions and a wrong guess of up do no harm. None where the set is smaller than GPS is exact.
    """
    extent = float(np.linalg.norm(places.max(0) - places.min(0)))
    if len(centres) < FEWEST_POSITIONS or extent < 5 * GPS_METRES:
        return None
    guesses: list[Level | None] = [None, *levels]
    sigma = GPS_METRES
    for _ in range(2):
        fits = [(guess, *fit) for guess in guesses if (fit := _robust_fit(centres, places, sigma, guess)) is not None]
        if not fits:
            return None
        # Seven of the numbers that fit are those of the similarity itself.
        freedom = max(3 * len(centres) - 7, 1)
        sigma = max(FINEST_METRES, float(np.sqrt(min(squares for _, _, squares in fits) / freedom)))
    guess, (scale, R, t), squares = min(fits, key=lambda fit: fit[2] / sigma**2 + _against(fit[0], fit[1]))
    rms = float(np.sqrt(squares / len(centres)))
    details = {
        "positions": len(centres),
        "position_rms": rms,
        "scale_uncertainty": rms / np.sqrt(len(centres)) / extent,
        "up_from": "positions alone" if guess is None else guess.name,
    }
    return Frame(scale, R, t, "estimated", "positions of the photographs (GPS)", rms, details)


Similarity = tuple[float, Vector, Vector]


def _robust_fit(centres: Vector, places: Vector, sigma: float, guess: Level | None) -> tuple[Similarity, float] | None:
    """The similarity and its squared deviations, of which none counts for more than `OUTLIER` σ; None without."""
    weights = np.ones(len(centres))
    for _ in range(20):
        try:
            found = (
                fit_similarity(centres, places, weights)
                if guess is None
                else _with_level(centres, places, weights, sigma, guess)
            )
        except ValueError:
            return None
        scale, R, t = found
        off = np.linalg.norm(scale * centres @ R.T + t - places, axis=1)
        weights = 1 / np.maximum(1.0, off / (OUTLIER * sigma)) ** 2
    return found, float((weights * off**2).sum())


def _against(guess: Level | None, found: Similarity) -> float:
    """What speaks against a fit besides the positions, in the same units: squares of σ."""
    if guess is None:
        return REFUTED
    return guess.doubt + float(np.arccos(np.clip((found[1] @ guess.up)[2], -1, 1)) / guess.sigma) ** 2


def _with_level(centres: Vector, places: Vector, weights: Vector, sigma: float, level: Level) -> Similarity:
    """The similarity with the least squares of positions and of the guess of up together.

    For a given scale, the guess is one more pair of vectors in the rotation's Procrustes problem (Umeyama 1991);
    scale and rotation are found in turn. Raises ValueError where the positions give no scale.
    """
    w = weights / weights.sum()
    a, b = w @ centres, w @ places
    x, y = centres - a, places - b
    moment = (y * weights[:, None]).T @ x
    up = np.outer([0.0, 0.0, 1.0], level.up) / level.sigma**2
    scale = float(np.sqrt((weights[:, None] * y**2).sum() / (weights[:, None] * x**2).sum()))
    for _ in range(60):
        U, _, Vt = np.linalg.svd(scale * moment / sigma**2 + up)
        R = (U * np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])) @ Vt
        before = scale
        scale = float((weights[:, None] * y * (x @ R.T)).sum() / (weights[:, None] * x**2).sum())
        if scale <= 0:
            raise ValueError("the positions contradict the guess of up")
        if abs(scale - before) < 1e-10 * before:
            break
    return scale, R, b - scale * R @ a
