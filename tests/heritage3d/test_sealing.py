"""Sealed results: whole or absent, and never believed without hashing."""

from __future__ import annotations

from pathlib import Path

import pytest

from heritage3d.pipeline.sealing import BrokenSeal, SealedItems, hash_value, seal, verify


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
