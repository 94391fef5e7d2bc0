"""From COLMAP's cameras to a `Scene`: photographs without distortion, masks that fit them, points and who sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pycolmap

from heritage3d.pipeline.cameras.skies import Evidence, level_of, only_sky
from heritage3d.pipeline.picture_files import write_picture
from heritage3d.pipeline.scene import Camera, IntArray, Scene

UNDISTORTED_QUALITY = 98
IMAGES, MASKS = "images", "masks"


@dataclass(frozen=True)
class Source:
    """Where a copy lies and what may not be used of it: a sky mask (255 = sky), a person's mask (255 = use).

    `orientation` is EXIF's: which way up the photographer saw it.
    """

    image: Path
    sky: Path | None
    mask: Path | None
    orientation: int = 1


def distorted(
    camera: pycolmap.Camera, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Pixels (N, 2) of the photograph at which normalised pinhole coordinates x, y (N,) appear.

    The models are COLMAP's SIMPLE_RADIAL, RADIAL and OPENCV. Raises ValueError for another.
    """
    p = np.asarray(camera.params)
    r2 = x * x + y * y
    name = camera.model_name
    if name == "SIMPLE_RADIAL":
        factor = 1 + p[3] * r2
        return np.column_stack([p[0] * x * factor + p[1], p[0] * y * factor + p[2]])
    if name == "RADIAL":
        factor = 1 + p[3] * r2 + p[4] * r2 * r2
        return np.column_stack([p[0] * x * factor + p[1], p[0] * y * factor + p[2]])
    if name == "OPENCV":
        radial = p[4] * r2 + p[5] * r2 * r2
        u = x + x * radial + 2 * p[6] * x * y + p[7] * (r2 + 2 * x * x)
        v = y + y * radial + 2 * p[7] * x * y + p[6] * (r2 + 2 * y * y)
        return np.column_stack([p[0] * u + p[2], p[1] * v + p[3]])
    raise ValueError(f"no formula for the camera model {name}")


def pinhole_of(camera: pycolmap.Camera, longest: int) -> tuple[int, int, npt.NDArray[np.float64]]:
    """Width, height and K of a pinhole camera that shows only what the photograph shows, at most `longest` pixels."""
    options = pycolmap.UndistortCameraOptions()
    options.blank_pixels = 0
    plain = pycolmap.undistort_camera(options, camera)
    scale = min(1.0, longest / max(plain.width, plain.height))
    width, height = round(plain.width * scale), round(plain.height * scale)
    K = np.asarray(plain.calibration_matrix()).copy()
    K[0] *= width / plain.width
    K[1] *= height / plain.height
    return width, height, K


def remap_of(
    camera: pycolmap.Camera, width: int, height: int, K: npt.NDArray[np.float64], shrink: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Maps for `cv2.remap` from the photograph, reduced by `shrink`, to the pinhole camera.

    Distortion is smooth: it is evaluated on every eighth pixel and interpolated, which errs by under 0.001 px.
    """
    step = 8
    us = np.arange(0, width + step, step) + 0.5
    vs = np.arange(0, height + step, step) + 0.5
    u, v = np.meshgrid(us, vs)
    x, y = (u.ravel() - K[0, 2]) / K[0, 0], (v.ravel() - K[1, 2]) / K[1, 1]
    at = distorted(camera, x, y).reshape(len(vs), len(us), 2) / shrink - 0.5
    columns = (np.arange(width) / step).astype(np.float32)
    rows = (np.arange(height) / step).astype(np.float32)
    grid = np.meshgrid(columns, rows)
    maps = [
        cv2.remap(np.ascontiguousarray(at[..., k]).astype(np.float32), grid[0], grid[1], cv2.INTER_LINEAR)
        for k in range(2)
    ]
    return np.asarray(maps[0], np.float32), np.asarray(maps[1], np.float32)


def build_scene(
    model: pycolmap.Reconstruction,
    sources: Mapping[str, Source],
    folder: Path,
    *,
    longest: int,
    threads: int,
    progress: Callable[[float, float], None],
) -> Scene:
    """Undistort every registered photograph into `folder` and gather the scene, cameras in order of their names."""
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    (folder / MASKS).mkdir(exist_ok=True)
    image_ids = sorted(model.reg_image_ids(), key=lambda image_id: model.image(image_id).name)
    point_ids = sorted(model.point3D_ids())
    row_of = {point_id: row for row, point_id in enumerate(point_ids)}
    points = np.array([model.point3D(point_id).xyz for point_id in point_ids]).reshape(-1, 3)
    tracks = {point_id: model.point3D(point_id).track.length() for point_id in point_ids}
    solved = {
        image_id: _solved(model.image(image_id), model.camera(model.image(image_id).camera_id), longest)
        for image_id in image_ids
    }
    up = level_of(list(solved.values()), {name: source.orientation for name, source in sources.items()})

    def one(image_id: int) -> tuple[Camera, Path, Path | None, IntArray]:
        image = model.image(image_id)
        camera = model.camera(image.camera_id)
        seen = [
            (point.point3D_id, point.xy)
            for point in image.points2D
            if point.has_point3D() and point.point3D_id in row_of
        ]
        sure = np.array([xy for point_id, xy in seen if tracks[point_id] >= 3]).reshape(-1, 2)
        picture, mask = _undistort(sources[image.name], camera, solved[image_id], Evidence(sure, up), folder)
        rows = np.unique(np.array([row_of[point_id] for point_id, _ in seen], dtype=np.int64))
        return solved[image_id], picture, mask, rows

    parts = []
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        for part in pool.map(one, image_ids):
            parts.append(part)
            progress(len(parts), len(image_ids))
    scene = Scene(
        cameras=tuple(part[0] for part in parts),
        images=tuple(part[1] for part in parts),
        masks=tuple(part[2] for part in parts),
        points=points,
        observations=tuple(part[3] for part in parts),
    )
    scene.save(folder)
    return scene


def _solved(image: pycolmap.Image, camera: pycolmap.Camera, longest: int) -> Camera:
    """The pinhole camera in the place of the photograph."""
    width, height, K = pinhole_of(camera, longest)
    pose = image.cam_from_world()
    return Camera(image.name, width, height, K, pose.rotation.matrix(), np.array(pose.translation))


def _undistort(
    source: Source, camera: pycolmap.Camera, solved: Camera, evidence: Evidence, folder: Path
) -> tuple[Path, Path | None]:
    """Write the undistorted picture and, where something is not to be used, its mask."""
    picture = cv2.imread(str(source.image), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if picture is None:
        raise OSError(f"{source.image.name} cannot be read")
    shrink = max(1.0, _focal(camera) / solved.K[0, 0])
    if shrink > 1.0:
        size = (round(camera.width / shrink), round(camera.height / shrink))
        reduced = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    else:
        reduced = picture
    map_x, map_y = remap_of(camera, solved.width, solved.height, solved.K, camera.width / reduced.shape[1])
    straight = cv2.remap(reduced, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    target = folder / IMAGES / solved.name
    settings = [cv2.IMWRITE_JPEG_QUALITY, UNDISTORTED_QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]
    write_picture(target, straight, settings)
    usable = _usable(source, picture.shape[:2], camera, solved.R, evidence)
    if usable is None:
        return target, None
    full_x, full_y = remap_of(camera, solved.width, solved.height, solved.K, 1.0)
    mask = cv2.remap(usable, full_x, full_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    mask_file = folder / MASKS / f"{solved.name}.png"
    write_picture(mask_file, np.where(mask > 127, 255, 0).astype(np.uint8))
    return target, mask_file


def _focal(camera: pycolmap.Camera) -> float:
    return float(camera.mean_focal_length())


def _usable(
    source: Source, shape: tuple[int, ...], camera: pycolmap.Camera, R: npt.NDArray[np.float64], evidence: Evidence
) -> npt.NDArray[np.uint8] | None:
    """What may be used of the photograph: a person's mask decides; else all but the sky."""
    if source.mask is not None:
        mask = cv2.imread(str(source.mask), cv2.IMREAD_GRAYSCALE)
        return None if mask is None else np.asarray(mask, np.uint8)
    if source.sky is None:
        return None
    sky = cv2.imread(str(source.sky), cv2.IMREAD_GRAYSCALE)
    if sky is None or sky.shape[:2] != tuple(shape[:2]):
        return None
    kept = only_sky(np.asarray(sky, np.uint8), np.asarray(camera.calibration_matrix()), R, evidence)
    return None if not kept.any() else (255 - kept).astype(np.uint8)
