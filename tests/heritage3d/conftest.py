"""One small set of photographs of the invented monument for all tests of this room, taken once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from heritage3d.pipeline.system_libraries import missing_modules, missing_packages
from tests.heritage3d.whole_command import PHOTOGRAPHER, reconstruct

# Before numba is imported: Open3D brings a TBB of its own that numba refuses.
os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")

#: Without the workers' packages the tests cannot even be imported: `make workers` brings them.
collect_ignore_glob = ["test_*.py"] if missing_modules() else []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests run in one process, which photographs and computes for them once.

    On a bare system there is nothing to reconstruct with; `manage.py reconstruct` says the same.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    if packages := missing_packages():
        skipped = pytest.mark.skip(reason=f"reconstruction needs the Debian packages {', '.join(packages)}")
        for item in items:
            if item.path.is_relative_to(Path(__file__).parent):
                item.add_marker(skipped)


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of 480 × 320 pixels with their truth."""
    pytest.importorskip("open3d", exc_type=ImportError)
    from heritage3d.pipeline.synthetic.sets import PhotoSet, photograph_set

    folder = tmp_path_factory.mktemp("monument")
    chosen = PhotoSet("small", 6, 480, 320, 1.05, arc_degrees=36.0, spacing=0.05, samples=1)
    photograph_set(chosen, folder, keep_depth=True)
    return folder


@pytest.fixture(scope="session")
def tiny_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny set with a photographer's name and a place in every file; its truth is in the folder above."""
    pytest.importorskip("open3d", exc_type=ImportError)
    from heritage3d.pipeline.synthetic.sets import SETS, photograph_set

    folder = tmp_path_factory.mktemp("tiny")
    photograph_set(SETS["tiny"], folder)
    for path in (folder / "photos").glob("*.jpg"):
        with Image.open(path) as image:
            exif = image.getexif()
            exif[ExifTags.Base.Artist] = PHOTOGRAPHER
            exif[ExifTags.Base.Copyright] = PHOTOGRAPHER
            gps = {1: "N", 2: (45.0, 48.0, 12.3456), 3: "E", 4: (15.0, 58.0, 7.891)}
            exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
            image.load()
            image.save(path, quality=95, exif=exif)
    return folder / "photos"


@pytest.fixture(scope="session")
def finished(tiny_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of the whole command on the tiny set, in draft and deterministic."""
    out = tmp_path_factory.mktemp("finished") / "run"
    done = reconstruct(tiny_photos, out, "--deterministic")
    assert done.returncode == 0, done.stderr
    return out
