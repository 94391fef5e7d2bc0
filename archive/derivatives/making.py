"""The job that makes the public derivatives of one original, and puts them where the media route finds them."""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction

from archive.derivatives.images import make_images
from archive.derivatives.made import Made, NotDerivable
from archive.derivatives.recordings import DEMUXERS, make_recording
from archive.models.media import Derivative, MediaAsset
from archive.record_types import load_gated, record_type
from archive.vault.deposit import instance_vault
from archive.vault.durable import FOLDER_MODE, Syncer, digest_file, require_space

if TYPE_CHECKING:
    from jobs.context import JobContext

log = logging.getLogger(__name__)
_EXTENSIONS = {"image/jpeg": "jpg", "audio/mp4": "m4a", "video/mp4": "mp4", "application/json": "json"}


def media_folder() -> Path:
    """Where public derivatives lie; paths in :class:`Derivative` are relative to it."""
    return Path(settings.CAIRN_DATA) / "media" / "derivatives"


def make_derivatives(context: JobContext) -> dict[str, Any]:
    """Make every derivative of the original named by ``input["asset"]`` and replace the earlier ones.

    A picture or recording that cannot be decoded is no fault of the job: it ends well, and its result says why there
    is no public copy. Returns ``{"made": [kinds], "refused": sentence}``.
    """
    asset = MediaAsset.objects.select_related("record").get(uuid=context.input["asset"])
    context.stage("check")
    source = instance_vault().verified_path(asset.vault_object, asset.vault_path, version=asset.vault_version)
    require_space(source.parent, asset.bytes, instance_vault().reserve)
    making = media_folder() / ".making" / secrets.token_hex(16)
    making.mkdir(mode=FOLDER_MODE, parents=True)
    try:
        context.stage("encode")
        try:
            made = _make(asset, source, making, context)
        except NotDerivable as refusal:
            context.log(str(refusal))
            return {"made": [], "refused": str(refusal)}
        context.stage("store")
        placed = [(one, _place(one)) for one in made]
        old = _record(context, asset, placed)
        for path in old:
            (media_folder() / path).unlink(missing_ok=True)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    _show(asset)
    return {"made": [one.kind for one in made], "refused": ""}


def _make(asset: MediaAsset, source: Path, making: Path, context: JobContext) -> list[Made]:
    if asset.media_type.startswith("image/"):
        return make_images(source, making, context.run_child)
    if asset.media_type in DEMUXERS:
        return make_recording(source, asset.media_type, making, context.run_child, progress=context.progress)
    raise NotDerivable(f"Files of the type {asset.media_type} are kept, but no public copy is made of them.")


def _place(made: Made) -> str:
    """Give a derivative its random place, durably; returns its path in the media folder."""
    name = secrets.token_hex(16)
    path = f"{name[:2]}/{name}.{_EXTENSIONS[made.media_type]}"
    target = media_folder() / path
    target.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    syncer = Syncer()
    made.path.chmod(0o600)
    with made.path.open("rb") as stream:
        syncer.file(stream.fileno())
    made.path.rename(target)
    syncer.folder(target.parent)
    return path


def _record(context: JobContext, asset: MediaAsset, placed: list[tuple[Made, str]]) -> list[str]:
    """Write the rows under the job's fence; returns the paths of the files they replace."""
    try:
        with context.commit():
            old = list(asset.derivatives.values_list("path", flat=True))
            asset.derivatives.all().delete()
            for made, path in placed:
                digests = digest_file(media_folder() / path)
                Derivative.objects.create(
                    asset=asset,
                    kind=made.kind,
                    variant=str(made.variant),
                    path=path,
                    media_type=made.media_type,
                    bytes=digests.size,
                    sha256=digests.sha256,
                    technical=made.technical,
                )
    except BaseException:
        for _made, path in placed:
            (media_folder() / path).unlink(missing_ok=True)
        raise
    return old


def _show(asset: MediaAsset) -> None:
    """Let the gate look again at a work whose derivatives changed: its publication names them."""
    # The gate's module loads the whole record side; the web process of an upload does not need it.
    from archive.gate import Gate

    # A picture of a place or a collection belongs to no publication of its own.
    if asset.record is None or not record_type(asset.record.kind).gated:
        return
    with transaction.atomic():
        Gate().refresh(load_gated([asset.record.pk]))


def remove_strays(*, now: float, older_than: float = 24 * 3600) -> int:
    """Remove derivatives' files that no row names (a worker died between file and row); returns how many."""
    named = set(Derivative.objects.values_list("path", flat=True))
    removed = 0
    for path in media_folder().glob("*/*"):
        relative = str(path.relative_to(media_folder()))
        if relative in named or now - path.stat().st_mtime < older_than:
            continue
        remove: Callable[[Path], object] = shutil.rmtree if path.is_dir() else Path.unlink
        remove(path)
        removed += 1
    return removed
