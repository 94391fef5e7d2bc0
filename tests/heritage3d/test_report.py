"""Pictures and page of the report: what frames a picture, what the page says, and that it stands alone."""

import re

import numpy as np
import pytest

from heritage3d.pipeline.report.document import report_html
from heritage3d.pipeline.report.orthophoto import take
from heritage3d.pipeline.report.render import framed, main_parts, shaded, through_camera
from heritage3d.pipeline.texture.bake import TexturedMesh
from tests.heritage3d.synthetic_views import look_at


def plates(*places: tuple[float, float, float, float, float]) -> TexturedMesh:
    """Upright plates facing -y, each (left, right, bottom, top, y), all of one colour."""
    vertices: list[tuple[float, float, float]] = []
    faces: list[tuple[int, int, int]] = []
    for left, right, bottom, top, y in places:
        first = len(vertices)
        vertices += [(left, y, bottom), (right, y, bottom), (right, y, top), (left, y, top)]
        faces += [(first, first + 1, first + 2), (first, first + 2, first + 3)]
    count = len(vertices)
    return TexturedMesh(
        np.array(vertices, float),
        np.tile(np.array([0, -1, 0], np.float32), (count, 1)),
        np.full((count, 2), 0.5, np.float32),
        np.array(faces, np.int32),
        np.zeros(len(faces), np.int32),
        (np.full((8, 8, 3), 90, np.uint8),),
        np.arange(count, dtype=np.int32),
        1.0,
        1.0,
    )


FACADE, CHIMNEY, LAMP = (-5.0, 5.0, 0.0, 4.0, 0.0), (1.0, 1.5, 4.2, 5.0, 0.2), (11.0, 11.2, 0.0, 0.2, 3.0)


def test_a_lamp_far_away_does_not_widen_the_picture_but_a_chimney_heightens_it():
    parts = main_parts(plates(FACADE, CHIMNEY, LAMP))
    assert parts[:, 0].max() == 5.0
    assert parts[:, 2].max() == 5.0


def test_orthophoto_ends_with_the_main_parts():
    axes = (np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), np.array([0, 1.0, 0]))
    photo = take(plates(FACADE, CHIMNEY, LAMP), axes, 0.05, with_bar=False)
    assert photo.picture.shape[1] == pytest.approx(10 / 0.05 + 2, abs=1)
    assert photo.picture.shape[0] == pytest.approx(5 / 0.05 + 2, abs=1)


def test_framed_view_holds_the_model_and_keeps_verticals_upright():
    model = plates(FACADE, CHIMNEY)
    view = framed(look_at((2.0, -9.0, 1.6), (0, 0, 2), 640, 480), model.vertices, 800)
    pixels, depth = view.project(model.vertices)
    assert (depth > 0).all() and (pixels > 0).all() and (pixels < [view.width, view.height]).all()
    assert max(view.width, view.height) == 800
    left = pixels[np.isclose(model.vertices[:, 0], -5.0)]
    assert left[0, 0] == pytest.approx(left[1, 0], abs=1e-6)
    picture, raster = through_camera(model, view)
    assert (picture[..., 3] > 0).mean() > 0.5
    shape = shaded(model, raster, view)
    assert (shape[..., 3] == picture[..., 3]).all()
    assert len(np.unique(shape[shape[..., 3] > 0][:, 0])) == 1  # flat and of one direction, so of one grey


def report() -> dict:
    return {
        "verdict": "not-for-measurement",
        "inputs": {"images": 12, "used": 10, "refused": 1},
        "sfm": {
            "reprojection_px": 0.49, "track_length": 4.5, "triangulation_angle": 31.0, "camera_models": ["OPENCV"],
            "freer_models": [], "other_models": [2],
        },
        "scale": {
            "status": "measured", "source": "control points", "error": 0.004,
            "details": {"control_rms": 0.0021, "check_rms": 0.0043},
        },
        "dense": {
            "points": 1234567, "density": 41000.0, "coverage": 0.71, "gsd": 0.005, "gsd_photographs": 0.0026,
            "unit": "metre",
        },
        "mesh": {"triangles": 600000, "area": 42.0, "hole_area_share": 0.034, "missing_share": 0.25},
        "texture": {"seen": 0.99},
        "derivatives": [{"name": "low.glb", "bytes": 400000, "triangles": 50000, "compression": "meshopt"}],
        "stages": [{"name": "depth", "seconds": 60.0, "cpu_seconds": 110.0, "peak_rss_mb": 600.0, "cached": False}],
        "software": {"numpy": "2.4"}, "seeds": {"colmap": 0, "deterministic": False}, "preset": "standard",
        "sandbox": "bubblewrap", "warnings": ["<b>Two</b> photographs could not be used."],
    }  # fmt: skip


def test_page_tells_all_and_asks_the_network_for_nothing():
    page = report_html(report(), {})
    for said in (
        "10 of 12 (1 could not be read)", "0.49 pixels of reprojection (this is not accuracy)", "Internal consistency",
        "held out", "4.30 mm", "2.10 mm", "control points", "3.4% within the outline", "41,000 a square metre",
        "bubblewrap", "numpy 2.4", "110 s of processor time", "OPENCV", "5.00 mm",
    ):  # fmt: skip
        assert said in page, said
    assert "&lt;b&gt;Two&lt;/b&gt;" in page and "<b>Two" not in page
    assert not re.search(r"https?:|<script|@import|url\(", page)
    assert "prefers-color-scheme:dark" in page
