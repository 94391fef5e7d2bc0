"""Stage 9: the master painted from its photographs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.picture_files import write_picture
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.fusion import agreed_maps_of
from heritage3d.pipeline.stages.simplify import MASTER_NPZ
from heritage3d.pipeline.stages.surface import load_mesh
from heritage3d.pipeline.texture.bake import TexturedMesh, TextureView, Texturing, texture_mesh

TEXTURED_NPZ = "textured.npz"
PAGES = "pages"


def run(context: StageContext) -> dict[str, Any]:
    """`textured.npz` (corners, normals, uv, faces, page of each face) and `page-<n>.png`."""
    scene = Scene.load(context.inputs["sfm"])
    mesh = load_mesh(context.inputs["simplify"] / MASTER_NPZ)
    views = views_of(scene, context.inputs["fusion"])
    context.progress(1, 10)
    painted = texture_mesh(
        mesh, views, Texturing(page=context.preset.texture_page, source_size=context.preset.texture_source_size)
    )
    save_textured(context.folder, painted)
    context.progress(1, 1)
    return {
        "pages": len(painted.pages),
        "pixels": sum(page.shape[0] * page.shape[1] for page in painted.pages),
        "seen": round(painted.seen, 4),
        "texels_per_pixel": round(painted.texels_per_pixel, 4),
    }


def views_of(scene: Scene, fusion: Path, *, without: str | None = None) -> list[TextureView]:
    """The photographs that may colour the mesh, with the depth each of them found; one may be left out by name."""
    usable, maps = agreed_maps_of(fusion, scene)
    return [
        TextureView(scene.cameras[index], scene.images[index], scene.masks[index], maps[place].planes[..., 0].copy())
        for place, index in enumerate(usable)
        if scene.cameras[index].name != without
    ]


def save_textured(folder: Path, painted: TexturedMesh) -> None:
    """Store a painted mesh: numbers without pickle, pages as PNG."""
    numbers = {field.name: np.asarray(getattr(painted, field.name)) for field in fields(painted) if field.name != PAGES}
    np.savez(folder / TEXTURED_NPZ, **numbers)  # type: ignore[arg-type]
    for number, page in enumerate(painted.pages):
        write_picture(folder / f"page-{number}.png", page, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def load_textured(folder: Path) -> TexturedMesh:
    """Read what `save_textured` wrote. Raises ValueError when a page cannot be read."""
    pages: list[npt.NDArray[np.uint8]] = []
    while (path := folder / f"page-{len(pages)}.png").exists():
        page = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if page is None:
            raise ValueError(f"{path.name} cannot be read")
        pages.append(np.asarray(page, np.uint8))
    with np.load(folder / TEXTURED_NPZ, allow_pickle=False) as stored:
        numbers: dict[str, Any] = {name: stored[name] for name in stored.files}
    plain = {name: value.item() if value.ndim == 0 else value for name, value in numbers.items()}
    return TexturedMesh(**plain, pages=tuple(pages))
