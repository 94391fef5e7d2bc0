"""Order after a crash: what an ingest left in staging is finished, or taken back out of the storage root."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archive.vault.durable import Syncer, remove_tree, write_file
from archive.vault.errors import VaultCorrupt
from archive.vault.inventory import INVENTORY_NAME, OBJECT_DECLARATION, SIDECAR_NAME, sidecar_of
from archive.vault.ocfl import Vault

_STAGED = re.compile(r"(?P<object>[A-Za-z0-9._~-]+)@v(?P<number>\d+)@[0-9a-f]{16}\Z")
#: Tells whether the database has committed a version: ``known(object_id, version)``.
Known = Callable[[str, int], bool]


def sweep(vault: Vault, known: Known) -> SweepReport:
    """Bring staging and storage root back in order after a crash; run at every start, harmless at any time.

    Folders that a living process holds are left alone. ``known`` must answer from the committed database.
    """
    kept = taken_back = removed = 0
    with vault.staging_lock(exclusive=True):
        for entry in sorted(vault.staging.iterdir()):
            match = _STAGED.match(entry.name)
            if not entry.is_dir():
                entry.unlink(missing_ok=True)
                removed += 1
                continue
            descriptor = os.open(entry, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if match:
                    object_id, number = object_id_of_name(match["object"]), int(match["number"])
                    if known(object_id, number):
                        _complete(vault, object_id, number, entry)
                        kept += 1
                    else:
                        taken_back += take_back(vault, object_id, number, entry)
                remove_tree(entry)
                removed += 1
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)
    return SweepReport(removed=removed, kept=kept, taken_back=taken_back)


@dataclass(frozen=True)
class SweepReport:
    """What a sweep found: staging entries removed, versions kept because the database knows them, and taken back."""

    removed: int
    kept: int
    taken_back: int


def _complete(vault: Vault, object_id: str, number: int, claim: Path) -> None:
    """Finish the root inventory of a version that the database knows (all but never needed: it was synced first)."""
    target = vault.object_folder(object_id)
    if (target / f"v{number + 1}").is_dir():
        return
    inventory = target / f"v{number}" / INVENTORY_NAME
    if not inventory.is_file():
        raise VaultCorrupt(
            f"The database knows version {number} of {object_id}, but the vault does not hold it. "
            "Restore it from a copy."
        )
    _set_root_inventory(target, inventory.read_bytes(), claim)


def take_back(vault: Vault, object_id: str, number: int, claim: Path) -> int:
    """Remove a version that was never acknowledged from the storage root, if it got that far.

    Only the process that holds the claim comes here. The bytes go back into the claim's folder by a rename first, so
    that a crash on the way leaves the root whole.
    """
    target = vault.object_folder(object_id)
    back = claim / "back"
    if number == 1:
        if not target.is_dir() or (target / "v2").exists():
            return 0
        # A claim of ours that lost the race against another ingest must not take the other's object.
        if (claim / "object" / OBJECT_DECLARATION).exists():
            return 0
        target.rename(back)
        Syncer().folder(target.parent)
        return 1
    if not target.is_dir():
        return 0
    with vault.locked(object_id):
        version_folder = target / f"v{number}"
        lost_race = (claim / "object" / f"v{number}").exists() and version_folder.exists()
        if lost_race or (target / f"v{number + 1}").exists():
            return 0
        # Also when the folder never arrived: a power cut may keep the later rename and lose the earlier one.
        _set_root_inventory(target, (target / f"v{number - 1}" / INVENTORY_NAME).read_bytes(), claim)
        if not version_folder.is_dir():
            return 0
        version_folder.rename(back)
        Syncer().folder(target)
    return 1


def _set_root_inventory(target: Path, data: bytes, claim: Path) -> None:
    """Make ``data`` the root inventory of an object, with its sidecar; new files are made in the claim's folder."""
    sidecar = sidecar_of(data)
    syncer = Syncer()
    for name, wanted in ((INVENTORY_NAME, data), (SIDECAR_NAME, sidecar)):
        path = target / name
        if path.is_file() and path.read_bytes() == wanted:
            continue
        fresh = claim / f"again-{secrets.token_hex(8)}"
        write_file(fresh, wanted, syncer)
        fresh.replace(path)
    syncer.folder(target)


def file_name_of(object_id: str) -> str:
    """Identifiers may hold colons, which some file systems refuse; no identifier holds a tilde."""
    return object_id.replace(":", "~")


def object_id_of_name(file_name: str) -> str:
    return file_name.replace("~", ":")
