"""A surface asks ``archive/public/scopes.py`` for its scope: nobody else reads the scopes in a payload."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
#: The one reader.
READER = "archive/public/scopes.py"
FOLDERS = ("public", "interchange", "templatetags")
#: A key or the path to one, in a string; a sentence about scopes is none.
_PATH = re.compile(r"(?:\w+(?:__|\.))*scopes(?:(?:__|\.)[\w-]+)*")
#: Looked up in a template.
_LOOKED_UP = re.compile(r"\.scopes\b")


def reading(source: str) -> Iterator[int]:
    """Lines of Python that look into the scopes of something."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Constant | ast.Attribute):
            continue
        name = node.attr if isinstance(node, ast.Attribute) else node.value
        if name == "scopes" or (isinstance(node, ast.Constant) and isinstance(name, str) and _PATH.fullmatch(name)):
            yield node.lineno


def test_only_one_file_reads_the_scopes_of_a_payload():
    files = [file for folder in FOLDERS for file in ROOT.glob(f"*/{folder}/**/*.py")]
    names = {str(file.relative_to(ROOT)): file for file in files}
    assert READER in names and list(reading(names.pop(READER).read_text("utf-8")))
    wrong = [f"{name}:{line}" for name, file in sorted(names.items()) for line in reading(file.read_text("utf-8"))]
    # The desk's templates show forms of the record side.
    templates = [file for file in (ROOT / "templates").rglob("*.html") if "desk" not in file.parts]
    wrong += [str(file.relative_to(ROOT)) for file in templates if _LOOKED_UP.search(file.read_text("utf-8"))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "line",
    [
        'payload["consent"]["scopes"]["classroom"]',
        'payload.get("consent", {}).get("scopes")',
        "work.scopes",
        'rows.filter(**{"payload__consent__scopes__classroom": "yes"})',
        'rows.values_list("payload__consent__scopes")',
    ],
)
def test_the_guard_of_the_scopes_can_fail(line):
    assert list(reading(line))


def test_speaking_of_scopes_is_no_reading_of_them():
    source = '"""What scopes of consent allow."""\nfrom archive.public import scopes\nscopes.allows(row, "classroom")'
    assert not list(reading(source))
    assert _LOOKED_UP.search("{{ work.consent.scopes|scope_list }}")
