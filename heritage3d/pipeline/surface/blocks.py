"""A sparse grid of voxels: blocks of 8 x 8 x 8 found by a hash of their coordinates.

The loops of the surface stage. Memory follows the surface, not the volume. Blocks are numbered in the order in which
they are first touched, which is the same in every run, so results do not depend on the number of threads.

Source: M. Nießner et al.: Real-time 3D reconstruction at scale using voxel hashing, SIGGRAPH Asia 2013.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

f32 = np.float32
SIDE = 8
VOLUME = SIDE**3
#: Block coordinates lie within ±2^20.
BIAS = 1 << 20
EMPTY = -1


@nb.njit(inline="always")
def block_key(i, j, k):
    """Three block coordinates in one 64-bit word."""
    return ((np.int64(i) + BIAS) << 42) | ((np.int64(j) + BIAS) << 21) | (np.int64(k) + BIAS)


@nb.njit(inline="always")
def _slot(key, mask):
    mixed = np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)
    return np.int64((mixed >> np.uint64(24)) & np.uint64(mask))


@nb.njit(cache=True)
def find_block(table_keys, table_values, key):
    """Number of the block with this key, -1 where there is none."""
    mask = table_keys.shape[0] - 1
    slot = _slot(key, mask)
    while table_keys[slot] != EMPTY:
        if table_keys[slot] == key:
            return table_values[slot]
        slot = (slot + 1) & mask
    return -1


@nb.njit(cache=True)
def insert_blocks(keys, table_keys, table_values, coordinates, count):
    """Insert keys (n,), appending new blocks to `coordinates` (capacity, 3); returns the new number of blocks.

    Stops and returns -1 when the table is half full or `coordinates` is: the caller enlarges both and repeats.
    """
    mask = table_keys.shape[0] - 1
    for n in range(keys.shape[0]):
        key = keys[n]
        slot = _slot(key, mask)
        while table_keys[slot] != EMPTY and table_keys[slot] != key:
            slot = (slot + 1) & mask
        if table_keys[slot] == key:
            continue
        if count >= coordinates.shape[0] or 2 * count >= table_keys.shape[0]:
            return -1
        table_keys[slot] = key
        table_values[slot] = count
        coordinates[count, 0] = (key >> 42) - BIAS
        coordinates[count, 1] = ((key >> 21) & ((1 << 21) - 1)) - BIAS
        coordinates[count, 2] = (key & ((1 << 21) - 1)) - BIAS
        count += 1
    return count


@nb.njit(cache=True)
def touched_blocks(planes, k, R, centre, origin, voxel, truncation):
    """Keys of the blocks within `truncation` of the surface along each pixel's ray; repeats of the last few left out.

    planes (H, W, 3); k fx, fy, cx, cy with the first pixel's centre at 0; R, centre of the camera; origin (3,).
    """
    height, width = planes.shape[:2]
    keys = np.empty(1024, np.int64)
    count = 0
    recent = np.full(8, -1, np.int64)
    cursor = 0
    scale = 1.0 / (voxel * SIDE)
    for y in range(height):
        for x in range(width):
            w = planes[y, x, 0]
            if w <= f32(0):
                continue
            depth = 1.0 / w
            rx = (x - k[2]) / k[0]
            ry = (y - k[3]) / k[1]
            length = math.sqrt(rx * rx + ry * ry + 1.0)
            for step in range(-1, 2):
                z = depth + step * truncation / length
                px = (R[0, 0] * rx + R[1, 0] * ry + R[2, 0]) * z + centre[0] - origin[0]
                py = (R[0, 1] * rx + R[1, 1] * ry + R[2, 1]) * z + centre[1] - origin[1]
                pz = (R[0, 2] * rx + R[1, 2] * ry + R[2, 2]) * z + centre[2] - origin[2]
                key = block_key(math.floor(px * scale), math.floor(py * scale), math.floor(pz * scale))
                known = False
                for n in range(8):
                    if recent[n] == key:
                        known = True
                        break
                if known:
                    continue
                recent[cursor] = key
                cursor = (cursor + 1) & 7
                if count == keys.shape[0]:
                    larger = np.empty(2 * count, np.int64)
                    larger[:count] = keys
                    keys = larger
                keys[count] = key
                count += 1
    return keys[:count]


@nb.njit(parallel=True, fastmath=True, error_model="numpy", cache=True)
def integrate(coordinates, origin, voxel, truncation, planes, support, k, R, t, carving, distance, weight):
    """Average one depth map into every block; voxels in front of its surface become free space.

    coordinates (B, 3) of the blocks; planes (H, W, 3), support (H, W) of the map; k, R, t its camera. distance
    (B, 512) and weight (B, 512) float32 are running averages of the distance to the surface in units of the
    truncation, cut to [-1, 1], and their weights. Distances are measured to the pixel's plane, not along the ray, so
    that surfaces seen at an angle keep their thickness. `carving` is the weight of an observation of free space
    relative to one of the surface.
    Source: B. Curless, M. Levoy: A volumetric method for building complex models from range images, SIGGRAPH 1996.
    """
    height, width = support.shape
    reach = voxel * SIDE * 0.8660254
    for b in nb.prange(coordinates.shape[0]):
        base_x = origin[0] + coordinates[b, 0] * SIDE * voxel
        base_y = origin[1] + coordinates[b, 1] * SIDE * voxel
        base_z = origin[2] + coordinates[b, 2] * SIDE * voxel
        mid = voxel * (SIDE - 1) * 0.5
        cx = R[0, 0] * (base_x + mid) + R[0, 1] * (base_y + mid) + R[0, 2] * (base_z + mid) + t[0]
        cy = R[1, 0] * (base_x + mid) + R[1, 1] * (base_y + mid) + R[1, 2] * (base_z + mid) + t[1]
        cz = R[2, 0] * (base_x + mid) + R[2, 1] * (base_y + mid) + R[2, 2] * (base_z + mid) + t[2]
        if cz < reach:
            continue
        margin = reach * k[0] / (cz - reach * 0.999) + 2.0
        u0 = k[0] * cx / cz + k[2]
        v0 = k[1] * cy / cz + k[3]
        if u0 < -margin or v0 < -margin or u0 > width + margin or v0 > height + margin:
            continue
        for n in range(VOLUME):
            vx = base_x + (n // (SIDE * SIDE)) * voxel
            vy = base_y + ((n // SIDE) % SIDE) * voxel
            vz = base_z + (n % SIDE) * voxel
            z = R[2, 0] * vx + R[2, 1] * vy + R[2, 2] * vz + t[2]
            if z <= 1e-9:
                continue
            rx = (R[0, 0] * vx + R[0, 1] * vy + R[0, 2] * vz + t[0]) / z
            ry = (R[1, 0] * vx + R[1, 1] * vy + R[1, 2] * vz + t[1]) / z
            u = k[0] * rx + k[2]
            v = k[1] * ry + k[3]
            if u < -0.5 or v < -0.5 or u >= width - 0.5 or v >= height - 0.5:
                continue
            column = int(u + 0.5)
            row = int(v + 0.5)
            w = planes[row, column, 0]
            if w <= f32(0):
                continue
            gx = planes[row, column, 1]
            gy = planes[row, column, 2]
            here = w + gx * (u - column) + gy * (v - row)
            if here <= 0.0:
                continue
            m0 = gx * k[0]
            m1 = gy * k[1]
            m2 = w + gx * (k[2] - column) + gy * (k[3] - row)
            size = math.sqrt(m0 * m0 + m1 * m1 + m2 * m2)
            signed = (1.0 - here * z) / (size * truncation)
            if signed < -1.0:
                continue
            cosine = here / (size * math.sqrt(rx * rx + ry * ry + 1.0))
            trust = min(support[row, column], 5) * cosine * cosine
            if signed > 1.0:
                # Free space counts less the farther off: an edge that bleeds must not carve what lies before it.
                signed = 1.0
                trust *= carving
            old = weight[b, n]
            fresh = old + trust
            if fresh > 0.0:
                distance[b, n] = (distance[b, n] * old + signed * trust) / fresh
                weight[b, n] = fresh
