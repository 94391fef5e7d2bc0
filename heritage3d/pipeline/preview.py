"""A first look at the model as soon as the cameras are known: rough, small and quick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from heritage3d.pipeline.dense.fusion import AgreedMap
from heritage3d.pipeline.dense.pairs import pair_depths
from heritage3d.pipeline.dense.pictures import read_pyramid
from heritage3d.pipeline.dense.views import select_sources
from heritage3d.pipeline.rasterise import rasterise
from heritage3d.pipeline.scene import Scene
from heritage3d.pipeline.surface.clean import clean
from heritage3d.pipeline.surface.simplify import simplify
from heritage3d.pipeline.surface.tsdf import SparseVolume, Volume, matched_gsd
from heritage3d.pipeline.texture.bake import TexturedMesh, TextureView, Texturing, texture_mesh

#: Longest side of the photographs that are matched.
MATCHED_SIZE = 640
VOXEL_GSD = 2.0
TRIANGLES = 60_000
#: Photographs matched at most, spread evenly over the set.
MOST_PHOTOGRAPHS = 40


def preview_model(
    scene: Scene, *, size: int = MATCHED_SIZE, progress: Callable[[int, int], None] | None = None
) -> TexturedMesh:
    """A rough textured model of the scene. Raises ValueError when no pair of photographs shows any surface."""
    sources = select_sources(scene, 1)
    usable = [index for index in range(len(scene)) if sources[index]]
    if len(usable) > MOST_PHOTOGRAPHS:
        usable = [usable[i] for i in np.linspace(0, len(usable) - 1, MOST_PHOTOGRAPHS).astype(int)]
    maps: list[AgreedMap] = []
    for done, index in enumerate(usable, start=1):
        first, second = (
            read_pyramid(scene.cameras[i], scene.images[i], scene.masks[i], size, 1)[0]
            for i in (index, sources[index][0])
        )
        found = pair_depths(first, second, scene.points[scene.observations[index]])
        if found is not None:
            maps.append(found)
        if progress is not None:
            progress(done, len(usable) + 2)
    gsd = matched_gsd(maps)
    volume = SparseVolume(VOXEL_GSD * gsd, volume=Volume(truncation=3.0, carving=0.5))
    for found in maps:
        volume.reserve(found)
    for found in maps:
        volume.integrate(found)
    mesh = simplify(clean(volume.extract(), gsd, smallest_extent=60.0, smallest_share=0.01), TRIANGLES)
    if progress is not None:
        progress(len(usable) + 1, len(usable) + 2)
    views = []
    for index in usable:
        small = scene.cameras[index].fitted(size // 2)
        seen = rasterise(mesh.vertices, mesh.faces, small)
        own = np.where(seen.covered, 1.0 / np.where(seen.covered, seen.depth, 1), 0).astype(np.float32)
        views.append(TextureView(scene.cameras[index], scene.images[index], scene.masks[index], own))
    painted = texture_mesh(mesh, views, Texturing(page=2048, most_pages=1, source_size=1000))
    if progress is not None:
        progress(len(usable) + 2, len(usable) + 2)
    return painted
