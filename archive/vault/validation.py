"""Whether a storage root and its objects follow OCFL 1.1, and whether their bytes are the ones that were stored.

The codes are those of the specification (https://ocfl.io/1.1/spec/validation-codes.html). This reads what is on the
disk with suspicion: unlike :mod:`archive.vault.inventory` it trusts no shape.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from archive.vault.durable import Digests, digest_file
from archive.vault.inventory import INVENTORY_NAME, INVENTORY_TYPE, OBJECT_DECLARATION, SIDECAR_NAME
from archive.vault.ocfl import LAYOUT, ROOT_DECLARATION, TUPLE_SIZE

_VERSION = re.compile(r"v(?P<number>[1-9]\d*)\Z")
_HEX = {"sha512": re.compile(r"[0-9a-fA-F]{128}\Z"), "sha256": re.compile(r"[0-9a-fA-F]{64}\Z")}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)\Z")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the specification's code, the place relative to the storage root, and why."""

    code: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} {self.place}: {self.message}"


def validate_root(root: Path) -> Iterator[Finding]:
    """Check the declarations and the layout of a storage root, not the objects in it."""
    declaration = root / ROOT_DECLARATION
    if not declaration.is_file():
        yield Finding("E069", ".", f"the declaration {ROOT_DECLARATION} is missing")
    elif declaration.read_bytes() != b"ocfl_1.1\n":
        yield Finding("E080", ROOT_DECLARATION, "the declaration does not repeat its own name")
    try:
        layout = json.loads((root / "ocfl_layout.json").read_bytes())
        if layout.get("extension") != LAYOUT or "description" not in layout:
            yield Finding("E071", "ocfl_layout.json", f"the layout is not {LAYOUT}, or has no description")
    except (OSError, ValueError, AttributeError):
        yield Finding("E070", "ocfl_layout.json", "the layout description cannot be read")
    if not root.is_dir():
        return
    for entry in sorted(root.iterdir()):
        if entry.is_symlink():
            yield Finding("E090", entry.name, "a link, where only files and folders may be")
        elif entry.is_file() and entry.name not in {ROOT_DECLARATION, "ocfl_layout.json"}:
            yield Finding("E084", entry.name, "a file that belongs to no object")
        elif entry.is_dir() and entry.name != "extensions":
            for child in sorted(entry.iterdir()):
                if not child.is_dir():
                    yield Finding("E084", f"{entry.name}/{child.name}", "a file that belongs to no object")


class _Object:
    """One look at one object; collects findings."""

    def __init__(self, folder: Path, root: Path, digest_of: Callable[[Path], Digests] | None) -> None:
        self.folder = folder
        self.root = root
        self.digest_of = digest_of
        self.findings: list[Finding] = []

    def find(self, code: str, path: Path | str, message: str) -> None:
        place = self.folder / path if isinstance(path, str) else path
        self.findings.append(Finding(code, str(place.relative_to(self.root)), message))

    def check(self) -> list[Finding]:
        self.check_declaration()
        inventory = self.read_inventory(self.folder)
        versions = self.check_entries()
        if inventory is None:
            return self.findings
        place = INVENTORY_NAME
        if not self.check_inventory(inventory, place):
            return self.findings
        numbers = sorted(int(name[1:]) for name in inventory["versions"])
        for number in numbers:
            if number not in versions:
                self.find("E010", f"v{number}", "the folder of this version is missing")
        for number in sorted(versions - set(numbers)):
            self.find("E001", f"v{number}", "a version that the inventory does not know")
        self.check_version_inventories(inventory, numbers)
        self.check_content(inventory)
        digest = hashlib.sha256(inventory["id"].encode("utf-8")).hexdigest()
        if self.folder.name != digest or self.folder.parent.name != digest[:TUPLE_SIZE]:
            self.find("E072", self.folder, "the object does not lie where the layout says")
        return self.findings

    def check_declaration(self) -> None:
        declarations = sorted(path.name for path in self.folder.glob("0=*"))
        if declarations != [OBJECT_DECLARATION]:
            self.find("E003", self.folder, f"needs exactly one declaration, {OBJECT_DECLARATION}; has {declarations}")
        elif (self.folder / OBJECT_DECLARATION).read_bytes() != b"ocfl_object_1.1\n":
            self.find("E007", OBJECT_DECLARATION, "the declaration does not repeat its own name")

    def check_entries(self) -> set[int]:
        versions: set[int] = set()
        for entry in sorted(self.folder.iterdir()):
            if entry.is_symlink():
                self.find("E090", entry, "a link, where only files and folders may be")
            elif entry.is_dir() and (found := _VERSION.match(entry.name)):
                versions.add(int(found["number"]))
            elif entry.is_dir() and entry.name not in {"logs", "extensions"}:
                self.find("E001", entry, "a folder that the specification does not know")
            elif entry.is_file() and entry.name not in {INVENTORY_NAME, SIDECAR_NAME, OBJECT_DECLARATION}:
                self.find("E001", entry, "a file that the specification does not know")
        return versions

    def read_inventory(self, folder: Path) -> dict[str, Any] | None:
        path = folder / INVENTORY_NAME
        try:
            data = path.read_bytes()
        except OSError:
            self.find("E063", path, "the inventory is missing or cannot be read")
            return None
        try:
            sidecar = (folder / SIDECAR_NAME).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            self.find("E058", folder / SIDECAR_NAME, "the sidecar of the inventory is missing or cannot be read")
        else:
            found = re.match(r"([0-9a-fA-F]{128})[ \t]+inventory\.json\r?\n?\Z", sidecar)
            if not found:
                self.find("E061", folder / SIDECAR_NAME, "the sidecar has not the form 'digest inventory.json'")
            elif found[1].lower() != hashlib.sha512(data).hexdigest():
                self.find("E060", path, "the inventory does not match its sidecar")
        try:
            inventory = json.loads(data)
        except (ValueError, RecursionError):
            self.find("E033", path, "the inventory is not JSON")
            return None
        if not isinstance(inventory, dict):
            self.find("E033", path, "the inventory is not a JSON object")
            return None
        return inventory

    def check_inventory(self, inventory: dict[str, Any], place: str) -> bool:
        """Check the shape; False when it is too broken to go on."""
        before = len(self.findings)
        for key in ("id", "type", "digestAlgorithm", "head"):
            if not isinstance(inventory.get(key), str) or not inventory[key]:
                self.find("E036", place, f"the key {key!r} is missing or no text")
        for key, code in (("manifest", "E041"), ("versions", "E044")):
            if not isinstance(inventory.get(key), dict):
                self.find(code, place, f"the block {key!r} is missing or no object")
        if len(self.findings) > before:
            return False
        if inventory["type"] != INVENTORY_TYPE:
            self.find("E038", place, f"the type is {inventory['type']!r}, not {INVENTORY_TYPE}")
        if inventory["digestAlgorithm"] != "sha512":
            self.find("E025", place, f"the digest algorithm is {inventory['digestAlgorithm']!r}, not sha512")
            return False
        content = inventory.get("contentDirectory", "content")
        if not isinstance(content, str) or "/" in content or content in {".", "..", ""}:
            self.find("E017", place, "the content directory is no plain folder name")
            return False
        shaped = self.check_block(inventory["manifest"], "sha512", place, "E096", content_of=content)
        for algorithm, block in dict(inventory.get("fixity") or {}).items():
            if algorithm not in _HEX:
                continue
            if not isinstance(block, dict):
                self.find("E057", place, f"the fixity block {algorithm!r} is no object")
                shaped = False
            else:
                shaped &= self.check_block(block, algorithm, place, "E097", content_of=content)
        return shaped and self.check_versions(inventory, place)

    def check_block(self, block: dict[str, Any], algorithm: str, place: str, twice: str, *, content_of: str) -> bool:
        """Check one ``digest → content paths`` block."""
        good = True
        seen: set[str] = set()
        lowered: set[str] = set()
        for digest, paths in block.items():
            if not _HEX[algorithm].match(digest):
                self.find("E025", place, f"{digest[:20]!r} is no {algorithm} digest")
                good = False
            if digest.lower() in lowered:
                self.find(twice, place, f"the digest {digest[:20]}… stands there twice")
            lowered.add(digest.lower())
            if not isinstance(paths, list) or not paths or not all(isinstance(path, str) for path in paths):
                self.find("E092", place, f"the paths of {digest[:20]}… are no list of texts")
                good = False
                continue
            for path in paths:
                parts = path.split("/")
                if path.startswith("/") or path.endswith("/"):
                    self.find("E100", place, f"the content path {path!r} begins or ends with a slash")
                    good = False
                elif any(part in {"", ".", ".."} for part in parts):
                    self.find("E099", place, f"the content path {path!r} has an empty or dot element")
                    good = False
                elif len(parts) < 3 or not _VERSION.match(parts[0]) or parts[1] != content_of:
                    self.find("E042", place, f"the content path {path!r} does not lie in a version's content")
                    good = False
                if path in seen:
                    self.find("E101", place, f"the content path {path!r} stands there twice")
                seen.add(path)
        return good

    def check_versions(self, inventory: dict[str, Any], place: str) -> bool:
        versions: dict[str, Any] = inventory["versions"]
        if not versions:
            self.find("E008", place, "there is no version")
            return False
        if not all(_VERSION.match(name) for name in versions):
            self.find("E046", place, "a version has no name of the form v1")
            return False
        numbers = sorted(int(name[1:]) for name in versions)
        if numbers != list(range(1, len(numbers) + 1)):
            self.find("E010", place, "the versions do not count 1, 2, 3 …")
            return False
        if inventory["head"] != f"v{numbers[-1]}":
            self.find("E040", place, f"the head is {inventory['head']!r}, the newest version v{numbers[-1]}")
        manifest = {digest.lower() for digest in inventory["manifest"]}
        used: set[str] = set()
        for name, version in versions.items():
            if not isinstance(version, dict) or not isinstance(version.get("state"), dict):
                self.find("E048", place, f"{name} has no state")
                return False
            self.check_created(version.get("created"), name, place)
            user = version.get("user")
            if user is not None and (not isinstance(user, dict) or not isinstance(user.get("name"), str)):
                self.find("E054", place, f"the user of {name} has no name")
            if not isinstance(version.get("message", ""), str):
                self.find("E094", place, f"the message of {name} is no text")
            used |= self.check_state(version["state"], name, place, manifest)
        for digest in sorted(manifest - used):
            self.find("E107", place, f"the manifest's {digest[:20]}… is used by no version")
        return True

    def check_created(self, created: Any, name: str, place: str) -> None:
        if not isinstance(created, str) or not _TIME.match(created):
            self.find("E049", place, f"the time of {name} is not of RFC 3339 with a time zone")
            return
        try:
            datetime.fromisoformat(created)
        except ValueError:
            self.find("E049", place, f"the time of {name} does not exist")

    def check_state(self, state: Mapping[str, Any], name: str, place: str, manifest: set[str]) -> set[str]:
        used: set[str] = set()
        logical: set[str] = set()
        for digest, paths in state.items():
            used.add(digest.lower())
            if digest.lower() not in manifest:
                self.find("E050", place, f"{name} shows {digest[:20]}…, which the manifest does not hold")
            if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
                self.find("E051", place, f"the paths of {digest[:20]}… in {name} are no list of texts")
                continue
            for path in paths:
                if path.startswith("/") or path.endswith("/"):
                    self.find("E053", place, f"the path {path!r} of {name} begins or ends with a slash")
                elif any(part in {"", ".", ".."} for part in path.split("/")):
                    self.find("E052", place, f"the path {path!r} of {name} has an empty or dot element")
                if path in logical:
                    self.find("E095", place, f"the path {path!r} of {name} stands there twice")
                logical.add(path)
        for path in logical:
            parts = path.split("/")
            if any("/".join(parts[:end]) in logical for end in range(1, len(parts))):
                self.find("E095", place, f"the path {path!r} of {name} runs through a file")
        return used

    def check_version_inventories(self, inventory: dict[str, Any], numbers: list[int]) -> None:
        for number in numbers:
            folder = self.folder / f"v{number}"
            if not folder.is_dir():
                continue
            for entry in sorted(folder.iterdir()):
                if entry.is_file() and entry.name not in {INVENTORY_NAME, SIDECAR_NAME}:
                    self.find("E015", entry, "a file beside the content of a version")
            path = folder / INVENTORY_NAME
            if number == numbers[-1]:
                root = self.folder / INVENTORY_NAME
                if path.is_file() and path.read_bytes() != root.read_bytes():
                    self.find("E064", path, "the newest version's inventory is not the object's")
                continue
            older = self.read_inventory(folder)
            if older is None or not self.check_inventory(older, f"v{number}/{INVENTORY_NAME}"):
                continue
            if older["id"] != inventory["id"]:
                self.find("E037", path, "the identifier is not the object's")
            for name, version in older["versions"].items():
                if _logical(version) != _logical(inventory["versions"].get(name, {"state": {}})):
                    self.find("E066", path, f"the state of {name} is not the one of the newer inventory")

    def check_content(self, inventory: dict[str, Any]) -> None:
        expected = {path: digest.lower() for digest, paths in inventory["manifest"].items() for path in paths}
        sha256 = {
            path: digest.lower()
            for digest, paths in (inventory.get("fixity") or {}).get("sha256", {}).items()
            for path in paths
        }
        content_name = inventory.get("contentDirectory", "content")
        present: set[str] = set()
        for name in inventory["versions"]:
            content = self.folder / name / content_name
            if content.is_dir():
                self.walk(content, present)
        for path in sorted(present - set(expected)):
            self.find("E023", path, "a stored file that the manifest does not name")
        for path in sorted(set(expected) - present):
            self.find("E092", path, "the file is missing")
        for path in sorted(set(sha256) - set(expected)):
            self.find("E093", path, "the fixity block names a file that the manifest does not")
        if self.digest_of is None:
            return
        for path in sorted(present & set(expected)):
            try:
                digests = self.digest_of(self.folder / path)
            except OSError as error:
                self.find("E092", path, f"the file cannot be read ({error.strerror})")
                continue
            if digests.sha512 != expected[path]:
                self.find("E092", path, f"the bytes are not the stored ones (sha512 {digests.sha512[:20]}…)")
            elif path in sha256 and digests.sha256 != sha256[path]:
                self.find("E093", path, f"the bytes do not match the fixity block (sha256 {digests.sha256[:20]}…)")

    def walk(self, folder: Path, present: set[str]) -> None:
        entries = sorted(folder.iterdir())
        if not entries:
            self.find("E024", folder, "an empty folder in a version's content")
        for entry in entries:
            if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
                self.find("E090", entry, "neither a file nor a folder")
            elif entry.is_dir():
                self.walk(entry, present)
            else:
                present.add(str(entry.relative_to(self.folder)))


def validate_object(
    folder: Path, root: Path, *, digest_of: Callable[[Path], Digests] | None = digest_file
) -> list[Finding]:
    """Check one object against the specification and, unless ``digest_of`` is None, every stored byte.

    ``digest_of`` may count or slow down the reading of a rolling cycle.
    """
    return _Object(folder, root, digest_of).check()


def _logical(version: Mapping[str, Any]) -> dict[str, str]:
    return {path: digest.lower() for digest, paths in version["state"].items() for path in paths}
