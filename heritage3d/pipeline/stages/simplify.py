"""Stage 8: the surface cleaned, cropped to what the cameras saw well, and reduced to the sizes that are delivered."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.stage_context import StageContext
from heritage3d.pipeline.stages.fusion import CLOUD_NPZ
from heritage3d.pipeline.stages.surface import MESH_NPZ, load_mesh, save_mesh
from heritage3d.pipeline.surface.clean import clean, crop
from heritage3d.pipeline.surface.holes import close_pinholes, hole_share, open_edges
from heritage3d.pipeline.surface.simplify import simplify
from heritage3d.pipeline.verdicts import ImpossibleInput

MASTER_NPZ, HIGH_NPZ, LOW_NPZ = "master.npz", "high.npz", "low.npz"
#: Width (pixels) at which holes are counted.
HOLE_WIDTH = 400
#: The region is where the sparse points lie, the outermost of them left out, and this share of its size more.
REGION_MARGIN = 0.15


def region_of(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner of the box that holds what the cameras saw, outliers left out."""
    low, high = np.percentile(scene.points, [0.5, 99.5], axis=0)
    margin = REGION_MARGIN * (high - low).max()
    return low - margin, high + margin


def run(context: StageContext) -> dict[str, Any]:
    """`master.npz`, `high.npz` and `low.npz` in the frame of the cameras."""
    scene = Scene.load(context.inputs["sfm"])
    with np.load(context.inputs["fusion"] / CLOUD_NPZ, allow_pickle=False) as stored:
        gsd = float(stored["gsd"])
    raw = load_mesh(context.inputs["surface"] / MESH_NPZ)
    cleaned = close_pinholes(clean(crop(raw, *region_of(scene)), gsd))
    if not len(cleaned.faces):
        raise ImpossibleInput("Nothing but fragments was left of the surface.")
    context.progress(1, 5)
    master = simplify(cleaned, context.preset.master_triangles)
    save_mesh(context.folder / MASTER_NPZ, master)
    context.progress(3, 5)
    high = simplify(master, context.preset.high_triangles)
    save_mesh(context.folder / HIGH_NPZ, high)
    low = simplify(high, context.preset.low_triangles)
    save_mesh(context.folder / LOW_NPZ, low)
    context.progress(4, 5)
    holes = hole_share(master, _foregrounds(scene))
    context.progress(5, 5)
    return {
        "triangles": len(master.faces),
        "vertices": len(master.vertices),
        "area": float(np.linalg.norm(master.face_normals(), axis=1).sum() / 2),
        "triangles_before": len(raw.faces),
        "high_triangles": len(high.faces),
        "low_triangles": len(low.faces),
        "watertight": len(open_edges(master)) == 0,
        "hole_area_share": round(holes.share, 5),
        "missing_share": round(holes.beyond, 5),
        "holes_by_photograph": {name: round(share, 4) for name, share in holes.by_photograph.items()},
    }


def _foregrounds(scene: Scene) -> Any:
    for camera, _image, mask in scene:
        small = camera.fitted(HOLE_WIDTH)
        usable = np.ones((small.height, small.width), bool)
        if mask is not None:
            stored = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE)
            if stored is not None:
                usable = cv2.resize(stored, (small.width, small.height), interpolation=cv2.INTER_AREA) > 127
        yield small, usable
