"""Coded targets that lie in the scene: found in the copies by themselves, named by family and number."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from heritage3d.pipeline.georeference.control import Mark

#: Families with so many bits that carved stone does not look like one of them by chance.
FAMILIES = {
    "36h11": cv2.aruco.DICT_APRILTAG_36h11,
    "aruco5x5": cv2.aruco.DICT_5X5_100,
    "aruco6x6": cv2.aruco.DICT_6X6_250,
}


def find_targets(image: Path, name: str) -> list[Mark]:
    """Marks `family:number` (centre) and `family:number/0` … `/3` (corners, clockwise), in pixels of the copy."""
    grey = cv2.imread(str(image), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if grey is None:
        return []
    marks = []
    for family, dictionary in FAMILIES.items():
        settings = cv2.aruco.DetectorParameters()
        settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
        detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(dictionary), settings)
        corners, numbers, _ = detector.detectMarkers(grey)
        if numbers is None:
            continue
        for square, number in zip(corners, np.asarray(numbers).ravel(), strict=True):
            # The first pixel's centre lies at 0 for the detector and at 0.5 for us.
            points = np.asarray(square, np.float64).reshape(4, 2) + 0.5
            target = f"{family}:{int(number)}"
            centre = _crossing(points)
            marks.append(Mark(target, name, float(centre[0]), float(centre[1])))
            marks += [Mark(f"{target}/{k}", name, float(u), float(v)) for k, (u, v) in enumerate(points)]
    return marks


def _crossing(corners: np.ndarray) -> np.ndarray:
    """Where the diagonals cross: the centre of a square stays there under perspective."""
    lines = [np.cross([*corners[a], 1.0], [*corners[b], 1.0]) for a, b in ((0, 2), (1, 3))]
    point = np.cross(lines[0], lines[1])
    return np.asarray(point[:2] / point[2])
