"""No visible step of brightness where one photograph ends and the next begins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import cg

#: How firmly neighbouring corners of one chart keep the same correction.
SMOOTHNESS = 0.2
#: Corrections are drawn to zero this weakly.
PULL = 0.002
#: Differences at seams above this many grey values are errors of registration, not of exposure.
LARGEST_STEP = 80.0


def seam_pairs(vertex: npt.NDArray[np.int32], label_of_corner: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Pairs of corners (P, 2) that show the same vertex of the mesh in different photographs."""
    seen = np.flatnonzero(label_of_corner >= 0)
    order = seen[np.lexsort((label_of_corner[seen], vertex[seen]))]
    pairs = []
    for step in (1, 2, 3):
        first, second = order[:-step], order[step:]
        same = (vertex[first] == vertex[second]) & (label_of_corner[first] != label_of_corner[second])
        pairs.append(np.column_stack([first[same], second[same]]))
    return np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)


def twin_pairs(vertex: npt.NDArray[np.int32], label_of_corner: npt.NDArray[np.int16]) -> npt.NDArray[np.int64]:
    """Pairs of corners (P, 2) that show the same vertex in the same photograph, in charts cut from one patch."""
    order = np.lexsort((label_of_corner, vertex))
    first, second = order[:-1], order[1:]
    same = (vertex[first] == vertex[second]) & (label_of_corner[first] == label_of_corner[second])
    return np.column_stack([first[same], second[same]])


def level_seams(
    colours: npt.NDArray[np.float32],
    faces: npt.NDArray[np.int32],
    seams: npt.NDArray[np.int64],
    twins: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Corrections (C, 3) to add to the colours of the corners (C, 3), so that both sides of every seam agree.

    Minimised over the corrections g is Σ_seams |(c_i + g_i) − (c_j + g_j)|² + s Σ_edges |g_i − g_j|² + p Σ |g_i|²;
    `faces` (F, 3) give the edges. Conjugate gradients per channel.
    Source: V. Lempitsky, D. Ivanov: Seamless mosaicing of image-based texture maps, CVPR 2007.
    """
    count = len(colours)
    if not len(seams):
        return np.zeros_like(colours)
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    system = (
        _laplacian(seams, count, 1.0)
        + _laplacian(edges, count, SMOOTHNESS / 2)
        + _laplacian(twins, count, 10.0)
        + diags(np.full(count, PULL), format="csr")
    )
    scale = diags(1.0 / system.diagonal())
    difference = np.clip(colours[seams[:, 1]] - colours[seams[:, 0]], -LARGEST_STEP, LARGEST_STEP).astype(np.float64)
    corrections = np.empty((count, 3), np.float32)
    for channel in range(3):
        right = np.bincount(seams[:, 0], weights=difference[:, channel], minlength=count)
        right -= np.bincount(seams[:, 1], weights=difference[:, channel], minlength=count)
        solution, _ = cg(system, right, rtol=1e-3, maxiter=200, M=scale)
        corrections[:, channel] = solution
    return corrections


def _laplacian(pairs: npt.NDArray[np.int64], count: int, weight: float) -> csr_matrix:
    if not len(pairs):
        return csr_matrix((count, count))
    values = np.full(len(pairs), weight)
    i, j = pairs[:, 0], pairs[:, 1]
    rows = np.concatenate([i, j, i, j])
    columns = np.concatenate([i, j, j, i])
    return coo_matrix((np.concatenate([values, values, -values, -values]), (rows, columns)), (count, count)).tocsr()
