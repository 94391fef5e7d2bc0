"""The job that makes public copies: from the sealed original to the published file, again and again."""

from __future__ import annotations

import io
import json
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.test import Client
from PIL import Image

from archive.derivatives import making
from archive.derivatives.made import Variant
from archive.models import Derivative, MediaAsset, Publication, PublishedFile, Record
from archive.vault.deposit import Filing, KeepOriginals, instance_vault, object_id_of
from archive.vault.errors import VaultCorrupt
from archive.vault.ingest import Deposit, Original
from jobs import children
from tests.archive.factories import a_place, a_testimony, committed, published


@pytest.fixture
def instance(site, tmp_path: Path, settings) -> Path:
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    return tmp_path


class Context(SimpleNamespace):
    """What the job uses of its context; each thing written down."""

    def __init__(self, asset: MediaAsset, **more: Any) -> None:
        super().__init__(input={"asset": str(asset.uuid)}, stages=[], said=[], run_child=children.run, **more)

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def log(self, text: str) -> None:
        self.said.append(text)

    def progress(self, done: int, total: int | None = None) -> None:
        pass

    def commit(self) -> Any:
        return transaction.atomic()


def photograph() -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "Kertavan, Großmutter"
    Image.new("RGB", (600, 300), "teal").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def kept(work: Any, data: bytes, name: str = "Großmutter.jpg") -> MediaAsset:
    deposit = Deposit(object_id_of(work.uuid), [Original(name, data)], {})
    KeepOriginals([Filing(deposit, lambda stored: Record.objects.get(pk=work.pk))]).execute()
    return MediaAsset.objects.order_by("-id").first()  # type: ignore[return-value]


def files() -> set[str]:
    return {str(path.relative_to(making.media_folder())) for path in making.media_folder().rglob("*") if path.is_file()}


def make(asset: MediaAsset) -> dict[str, Any]:
    with committed():
        return making.make_derivatives(Context(asset))  # type: ignore[arg-type]


def test_a_photograph_becomes_public_files_of_its_work(instance):
    work = published(a_testimony())
    asset = kept(work, photograph())
    assert make(asset) == {"made": ["image", "thumbnail"], "refused": ""}
    rows = {row.kind: row for row in asset.derivatives.all()}
    assert {row.path for row in rows.values()} == files()
    assert {kind: row.variant for kind, row in rows.items()} == {
        "image": "size=2400;codec=jpeg",
        "thumbnail": "size=480;codec=jpeg",
    }
    assert (rows["image"].technical, rows["image"].media_type) == ({"width": 600, "height": 300}, "image/jpeg")
    assert "Gro" not in str(sorted(files()))
    # The gate looked again: the publication names the files, and the media route hands them out bare.
    payload = Publication.objects.get(public_id=work.public_id, kind="testimony").payload
    assert {one["kind"] for one in payload["media"]} == {"image", "thumbnail"}
    file = PublishedFile.objects.get(path=rows["image"].path)
    answer = Client().get(f"/media-access/{work.public_id}/{file.uuid}/")
    data = b"".join(answer.streaming_content)
    assert answer.status_code == 200 and data[:3] == b"\xff\xd8\xff" and "Großmutter".encode() not in data


def test_a_picture_of_a_place_asks_the_gate_about_no_work(instance):
    asset = kept(a_place(), photograph())
    assert make(asset)["made"] == ["image", "thumbnail"]


def test_making_again_replaces_and_leaves_no_file_behind(instance):
    asset = kept(a_testimony(), photograph())
    make(asset)
    before = files()
    make(asset)
    assert Derivative.objects.count() == 2 and len(files()) == 2 and not (before & files())


def test_what_was_made_before_is_the_variant_that_is_made_now(instance):
    asset = kept(a_testimony(), photograph())
    make(asset)
    told = sorted(asset.derivatives.values_list("kind", "variant"))
    asset.derivatives.update(variant="")
    import_module("archive.migrations.0010_derivative_variant").say_which(apps, None)
    assert sorted(asset.derivatives.values_list("kind", "variant")) == told


def test_a_kind_has_as_many_derivatives_as_it_has_variants(instance):
    asset = kept(a_testimony(), photograph())
    make(asset)
    row = asset.derivatives.get(kind="image")
    facts = {"asset": asset, "kind": "image", "media_type": row.media_type, "bytes": 1, "sha256": row.sha256}
    Derivative.objects.create(**facts, path="webp", variant=str(Variant("webp", 1200, rung="community")))
    assert set(asset.derivatives.filter(kind="image").values_list("variant", flat=True)) == {
        "size=2400;codec=jpeg",
        "rung=community;size=1200;codec=webp",
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Derivative.objects.create(**facts, path="jpeg", variant=row.variant)


def test_what_cannot_be_decoded_ends_well_with_a_sentence(instance):
    asset = kept(a_testimony(), b"\xff\xd8\xff\xe0 no picture at all")
    context = Context(asset)
    result = making.make_derivatives(context)  # type: ignore[arg-type]
    assert result["made"] == [] and "No public copy could be made of this picture" in result["refused"]
    assert context.said == [result["refused"]] and "Großmutter" not in result["refused"]
    assert files() == set() and not Derivative.objects.exists()


def test_a_lost_lease_leaves_neither_row_nor_file(instance):
    asset = kept(a_testimony(), photograph())

    def lost() -> Any:
        raise InterruptedError("another worker has it")

    with pytest.raises(InterruptedError):
        making.make_derivatives(Context(asset, commit=lost))  # type: ignore[arg-type]
    assert files() == set() and not Derivative.objects.exists()


def test_a_damaged_original_is_never_shown(instance):
    asset = kept(a_testimony(), photograph())
    path = instance_vault().object_folder(asset.vault_object) / "v1/content/0001.jpg"
    path.chmod(0o600)
    path.write_bytes(photograph()[:-1] + b"\0")
    with pytest.raises(VaultCorrupt):
        make(asset)
    assert files() == set()


def test_strays_of_dead_workers_are_removed_and_nothing_else(instance):
    asset = kept(a_testimony(), photograph())
    make(asset)
    stray = making.media_folder() / "ab" / "stray.jpg"
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"half")
    (making.media_folder() / ".making" / "dead").mkdir(parents=True)
    now = stray.stat().st_mtime
    assert making.remove_strays(now=now) == 0
    assert making.remove_strays(now=now + 90_000) == 2
    assert files() == set(Derivative.objects.values_list("path", flat=True))


def test_a_voice_gets_a_waveform(instance, tmp_path):
    import wave

    with wave.open(str(tmp_path / "voice.wav"), "wb") as voice:
        voice.setnchannels(1)
        voice.setsampwidth(2)
        voice.setframerate(8000)
        voice.writeframes(b"\0\0" * 8000 + b"\0\x40\0\xc0" * 4000)
    asset = kept(a_testimony(), (tmp_path / "voice.wav").read_bytes(), "voice.wav")
    assert make(asset)["made"] == ["audio", "waveform"]
    assert dict(asset.derivatives.values_list("kind", "variant")) == {
        "audio": "codec=aac",
        "waveform": "size=1800;codec=json",
    }
    drawing = json.loads((making.media_folder() / asset.derivatives.get(kind="waveform").path).read_text())
    assert abs(drawing["duration_ms"] - 2000) < 120 and drawing["peaks"][0] < 0.01 < max(drawing["peaks"])
    assert asset.derivatives.get(kind="audio").technical["duration_ms"] == drawing["duration_ms"]
