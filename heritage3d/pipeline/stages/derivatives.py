"""Stage 11: the files people take away, all in the frame of the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from heritage3d.pipeline.georeference.frame import Frame
from heritage3d.pipeline.gltf import EncodingError, PictureFormat, glb_bytes, write_derivative, write_master
from heritage3d.pipeline.picture_files import write_picture
from heritage3d.pipeline.ply import write_ply
from heritage3d.pipeline.report.orthophoto import facade_axes, plan_axes, take
from heritage3d.pipeline.report.render import over_plain, shrunk, through_camera
from heritage3d.pipeline.scene import Camera, Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.fusion import CLOUD_NPZ
from heritage3d.pipeline.stages.simplify import HIGH_NPZ, LOW_NPZ
from heritage3d.pipeline.stages.surface import load_mesh
from heritage3d.pipeline.stages.texture import load_textured, views_of
from heritage3d.pipeline.texture.bake import TexturedMesh, Texturing, texture_mesh, vertex_colours

LOW_BYTES = 700_000
LOW_PAGE = 1024
POSTER_SIZE = (1280, 960)
THUMB_WIDTH = 320


def run(context: StageContext) -> dict[str, Any]:
    """`model.glb`, `model.ply`, `cloud.ply`, `low.glb`, `high.glb`, posters, orthophotos and `cameras/` (COLMAP)."""
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
    """The model from the photograph nearest to the middle of all of them, without the rest of the world."""
    centres = np.array([camera.centre for camera in cameras])
    middle = int(np.argmin(np.linalg.norm(centres - np.median(centres, axis=0), axis=1)))
    chosen = cameras[middle]
    low, high = np.percentile(model.vertices, [1, 99], axis=0)
    target = (low + high) / 2
    eye = target + (chosen.centre - target) * 1.12
    forward = (target - eye) / np.linalg.norm(target - eye)
    up = np.array([0.0, 0.0, 1.0]) if abs(forward[2]) < 0.95 else np.array([0.0, 1.0, 0.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    width, height = POSTER_SIZE[0] * 2, POSTER_SIZE[1] * 2
    corners = (np.array(np.meshgrid(*np.stack([low, high], 1))).reshape(3, -1).T - eye) @ R.T
    spread = np.abs(corners[:, :2] / corners[:, 2:]).max(axis=0)
    reach = float((spread / [width, height]).max())
    focal = 0.5 / max(reach, 1e-9)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    picture, _ = through_camera(model, Camera("poster", width, height, K, R, -R @ eye))
    poster = over_plain(shrunk(picture, 2))
    write_picture(folder / "poster.jpg", poster)
    small = (THUMB_WIDTH, THUMB_WIDTH * POSTER_SIZE[1] // POSTER_SIZE[0])
    write_picture(folder / "thumb.jpg", cv2.resize(poster, small, interpolation=cv2.INTER_AREA))


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
