"""Cameras and sparse points from verified matches: COLMAP's incremental mapper, the largest model wins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pycolmap

#: Beyond this many photographs the mapper works in clusters of at most so many, each pair sharing about so many.
HIERARCHICAL_ABOVE = 300
CLUSTER, CLUSTER_OVERLAP = 160, 60
#: Clusters that were put together into less than this share of the photographs were not put together.
TOGETHER = 0.9
#: Adjustment after clusters are put together, which only lays one upon the other.
JOINT_ITERATIONS = 60
#: So many points must agree on a photograph's place. COLMAP's 30 splits a walk around a small thing in two.
FEWEST_POSE_INLIERS = 20


@dataclass(frozen=True)
class MappedModels:
    """The largest model and how many photographs each smaller one holds."""

    largest: pycolmap.Reconstruction
    others: tuple[int, ...]


def solve(
    database: Path,
    images: Path,
    out: Path,
    *,
    count: int,
    threads: int,
    progress: Callable[[float, float], None],
) -> MappedModels | None:
    """Solve for cameras; None where no initial pair shows depth."""
    out.mkdir(parents=True, exist_ok=True)
    seen = 2

    def registered() -> None:
        nonlocal seen
        seen = min(seen + 1, count)
        progress(seen, count)

    models = _in_clusters(database, images, out, threads=threads) if count > HIERARCHICAL_ABOVE else {}
    if max((model.num_reg_images() for model in models.values()), default=0) < TOGETHER * count:
        # Clusters that share too little stay apart; from one photograph to the next takes longer and misses none.
        models = {}
        for attempt in range(2):
            options = pycolmap.IncrementalPipelineOptions()
            options.random_seed = 0
            options.num_threads = threads
            options.min_model_size = 3
            options.extract_colors = False
            options.mapper.abs_pose_min_num_inliers = FEWEST_POSE_INLIERS
            if attempt:
                # A short baseline or a small object may offer no pair under 16°; ask for less before giving up.
                options.mapper.init_min_tri_angle = 6.0
                options.mapper.init_min_num_inliers = 50
            models = pycolmap.incremental_mapping(
                database, images, out, options=options, next_image_callback=registered
            )
            if models:
                break
    if not models:
        return None
    ranked = sorted(models.values(), key=lambda model: (-model.num_reg_images(), -model.num_points3D()))
    return MappedModels(ranked[0], tuple(model.num_reg_images() for model in ranked[1:]))


def _in_clusters(database: Path, images: Path, out: Path, *, threads: int) -> dict[int, pycolmap.Reconstruction]:
    """Models of overlapping clusters put together, and adjusted together."""
    options = pycolmap.HierarchicalPipelineOptions()
    options.num_workers = options.num_threads = threads
    options.clustering_options.leaf_max_num_images = CLUSTER
    options.clustering_options.image_overlap = CLUSTER_OVERLAP
    options.incremental_options.random_seed = 0
    options.incremental_options.min_model_size = 3
    options.incremental_options.extract_colors = False
    # There are no rigs of several cameras; refining them keeps clusters from being put together.
    options.incremental_options.ba_refine_sensor_from_rig = False
    models: dict[int, pycolmap.Reconstruction] = dict(
        pycolmap.hierarchical_mapping(database, images, out, options=options)
    )
    together = pycolmap.BundleAdjustmentOptions()
    together.print_summary = False
    together.ceres.solver_options.num_threads = threads
    together.ceres.solver_options.max_num_iterations = JOINT_ITERATIONS
    together.ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    for model in models.values():
        pycolmap.bundle_adjustment(model, together)
        model.update_point_3d_errors()
    return models


def median_triangulation_angle(model: pycolmap.Reconstruction) -> float:
    """Median over points of the widest angle (degrees) between two of the rays that made them."""
    centres = {image_id: model.images[image_id].projection_center() for image_id in model.reg_image_ids()}
    angles = []
    for point in model.points3D.values():
        rays = np.array([centres[element.image_id] - point.xyz for element in point.track.elements])
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        angles.append(np.degrees(np.arccos(np.clip((rays @ rays.T).min(), -1, 1))))
    return float(np.median(angles)) if angles else 0.0
