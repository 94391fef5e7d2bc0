"""Stage 11: the files people take away, all in the frame of the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.georeference.frame import Frame
from heritage3d.pipeline.gltf import EncodingError, PictureFormat, glb_bytes, write_derivative, write_master
from heritage3d.pipeline.picture_files import write_picture
from heritage3d.pipeline.ply import write_ply
from heritage3d.pipeline.report.orthophoto import facade_axes, plan_axes, take
from heritage3d.pipeline.report.render import framed, main_parts, over_plain, shaded, shrunk, through_camera
from heritage3d.pipeline.scene import Camera, Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.fusion import CLOUD_NPZ
from heritage3d.pipeline.stages.simplify import HIGH_NPZ, LOW_NPZ
from heritage3d.pipeline.stages.surface import load_mesh
from heritage3d.pipeline.stages.texture import load_textured, views_of
from heritage3d.pipeline.texture.bake import TexturedMesh, Texturing, texture_mesh, vertex_colours

LOW_BYTES = 700_000
LOW_PAGE = 1024
POSTER_LONGEST = 1280
THUMB_SIZE = (320, 240)


def run(context: StageContext) -> dict[str, Any]:
    """`model.glb`, `model.ply`, `cloud.ply`, `low.glb`, `high.glb`, pictures, orthophotos and `cameras/` (COLMAP)."""
    scene = Scene.load(context.inputs["sfm"])
    frame = Frame.load(context.inputs["georeference"])
    views = views_of(scene, context.inputs["fusion"])
    master = in_frame(load_textured(context.inputs["texture"]), frame)
    made: list[dict[str, Any]] = []
    size = write_master(context.folder / "model.glb", master)
    made.append(_entry("model.glb", size, master, "none"))
    _write_model_ply(context.folder / "model.ply", master)
    with np.load(context.inputs["fusion"] / CLOUD_NPZ, allow_pickle=False) as cloud:
        gsd = float(cloud["gsd"]) * frame.scale
        write_ply(
            context.folder / "cloud.ply",
            frame.apply(cloud["points"]),
            normals=frame.turn(cloud["normals"]),
            colours=cloud["colours"],
        )
    context.progress(2, 10)
    low_mesh = load_mesh(context.inputs["simplify"] / LOW_NPZ)
    low = texture_mesh(low_mesh, views, Texturing(page=LOW_PAGE, most_pages=1, source_size=LOW_PAGE * 3 // 2))
    made.append(_compressed(context, "low.glb", in_frame(low, frame), LOW_BYTES))
    if made[-1]["bytes"] > LOW_BYTES:
        context.warn(
            f"low.glb has {made[-1]['bytes'] // 1000} kB, more than the {LOW_BYTES // 1000} kB it should have."
        )
    context.progress(4, 10)
    high = master
    if len(master.faces) > 1.2 * context.preset.high_triangles:
        high_mesh = load_mesh(context.inputs["simplify"] / HIGH_NPZ)
        settings = Texturing(page=context.preset.texture_page, source_size=context.preset.texture_source_size)
        high = in_frame(texture_mesh(high_mesh, views, settings), frame)
    made.append(_compressed(context, "high.glb", high, None))
    context.progress(7, 10)
    cameras = [frame.place(camera) for camera in scene.cameras]
    _posters(context.folder, master, cameras)
    pixels = {}
    for name, axes in (("facade", facade_axes(cameras)), ("plan", plan_axes(cameras))):
        photo = take(master, axes, gsd, with_bar=frame.status != "none")
        write_picture(context.folder / f"orthophoto-{name}.png", photo.picture)
        pixels[name] = photo.pixel
    context.progress(9, 10)
    _write_colmap(context.folder / "cameras", scene, frame)
    context.progress(10, 10)
    return {"derivatives": made, "gsd": gsd, "orthophoto_pixel": pixels}


def in_frame(model: TexturedMesh, frame: Frame) -> TexturedMesh:
    """The painted model in the frame of delivery."""
    return replace(model, vertices=frame.apply(model.vertices), normals=frame.turn(model.normals))


def _entry(name: str, size: int, model: TexturedMesh, compression: str) -> dict[str, Any]:
    return {"name": name, "bytes": size, "triangles": len(model.faces), "compression": compression}


def _compressed(context: StageContext, name: str, model: TexturedMesh, most_bytes: int | None) -> dict[str, Any]:
    """A derivative with WebP and meshopt; without Node an uncompressed one, and a warning."""
    path = context.folder / name
    try:
        return _entry(name, write_derivative(path, model, most_bytes=most_bytes), model, "meshopt")
    except EncodingError as error:
        context.warn(f"{name} is larger than it could be: {error}")
        path.write_bytes(glb_bytes(model, PictureFormat("webp", 74), quantised=True))
        return _entry(name, path.stat().st_size, model, "quantised")


def _write_model_ply(path: Path, model: TexturedMesh) -> None:
    """The master's surface, its corners joined again, with the colour of its texture at every vertex."""
    colours = vertex_colours(model)
    places = np.zeros((len(colours), 3))
    normals = np.zeros((len(colours), 3), np.float32)
    places[model.mesh_vertex], normals[model.mesh_vertex] = model.vertices, model.normals
    write_ply(path, places, model.mesh_vertex[model.faces], normals=normals, colours=colours)


def _posters(folder: Path, model: TexturedMesh, cameras: list[Camera]) -> None:
    """The model from where the middle one of all photographs was taken, with and without its colours."""
    centres = np.array([camera.centre for camera in cameras])
    middle = int(np.argmin(np.linalg.norm(centres - np.median(centres, axis=0), axis=1)))
    view = framed(cameras[middle], main_parts(model), POSTER_LONGEST * 2)
    picture, raster = through_camera(model, view)
    poster = over_plain(shrunk(picture, 2))
    write_picture(folder / "shape.jpg", over_plain(shrunk(shaded(model, raster, view), 2)))
    write_picture(folder / "poster.jpg", poster)
    write_picture(folder / "thumb.jpg", _thumb(poster))


def _thumb(poster: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The poster (H, W, 3) in the middle of a plain small picture."""
    width, height = THUMB_SIZE
    scale = min(width / poster.shape[1], height / poster.shape[0])
    size = (max(1, round(poster.shape[1] * scale)), max(1, round(poster.shape[0] * scale)))
    thumb = np.full((height, width, 3), poster[0, 0], np.uint8)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    thumb[top : top + size[1], left : left + size[0]] = cv2.resize(poster, size, interpolation=cv2.INTER_AREA)
    return thumb


def _write_colmap(folder: Path, scene: Scene, frame: Frame) -> None:
    """`cameras.txt`, `images.txt`, `points3D.txt` of COLMAP for the undistorted photographs, in the model's frame."""
    folder.mkdir(exist_ok=True)
    cameras, images = [], []
    for number, camera in enumerate(scene.cameras, start=1):
        placed = frame.place(camera)
        K = camera.K
        intrinsics = " ".join(f"{value:.15g}" for value in (K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
        cameras.append(f"{number} PINHOLE {camera.width} {camera.height} {intrinsics}")
        quaternion = " ".join(f"{value:.15g}" for value in _quaternion(placed.R))
        shift = " ".join(f"{value:.15g}" for value in placed.t)
        images.append(f"{number} {quaternion} {shift} {number} {camera.name}\n")
    points = [
        f"{number} {x:.9g} {y:.9g} {z:.9g} 128 128 128 0"
        for number, (x, y, z) in enumerate(frame.apply(scene.points), start=1)
    ]
    for name, lines in (("cameras.txt", cameras), ("images.txt", images), ("points3D.txt", points)):
        (folder / name).write_text("\n".join(lines) + "\n", encoding="ascii")


def _quaternion(R: np.ndarray) -> np.ndarray:
    """(w, x, y, z) of a rotation, w ≥ 0."""
    K = np.array(
        [
            [R[0, 0] - R[1, 1] - R[2, 2], 0, 0, 0],
            [R[1, 0] + R[0, 1], R[1, 1] - R[0, 0] - R[2, 2], 0, 0],
            [R[2, 0] + R[0, 2], R[2, 1] + R[1, 2], R[2, 2] - R[0, 0] - R[1, 1], 0],
            [R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], R[0, 0] + R[1, 1] + R[2, 2]],
        ]
    )
    _, vectors = np.linalg.eigh(K / 3, UPLO="L")
    x, y, z, w = vectors[:, -1]
    found = np.array([w, x, y, z])
    return found if w >= 0 else -found
