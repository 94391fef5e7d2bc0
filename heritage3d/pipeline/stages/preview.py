"""A first look, made as soon as the cameras are known."""

from __future__ import annotations

from typing import Any

from heritage3d.pipeline.georeference.frame import upright_frame
from heritage3d.pipeline.gltf import EncodingError, PictureFormat, glb_bytes, write_derivative
from heritage3d.pipeline.preview import preview_model
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.derivatives import in_frame
from heritage3d.pipeline.verdicts import StageFault

MOST_BYTES = 1_500_000


def run(context: StageContext) -> dict[str, Any]:
    """`preview.glb`."""
    scene = Scene.load(context.inputs["sfm"])
    try:
        painted = preview_model(scene, progress=context.progress)
    except ValueError as error:
        raise StageFault(str(error)) from error
    upright = in_frame(painted, upright_frame(scene.cameras, scene.points, {}))
    target = context.folder / "preview.glb"
    try:
        write_derivative(target, upright, most_bytes=MOST_BYTES)
    except EncodingError as error:
        context.log(str(error))
        target.write_bytes(glb_bytes(upright, PictureFormat("jpeg", 80)))
    return {"triangles": len(upright.faces), "bytes": target.stat().st_size}
