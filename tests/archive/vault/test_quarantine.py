"""Uploads wait in quarantine: stored, hashed, sniffed; a refusal leaves nothing and loses nothing beside it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.vault.errors import RefusedUpload, UnknownObject, VaultFault, VaultFull
from archive.vault.ingest import Deposit, Ingest
from archive.vault.ocfl import Vault
from archive.vault.quarantine import Quarantine
from tests.archive.vault.conftest import Ledgered

VOICE = b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 5000


@pytest.fixture
def quarantine(ledgered: Ledgered) -> Quarantine:
    return Quarantine(ledgered.vault, limit=10_000)


def test_an_upload_is_kept_and_known(quarantine: Quarantine):
    upload = quarantine.receive("tante Rosa.wav", [VOICE[:100], b"", VOICE[100:]])
    assert (upload.mime, upload.size, upload.name) == ("audio/wav", len(VOICE), "tante Rosa.wav")
    assert upload.sha512 == hashlib.sha512(VOICE).hexdigest()
    assert quarantine.facts(upload.token) == upload
    assert list(quarantine.waiting()) == [upload]
    names = [path.name for path in quarantine.folder.rglob("*")]
    assert not any("Rosa" in name for name in names)


def test_an_upload_moves_into_the_vault_without_a_copy(ledgered: Ledgered, quarantine: Quarantine, object_id):
    upload = quarantine.receive("voice.wav", [VOICE])
    original = quarantine.original(upload.token)
    assert isinstance(original.source, Path)
    inode = original.source.stat().st_ino
    receipt = Ingest(ledgered.vault, Deposit(object_id(1), [original], {}), ledgered.commit, ledgered.known).execute()
    # Until the caller lets go it is in both places: a crash here loses nothing.
    assert quarantine.facts(upload.token) == upload
    quarantine.discard(upload.token)
    path = ledgered.vault.verified_path(object_id(1), receipt.files[0].path)
    assert (path.stat().st_ino, path.stat().st_nlink, path.stat().st_mode & 0o222) == (inode, 1, 0)
    assert receipt.files[0].sha512 == upload.sha512
    with pytest.raises(UnknownObject):
        quarantine.facts(upload.token)


@pytest.mark.parametrize(
    ("name", "chunks", "reason"),
    [
        ("empty.wav", [b""], "empty"),
        ("photo.jpg", [b"<html><script>x</script>"], "browser"),
        ("long.wav", [VOICE, VOICE], "longer than 9.8"),
        ("lying.wav", [b"%PDF-1.4"], "the content is application/pdf"),
    ],
)
def test_refusals_name_the_file_and_leave_nothing(quarantine: Quarantine, name, chunks, reason):
    kept = quarantine.receive("kept.wav", [VOICE])
    with pytest.raises(RefusedUpload) as refused:
        quarantine.receive(name, chunks)
    assert name in str(refused.value) and reason in str(refused.value)
    assert [entry.name for entry in quarantine.folder.iterdir()] == [kept.token]


def test_an_announced_size_is_refused_before_a_byte_is_read(quarantine: Quarantine):
    def chunks() -> Iterator[bytes]:
        pytest.fail("nothing must be read")
        yield b""

    with pytest.raises(RefusedUpload, match="longer than"):
        quarantine.receive("film.mp4", chunks(), size=20_000)
    with pytest.raises(VaultFull):
        Quarantine(Vault(quarantine.vault.folder, reserve=1 << 62)).receive("film.mp4", chunks(), size=20_000)


def test_a_sender_who_breaks_off_leaves_nothing(quarantine: Quarantine):
    def chunks() -> Iterator[bytes]:
        yield VOICE
        raise OSError("the line is gone")

    with pytest.raises(VaultFault):
        quarantine.receive("voice.wav", chunks())
    assert list(quarantine.folder.iterdir()) == []


@pytest.mark.parametrize("token", ["", "../../etc", "0" * 31, "Z" * 32, "0" * 32])
def test_no_token_reaches_outside(quarantine: Quarantine, token):
    with pytest.raises(UnknownObject):
        quarantine.original(token)


def test_only_old_unfinished_uploads_are_swept(quarantine: Quarantine):
    kept = quarantine.receive("kept.wav", [VOICE])
    unfinished = quarantine.folder / ("ab" * 16)
    unfinished.mkdir()
    (unfinished / "data").write_bytes(b"half")
    assert quarantine.sweep() == 0
    assert quarantine.sweep(now=time.time() + 90_000) == 1
    assert list(quarantine.waiting()) == [kept]
