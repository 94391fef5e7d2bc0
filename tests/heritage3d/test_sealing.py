"""Sealed results: whole or absent, and never believed without hashing."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from heritage3d.pipeline import sealing
from heritage3d.pipeline.sealing import BrokenSeal, SealedItems, copy_whole, hash_value, seal, verify


def sealed_folder(tmp_path: Path) -> Path:
    temporary = tmp_path / "partial"
    (temporary / "sub").mkdir(parents=True)
    (temporary / "a.bin").write_bytes(b"stone")
    (temporary / "sub" / "b.txt").write_text("Sillar y cal", encoding="utf-8")
    (temporary / "half.tmp").write_bytes(b"unfinished")
    seal(temporary, tmp_path / "final", {"points": 3})
    return tmp_path / "final"


def test_a_sealed_folder_is_read_with_its_numbers_and_without_leftovers(tmp_path: Path) -> None:
    found = verify(sealed_folder(tmp_path))
    assert found.metrics == {"points": 3}
    assert not (found.folder / "half.tmp").exists()
    assert not (tmp_path / "partial").exists()


@pytest.mark.parametrize("damage", ["change", "remove", "add", "manifest"])
def test_any_change_breaks_the_seal(tmp_path: Path, damage: str) -> None:
    folder = sealed_folder(tmp_path)
    if damage == "change":
        (folder / "a.bin").write_bytes(b"stonf")
    elif damage == "remove":
        (folder / "sub" / "b.txt").unlink()
    elif damage == "add":
        (folder / "c.bin").write_bytes(b"")
    else:
        (folder / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(BrokenSeal):
        verify(folder)


@pytest.mark.parametrize("stopped_at", [0, 1])
def test_whoever_stops_while_it_is_sealed_gets_nothing_sealed_and_loses_no_item(
    tmp_path: Path, stopped_at: int
) -> None:
    items = SealedItems(tmp_path / "partial")
    for name in ("1.npz", "2.npz"):
        items.aside(name).write_bytes(name.encode())
        items.keep(name)
    calls = 0

    def stop() -> None:
        nonlocal calls
        if calls == stopped_at:
            raise KeyboardInterrupt
        calls += 1

    with pytest.raises(KeyboardInterrupt):
        seal(tmp_path / "partial", tmp_path / "final", {}, stop)
    assert not (tmp_path / "final").exists()
    assert items.has("1.npz") and items.has("2.npz")
    # Marks are no part of the result: the same files have the same digest without them.
    sealed = seal(tmp_path / "partial", tmp_path / "final", {})
    plain = tmp_path / "plain"
    plain.mkdir()
    for name in ("1.npz", "2.npz"):
        (plain / name).write_bytes(name.encode())
    assert verify(tmp_path / "final").digest == sealed.digest == seal(plain, tmp_path / "other", {}).digest


def test_half_a_copy_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_bytes(b"stone")
    (tmp_path / "target").write_bytes(b"old")

    def full(_source: Path, aside: Path) -> None:
        aside.write_bytes(b"sto")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sealing.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left"):
        copy_whole(tmp_path / "source", tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_a_result_that_cannot_be_read_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sealed_folder(tmp_path)

    def broken(_path: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(sealing, "hash_file", broken)
    with pytest.raises(BrokenSeal, match=r"a\.bin cannot be read"):
        verify(folder)


def test_the_digest_depends_on_contents_and_names_and_on_nothing_else(tmp_path: Path) -> None:
    first = verify(sealed_folder(tmp_path / "one")).digest
    second = verify(sealed_folder(tmp_path / "two")).digest
    assert first == second


def test_keys_do_not_depend_on_the_order_of_fields() -> None:
    assert hash_value({"a": 1, "b": "ü"}) == hash_value({"b": "ü", "a": 1})
    assert hash_value({"a": 1}) != hash_value({"a": 1.5})


def test_an_item_without_a_fitting_seal_is_absent(tmp_path: Path) -> None:
    items = SealedItems(tmp_path)
    items.aside("1.npz").write_bytes(b"depth")
    assert not items.has("1.npz")
    items.aside("1.npz").write_bytes(b"depth")
    items.keep("1.npz")
    assert items.has("1.npz")
    items.path("1.npz").write_bytes(b"dept")
    assert not items.has("1.npz")
    assert not items.path("1.npz").exists()
