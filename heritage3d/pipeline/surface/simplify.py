"""Fewer triangles for the same shape."""

from __future__ import annotations

import fast_simplification
import numpy as np

from heritage3d.pipeline.surface.clean import compact
from heritage3d.pipeline.surface.tsdf import Mesh


def simplify(mesh: Mesh, triangles: int) -> Mesh:
    """The mesh reduced by edge collapses to about `triangles` faces; returned as it is when it has no more.

    Quadric error metric of M. Garland, P. Heckbert: Surface simplification using quadric error metrics, SIGGRAPH
    1997, in S. Forstmann's implementation with a growing threshold instead of a queue. Open edges are kept.
    Raises ValueError for a target below 4.
    """
    if triangles < 4:
        raise ValueError(f"A mesh cannot be reduced to {triangles} triangles")
    if len(mesh.faces) <= triangles:
        return mesh
    # Coordinates near zero and of order one: the library compares errors with absolute thresholds.
    middle = mesh.vertices.mean(axis=0)
    scale = float(np.abs(mesh.vertices - middle).max()) or 1.0
    vertices, faces = fast_simplification.simplify(
        np.ascontiguousarray((mesh.vertices - middle) / scale),
        np.ascontiguousarray(mesh.faces),
        target_count=triangles,
        agg=5,
    )
    return compact(np.asarray(vertices, np.float64) * scale + middle, np.asarray(faces))
