"""The OCFL 1.1 inventory of one object: a value without a disk.

Source: Oxford Common File Layout Specification 1.1, section 3.5, https://ocfl.io/1.1/spec/#inventory.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from archive.vault.errors import VaultCorrupt

INVENTORY_TYPE = "https://ocfl.io/1.1/spec/#inventory"
OBJECT_DECLARATION = "0=ocfl_object_1.1"
INVENTORY_NAME = "inventory.json"
SIDECAR_NAME = "inventory.json.sha512"
CONTENT = "content"
RECORD_NAME = "record.json"

_OBJECT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]{0,199}\Z")


def checked_object_id(object_id: str) -> str:
    """Return the identifier, or raise ``ValueError``: identifiers are opaque (a URN of a uuid), never a name."""
    if not _OBJECT_ID.match(object_id):
        raise ValueError(
            f"{object_id!r} is no identifier of a vault object: letters, digits, ':', '.', '_' and '-' only."
        )
    return object_id


def canonical_json(value: Any) -> bytes:
    """The bytes under which the vault stores JSON: UTF-8, sorted keys, no spaces, one trailing line feed.

    Raises ``ValueError`` for numbers that JSON cannot hold and ``TypeError`` for values it does not know.
    """
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8") + b"\n"


@dataclass(frozen=True)
class StoredFile:
    """One file of a version: where it is, what it is, and (escaped, for people) how its giver called it."""

    path: str
    size: int
    sha256: str
    sha512: str
    mime: str
    name: str = ""
    role: str = "original"

    def facts(self) -> dict[str, Any]:
        """What ``record.json`` says of this file."""
        return {
            "path": self.path,
            "bytes": self.size,
            "sha256": self.sha256,
            "sha512": self.sha512,
            "type": self.mime,
            "name": self.name,
            "role": self.role,
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> StoredFile:
        """Read back what :meth:`facts` wrote."""
        return cls(
            path=facts["path"],
            size=facts["bytes"],
            sha256=facts["sha256"],
            sha512=facts["sha512"],
            mime=facts["type"],
            name=facts["name"],
            role=facts["role"],
        )


@dataclass(frozen=True)
class VersionEntry:
    """One version: when, why, by whom, and its logical files as ``path → sha512``."""

    created: str
    state: Mapping[str, str]
    message: str = ""
    agent: str = ""

    def to_json(self) -> dict[str, Any]:
        paths: dict[str, list[str]] = {}
        for path, digest in sorted(self.state.items()):
            paths.setdefault(digest, []).append(path)
        entry: dict[str, Any] = {"created": self.created, "state": paths}
        if self.message:
            entry["message"] = self.message
        if self.agent:
            entry["user"] = {"name": self.agent, "address": f"urn:cairn:agent:{self.agent}"}
        return entry


@dataclass(frozen=True)
class Inventory:
    """What an object holds. ``manifest`` maps content path → sha512, ``sha256`` content path → sha256."""

    object_id: str
    versions: tuple[VersionEntry, ...] = ()
    manifest: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sha256: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def head(self) -> int:
        """Number of the newest version; 0 before the first."""
        return len(self.versions)

    def state(self, version: int | None = None) -> Mapping[str, str]:
        """Logical path → sha512 of one version (the newest when none is named)."""
        number = self.head if version is None else version
        if not 1 <= number <= self.head:
            raise KeyError(f"{self.object_id} has no version {number}")
        return self.versions[number - 1].state

    def content_path(self, path: str, version: int | None = None) -> str:
        """Where the bytes of a logical file lie, relative to the object's folder. ``KeyError`` when it has none."""
        digest = self.state(version)[path]
        return self.content_of_digest(digest)

    def content_of_digest(self, digest: str) -> str:
        """Content path under which bytes of this sha512 are stored; ``KeyError`` when they are not."""
        for content, stored in self.manifest.items():
            if stored == digest:
                return content
        raise KeyError(digest)

    def holds(self, digest: str) -> bool:
        """Whether any version has stored bytes of this sha512."""
        return digest in self.manifest.values()

    def with_version(self, entry: VersionEntry, added: Mapping[str, tuple[str, str]]) -> Inventory:
        """The inventory after one more version; ``added`` maps content path → (sha512, sha256)."""
        manifest = {**self.manifest, **{path: pair[0] for path, pair in added.items()}}
        sha256 = {**self.sha256, **{path: pair[1] for path, pair in added.items()}}
        return replace(self, versions=(*self.versions, entry), manifest=manifest, sha256=sha256)

    def to_bytes(self) -> bytes:
        """The bytes of ``inventory.json``."""
        return canonical_json(
            {
                "id": self.object_id,
                "type": INVENTORY_TYPE,
                "digestAlgorithm": "sha512",
                "head": f"v{self.head}",
                "contentDirectory": CONTENT,
                "manifest": _by_digest(self.manifest.items()),
                "versions": {f"v{number}": entry.to_json() for number, entry in enumerate(self.versions, start=1)},
                "fixity": {"sha256": _by_digest(self.sha256.items())},
            }
        )

    @classmethod
    def parse(cls, data: bytes, place: str) -> Inventory:
        """Read an inventory that *we* wrote; ``place`` is named when it cannot be read.

        The rules of the specification are checked by :mod:`archive.vault.validation`; this refuses only what cannot
        be used. Raises :class:`VaultCorrupt`.
        """
        try:
            raw = json.loads(data)
            manifest = {path: digest.lower() for digest, paths in raw["manifest"].items() for path in paths}
            fixity = raw.get("fixity", {}).get("sha256", {})
            versions = tuple(
                VersionEntry(
                    created=entry["created"],
                    state={path: digest.lower() for digest, paths in entry["state"].items() for path in paths},
                    message=entry.get("message", ""),
                    agent=entry.get("user", {}).get("name", ""),
                )
                for entry in (raw["versions"][f"v{number}"] for number in range(1, len(raw["versions"]) + 1))
            )
            return cls(
                object_id=raw["id"],
                versions=versions,
                manifest=manifest,
                sha256={path: digest.lower() for digest, paths in fixity.items() for path in paths},
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise VaultCorrupt(
                f"The inventory {place} cannot be read ({type(error).__name__}: {error}). "
                "Run verify_vault, then restore this object from a copy."
            ) from error


def sidecar_of(inventory: bytes) -> bytes:
    """The bytes of the sidecar that guards an inventory."""
    return f"{hashlib.sha512(inventory).hexdigest()} {INVENTORY_NAME}\n".encode("ascii")


def _by_digest(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Turn ``path → digest`` round, as the specification wants its blocks."""
    turned: dict[str, list[str]] = {}
    for path, digest in sorted(pairs):
        turned.setdefault(digest, []).append(path)
    return turned
