"""Every way in which an object can be broken is found, by its code in the specification and its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive.vault.inventory import sidecar_of
from archive.vault.validation import validate_object, validate_root
from tests.archive.vault.conftest import Ledgered

Breaking = Callable[[Path], object]


@pytest.fixture
def folder(ledgered: Ledgered, object_id) -> Path:
    ledgered.store(object_id(1), b"first words", b"a photograph")
    ledgered.store(object_id(1), b"better words")
    folder = ledgered.vault.object_folder(object_id(1))
    for path in folder.rglob("*"):
        path.chmod(0o700)
    return folder


def rewrite(change: Callable[[dict[str, Any]], object]) -> Breaking:
    """Change the inventory as somebody would who knows how to make a sidecar."""

    def apply(folder: Path) -> None:
        inventory = json.loads((folder / "inventory.json").read_bytes())
        change(inventory)
        data = json.dumps(inventory).encode()
        for place in (folder, folder / "v2"):
            (place / "inventory.json").write_bytes(data)
            (place / "inventory.json.sha512").write_bytes(sidecar_of(data))

    return apply


def first_digest(inventory: dict[str, Any]) -> str:
    return next(digest for digest, paths in inventory["manifest"].items() if paths == ["v1/content/0001.txt"])


def move(inventory: dict[str, Any], path: str) -> None:
    inventory["manifest"][first_digest(inventory)] = [path]


BREAKINGS: dict[str, tuple[Breaking, set[str]]] = {
    "a byte rots": (lambda f: (f / "v1/content/0001.txt").write_bytes(b"first wordz"), {"E092"}),
    "a file is gone": (lambda f: (f / "v1/content/0002.txt").unlink(), {"E092"}),
    "a file too many": (lambda f: (f / "v1/content/0009.txt").write_bytes(b"planted"), {"E023"}),
    "a link": (lambda f: (f / "v1/content/link").symlink_to("/etc/passwd"), {"E090"}),
    "an empty folder": (lambda f: (f / "v1/content/empty").mkdir(), {"E024"}),
    "a file beside the content": (lambda f: (f / "v1/note.txt").write_bytes(b""), {"E015"}),
    "a strange file": (lambda f: (f / "notes.txt").write_bytes(b""), {"E001"}),
    "a strange folder": (lambda f: (f / "other").mkdir(), {"E001"}),
    "no declaration": (lambda f: (f / "0=ocfl_object_1.1").unlink(), {"E003"}),
    "a false declaration": (lambda f: (f / "0=ocfl_object_1.1").write_bytes(b"ocfl"), {"E007"}),
    "no inventory": (lambda f: (f / "inventory.json").unlink(), {"E063"}),
    "no sidecar": (lambda f: (f / "inventory.json.sha512").unlink(), {"E058"}),
    "a malformed sidecar": (lambda f: (f / "inventory.json.sha512").write_bytes(b"abc"), {"E061"}),
    "an inventory of another time": (
        lambda f: (f / "inventory.json").write_bytes((f / "v1/inventory.json").read_bytes()),
        {"E060", "E001", "E023", "E064"},
    ),
    "no JSON": (lambda f: (f / "inventory.json").write_bytes(b"{"), {"E060", "E033"}),
    "deeply nested JSON": (lambda f: (f / "inventory.json").write_bytes(b"[" * 100_000), {"E060", "E033"}),
    "no object": (lambda f: (f / "inventory.json").write_bytes(b"[]"), {"E060", "E033"}),
    "a version's folder is gone": (lambda f: (f / "v1").rename(f.parent / "elsewhere"), {"E010", "E092"}),
    "no identifier": (rewrite(lambda i: i.pop("id")), {"E036"}),
    "no manifest": (rewrite(lambda i: i.pop("manifest")), {"E041"}),
    "versions are a list": (rewrite(lambda i: i.update(versions=[])), {"E044"}),
    "no version": (rewrite(lambda i: i.update(versions={})), {"E008"}),
    "a wrong head": (rewrite(lambda i: i.update(head="v1")), {"E040"}),
    "another type": (rewrite(lambda i: i.update(type="https://ocfl.io/1.0/spec/#inventory")), {"E038"}),
    "a weak digest": (rewrite(lambda i: i.update(digestAlgorithm="md5")), {"E025"}),
    "a content folder outside": (rewrite(lambda i: i.update(contentDirectory="..")), {"E017"}),
    "a gap in the versions": (rewrite(lambda i: i["versions"].update(v4=i["versions"].pop("v2"))), {"E010"}),
    "a name that is no version": (rewrite(lambda i: i["versions"].update(second={})), {"E046"}),
    "a version without state": (rewrite(lambda i: i["versions"]["v1"].pop("state")), {"E048"}),
    "no time": (rewrite(lambda i: i["versions"]["v1"].update(created="yesterday")), {"E049"}),
    "a time that never was": (rewrite(lambda i: i["versions"]["v1"].update(created="2026-02-30T10:00:00Z")), {"E049"}),
    "a user without a name": (rewrite(lambda i: i["versions"]["v1"].update(user={})), {"E054"}),
    "a state of nothing": (rewrite(lambda i: i["versions"]["v2"]["state"].update({"ab" * 64: ["x.txt"]})), {"E050"}),
    "a path outside": (rewrite(lambda i: move(i, "v1/content/../../../etc/passwd")), {"E099"}),
    "an absolute path": (rewrite(lambda i: move(i, "/v1/content/0001.txt")), {"E100"}),
    "a path in no version": (rewrite(lambda i: move(i, "content/0001.txt")), {"E042"}),
    "history is rewritten": (
        rewrite(lambda i: i["versions"]["v1"]["state"].pop(first_digest(i))),
        {"E066", "E107"},
    ),
    "another object": (rewrite(lambda i: i.update(id="urn:uuid:other")), {"E037", "E072"}),
    "false fixity": (
        rewrite(lambda i: i["fixity"]["sha256"].update({"ab" * 32: i["fixity"]["sha256"].popitem()[1]})),
        {"E093"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKINGS)
def test_each_breaking_is_found_by_its_code(ledgered: Ledgered, folder: Path, case: str):
    assert validate_object(folder, ledgered.vault.root) == []
    breaking, codes = BREAKINGS[case]
    breaking(folder)
    findings = validate_object(folder, ledgered.vault.root)
    found = {finding.code for finding in findings}
    assert codes & found, findings
    assert found <= codes | {"E023", "E092", "E001", "E064", "E107"}, findings
    place = str(folder.relative_to(ledgered.vault.root))
    assert all(finding.place.startswith(place) for finding in findings)


def test_without_reading_the_bytes_only_the_layout_is_judged(ledgered: Ledgered, folder: Path):
    (folder / "v1/content/0001.txt").write_bytes(b"first wordz")
    assert validate_object(folder, ledgered.vault.root, digest_of=None) == []


def test_an_object_in_the_wrong_place_is_found(ledgered: Ledgered, folder: Path):
    other = ledgered.vault.root / "abc" / hashlib.sha256(b"elsewhere").hexdigest()
    other.parent.mkdir(exist_ok=True)
    folder.rename(other)
    assert {finding.code for finding in validate_object(other, ledgered.vault.root)} == {"E072"}


def test_a_broken_root_is_found(ledgered: Ledgered, folder: Path):
    root = ledgered.vault.root
    assert list(validate_root(root)) == []
    (root / "stray.txt").write_bytes(b"")
    (folder.parent / "stray.txt").write_bytes(b"")
    (root / "ocfl_layout.json").chmod(0o600)
    (root / "ocfl_layout.json").write_bytes(b"{}")
    (root / "0=ocfl_1.1").unlink()
    assert [finding.code for finding in validate_root(root)] == ["E069", "E071", "E084", "E084"]
