"""The import arrows of the architecture: a room may use only the rooms it is allowed to."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ROOMS = {"config", "accounts", "jobs", "search", "archive", "heritage3d", "curriculum"}
ALLOWED: dict[str, set[str]] = {
    "accounts": set(),
    "jobs": set(),
    "search": set(),
    "archive": {"accounts", "jobs", "search"},
    "heritage3d": {"archive", "accounts", "jobs", "search"},
    "curriculum": {"archive", "heritage3d", "accounts", "jobs", "search"},
}
#: What the public side may import of the archive: publications and values, never a record.
PUBLIC_SIDE = (
    "archive.public",
    "archive.publications",
    "archive.models.publication",
    "archive.models.terms",
    "archive.policy",
    "archive.values",
    "archive.interchange",
    "archive.templatetags",
    # What a link opens without an account: works with their stands, and a publication that is made and not kept.
    "archive.class_links",
    "archive.review_links",
    # Whether the site is closed while a restore is replayed: a marker file, no record.
    "archive.vault.ledger",
)


def imports_of(file: Path) -> Iterator[str]:
    """Every module a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}"


def files_of(room: str) -> list[Path]:
    return sorted(file for file in (ROOT / room).rglob("*.py"))


def test_no_room_imports_against_the_arrows():
    wrong = []
    for room, allowed in ALLOWED.items():
        for file in files_of(room):
            for module in imports_of(file):
                other = module.split(".")[0]
                if other in ROOMS and other != room and other not in allowed:
                    wrong.append(f"{file.relative_to(ROOT)} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_the_pipeline_knows_no_django():
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in files_of("heritage3d/pipeline")
        for module in imports_of(file)
        if module.split(".")[0] in (ROOMS | {"django", "wagtail", "celery"})
        and not module.startswith("heritage3d.pipeline")
    ]
    assert not wrong, "\n".join(wrong)


def loaded_with(file: Path, seen: set[Path]) -> Iterator[str]:
    """Every module that comes along when ``file`` is imported and its app made ready, by way of our own files too."""
    seen.add(file)
    tree = ast.parse(file.read_text("utf-8"), str(file))
    ready = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and file.name == "apps.py"]
    for node in [*tree.body, *(inner for function in ready for inner in function.body)]:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        modules = [one.name for one in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        for module in modules:
            yield module
            ours = ROOT.joinpath(*module.split(".")).with_suffix(".py")
            if ours.is_file() and ours not in seen:
                yield from loaded_with(ours, seen)


def test_only_a_reconstruction_loads_the_pipeline():
    """The web process and the workers of other queues know its kind of job and none of its packages."""
    loaded = set(loaded_with(ROOT / "heritage3d/apps.py", set()))
    assert "heritage3d.reconstruction_job" in loaded
    own = {name for name in loaded if name.split(".")[0] in ROOMS | {"__future__", "django"} | sys.stdlib_module_names}
    assert loaded == {name for name in own if not name.startswith("heritage3d.pipeline")}


def reaches_records(module: str, room: str = "archive") -> bool:
    """Whether an import of a room's public side leads to the record side: the archive's, or the room's own tables."""
    owner = module.split(".")[0]
    if owner == "archive":
        return not any(f"{module}.".startswith(f"{allowed}.") for allowed in PUBLIC_SIDE)
    return owner == room and module.split(".")[1:2] == ["models"]


def test_public_code_cannot_import_a_record():
    files = [file for folder in ("public", "templatetags") for file in sorted(ROOT.glob(f"*/{folder}/**/*.py"))]
    assert len(files) > 20
    wrong = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in files
        if (room := file.relative_to(ROOT).parts[0]) in ROOMS
        for module in imports_of(file)
        if reaches_records(module, room)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", ["archive.models.Record", "archive.gate.Gate", "archive.models.works.Testimony"])
def test_the_guard_of_the_public_side_can_fail(module):
    assert reaches_records(module)
    assert reaches_records("heritage3d.models.Site", "heritage3d")
