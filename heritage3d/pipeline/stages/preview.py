"""A first look, made as soon as the cameras are known: pairs matched by rows, a coarse surface, a small texture."""

from __future__ import annotations

from typing import Any

import numpy as np

from heritage3d.pipeline.dense.views import select_sources
from heritage3d.pipeline.georeference.frame import upright_frame
from heritage3d.pipeline.gltf import EncodingError, PictureFormat, glb_bytes, write_derivative
from heritage3d.pipeline.quicklook import depths_of_pairs, pairs_of
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.derivatives import in_frame
from heritage3d.pipeline.stages.simplify import region_of
from heritage3d.pipeline.surface.clean import clean, crop
from heritage3d.pipeline.surface.simplify import simplify
from heritage3d.pipeline.surface.tsdf import SparseVolume, Volume, matched_gsd
from heritage3d.pipeline.texture.bake import TextureView, Texturing, texture_mesh
from heritage3d.pipeline.verdicts import StageFault

TRIANGLES = 25_000
PAGE = 1024
SOURCE_SIZE = 1000


def run(context: StageContext) -> dict[str, Any]:
    """`preview.glb`."""
    scene = Scene.load(context.inputs["sfm"])
    maps = list(depths_of_pairs(scene, pairs_of(scene, select_sources(scene, 4))))
    if not maps:
        raise StageFault("no two photographs lie side by side")
    gsd = matched_gsd(maps)
    volume = SparseVolume(2.0 * gsd, volume=Volume(truncation=4.0))
    for found in maps:
        volume.reserve(found)
    for found in maps:
        volume.integrate(found)
    mesh = clean(crop(volume.extract(), *region_of(scene)), gsd)
    if not len(mesh.faces):
        raise StageFault("the pairs agree on no surface")
    mesh = simplify(mesh, TRIANGLES)
    nothing = np.zeros((300, 400), np.float32)
    views = [TextureView(camera, image, mask, nothing) for camera, image, mask in scene]
    painted = texture_mesh(mesh, views, Texturing(page=PAGE, most_pages=1, source_size=SOURCE_SIZE))
    upright = in_frame(painted, upright_frame(scene.cameras, scene.points, {}))
    target = context.folder / "preview.glb"
    try:
        write_derivative(target, upright, most_bytes=1_500_000)
    except EncodingError as error:
        context.log(str(error))
        target.write_bytes(glb_bytes(upright, PictureFormat("jpeg", 80)))
    return {"triangles": len(mesh.faces), "pairs": len(maps), "bytes": target.stat().st_size}
