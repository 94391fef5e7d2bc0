"""The archive's own kinds of record, as ``archive.record_types`` wants them."""

from __future__ import annotations

from archive.own_types import authorities, holders, works
from archive.record_types import registry


def register_all() -> None:
    """Make the archive's kinds known; called once, when the app is ready."""
    for entry in (*works.TYPES, *holders.TYPES, *authorities.TYPES):
        registry.register(entry())
