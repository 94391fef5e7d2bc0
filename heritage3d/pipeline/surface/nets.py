"""A mesh from the sparse grid by surface nets: one vertex per cell that the surface crosses, joined by quads.

Source: S. Gibson: Constrained elastic surface nets, MICCAI 1998, in the form without relaxation. The vertex is the
mean of the crossings of the cell's edges. Cells with a corner that nobody observed carry no vertex: holes stay holes.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from heritage3d.pipeline.surface.blocks import SIDE, VOLUME, block_key, find_block

f32 = np.float32
WIDE = SIDE + 1


@nb.njit(inline="always")
def _load(b, coordinates, table_keys, table_values, distance, weight, fewest, values, known):
    """The block's samples with one layer of the blocks after it, 9³."""
    for side in range(8):
        di = side >> 2
        dj = (side >> 1) & 1
        dk = side & 1
        other = np.int64(b)
        if side > 0:
            key = block_key(coordinates[b, 0] + di, coordinates[b, 1] + dj, coordinates[b, 2] + dk)
            other = np.int64(find_block(table_keys, table_values, key))
        for i in range(1 if di else SIDE):
            for j in range(1 if dj else SIDE):
                for k in range(1 if dk else SIDE):
                    n = ((i + di * SIDE) * WIDE + j + dj * SIDE) * WIDE + k + dk * SIDE
                    if other < 0:
                        known[n] = False
                        continue
                    m = (i * SIDE + j) * SIDE + k
                    known[n] = weight[other, m] >= fewest
                    values[n] = distance[other, m]


@nb.njit(inline="always")
def _crossing(values, known, n):
    """Whether all corners of the cell at n are known and the surface passes between them."""
    inside = 0
    for c in range(8):
        m = n + (c >> 2) * WIDE * WIDE + ((c >> 1) & 1) * WIDE + (c & 1)
        if not known[m]:
            return False
        if values[m] < f32(0):
            inside += 1
    return inside > 0 and inside < 8


@nb.njit(parallel=True, cache=True)
def count_vertices(coordinates, table_keys, table_values, distance, weight, fewest):
    """Vertices of each block, (B,)."""
    blocks = coordinates.shape[0]
    counts = np.zeros(blocks, np.int64)
    for b in nb.prange(blocks):
        values = np.empty(WIDE**3, np.float32)
        known = np.empty(WIDE**3, np.bool_)
        _load(b, coordinates, table_keys, table_values, distance, weight, fewest, values, known)
        for n in range(VOLUME):
            if _crossing(values, known, ((n // 64) * WIDE + (n // 8) % 8) * WIDE + n % 8):
                counts[b] += 1
    return counts


@nb.njit(parallel=True, cache=True)
def place_vertices(coordinates, table_keys, table_values, distance, weight, fewest, starts, vertices, indices):
    """Write vertices (V, 3) in voxels, and the vertex number of each cell (B, 512) int32, -1 for none."""
    for b in nb.prange(coordinates.shape[0]):
        values = np.empty(WIDE**3, np.float32)
        known = np.empty(WIDE**3, np.bool_)
        _load(b, coordinates, table_keys, table_values, distance, weight, fewest, values, known)
        cursor = starts[b]
        for n in range(VOLUME):
            indices[b, n] = -1
            i = n // 64
            j = (n // 8) % 8
            k = n % 8
            corner = (i * WIDE + j) * WIDE + k
            if not _crossing(values, known, corner):
                continue
            si = 0.0
            sj = 0.0
            sk = 0.0
            crossings = 0
            for axis in range(3):
                for c in range(4):
                    p = c >> 1
                    q = c & 1
                    if axis == 0:
                        oi, oj, ok = 0, p, q
                        step = WIDE * WIDE
                    elif axis == 1:
                        oi, oj, ok = p, 0, q
                        step = WIDE
                    else:
                        oi, oj, ok = p, q, 0
                        step = 1
                    m = corner + (oi * WIDE + oj) * WIDE + ok
                    first = values[m]
                    second = values[m + step]
                    if (first < f32(0)) == (second < f32(0)):
                        continue
                    share = first / (first - second)
                    si += oi + (share if axis == 0 else 0.0)
                    sj += oj + (share if axis == 1 else 0.0)
                    sk += ok + (share if axis == 2 else 0.0)
                    crossings += 1
            vertices[cursor, 0] = coordinates[b, 0] * SIDE + i + si / crossings
            vertices[cursor, 1] = coordinates[b, 1] * SIDE + j + sj / crossings
            vertices[cursor, 2] = coordinates[b, 2] * SIDE + k + sk / crossings
            indices[b, n] = cursor
            cursor += 1


@nb.njit(inline="always")
def _cell(b, i, j, k, indices, before):
    """Vertex number of the cell (i, j, k) of block b, whose coordinates may be -1; `before` (8,) names neighbours."""
    which = (4 if i < 0 else 0) + (2 if j < 0 else 0) + (1 if k < 0 else 0)
    other = before[which]
    if other < 0:
        return -1
    return indices[other, ((i & 7) * SIDE + (j & 7)) * SIDE + (k & 7)]


@nb.njit(parallel=True, cache=True)
def join_vertices(coordinates, table_keys, table_values, distance, weight, fewest, indices, vertices, starts, faces):
    """Triangles of each block: two for each grid edge that the surface crosses between four known cells.

    Called first with `faces` empty and `starts` (B,) to receive the counts, then with the starting offsets.
    """
    counting = faces.shape[0] == 0
    for b in nb.prange(coordinates.shape[0]):
        values = np.empty(WIDE**3, np.float32)
        known = np.empty(WIDE**3, np.bool_)
        _load(b, coordinates, table_keys, table_values, distance, weight, fewest, values, known)
        before = np.empty(8, np.int64)
        for which in range(8):
            if which == 0:
                before[which] = b
            else:
                before[which] = find_block(
                    table_keys,
                    table_values,
                    block_key(
                        coordinates[b, 0] - (which >> 2),
                        coordinates[b, 1] - ((which >> 1) & 1),
                        coordinates[b, 2] - (which & 1),
                    ),
                )
        cursor = np.int64(0) if counting else starts[b]
        for n in range(VOLUME):
            i = n // 64
            j = (n // 8) % 8
            k = n % 8
            m = (i * WIDE + j) * WIDE + k
            if not known[m]:
                continue
            inside = values[m] < f32(0)
            for axis in range(3):
                step = WIDE * WIDE if axis == 0 else (WIDE if axis == 1 else 1)
                if not known[m + step] or (values[m + step] < f32(0)) == inside:
                    continue
                if axis == 0:
                    a = _cell(b, i, j - 1, k - 1, indices, before)
                    c = _cell(b, i, j, k - 1, indices, before)
                    d = _cell(b, i, j, k, indices, before)
                    e = _cell(b, i, j - 1, k, indices, before)
                elif axis == 1:
                    a = _cell(b, i - 1, j, k - 1, indices, before)
                    c = _cell(b, i - 1, j, k, indices, before)
                    d = _cell(b, i, j, k, indices, before)
                    e = _cell(b, i, j, k - 1, indices, before)
                else:
                    a = _cell(b, i - 1, j - 1, k, indices, before)
                    c = _cell(b, i, j - 1, k, indices, before)
                    d = _cell(b, i, j, k, indices, before)
                    e = _cell(b, i - 1, j, k, indices, before)
                if a < 0 or c < 0 or d < 0 or e < 0:
                    continue
                if counting:
                    cursor += 2
                    continue
                if not inside:
                    c, e = e, c
                # The shorter diagonal gives the rounder triangles.
                first = 0.0
                second = 0.0
                for axis_of in range(3):
                    first += (vertices[a, axis_of] - vertices[d, axis_of]) ** 2
                    second += (vertices[c, axis_of] - vertices[e, axis_of]) ** 2
                if first <= second:
                    faces[cursor, 0], faces[cursor, 1], faces[cursor, 2] = a, c, d
                    faces[cursor + 1, 0], faces[cursor + 1, 1], faces[cursor + 1, 2] = a, d, e
                else:
                    faces[cursor, 0], faces[cursor, 1], faces[cursor, 2] = a, c, e
                    faces[cursor + 1, 0], faces[cursor + 1, 1], faces[cursor + 1, 2] = c, d, e
                cursor += 2
        if counting:
            starts[b] = cursor
