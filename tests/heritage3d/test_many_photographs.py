"""What is done differently for hundreds of photographs, tried on ten: a shortlist of pairs, clusters of cameras."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("pycolmap", exc_type=ImportError)
pytest.importorskip("open3d", exc_type=ImportError)

from heritage3d.pipeline.cameras import mapping, matching
from heritage3d.pipeline.stages.features import DATABASE

pytestmark = pytest.mark.slow


def stored(finished: Path, stage: str) -> Path:
    return next((finished / "work" / "stages" / stage).iterdir())


def names_of(finished: Path) -> list[str]:
    return sorted(path.name for path in (stored(finished, "inspect") / "images").iterdir())


def features_of(finished: Path, folder: Path) -> Path:
    """A copy of the features' database: opening it changes its bytes, and the finished run is everybody's."""
    return Path(shutil.copyfile(stored(finished, "features") / DATABASE, folder / DATABASE))


def test_a_shortlist_names_neighbours_and_leaves_out_strangers(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "SHORTLIST_NEIGHBOURS", 3)
    names = names_of(finished)
    pairs = matching.shortlist(features_of(finished, tmp_path), names, {})
    assert {name for pair in pairs for name in pair} == set(names)
    assert all(first < second for first, second in pairs)
    assert len(pairs) < len(names) * (len(names) - 1) / 2
    nearest = sum(abs(names.index(first) - names.index(second)) <= 4 for first, second in pairs)
    assert nearest / len(pairs) > 0.7


def test_photographs_near_in_place_are_matched_whatever_they_share(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "SHORTLIST_NEIGHBOURS", 0)
    monkeypatch.setattr(matching, "POSITION_NEIGHBOURS", 1)
    names = names_of(finished)
    places = {name: (45.0, 15.0 + 0.001 * number, None) for number, name in enumerate(names)}
    pairs = matching.shortlist(features_of(finished, tmp_path), names, places)
    assert set(pairs) <= set(pairwise(names)) and len(pairs) >= len(names) / 2


@pytest.mark.parametrize("overlap", [5, 1])
def test_clusters_are_put_together_or_done_without(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overlap: int
) -> None:
    monkeypatch.setattr(mapping, "HIERARCHICAL_ABOVE", 5)
    monkeypatch.setattr(mapping, "CLUSTER", 6)
    monkeypatch.setattr(mapping, "CLUSTER_OVERLAP", overlap)
    database = tmp_path / DATABASE
    shutil.copyfile(stored(finished, "matching") / DATABASE, database)
    solved = mapping.solve(
        database,
        stored(finished, "inspect") / "images",
        tmp_path / "models",
        count=10,
        threads=1,
        progress=lambda done, total: None,
    )
    assert solved is not None and solved.largest.num_reg_images() == 10
    assert solved.largest.compute_mean_reprojection_error() < 1.0
