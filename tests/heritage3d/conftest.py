"""One small set of photographs of the invented monument for all tests of this room, taken once a session."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before numba is imported: Open3D brings a TBB of its own that numba refuses.
os.environ.setdefault("NUMBA_THREADING_LAYER", "omp")


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographs of 480 × 320 pixels with their truth."""
    pytest.importorskip("open3d")
    from heritage3d.pipeline.synthetic.sets import PhotoSet, photograph_set

    folder = tmp_path_factory.mktemp("monument")
    chosen = PhotoSet("small", 6, 480, 320, 1.05, arc_degrees=36.0, spacing=0.05, samples=1)
    photograph_set(chosen, folder, keep_depth=True)
    return folder
