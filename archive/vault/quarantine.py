"""Where an upload waits until somebody looks at it: stored, hashed, sniffed, and nothing else (safety.md rule 3).

An upload is ``quarantine/<token>/data`` with ``quarantine/<token>/facts.json`` beside it. The token is random; the
user's file name stands, escaped, in the facts and in no path. :meth:`Quarantine.receive` returns only when both are
durable, so what it says may be shown as "received".
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from archive.vault.durable import FOLDER_MODE, Syncer, remove_tree, require_space, store_stream, write_file
from archive.vault.errors import RefusedUpload, UnknownObject, VaultError, fault_of
from archive.vault.ingest import Original
from archive.vault.inventory import canonical_json
from archive.vault.ocfl import Vault
from archive.vault.sniffing import check_claim, printable_name, sniff

DATA = "data"
FACTS = "facts.json"
_TOKEN = re.compile(r"[0-9a-f]{32}\Z")
#: An upload that nobody took and whose facts never came is a leftover after this many seconds.
_UNFINISHED_AFTER = 24 * 3600


@dataclass(frozen=True)
class Upload:
    """What is known of an uploaded file without having parsed it."""

    token: str
    name: str
    size: int
    sha256: str
    sha512: str
    mime: str
    received_at: str


class Quarantine:
    """The uploads of one vault.

    ``limit`` is the greatest number of bytes of one file; the disk may set a lower one at the moment.
    """

    def __init__(self, vault: Vault, *, limit: int = 20 * 1024**3) -> None:
        self.vault = vault
        self.folder = vault.quarantine
        self.limit = limit

    def receive(self, name: str, chunks: Iterable[bytes], *, size: int = 0) -> Upload:
        """Store an upload durably and tell what it is.

        ``chunks`` are the bytes as they arrive, ``size`` what the sender announced (0 when it did not). Raises
        :class:`RefusedUpload` (not what may come in, or too long), :class:`VaultFull` or :class:`VaultFault`; then
        nothing is left of it, and other uploads are untouched.
        """
        token = secrets.token_hex(16)
        folder = self.folder / token
        try:
            require_space(self.vault.folder, size, self.vault.reserve)
            if size > self.limit:
                raise _too_long(name, self.limit)
            folder.mkdir(mode=FOLDER_MODE)
            return self._store(name, chunks, folder)
        except BaseException as error:
            with suppress(OSError):
                remove_tree(folder)
            if isinstance(error, OSError):
                raise fault_of(error, "storing an upload") from error
            raise

    def _store(self, name: str, chunks: Iterable[bytes], folder: Path) -> Upload:
        syncer = Syncer()
        stream = _Chunks(name, chunks, self.limit)
        free = os.statvfs(self.vault.folder)
        room = max(free.f_bavail * free.f_frsize - self.vault.reserve, 0)
        digests = store_stream(stream, folder / DATA, syncer, limit=room)
        if not digests.size:
            raise _refused(name, _("the file is empty."))
        kind = sniff(digests.head)
        check_claim(name, kind)
        upload = Upload(
            token=folder.name,
            name=printable_name(name),
            size=digests.size,
            sha256=digests.sha256,
            sha512=digests.sha512,
            mime=kind.mime,
            received_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        write_file(folder / FACTS, canonical_json(asdict(upload)), syncer)
        syncer.folder(folder)
        syncer.folder(self.folder)
        return upload

    def facts(self, token: str) -> Upload:
        """What is known of a waiting upload. Raises :class:`UnknownObject`."""
        if not _TOKEN.match(token):
            raise UnknownObject("There is no such upload.")
        try:
            return Upload(**json.loads((self.folder / token / FACTS).read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            raise UnknownObject("There is no such upload.") from error

    def original(self, token: str, *, role: str = "original") -> Original:
        """The upload as something that :class:`archive.vault.ingest.Ingest` can take without copying it."""
        upload = self.facts(token)
        return Original(upload.name, self.folder / token / DATA, role=role, adopt=True)

    def discard(self, token: str) -> None:
        """Forget an upload: after its receipt from the vault, or because it was refused."""
        self.facts(token)
        try:
            remove_tree(self.folder / token)
        except OSError as error:
            raise fault_of(error, "removing an upload") from error

    def waiting(self) -> Iterator[Upload]:
        """Every upload that is complete, oldest first."""
        found = []
        for entry in self.folder.iterdir():
            with suppress(VaultError):
                found.append(self.facts(entry.name))
        yield from sorted(found, key=lambda upload: (upload.received_at, upload.token))

    def sweep(self, *, now: float | None = None, unfinished_after: float = _UNFINISHED_AFTER) -> int:
        """Remove what a crash left unfinished and was therefore never acknowledged; returns how many."""
        moment = time.time() if now is None else now
        removed = 0
        for entry in sorted(self.folder.iterdir()):
            if (entry / FACTS).is_file() and self._readable(entry.name):
                continue
            # A file that still grows is younger than this: its upload is going on.
            newest = max((path.stat().st_mtime for path in (entry, *_children(entry))), default=0.0)
            if moment - newest > unfinished_after:
                remove_tree(entry)
                removed += 1
        return removed

    def _readable(self, token: str) -> bool:
        try:
            self.facts(token)
        except UnknownObject:
            return False
        return True


class _Chunks:
    """A stream over what arrives, which refuses to grow past the limit."""

    def __init__(self, name: str, chunks: Iterable[bytes], limit: int) -> None:
        self._name = name
        self._chunks = iter(chunks)
        self._left = limit
        self._limit = limit

    def read(self, size: int, /) -> bytes:
        for chunk in self._chunks:
            if not chunk:
                continue
            self._left -= len(chunk)
            if self._left < 0:
                raise _too_long(self._name, self._limit)
            return chunk
        return b""


def _too_long(name: str, limit: int) -> RefusedUpload:
    why = _("longer than %(limit)s. Split it or ask the archive to bring it in.") % {"limit": filesizeformat(limit)}
    return _refused(name, why)


def _refused(name: str, why: str) -> RefusedUpload:
    return RefusedUpload(f"{printable_name(name)}: {why}")


def _children(entry: Path) -> list[Path]:
    return list(entry.iterdir()) if entry.is_dir() else []
