"""Which recordings and pictures a rung gets: nothing from which a reader could hear or see what is hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from archive.models import MediaAsset
from archive.projection.beside import MEDIA
from archive.projection.reach import Reach


@dataclass(frozen=True)
class AssetFacts:
    """An original or a redacted copy of it, with the files that were made of it for the public."""

    id: str
    role: str
    media_type: str
    made_at: datetime
    files: tuple[Mapping[str, Any], ...]

    @property
    def is_redacted_copy(self) -> bool:
        return self.role == MediaAsset.Role.REDACTED

    @property
    def is_recording(self) -> bool:
        """By its type or by what was made of it: an Ogg file is called an application."""
        kinds = {file["kind"] for file in self.files}
        return self.media_type.startswith(("audio/", "video/")) or bool(kinds & {"audio", "video", "waveform"})


def asset_facts(asset: MediaAsset) -> AssetFacts:
    """What the projection needs of an asset."""
    files = tuple(
        {
            "id": str(derivative.uuid),
            "asset": str(asset.uuid),
            "role": asset.role,
            "kind": derivative.kind,
            "mime": derivative.media_type,
            "bytes": derivative.bytes,
            "duration_ms": derivative.technical.get("duration_ms"),
            "width": derivative.technical.get("width"),
            "height": derivative.technical.get("height"),
            "path": derivative.path,
        }
        for derivative in sorted(asset.derivatives.all(), key=lambda one: (one.kind, one.variant))
    )
    return AssetFacts(str(asset.uuid), asset.role, asset.media_type, asset.created_at, files)


def public_media(assets: Sequence[AssetFacts], reaches: Iterable[Reach], *, altered: bool) -> list[Mapping[str, Any]]:
    """The files that a publication may hold.

    :param reaches: of the redactions that hold on its rung.
    :param altered: consent wants the voice altered or the face blurred: only a redacted copy can be that.
    """
    reaches = list(reaches)
    return [
        file
        for asset in assets
        if not media_withheld_by(asset, assets, reaches) and (asset.is_redacted_copy or not altered)
        for file in asset.files
    ]


def recording_withheld(assets: Sequence[AssetFacts], shown: Iterable[Mapping[str, Any]]) -> bool:
    """Whether there is a recording of a work and readers get none; why, is not theirs to know."""
    there = {asset.id for asset in assets if asset.is_recording}
    return bool(there) and there.isdisjoint(file["asset"] for file in shown)


def media_withheld_by(asset: AssetFacts, assets: Sequence[AssetFacts], reaches: Iterable[Reach]) -> list[Reach]:
    """The redactions because of which an asset is not shown.

    A redacted copy stands for those that existed when it was made. Anything else stands only when a steward has
    declared it free of each of them.
    """
    return [
        reach
        for reach in reaches
        if not (asset.is_redacted_copy and asset.made_at >= reach.rule.at)
        and not ((MEDIA, asset.id, "") in reach.rule.free and may_be_free(asset, assets, reach))
    ]


def may_be_free(asset: AssetFacts, assets: Sequence[AssetFacts], reach: Reach) -> bool:
    """Whether a steward can declare an asset free of a redaction at all.

    What is said at a known time is in the recording of it; with several recordings it may be in the other one.
    """
    if asset.is_redacted_copy or not asset.is_recording or not reach.stretches:
        return True
    return sum(one.is_recording and not one.is_redacted_copy for one in assets) > 1
