"""The painted model as a picture, through a camera or along parallel rays."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.rasterise import Raster, rasterise, rasterise_parallel
from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.surface.clean import components
from heritage3d.pipeline.texture.bake import TexturedMesh

Picture = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float64]

#: Connected parts with less than this share of the whole area do not widen a picture.
MINOR_PART = 0.02
#: Other parts do when they lie within this share of the main parts' size beside them, or above: chimneys, lanterns.
BESIDE, ABOVE = 0.03, 0.25
#: Width of a picture through its height lies between these.
SLIMMEST, WIDEST = 0.6, 2.4
#: Share of a picture left free at each side.
MARGIN = 0.03
#: Where the light of a picture without colours comes from: right, down and ahead, from the upper left behind the eye.
LIGHT = np.array([0.45, 0.55, 0.7]) / np.linalg.norm([0.45, 0.55, 0.7])


def main_parts(model: TexturedMesh) -> Numbers:
    """Corners (n, 3) that matter for the frame of a picture: the main parts of the model and what stands close by.

    A chimney without its roof counts; a lamp far behind does not shrink the rest.
    """
    part = components(model.mesh_vertex[model.faces], int(model.mesh_vertex.max()) + 1)
    corners = model.vertices[model.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = np.bincount(part, weights=area) / area.sum()
    main = model.vertices[model.faces[share[part] >= MINOR_PART].ravel()]
    if not len(main):
        return model.vertices
    low, high = np.percentile(main, [0.2, 99.8], axis=0)
    size = float((high - low).max())
    low, high = low - BESIDE * size, high + np.array([BESIDE, BESIDE, ABOVE]) * size
    return np.asarray(model.vertices[((model.vertices >= low) & (model.vertices <= high)).all(axis=1)])


def framed(towards: Camera, points: Numbers, longest: int) -> Camera:
    """A camera at the place of `towards`, turned upright to look level at `points` and cut to what holds them, its
    longer side `longest` pixels.

    The picture's plane stays vertical and its middle is shifted instead (as with a view camera), so that what is
    vertical stays so; a view from above or below looks straight at the points.
    """
    low, high = np.percentile(points, [1, 99], axis=0)
    eye = towards.centre
    forward = (low + high) / 2 - eye
    level = np.array([forward[0], forward[1], 0.0])
    if np.linalg.norm(level) > abs(forward[2]):
        forward = level
    forward = forward / np.linalg.norm(forward)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    seen = (points - eye) @ R.T
    seen = seen[seen[:, 2] > 0.05 * np.percentile(seen[:, 2], 99)]
    flat = seen[:, :2] / seen[:, 2:]
    first, last = np.percentile(flat, [0.01, 99.99], axis=0)
    extent = np.maximum(last - first, 1e-9)
    aspect = float(np.clip(extent[0] / extent[1], SLIMMEST, WIDEST))
    width, height = (longest, round(longest / aspect)) if aspect >= 1 else (round(longest * aspect), longest)
    width, height = width // 2 * 2, height // 2 * 2
    focal = float(((1 - 2 * MARGIN) * np.array([width, height]) / extent).min())
    cx, cy = np.array([width, height]) / 2 - focal * (first + last) / 2
    K = np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1.0]])
    return Camera("view", width, height, K, R, -R @ eye)


def through_camera(model: TexturedMesh, camera: Camera) -> tuple[Picture, Raster]:
    """The model as `camera` sees it: (H, W, 4) BGRA, transparent where there is nothing, and what each pixel sees."""
    raster = rasterise(model.vertices, model.faces, camera)
    return _colours(model, raster), raster


def shaded(model: TexturedMesh, raster: Raster, camera: Camera) -> Picture:
    """The shape alone, as if of plaster, (H, W, 4) BGRA: what `raster` of `camera` saw, lit from the upper left."""
    out = np.zeros((*raster.face.shape, 4), np.uint8)
    seen = raster.face >= 0
    face = raster.face[seen]
    first, second = raster.barycentric[seen][:, 0], raster.barycentric[seen][:, 1]
    weights = np.stack([first, second, 1 - first - second], 1).astype(np.float32)
    normals = (model.normals[model.faces[face]] * weights[..., None]).sum(1) @ camera.R.T.astype(np.float32)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    lit = np.clip(-(normals @ LIGHT.astype(np.float32)), 0, 1)
    out[seen, :3] = (60 + 180 * lit)[:, None].astype(np.uint8)
    out[seen, 3] = 255
    return out


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
