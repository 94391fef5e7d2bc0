"""SIFT features of every copy, in COLMAP's database (Lowe 2004; Schönberger and Frahm 2016)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pycolmap

#: Photographs handed to COLMAP at once: small enough for progress and for a kill to lose little.
BATCH = 8
CAMERA_MODEL = "SIMPLE_RADIAL"
#: Focal length in units of the longer side where no photograph says: a usual wide angle, as COLMAP assumes.
UNKNOWN_FOCAL = 1.2


@dataclass(frozen=True)
class CameraGroup:
    """Photographs of one lens at one size; `focal` in pixels or None."""

    names: tuple[str, ...]
    width: int
    height: int
    focal: float | None


def extract(
    database: Path,
    images: Path,
    groups: Sequence[CameraGroup],
    *,
    size: int,
    most_features: int,
    doubled: bool,
    masks: Path | None,
    threads: int,
    progress: Callable[[float, float], None],
) -> None:
    """Fill the database; photographs that it already holds are left as they are.

    `size` is the longer side at which features are sought, after which the picture is `doubled` or not (Lowe 2004,
    3.3: most features are so small that only that finds them); `masks` is a folder with `<copy>.png` (0 = no features
    there).
    """
    total = sum(len(group.names) for group in groups)
    done = 0
    options = pycolmap.FeatureExtractionOptions()
    options.max_image_size = size
    options.num_threads = threads
    options.sift.max_num_features = most_features
    options.sift.first_octave = -1 if doubled else 0
    with pycolmap.Database.open(database) as opened:
        known = {image.name: image for image in opened.read_all_images()}
        with_descriptors = {name for name, image in known.items() if opened.exists_descriptors(image.image_id)}
    for group in groups:
        camera_id = next((known[name].camera_id for name in group.names if name in known), -1)
        pending = [name for name in group.names if name not in with_descriptors]
        done += len(group.names) - len(pending)
        for start in range(0, len(pending), BATCH):
            batch = pending[start : start + BATCH]
            pycolmap.extract_features(
                database,
                images,
                image_names=batch,
                camera_mode=pycolmap.CameraMode.SINGLE,
                reader_options=_reader(group, camera_id, masks),
                extraction_options=options,
                device=pycolmap.Device.cpu,
            )
            if camera_id < 0:
                with pycolmap.Database.open(database) as opened:
                    camera_id = image_named(opened, batch[0]).camera_id
            done += len(batch)
            progress(done, total)


def _reader(group: CameraGroup, camera_id: int, masks: Path | None) -> pycolmap.ImageReaderOptions:
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = CAMERA_MODEL
    reader.default_focal_length_factor = UNKNOWN_FOCAL
    if masks is not None:
        reader.mask_path = str(masks)
    if camera_id >= 0:
        reader.existing_camera_id = camera_id
    elif group.focal is not None:
        reader.camera_params = f"{group.focal},{group.width / 2},{group.height / 2},0"
    return reader


def image_named(database: pycolmap.Database, name: str) -> pycolmap.Image:
    """The database's entry of a copy. Raises KeyError."""
    found = database.read_image_with_name(name)
    if found is None:
        raise KeyError(name)
    return found


def count_features(database: Path) -> dict[str, int]:
    """Number of features by copy."""
    with pycolmap.Database.open(database) as opened:
        return {image.name: opened.num_keypoints_for_image(image.image_id) for image in opened.read_all_images()}
