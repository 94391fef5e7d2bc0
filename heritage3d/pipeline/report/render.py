"""The painted model as a picture, through a camera or along parallel rays."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.rasterise import Raster, rasterise, rasterise_parallel
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.texture.bake import TexturedMesh

Picture = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]


def through_camera(model: TexturedMesh, camera: Camera) -> tuple[Picture, Raster]:
    """The model as `camera` sees it: (H, W, 4) BGRA, transparent where there is nothing, and what each pixel sees."""
    raster = rasterise(model.vertices, model.faces, camera)
    return _colours(model, raster), raster


def along_rays(model: TexturedMesh, to_pixels: Numbers, width: int, height: int) -> Picture:
    """The model in parallel projection `to_pixels` (3, 4), as `rasterise_parallel` takes it: (H, W, 4) BGRA."""
    return _colours(model, rasterise_parallel(model.vertices, model.faces, to_pixels, width, height))


def _colours(model: TexturedMesh, raster: Raster) -> Picture:
    height, width = raster.face.shape
    out = np.zeros((height, width, 4), np.uint8)
    seen = raster.face >= 0
    if not seen.any():
        return out
    face = raster.face[seen]
    first, second = raster.barycentric[seen][:, 0], raster.barycentric[seen][:, 1]
    weights = np.stack([first, second, 1 - first - second], 1)
    uv = (model.uv[model.faces[face]] * weights[..., None]).sum(1)
    colour = np.zeros((len(face), 3), np.uint8)
    for number, page in enumerate(model.pages):
        own = np.flatnonzero(model.page[face] == number)
        if not len(own):
            continue
        at = uv[own] * [page.shape[1], page.shape[0]] - 0.5
        # remap takes pictures of at most 32,767 pixels a side: fold the list into rows.
        columns = 16384
        padded = np.zeros((-(-len(own) // columns) * columns, 2), np.float32)
        padded[: len(own)] = at
        folded = padded.reshape(-1, columns, 2)
        sampled = cv2.remap(page, folded[..., 0], folded[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        colour[own] = sampled.reshape(-1, 3)[: len(own)]
    out[seen, :3] = colour
    out[seen, 3] = 255
    return out


def over_plain(picture: Picture, background: tuple[int, int, int] = (244, 244, 244)) -> Picture:
    """A BGRA picture on a plain ground, (H, W, 3) BGR."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    mixed = picture[..., :3] * alpha + np.array(background, np.float32) * (1 - alpha)
    return np.asarray(mixed, np.uint8)


def shrunk(picture: Picture, factor: int) -> Picture:
    """The picture reduced by a whole factor, colours weighted by what is there."""
    size = (picture.shape[1] // factor, picture.shape[0] // factor)
    alpha = picture[..., 3:].astype(np.float32)
    weighted = cv2.resize(picture[..., :3] * (alpha / 255), size, interpolation=cv2.INTER_AREA)
    covered = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    colour = weighted / np.maximum(covered / 255, 1e-3)[..., None]
    return np.dstack([np.clip(colour, 0, 255), covered]).astype(np.uint8)
