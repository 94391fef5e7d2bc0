"""One photograph for each face: good ones, in patches as large as can be."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.texture.candidates import KEPT, Candidates

f32 = np.float32
Labels = npt.NDArray[np.int16]
UNSEEN = -1


def face_neighbours(faces: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """The face across each edge (corner 0–1, 1–2, 2–0), (F, 3), -1 at open edges and where three faces meet."""
    count = len(faces)
    start = np.asarray(faces, np.int64)
    end = np.roll(start, -1, axis=1)
    key = (np.minimum(start, end) << 32 | np.maximum(start, end)).ravel()
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    same = ordered[1:] == ordered[:-1]
    alone = np.ones(len(same), bool)
    alone[1:] &= ~same[:-1]
    alone[:-1] &= ~same[1:]
    pair = np.flatnonzero(same & alone)
    neighbours = np.full(3 * count, -1, np.int32)
    neighbours[order[pair]] = order[pair + 1] // 3
    neighbours[order[pair + 1]] = order[pair] // 3
    return neighbours.reshape(count, 3)


def choose_labels(
    candidates: Candidates,
    vertices: npt.NDArray[np.float64],
    faces: npt.NDArray[np.integer],
    neighbours: npt.NDArray[np.int32],
    views: int,
    patch: float,
) -> Labels:
    """The photograph of each face, (F,) int16, `UNSEEN` for none.

    Faces are first gathered in cells of edge `patch` (scene units), and the photograph that is best for a whole cell
    and its surroundings gets a bonus on its faces; then faces follow their neighbours where that costs little, and
    islands of a few faces are given up where a neighbour's photograph may colour them too.
    """
    relative = candidates.score / np.maximum(
        np.where(candidates.view >= 0, candidates.score, 0).max(axis=1, keepdims=True), 1e-30
    )
    relative = np.where(candidates.view >= 0, relative, 0).astype(np.float32)
    favourite = _favourites(candidates.view, relative, vertices[faces].mean(axis=1), views, patch)
    value = relative + f32(0.6) * (candidates.view == favourite[:, None])
    labels = np.where(
        (candidates.view >= 0).any(axis=1),
        np.take_along_axis(candidates.view, np.where(candidates.view >= 0, value, -1).argmax(1)[:, None], 1)[:, 0],
        UNSEEN,
    ).astype(np.int16)
    for sweep in range(8):
        _follow_neighbours(labels, candidates.view, value, neighbours, f32(0.5), sweep & 1)
    for _ in range(3):
        sizes = _patch_sizes(labels, neighbours)
        _give_up_islands(labels, candidates.view, neighbours, sizes, 60)
    return labels


def _favourites(
    view: Labels, relative: npt.NDArray[np.float32], middles: npt.NDArray[np.float64], views: int, patch: float
) -> Labels:
    """The best photograph of the cell of each face, its neighbouring cells counted for a part, (F,)."""
    cells = np.floor((middles - middles.min(axis=0)) / patch).astype(np.int64)
    side = cells.max(axis=0) + 3
    key = ((cells[:, 0] + 1) * side[1] + cells[:, 1] + 1) * side[2] + cells[:, 2] + 1
    unique, cell = np.unique(key, return_inverse=True)
    offsets = np.array([side[1] * side[2], -side[1] * side[2], side[2], -side[2], 1, -1])
    slots = np.searchsorted(unique, unique[:, None] + offsets[None, :]).clip(0, len(unique) - 1)
    present = unique[slots] == unique[:, None] + offsets[None, :]
    best = np.zeros(len(unique), np.float64)
    choice = np.full(len(unique), UNSEEN, np.int16)
    population = np.bincount(cell, minlength=len(unique)).astype(np.float64)
    for label in range(views):
        total = np.bincount(cell, weights=np.where(view == label, relative, 0).sum(1), minlength=len(unique))
        share = total / population
        for _ in range(3):
            share = 0.5 * share + 0.5 * np.where(present, share[slots], 0).sum(1) / np.maximum(present.sum(1), 1)
        # A photograph that sees only part of the cell cannot be its favourite by the rest of its neighbourhood.
        share = share * np.minimum(1.0, 2 * total / population)
        better = share > best
        best[better] = share[better]
        choice[better] = label
    return choice[cell]


@nb.njit(parallel=True, cache=True)
def _follow_neighbours(labels, view, value, neighbours, pull, parity):
    """Every second face takes the photograph of best value plus `pull` for each neighbour that has it, in place."""
    before = labels.copy()
    for f in nb.prange(labels.shape[0]):
        if ((f * 2654435761) >> 7) & 1 != parity:
            continue
        best = f32(-1)
        choice = before[f]
        for k in range(KEPT):
            label = view[f, k]
            if label < 0:
                continue
            total = value[f, k]
            for n in range(3):
                other = neighbours[f, n]
                if other >= 0 and before[other] == label:
                    total += pull
            if total > best or (total == best and label < choice):
                best = total
                choice = label
        labels[f] = choice


@nb.njit(cache=True)
def label_patches(labels, neighbours):
    """Number of the connected patch of equal label that each face belongs to, (F,) int32, in order of first face."""
    count = labels.shape[0]
    patch = np.full(count, -1, np.int32)
    stack = np.empty(count, np.int32)
    number = 0
    for seed in range(count):
        if patch[seed] >= 0:
            continue
        patch[seed] = number
        stack[0] = seed
        top = 1
        while top > 0:
            top -= 1
            f = stack[top]
            for n in range(3):
                other = neighbours[f, n]
                if other >= 0 and patch[other] < 0 and labels[other] == labels[f]:
                    patch[other] = number
                    stack[top] = other
                    top += 1
        number += 1
    return patch


def _patch_sizes(labels: Labels, neighbours: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    patch = label_patches(labels, neighbours)
    return np.bincount(patch)[patch]


@nb.njit(cache=True)
def _give_up_islands(labels, view, neighbours, sizes, smallest):
    """Faces of patches below `smallest` take the photograph of a larger patch next to them that may colour them."""
    for _ in range(4):
        changed = 0
        for f in range(labels.shape[0]):
            if sizes[f] >= smallest or labels[f] < 0:
                continue
            best = sizes[f]
            choice = labels[f]
            for n in range(3):
                other = neighbours[f, n]
                if other < 0 or labels[other] < 0 or labels[other] == labels[f] or sizes[other] <= best:
                    continue
                for k in range(KEPT):
                    if view[f, k] == labels[other]:
                        best = sizes[other]
                        choice = labels[other]
                        break
            if choice != labels[f]:
                labels[f] = choice
                sizes[f] = best
                changed += 1
        if changed == 0:
            break
