"""BagIt bags (RFC 8493) of vault objects, for exchange with other archives.

A bag of ours holds one OCFL object whole, every version, under ``data/object/``; a bag of somebody else's holds files,
which become the originals of a new object. The library is `bagit`, whose own validation reads what the manifests name;
what it leaves open (paths outside, links, files that no manifest names) is checked here before it reads a byte.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import bagit
from django.db import transaction

from archive.models.media import MediaAsset
from archive.vault import custody_log
from archive.vault.deposit import (
    TOOL,
    Filing,
    KeepOriginals,
    asset_for,
    instance_vault,
    known,
    object_id_of,
    originals_in,
)
from archive.vault.durable import FOLDER_MODE, Syncer, require_space, store_stream, sync_up_to
from archive.vault.errors import ObjectConflict, UnknownObject, VaultError, fault_of
from archive.vault.ingest import Deposit, Original, claim_version
from archive.vault.ocfl import Vault, lock_folder, read_inventory
from archive.vault.sniffing import printable_name
from archive.vault.validation import validate_object

OBJECT = "object"
_MANIFEST = re.compile(r"(?:tag)?manifest-(?:md5|sha1|sha256|sha512)\.txt\Z")
_STRONG = ("manifest-sha512.txt", "manifest-sha256.txt")


class BadBag(VaultError):
    """The folder is no bag, or not a whole or a harmless one."""


class ExportBag:
    """Write one object, with every version, as a bag into ``folder``, which must not exist."""

    def __init__(self, object_id: str, folder: Path, *, vault: Vault | None = None) -> None:
        self.object_id = object_id
        self.folder = folder
        self.vault = vault or instance_vault()

    def check(self) -> None:
        """Raise :class:`VaultError` when the object is unknown or damaged, or the folder in the way."""
        if not self.vault.has(self.object_id):
            raise UnknownObject(f"The vault holds no object {self.object_id}.")
        if self.folder.exists():
            raise BadBag(f"{self.folder} exists already. Give a name that is free.")
        findings = validate_object(self.vault.object_folder(self.object_id), self.vault.root)
        if findings:
            raise BadBag(f"The object is damaged ({findings[0]}). Run verify_vault; a bag must not spread damage.")
        source = self.vault.object_folder(self.object_id)
        needed = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
        require_space(self.folder.parent, needed, 0)

    def execute(self) -> Path:
        """Copy, write the manifests, and read the bag back; returns the folder. Raises :class:`VaultError`."""
        try:
            self.check()
            # The object becomes the payload: make_bag moves what is in the folder into data/.
            with lock_folder(self.vault.object_folder(self.object_id), exclusive=False):
                shutil.copytree(self.vault.object_folder(self.object_id), self.folder / OBJECT)
            bag = bagit.make_bag(
                str(self.folder),
                {"External-Identifier": self.object_id, "Bag-Software-Agent": TOOL},
                checksums=["sha256", "sha512"],
            )
            bag.validate()
        except (OSError, bagit.BagError) as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise fault_of(error, "writing the bag") from error
            raise BadBag(f"The bag does not hold ({error}). Check the disk, then try again.") from error
        return self.folder


@dataclass(frozen=True)
class Imported:
    """What an import of a bag brought: the object, and whether it came whole (all versions) or as files."""

    object_id: str
    whole: bool
    files: int


class ImportBag:
    """Take a bag in: an object of a vault with all its versions, or the files of anybody's bag as a new object.

    The bag's folder is only read. What comes in belongs to no record yet (``rebuild_from_vault --missing`` makes the
    record that a sealed object describes).
    """

    def __init__(self, folder: Path, *, agent: str = "system", vault: Vault | None = None) -> None:
        self.folder = folder
        self.agent = agent
        self.vault = vault or instance_vault()

    def check(self) -> None:
        """Raise :class:`BadBag` naming what is wrong with the bag, before anything is stored."""
        if not self.folder.is_dir() or not (self.folder / "bagit.txt").is_file():
            raise BadBag(f"{self.folder} is no bag: it has no bagit.txt.")
        self._check_entries()
        if not any((self.folder / name).is_file() for name in _STRONG):
            raise BadBag(f"{self.folder} has no sha256 or sha512 manifest: its files cannot be trusted.")
        try:
            bagit.Bag(str(self.folder)).validate()
        except bagit.BagError as error:
            raise BadBag(f"{self.folder} is not a whole bag: {str(error)[:500]}") from error
        except (OSError, ValueError) as error:
            raise BadBag(f"{self.folder} cannot be read ({error}).") from error
        if self._is_object():
            self._check_object()
        elif not self._payload():
            raise BadBag(f"{self.folder} holds no file in data/.")

    def execute(self) -> Imported:
        """Store; raises :class:`VaultError`, and then nothing was kept."""
        self.check()
        return self._take_object() if self._is_object() else self._take_files()

    # --- looking ----------------------------------------------------------------------------

    def _check_entries(self) -> None:
        """Nothing but plain files and folders, and no path in a manifest that leads outside."""
        for path in self.folder.rglob("*"):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise BadBag(f"{printable_name(path.name)}: a link or a device, which a bag must not hold.")
        if (self.folder / "fetch.txt").exists():
            raise BadBag("The bag wants files to be fetched from elsewhere (fetch.txt). Complete it first.")
        for manifest in self.folder.iterdir():
            if not _MANIFEST.match(manifest.name):
                continue
            try:
                lines = manifest.read_text("utf-8").splitlines()
            except UnicodeDecodeError as error:
                raise BadBag(f"{manifest.name} is not UTF-8.") from error
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                named = PurePosixPath(unquote(line.split(None, 1)[-1].lstrip("*")))
                if named.is_absolute() or ".." in named.parts:
                    raise BadBag(f"{manifest.name}, line {number}: a path outside the bag.")
                if not manifest.name.startswith("tag") and named.parts[:1] != ("data",):
                    raise BadBag(f"{manifest.name}, line {number}: a path outside data/.")

    def _is_object(self) -> bool:
        return (self.folder / "data" / OBJECT / "inventory.json").is_file()

    def _payload(self) -> list[Path]:
        return sorted(path for path in (self.folder / "data").rglob("*") if path.is_file())

    def _check_object(self) -> None:
        source = self.folder / "data" / OBJECT
        # In a bag it does not lie where the layout of a root would have it.
        findings = [one for one in validate_object(source, self.folder / "data") if one.code != "E072"]
        if findings:
            raise BadBag(f"The object in the bag is broken: {findings[0]}.")
        if self.vault.has(read_inventory(source).object_id):
            raise ObjectConflict(f"{read_inventory(source).object_id} is in this vault already.")

    # --- taking -----------------------------------------------------------------------------

    def _take_files(self) -> Imported:
        object_id = object_id_of(uuid.uuid4())
        data = self.folder / "data"
        originals = [Original(str(path.relative_to(data)), path) for path in self._payload()]
        facts = {"bag": True, "paths": [printable_name(one.name) for one in originals]}
        deposit = Deposit(object_id, originals, facts, message="import of a bag", agent=self.agent)
        KeepOriginals([Filing(deposit, lambda stored: None, derive=False)], vault=self.vault).execute()
        return Imported(object_id, whole=False, files=len(originals))

    def _take_object(self) -> Imported:
        """Copy a whole object in, in the order of an ingest: staged, synced, renamed, synced, committed."""
        source = self.folder / "data" / OBJECT
        inventory = read_inventory(source)
        object_id = inventory.object_id
        syncer = Syncer()
        target = self.vault.object_folder(object_id)
        # The claim of a first version: a sweep takes the whole object back after a crash, as after any ingest.
        claim, descriptor = claim_version(self.vault, object_id, 1)
        try:
            self._copy(source, claim / "object", syncer)
            syncer.folder(self.vault.staging)
            target.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
            (claim / "object").rename(target)
            sync_up_to(target.parent, self.vault.root, syncer)
            files = self._commit(object_id)
        except BaseException as error:
            if target.is_dir() and not (claim / "object").exists() and not known(object_id, inventory.head):
                target.rename(claim / "back")
            if isinstance(error, OSError):
                raise fault_of(error, "taking in a bag") from error
            raise
        finally:
            shutil.rmtree(claim, ignore_errors=True)
            os.close(descriptor)
        return Imported(object_id, whole=True, files=files)

    def _copy(self, source: Path, target: Path, syncer: Syncer) -> None:
        target.mkdir(mode=FOLDER_MODE)
        for path in sorted(source.rglob("*")):
            place = target / path.relative_to(source)
            if path.is_dir():
                place.mkdir(mode=FOLDER_MODE)
                continue
            with path.open("rb") as stream:
                store_stream(stream, place, syncer)
        for folder in (target, *(path for path in target.rglob("*") if path.is_dir())):
            syncer.folder(folder)
        damage = [one for one in validate_object(target, target.parent) if one.code != "E072"]
        if damage:
            raise BadBag(f"The object changed while it was copied: {damage[0]}. Check the disks.")

    def _commit(self, object_id: str) -> int:
        """Assets for every original of every version, and the custody events that acknowledge them."""
        head = self.vault.inventory(object_id).head
        with transaction.atomic(durable=True):
            assets = [asset_for(file, object_id, version) for version, file in originals_in(self.vault, object_id)]
            MediaAsset.objects.bulk_create(assets)
            custody_log.append(
                custody_log.Happening(
                    "metadata-modification",
                    self.agent,
                    TOOL,
                    detail={"vault_object": object_id, "vault_version": version, "bag": True},
                )
                for version in range(1, head + 1)
            )
        return len(assets)
