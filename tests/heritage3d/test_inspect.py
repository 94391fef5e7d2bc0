"""The first stage on a mixed bag: lenses told apart, masks found by name, refusals named, the rest goes on."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

pytest.importorskip("pycolmap", exc_type=ImportError)

from heritage3d.pipeline.photographs.table import Inspection
from heritage3d.pipeline.presets import DRAFT
from heritage3d.pipeline.recipe import Request
from heritage3d.pipeline.runner import Run
from tests.heritage3d.test_runner import Silent


@pytest.fixture(scope="module")
def bag(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Inspection, dict[str, object]]:
    """Six photographs of one lens, two of another, one portrait without EXIF, a duplicate, a page, a mask."""
    photos = tmp_path_factory.mktemp("bag") / "photos"
    masks = photos.parent / "masks"
    masks.mkdir()
    shutil.copytree(small_set / "photos", photos)
    files = sorted(photos.glob("*.jpg"))
    shutil.copy(files[0], photos / "copy of the first.jpg")
    (photos / "notes.jpg").write_bytes(b"%PDF-1.7 not a photograph")
    (photos / "LICENSE").write_text("not looked at")
    (photos / "tele").mkdir()
    for number in (1, 2):
        exif = Image.Exif()
        exif[ExifTags.Base.Make] = "Other"
        exif[ExifTags.Base.Orientation] = 8
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 85
        with Image.open(files[number]) as image:
            image.rotate(1).save(photos / "tele" / f"{number}.jpg", exif=exif, quality=90)
    with Image.open(files[3]) as image:
        image.rotate(90, expand=True).save(photos / "upright.png")
    mask = np.full((320, 480), 255, np.uint8)
    mask[:, :200] = 0
    cv2.imwrite(str(masks / f"{files[4].name}.png"), mask)
    cv2.imwrite(str(masks / f"{files[1].stem}_mask.png"), mask[:, :240])
    out = photos.parent / "out"
    run = Run(Request((photos,), out, DRAFT, masks=masks), Silent())
    run.perform("inspect")
    metrics = run.sealed["inspect"].metrics
    return Inspection.load(run.sealed["inspect"].folder), {**metrics, "warnings": metrics["_run"]["warnings"]}


def test_lenses_are_told_apart_by_exif_and_size(bag: tuple[Inspection, dict[str, object]]) -> None:
    inspection, metrics = bag
    groups: dict[int, set[str]] = {}
    for photograph in inspection.photographs:
        groups.setdefault(photograph.camera, set()).add(photograph.original)
    assert sorted(len(names) for names in groups.values()) == [1, 2, 6]
    assert {"tele/1.jpg", "tele/2.jpg"} in groups.values()
    assert metrics["lenses"] == 3


def test_focal_lengths_are_taken_from_exif_where_there_are_any(bag: tuple[Inspection, dict[str, object]]) -> None:
    focal = {photograph.original: photograph.focal for photograph in bag[0].photographs}
    assert focal["upright.png"] is None
    assert focal["tele/1.jpg"] == pytest.approx(85 / 36 * 480)


def test_what_was_left_out_is_named_with_its_reason(bag: tuple[Inspection, dict[str, object]]) -> None:
    inspection, metrics = bag
    reasons = {refusal.original: refusal.reason for refusal in inspection.refusals}
    assert set(reasons) == {"notes.jpg", "small-001.jpg"}
    assert "no photograph" in reasons["notes.jpg"]
    assert reasons["small-001.jpg"] == "it is the same picture as copy of the first.jpg"
    warnings = metrics["warnings"]
    assert isinstance(warnings, list)
    assert any(text.startswith("notes.jpg was left out") for text in warnings)


def test_masks_are_found_by_name_and_a_misshapen_one_is_named(bag: tuple[Inspection, dict[str, object]]) -> None:
    inspection, metrics = bag
    masked = [photograph for photograph in inspection.photographs if photograph.has_mask]
    assert [photograph.original for photograph in masked] == ["small-005.jpg"]
    stored = cv2.imread(str(inspection.mask(masked[0])), cv2.IMREAD_GRAYSCALE)
    assert stored is not None and stored.shape == (320, 480)
    assert (stored[:, :195] == 0).all() and (stored[:, 205:] == 255).all()
    warnings = metrics["warnings"]
    assert isinstance(warnings, list)
    assert any("small-002.jpg was not used: it has another shape" in text for text in warnings)


def test_copies_lie_in_the_sensors_frame(bag: tuple[Inspection, dict[str, object]]) -> None:
    inspection, _ = bag
    tele = next(photograph for photograph in inspection.photographs if photograph.original == "tele/1.jpg")
    assert (tele.orientation, tele.width, tele.height) == (8, 480, 320)
    for photograph in inspection.photographs:
        assert b"Exif" not in inspection.image(photograph).read_bytes()
