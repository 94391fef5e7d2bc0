"""Jobs are registered in one way: by the app of the room that owns the handler."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.test_arrows import ROOMS, ROOT, files_of

REGISTRY = "jobs.registry"


def names_of(tree: ast.AST) -> dict[str, str]:
    """The names that a file imports, with what they stand for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {one.asname or one.name.split(".")[0]: (one.asname and one.name) or "" for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return names


def meant(node: ast.expr, names: dict[str, str]) -> str:
    """What an expression like ``registry.register`` stands for, in full."""
    if isinstance(node, ast.Attribute):
        return f"{meant(node.value, names) or ast.unparse(node.value)}.{node.attr}"
    return names.get(node.id, "") if isinstance(node, ast.Name) else ""


def misplaced(room: str, file: str, source: str) -> Iterator[str]:
    """Every registration in ``file`` (its path in ``room``) that is not its room's app's own business."""
    tree = ast.parse(source)
    names = names_of(tree)
    inside = {
        id(node)
        for holder in ast.walk(tree)
        if isinstance(holder, ast.ClassDef) and any(meant(base, names).endswith(".AppConfig") for base in holder.bases)
        for node in ast.walk(holder)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = meant(node.func, names)
        if called not in {f"{REGISTRY}.register", f"{REGISTRY}.every"}:
            continue
        if file != "apps.py" or id(node) not in inside:
            yield f"{room}/{file}:{node.lineno} registers a job: that is for the AppConfig in {room}/apps.py"
        elif called.endswith(".register") and not meant(node.args[1], names).startswith(f"{room}."):
            yield f"{room}/{file}:{node.lineno} registers another room's {ast.unparse(node.args[1])}"


def test_jobs_are_registered_by_the_app_of_their_own_room():
    wrong = [
        found
        for room in sorted(ROOMS)
        for file in files_of(room)
        if "registry" in (source := file.read_text("utf-8"))
        for found in misplaced(room, str(file.relative_to(ROOT / room)), source)
    ]
    assert not wrong, "\n".join(wrong)


APP = "from django.apps import AppConfig\nclass A(AppConfig):\n    def ready(self):\n"


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("rounds.py", "from jobs import registry\nregistry.register('a', None)"),
        ("rounds.py", "from jobs import registry as r\ndef go():\n    r.every(5, 'a')"),
        ("rounds.py", "import jobs.registry\njobs.registry.register('a', None)"),
        ("apps.py", "from jobs.registry import register\ndef go():\n    register('a', None)"),
        (
            "apps.py",
            APP + "        from search import b\n        from jobs.registry import register\n        register('a', b)",
        ),
    ],
)
def test_it_goes_red_for_a_registration_anywhere_else(file: str, source: str) -> None:
    assert list(misplaced("archive", file, source))


def test_it_stays_green_for_the_one_way() -> None:
    own = "        from archive import b\n        from jobs.registry import register\n        register('a', b.go)"
    assert not list(misplaced("archive", "apps.py", APP + own))
