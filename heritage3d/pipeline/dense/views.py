"""Which photographs a photograph is compared with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from heritage3d.pipeline.scene import Scene

#: Angle between two rays, in degrees, at which stereo is best: enough parallax, little change of appearance.
BEST_ANGLE = 12.0
NARROW_SPREAD = 5.0
WIDE_SPREAD = 12.0
#: A pair that shares fewer points than this says nothing.
FEWEST_SHARED = 8
#: Points above this number are thinned evenly: the score is an average.
POINTS_ENOUGH = 2000


def pair_scores(scene: Scene) -> npt.NDArray[np.float64]:
    """How useful photograph j is for photograph i: (N, N), not symmetric, zero where they share too little.

    Each shared sparse point counts by the angle of its two rays (best near `BEST_ANGLE`), by the ratio of its scales
    in both photographs (a source must not be much coarser), and the sum is weighted by the part of photograph i that
    the shared points cover on an 8 x 8 grid, so that a source seeing all of it beats one that sees a rich corner.
    The angle term follows M. Goesele et al.: Multi-view stereo for community photo collections, ICCV 2007, and
    J. Schönberger et al.: Pixelwise view selection for unstructured multi-view stereo, ECCV 2016.
    """
    count = len(scene)
    scores = np.zeros((count, count))
    seen = np.zeros((count, len(scene.points)), bool)
    for index, observed in enumerate(scene.observations):
        seen[index, observed] = True
    for i in range(count):
        camera = scene.cameras[i]
        for j in range(count):
            shared = np.flatnonzero(seen[i] & seen[j]) if i != j else np.empty(0, np.int64)
            if len(shared) < FEWEST_SHARED:
                continue
            number = len(shared)
            if number > POINTS_ENOUGH:
                shared = shared[np.linspace(0, number - 1, POINTS_ENOUGH).astype(np.int64)]
            points = scene.points[shared]
            to_i = camera.centre - points
            to_j = scene.cameras[j].centre - points
            far_i = np.linalg.norm(to_i, axis=1)
            far_j = np.linalg.norm(to_j, axis=1)
            cosine = np.clip((to_i * to_j).sum(1) / np.maximum(far_i * far_j, 1e-12), -1, 1)
            angle = np.degrees(np.arccos(cosine))
            spread = np.where(angle < BEST_ANGLE, NARROW_SPREAD, WIDE_SPREAD)
            by_angle = np.exp(-((angle - BEST_ANGLE) ** 2) / (2 * spread**2))
            ratio = (scene.cameras[j].K[0, 0] / far_j) / np.maximum(camera.K[0, 0] / far_i, 1e-12)
            by_scale = np.minimum(np.minimum(1.0, ratio), 1.6 / np.maximum(ratio, 1e-12))
            pixels, _ = camera.project(points)
            cells = np.clip((pixels / [camera.width, camera.height] * 8).astype(int), 0, 7)
            covered = len(np.unique(cells[:, 0] * 8 + cells[:, 1])) / 64
            scores[i, j] = float((by_angle * np.clip(by_scale, 0, 1)).mean()) * np.sqrt(number) * covered
    return scores


def select_sources(scene: Scene, count: int) -> tuple[tuple[int, ...], ...]:
    """For every photograph up to `count` others to compare it with, best first; empty where none is good enough.

    After the best one each next source is also rewarded for looking from a new side, so that a pixel hidden from
    one source is seen by another.
    """
    scores = pair_scores(scene)
    centres = np.array([camera.centre for camera in scene.cameras]).reshape(-1, 3)
    chosen: list[tuple[int, ...]] = []
    for i in range(len(scene)):
        row = scores[i].copy()
        best = row.max(initial=0.0)
        row[row < 0.05 * best] = 0.0
        picked: list[int] = []
        while len(picked) < count and row.max(initial=0.0) > 0:
            picked.append(int(np.argmax(row)))
            step = centres[picked[-1]] - centres[i]
            for j in np.flatnonzero(row):
                other = centres[j] - centres[i]
                alike = float(step @ other) / max(float(np.linalg.norm(step) * np.linalg.norm(other)), 1e-12)
                row[j] *= 1.0 - 0.3 * max(0.0, alike) ** 4
            row[picked[-1]] = 0.0
        chosen.append(tuple(picked))
    return tuple(chosen)
