"""Whether everything that was acknowledged is still there, byte for byte: at once, or a slice at a time for ever."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from archive.models.media import MediaAsset
from archive.vault import custody_log
from archive.vault.deposit import TOOL, instance_vault
from archive.vault.durable import Digests, Syncer, digest_file, write_file
from archive.vault.erasing import is_tombstone
from archive.vault.errors import UnknownObject, VaultError
from archive.vault.inventory import RECORD_NAME
from archive.vault.ocfl import Vault, read_inventory
from archive.vault.validation import Finding, validate_object, validate_root

#: What one step of the rolling cycle reads at most: a minute of a slow disk.
SLICE_BYTES = 2 * 1024**3
SLICE_OBJECTS = 500


@dataclass
class FixityReport:
    """What a verification saw. ``damage`` must be acted on, ``notices`` should be known."""

    objects: int = 0
    files: int = 0
    bytes: int = 0
    damage: list[Finding] = field(default_factory=list)
    notices: list[Finding] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For reports and logs."""
        return {
            "objects": self.objects,
            "files": self.files,
            "bytes": self.bytes,
            "damage": [vars(finding) for finding in self.damage],
            "notices": [vars(finding) for finding in self.notices],
        }


def verify_all(vault: Vault, *, progress: Callable[[FixityReport], None] = lambda report: None) -> FixityReport:
    """Check the root, every object, every byte, the database's word against the vault's, and both chains."""
    report = FixityReport(damage=list(validate_root(vault.root)))
    for folder in vault.object_folders():
        _verify_object(vault, folder, report)
        progress(report)
    report.damage.extend(missing_assets(vault))
    report.notices.extend(unknown_versions(vault))
    report.damage.extend(
        Finding("CUSTODY", f"custody event {fault.sequence}", fault.message) for fault in custody_log.faults()
    )
    report.damage.extend(
        Finding("AUDIT", f"audit event {fault.sequence}", fault.message) for fault in custody_log.audit_faults()
    )
    return report


def _verify_object(vault: Vault, folder: Path, report: FixityReport) -> None:
    def counted(path: Path) -> Digests:
        digests = digest_file(path)
        report.files += 1
        report.bytes += digests.size
        return digests

    report.objects += 1
    try:
        report.damage.extend(validate_object(folder, vault.root, digest_of=counted))
    except OSError as error:
        place = str(folder.relative_to(vault.root))
        report.damage.append(Finding("E092", place, f"the object cannot be read ({error.strerror})"))


def missing_assets(vault: Vault) -> Iterator[Finding]:
    """Originals that the database acknowledges and the vault does not hold under the acknowledged hash."""
    rows = MediaAsset.objects.order_by("vault_object", "vault_version").values_list(
        "uuid", "vault_object", "vault_version", "vault_path", "sha512"
    )
    inventory = None
    for uuid, object_id, version, path, sha512 in rows.iterator(chunk_size=1000):
        place = f"asset {uuid}"
        try:
            if inventory is None or inventory.object_id != object_id:
                inventory = vault.inventory(object_id)
            if is_tombstone(vault, object_id):
                continue
            if inventory.state(version).get(path) != sha512:
                yield Finding("DATABASE", place, f"version {version} of {object_id} holds other bytes as {path}")
        except (UnknownObject, KeyError):
            inventory = None
            yield Finding("DATABASE", place, f"version {version} of {object_id} is not in the vault")
        except (VaultError, OSError) as error:
            inventory = None
            yield Finding("DATABASE", place, str(error))


def unknown_versions(vault: Vault) -> Iterator[Finding]:
    """Versions with originals that no row of the database names: a database older than the vault, or a stray."""
    named = set(MediaAsset.objects.values_list("vault_object", "vault_version"))
    for folder in vault.object_folders():
        try:
            inventory = read_inventory(folder)
        except (VaultError, OSError):
            continue
        before: set[str] = {RECORD_NAME}
        for number, version in enumerate(inventory.versions, start=1):
            added = set(version.state) - before
            before |= added
            if added and (inventory.object_id, number) not in named:
                place = f"{folder.relative_to(vault.root)}/v{number}"
                yield Finding("DATABASE", place, "the database does not know these originals (rebuild_from_vault)")


def verify_slice(vault: Vault | None = None) -> dict[str, Any]:
    """One step of the rolling cycle: check the next objects, remember where to go on, leave a custody event.

    Returns ``{"objects", "files", "bytes", "damage": [...], "cycle_finished": bool}``.
    """
    vault = vault or instance_vault()
    memory = _read_memory(vault)
    report = FixityReport()
    finished = True
    cursor = memory.get("cursor", "")
    for folder in vault.object_folders():
        if folder.name <= cursor:
            continue
        if report.objects >= SLICE_OBJECTS or report.bytes >= SLICE_BYTES:
            finished = False
            break
        _verify_object(vault, folder, report)
        cursor = folder.name
    now = datetime.now(UTC).isoformat(timespec="seconds")
    memory |= {"cursor": "" if finished else cursor, "last_slice": now}
    if finished:
        memory["last_finished"] = now
    if report.objects:
        custody_log.note(
            custody_log.Happening(
                "fixity check",
                "system",
                TOOL,
                outcome="failure" if report.damage else "success",
                detail={
                    "objects": report.objects,
                    "files": report.files,
                    "bytes": report.bytes,
                    "damaged": [finding.place for finding in report.damage][:50],
                },
            )
        )
    custody_log.publish_head()
    _write_memory(vault, memory)
    return {**report.as_json(), "cycle_finished": finished}


def _memory_path(vault: Vault) -> Path:
    return vault.folder / "fixity.json"


def _read_memory(vault: Vault) -> dict[str, Any]:
    try:
        memory = json.loads(_memory_path(vault).read_bytes())
    except (OSError, ValueError):
        # Without memory the cycle begins again, which harms nobody.
        return {}
    return memory if isinstance(memory, dict) else {}


def _write_memory(vault: Vault, memory: dict[str, Any]) -> None:
    fresh = _memory_path(vault).with_suffix(".new")
    fresh.unlink(missing_ok=True)
    write_file(fresh, json.dumps(memory).encode("ascii"), Syncer(), 0o640)
    fresh.replace(_memory_path(vault))
