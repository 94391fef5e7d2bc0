"""Pictures that show what was seen: each photograph with its accepted depths, and the cameras from above."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.dense.fusion import AgreedMap
from heritage3d.pipeline.dense.pictures import read_colour
from heritage3d.pipeline.scene import Camera

TILE = 300
COLUMNS = 4
MOST_TILES = 16


def coverage_sheet(
    views: Sequence[tuple[Camera, Path, Path | None]], maps: Sequence[AgreedMap]
) -> npt.NDArray[np.uint8]:
    """Up to sixteen photographs (BGR): as they are where depth was accepted, red where it is missing, blue where a
    mask left the picture out.
    """
    step = max(1, -(-len(views) // MOST_TILES))
    tiles = []
    tallest = max(camera.fitted(TILE).height for camera, _, _ in views)
    for index in range(0, len(views), step):
        camera, image, mask = views[index]
        small = camera.fitted(TILE)
        size = (small.width, small.height)
        picture = cv2.resize(read_colour(image), size, interpolation=cv2.INTER_AREA).astype(np.float32)
        accepted = cv2.resize(maps[index].accepted.astype(np.float32), size, interpolation=cv2.INTER_AREA)[..., None]
        tint = np.full_like(picture, (60, 60, 230))
        stored = None if mask is None else cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
        if stored is not None:
            left_out = cv2.resize(stored, size, interpolation=cv2.INTER_AREA) < 128
            tint[left_out] = (220, 160, 60)
        mixed = picture * (0.35 + 0.65 * accepted) + tint * (0.65 * (1 - accepted))
        tile = np.full((tallest, TILE, 3), 255, np.uint8)
        tile[: small.height, : small.width] = np.clip(mixed, 0, 255).astype(np.uint8)
        tiles.append(tile)
    while len(tiles) % COLUMNS:
        tiles.append(np.full((tallest, TILE, 3), 255, np.uint8))
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


def camera_plan(cameras: Sequence[Camera], points: npt.NDArray[np.float64]) -> str:
    """Where the photographs were taken, from above, as SVG in the local frame of the model."""
    centres = np.array([camera.centre[:2] for camera in cameras])
    ahead = np.array([camera.R[2][:2] for camera in cameras])
    shown = points[:: max(1, len(points) // 1500), :2]
    low = np.minimum(centres.min(0), np.percentile(shown, 2, axis=0))
    high = np.maximum(centres.max(0), np.percentile(shown, 98, axis=0))
    extent = float((high - low).max()) or 1.0
    low, extent = low - 0.08 * extent, extent * 1.16
    shown = shown[((shown >= low) & (shown <= low + extent)).all(1)]

    def at(place: npt.NDArray[np.float64]) -> tuple[float, float]:
        x, y = (place - low) / extent * 600
        return round(float(x), 1), round(600 - float(y), 1)

    parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 600" role="img">']
    parts.append("<title>Where the photographs were taken, seen from above</title>")
    for place in shown:
        x, y = at(place)
        parts.append(f'<circle cx="{x}" cy="{y}" r="1" class="seen" fill="#8a8a8a"/>')
    for number, (centre, direction) in enumerate(zip(centres, ahead, strict=True), start=1):
        x, y = at(centre)
        tip = at(centre + direction * extent * 0.06)
        parts.append(
            f'<line x1="{x}" y1="{y}" x2="{tip[0]}" y2="{tip[1]}" class="ray" stroke="#1a5fb4" stroke-width="2"/>'
        )
        parts.append(f'<circle cx="{x}" cy="{y}" r="5" class="eye" fill="#1a5fb4"/>')
        parts.append(f'<text x="{x + 7}" y="{y + 4}" font-size="13">{number}</text>')
    return "".join([*parts, "</svg>"])
