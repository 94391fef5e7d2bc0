"""Which photographs show the same thing: every pair for small sets, a shortlist for large ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycolmap

from heritage3d.pipeline.cameras.features import image_named

#: Up to this many photographs all pairs are matched.
EXHAUSTIVE_UP_TO = 100
SHORTLIST_FEATURES = 1024
SHORTLIST_NEIGHBOURS = 20
POSITION_NEIGHBOURS = 12
PAIRS_AT_ONCE = 40
#: Lowe's ratio for the shortlist.
RATIO = 0.8
#: Matches that stay within so many pixels (of the copy) are called still.
STILL_PIXELS = 2.0
#: A camera that moved by less than this share of the distance only turned: rays then meet at a degree or less. A lens
#: that is not modelled yet looks like such a move, the more the camera turned: so much a radian.
STILL_BASELINE = 0.02
LENS_A_RADIAN = 0.2


@dataclass(frozen=True)
class MatchingFacts:
    """What the matches say about how the photographs were taken; shares are medians over verified pairs."""

    pairs_tried: int
    pairs_verified: int
    #: Share of matches that lie at the same pixel in both photographs (a fixed camera before a turntable).
    still_share: float
    #: Share of verified pairs explained by a rotation alone.
    rotation_share: float


def match(
    database: Path,
    names: list[str],
    *,
    positions: Mapping[str, tuple[float, float, float | None]],
    threads: int,
    pairs_file: Path,
    progress: Callable[[float, float], None],
) -> int:
    """Match and verify pairs in the database; returns how many pairs were tried."""
    if len(names) <= EXHAUSTIVE_UP_TO:
        pairs = list(combinations(sorted(names), 2))
    else:
        pairs = shortlist(database, sorted(names), positions)
    matching = pycolmap.FeatureMatchingOptions()
    matching.num_threads = threads
    verification = pycolmap.TwoViewGeometryOptions()
    verification.ransac.random_seed = 0
    pairing = pycolmap.ImportedPairingOptions()
    for start in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[start : start + PAIRS_AT_ONCE]
        pairs_file.write_text("".join(f"{a} {b}\n" for a, b in some), encoding="ascii")
        pairing.match_list_path = str(pairs_file)
        pycolmap.match_image_pairs(
            database,
            matching_options=matching,
            pairing_options=pairing,
            verification_options=verification,
            device=pycolmap.Device.cpu,
        )
        progress(min(len(pairs), start + PAIRS_AT_ONCE), len(pairs))
    pairs_file.unlink(missing_ok=True)
    return len(pairs)


def shortlist(
    database: Path, names: list[str], positions: Mapping[str, tuple[float, float, float | None]]
) -> list[tuple[str, str]]:
    """Pairs worth matching fully: for each photograph those sharing most of their largest features, and neighbours by
    position. A vocabulary tree would be faster beyond a thousand photographs, but is a download.
    """
    descriptors = []
    with pycolmap.Database.open(database) as opened:
        for name in names:
            image_id = image_named(opened, name).image_id
            keypoints = np.asarray(opened.read_keypoints(image_id))
            scales = np.hypot(keypoints[:, 2], keypoints[:, 4]) if keypoints.shape[1] > 4 else keypoints[:, 2]
            largest = np.argsort(-scales)[:SHORTLIST_FEATURES]
            chosen = np.asarray(opened.read_descriptors(image_id).data)[largest].astype(np.float32)
            descriptors.append(chosen / (np.linalg.norm(chosen, axis=1, keepdims=True) + 1e-9))
    votes = np.zeros((len(names), len(names)), np.int32)
    for i, j in combinations(range(len(names)), 2):
        votes[i, j] = votes[j, i] = shared_features(descriptors[i], descriptors[j])
    wanted: set[tuple[int, int]] = set()
    for i in range(len(names)):
        for j in np.argsort(-votes[i], kind="stable")[:SHORTLIST_NEIGHBOURS]:
            if votes[i, j] > 0:
                wanted.add((min(i, int(j)), max(i, int(j))))
    wanted |= _near_in_place(names, positions)
    return [(names[i], names[j]) for i, j in sorted(wanted)]


def shared_features(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> int:
    """How many unit descriptors (N, D) and (M, D) choose each other, with Lowe's ratio on the first side."""
    if len(first) < 2 or len(second) < 2:
        return 0
    likeness = first @ second.T
    best = likeness.argmax(1)
    top = likeness[np.arange(len(first)), best]
    likeness[np.arange(len(first)), best] = -1
    runner_up = likeness.max(1)
    likeness[np.arange(len(first)), best] = top
    mutual = likeness.argmax(0)[best] == np.arange(len(first))
    # Below a hundred-thousandth the rounding of float32 would decide which of two equals is nearer.
    distance, other = np.sqrt(np.maximum(1e-5, 2 - 2 * top)), np.sqrt(np.maximum(1e-5, 2 - 2 * runner_up))
    return int((mutual & (distance < RATIO * other)).sum())


def _near_in_place(
    names: list[str], positions: Mapping[str, tuple[float, float, float | None]]
) -> set[tuple[int, int]]:
    """Pairs of each located photograph with its nearest located neighbours, by metres on the ground."""
    located = [index for index, name in enumerate(names) if name in positions]
    if len(located) < 2:
        return set()
    degrees = np.array([positions[names[index]][:2] for index in located])
    east = degrees[:, 1] * np.cos(np.radians(degrees[:, 0].mean()))
    ground = np.column_stack([degrees[:, 0], east])
    pairs = set()
    for row, index in enumerate(located):
        nearest = np.argsort(np.linalg.norm(ground - ground[row], axis=1), kind="stable")[1 : POSITION_NEIGHBOURS + 1]
        pairs |= {(min(index, located[k]), max(index, located[k])) for k in nearest}
    return pairs


def facts_of(database: Path, pairs_tried: int) -> MatchingFacts:
    """Read from the verified pairs how the photographs were taken."""
    still, rotating, verified = [], 0, 0
    with pycolmap.Database.open(database) as opened:
        keypoints = {
            image.image_id: np.asarray(opened.read_keypoints(image.image_id))[:, :2]
            for image in opened.read_all_images()
        }
        known = {camera.camera_id: camera for camera in opened.read_all_cameras()}
        cameras = {image.image_id: known[image.camera_id] for image in opened.read_all_images()}
        pair_ids, geometries = opened.read_two_view_geometries()
        for pair_id, geometry in zip(pair_ids, geometries, strict=True):
            inliers = np.asarray(geometry.inlier_matches)
            if len(inliers) < 15:
                continue
            verified += 1
            first, second = pycolmap.pair_id_to_image_pair(pair_id)
            moved = np.linalg.norm(keypoints[first][inliers[:, 0]] - keypoints[second][inliers[:, 1]], axis=1)
            still.append(float((moved < STILL_PIXELS).mean()))
            rotating += only_turned(geometry, cameras[first], cameras[second])
    return MatchingFacts(
        pairs_tried,
        verified,
        float(np.median(still)) if still else 0.0,
        rotating / verified if verified else 0.0,
    )


def only_turned(geometry: pycolmap.TwoViewGeometry, first: pycolmap.Camera, second: pycolmap.Camera) -> bool:
    """Whether a verified pair shows a camera that turned and did not move, as far as its focal length is known.

    COLMAP calls a pair that one homography explains "planar or panoramic". With K the cameras' calibration,
    K₂⁻¹ H K₁ is a rotation times a scale in the second case, and a rotation plus baseline ÷ distance in the first
    (Hartley and Zisserman 2004, 13.1), so that its singular values differ by about that share.
    """
    kinds = pycolmap.TwoViewGeometryConfiguration
    if geometry.config in (kinds.PANORAMIC, kinds.WATERMARK):
        return True
    if geometry.config != kinds.PLANAR_OR_PANORAMIC or geometry.H is None:
        return False
    if not (first.has_prior_focal_length and second.has_prior_focal_length):
        return False
    turn = np.linalg.inv(second.calibration_matrix()) @ np.asarray(geometry.H) @ first.calibration_matrix()
    left, values, right = np.linalg.svd(turn)
    rotation = left @ right * np.sign(np.linalg.det(left @ right))
    angle = float(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))
    return bool(values[0] / values[2] - 1 <= STILL_BASELINE + LENS_A_RADIAN * angle)
