from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import registry
from tests.jobs.instance import Instance


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    made = Instance(tmp_path_factory.mktemp("instance"))
    made.make_database()
    yield made
    made.end()


@pytest.fixture(autouse=True)
def nothing_recurs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test registers comes back by the clock: other rooms' rounds are due at hours of their own."""
    monkeypatch.setattr(registry, "_recurring", {})


@pytest.fixture
def kind() -> Iterator[str]:
    """A kind that does nothing."""
    name = "test.nothing"
    registry.register(name, _nothing)
    yield name
    registry.forget(name)


def _nothing(context: object) -> None:
    return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
